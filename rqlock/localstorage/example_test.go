package localstorage_test

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/localstorage"
)

// A Conn can have values of any number of packages, which do not know of one another.
type Conn struct {
	name  string
	local localstorage.Owner
}

// Local returns the part of a connection that values are attached to.
func (c *Conn) Local() *localstorage.Owner { return &c.local }

// Close ends the connection, and removes all values that are attached to it. It cannot fail,
// whatever locks are held.
func (c *Conn) Close() { c.local.Destroy() }

// Two packages attach values to a connection. When it is closed, the values are removed, and
// the destructor of the first package is called.
func Example() {
	type stats struct{ packets int }
	counters := localstorage.New((*Conn).Local, func(s *stats) { fmt.Println("flushed:", s.packets) })
	users := localstorage.New[Conn, string]((*Conn).Local, nil)

	c := &Conn{name: "10.0.0.1"}
	for range 3 {
		s, err := counters.GetOrCreate(c, func() *stats { return new(stats) })
		if err != nil {
			fmt.Println(err)
			return
		}
		s.packets++
	}
	if err := users.Update(c, "gopher", localstorage.NoExist); err != nil {
		fmt.Println(err)
	}
	for conn, user := range users.All() {
		fmt.Println(conn.name, user)
	}
	c.Close()
	_, ok := users.Get(c)
	fmt.Println(ok, users.Update(c, "gopher", localstorage.Any))

	// Output:
	// 10.0.0.1 gopher
	// flushed: 3
	// false localstorage: the owner is nil or destroyed
}

// A function that creates a value may, by some detour, ask for the same value. With a mutex or
// a sync.Once that hangs. Here the inner call returns an error.
func ExampleMap_GetOrCreate() {
	caches := localstorage.New[Conn, string]((*Conn).Local, nil)
	c := new(Conn)
	s, err := caches.GetOrCreate(c, func() string {
		_, err := caches.GetOrCreate(c, func() string { return "inner" })
		fmt.Println("inner call: deadlock:", errors.Is(err, rqlock.ErrDeadlock))
		return "outer"
	})
	fmt.Println(s, err)
	// Output:
	// inner call: deadlock: true
	// outer <nil>
}

// A value is changed while it is locked.
func ExampleMap_Compute() {
	counts := localstorage.New[Conn, int]((*Conn).Local, nil)
	c := new(Conn)
	for range 3 {
		err := counts.Compute(c, func(old int, _ bool) (int, localstorage.Action) {
			return old + 1, localstorage.Set
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	n, ok := counts.Get(c)
	fmt.Println(n, ok)
	// Output:
	// 3 true
}

// Who takes a value with LoadAndDelete has it: the destructor is not called.
func ExampleMap_LoadAndDelete() {
	buffers := localstorage.New((*Conn).Local, func(b []byte) { fmt.Println("dropped:", string(b)) })
	c := &Conn{name: "10.0.0.1"}
	if err := buffers.Update(c, []byte("pending"), localstorage.NoExist); err != nil {
		fmt.Println(err)
	}
	b, err := buffers.LoadAndDelete(c)
	fmt.Println(string(b), err)
	_, err = buffers.LoadAndDelete(c)
	fmt.Println(err)
	// Output:
	// pending <nil>
	// localstorage: the owner has no value
}
