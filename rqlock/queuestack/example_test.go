package queuestack_test

import (
	"fmt"

	"github.com/rqlock/rqlock/rqlock/queuestack"
)

// A full queue refuses a value, unless it may drop the oldest one.
func ExampleQueue() {
	q := queuestack.NewQueue[string](2)
	for _, job := range []string{"first", "second", "third"} {
		if err := q.Push(job); err != nil {
			fmt.Println(job, "is refused:", err)
		}
	}
	if err := q.Replace("fourth"); err != nil {
		fmt.Println(err)
	}
	for {
		job, err := q.Pop()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job)
	}
	// Output:
	// third is refused: queuestack: full
	// second
	// fourth
	// queuestack: empty
}

// A stack returns the newest value first.
func ExampleStack() {
	s := queuestack.NewStack[int](8)
	for i := range 3 {
		if err := s.Push(i); err != nil {
			fmt.Println(err)
		}
	}
	newest, err := s.Peek()
	fmt.Println("newest:", newest, err)
	for n, _ := s.Len(); n > 0; n-- {
		v, err := s.Pop()
		fmt.Println(v, err)
	}
	// Output:
	// newest: 2 <nil>
	// 2 <nil>
	// 1 <nil>
	// 0 <nil>
}
