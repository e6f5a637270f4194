package sync_test

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/sync"
)

// A cache calls a function of its user's when an element leaves.
type cache struct {
	mu     sync.Mutex
	values map[string]int
	leaves func(key string)
}

func (c *cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.values)
}

func (c *cache) Remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.values, key)
	c.leaves(key) //rqvet:ignore selfdeadlock this is the example
}

// The user's function asks for the cache's size, and the cache holds its lock. With Go's package
// sync it would wait for ever. Here it panics after the report, which goes to standard error, and
// the deferred unlocks run.
func Example() {
	c := cache{values: map[string]int{"a": 1, "b": 2}}
	c.leaves = func(string) { c.Len() }
	func() {
		defer func() {
			err, _ := recover().(error)
			fmt.Println("deadlock:", errors.Is(err, rqlock.ErrDeadlock))
		}()
		c.Remove("a")
	}()
	fmt.Println("afterwards:", c.Len())
	// Output:
	// deadlock: true
	// afterwards: 1
}
