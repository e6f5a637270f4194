package queuestack_test

import (
	"context"
	"fmt"
	"time"

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

// A worker waits for jobs as long as its context allows. The producer waits while the queue is
// full.
func ExampleQueue_PopContext() {
	q := queuestack.NewQueue[string](1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		for _, job := range []string{"first", "second", "third"} {
			if err := q.PushContext(ctx, job); err != nil {
				fmt.Println(err)
			}
		}
	}()
	for range 3 {
		job, err := q.PopContext(ctx)
		fmt.Println(job, err)
	}

	ctx, cancel = context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := q.PopContext(ctx)
	fmt.Println(err)
	// Output:
	// first <nil>
	// second <nil>
	// third <nil>
	// queuestack: context deadline exceeded
}

// All shows what there is, in the order in which Pop would return it.
func ExampleStack_All() {
	s := queuestack.NewStack[string](4)
	for _, name := range []string{"outer", "inner"} {
		if err := s.Push(name); err != nil {
			fmt.Println(err)
		}
	}
	for name := range s.All() {
		fmt.Println(name)
	}
	fmt.Println(s.Cap())
	// Output:
	// inner
	// outer
	// 4
}
