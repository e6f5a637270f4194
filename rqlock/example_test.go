package rqlock_test

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
)

// Registry calls its visitors with its lock held, as many containers do.
type Registry struct {
	lock  rqlock.Mutex
	names []string
}

// Add fails if its caller holds the registry already.
func (r *Registry) Add(name string) error {
	if err := r.lock.Lock(); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	defer r.lock.Unlock()
	r.names = append(r.names, name)
	return nil
}

// Each calls visit for each name.
func (r *Registry) Each(visit func(name string) error) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	for _, name := range r.names {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// A callback re-enters the container that calls it. With a sync.Mutex the program
// would hang here; with a Mutex the callback gets an error, and the registry is as
// good as before.
func Example() {
	var r Registry
	r.lock.SetName("registry")
	r.Add("a")
	err := r.Each(func(name string) error { return r.Add(name + "'") })
	fmt.Println("deadlock:", errors.Is(err, rqlock.ErrDeadlock))
	fmt.Println("afterwards:", r.Add("b"), r.names)
	// Output:
	// deadlock: true
	// afterwards: <nil> [a b]
}
