package freelist_test

import (
	"fmt"

	"github.com/rqlock/rqlock/rqlock/freelist"
)

// A fixed number of buffers serves any number of goroutines.
func Example() {
	type buffer [4096]byte
	free := freelist.New[buffer](0)
	free.Fill(make([]freelist.Node[buffer], 2))

	a, b := free.Pop(), free.Pop()
	n := copy(a.Value[:], "hello")
	fmt.Printf("%s, %d free\n", a.Value[:n], free.Len())
	fmt.Println("a third one:", free.Pop())

	free.Push(a)
	free.Push(b)
	fmt.Println(free.Len(), "free")
	// Output:
	// hello, 0 free
	// a third one: <nil>
	// 2 free
}

// A Session embeds its node, whose value leads back to the session.
type Session struct {
	freelist.Node[*Session]
	User string
}

// An object that embeds its node can be pushed wherever the object itself is known.
func ExampleNode() {
	free := freelist.New[*Session](0)
	for range 2 {
		s := new(Session)
		s.Value = s
		free.Push(&s.Node)
	}

	s := free.Pop().Value
	s.User = "gopher"
	fmt.Println(s.User, "takes one,", free.Len(), "is left")
	free.Push(&s.Node)
	fmt.Println(free.Len(), "are free")
	// Output:
	// gopher takes one, 1 is left
	// 2 are free
}
