package localstorage_test

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/localstorage"
)

// A Conn can have values of any number of packages, which know nothing of each other.
type Conn struct {
	name  string
	local localstorage.Owner
}

func (c *Conn) Local() *localstorage.Owner { return &c.local }

// Close ends the connection, and all that is attached to it. It cannot fail, whatever
// locks are held.
func (c *Conn) Close() { c.local.Destroy() }

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

// What makes a value may come back for it, by some detour: with a mutex or a sync.Once,
// that hangs. Here the inner call is refused.
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
