package hashtab_test

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/hashtab"
)

// A mutexMap is what one writes first.
type mutexMap struct {
	mu sync.Mutex
	of map[string]int
}

func (m *mutexMap) Compute(k string, f func(old int) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[k] = f(m.of[k])
}

// The same callback, which uses the map that calls it, on a map with a sync.Mutex and
// on a hashtab.Map. The first hangs for ever; the second refuses the inner call, and
// carries on.
func Example() {
	hung := &mutexMap{of: map[string]int{}}
	done := make(chan bool)
	go func() {
		defer close(done)
		hung.Compute("hits", func(old int) int {
			hung.Compute("hits", func(old int) int { return old + 1 }) // somebody else's code
			return old + 1
		})
	}()
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
		fmt.Println("sync.Mutex: hangs")
	}

	m := hashtab.New[string, int](100)
	one := func(old int, _ bool) (int, hashtab.Action) { return old + 1, hashtab.Set }
	err := m.Compute("hits", func(old int, present bool) (int, hashtab.Action) {
		if err := m.Compute("hits", one); errors.Is(err, rqlock.ErrDeadlock) {
			fmt.Println("hashtab, inner call: deadlock")
		}
		return one(old, present)
	})
	n, _ := m.Lookup("hits")
	fmt.Println("hashtab, outer call:", err, n)

	// Output:
	// sync.Mutex: hangs
	// hashtab, inner call: deadlock
	// hashtab, outer call: <nil> 1
}
