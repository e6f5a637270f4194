// Package loops acquires another lock in each iteration. It unlocks none for a caller.
package loops

import (
	"errors"

	"github.com/rqlock/rqlock/rqlock"
)

// Each case has a type of its own: if some code unlocks locks of a type for others, none
// of that type is a leak.
type base struct {
	n    int
	skip bool
}

type (
	wrongSlice struct {
		mu rqlock.Mutex
		base
	}
	wrongMap struct {
		mu rqlock.Mutex
		base
	}
	kept struct {
		mu rqlock.Mutex
		base
	}
	closed struct {
		mu rqlock.Mutex
		base
	}
	ended struct {
		mu rqlock.Mutex
		base
	}
	listed struct {
		mu rqlock.Mutex
		base
	}
	few struct {
		mu rqlock.Mutex
		base
	}
	chosen struct {
		mu rqlock.Mutex
		base
	}
)

func overSlice(cells []*wrongSlice) (sum int, err error) {
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil { // want `mu is still held when the next iteration of the loop acquires another.*leak`
			return 0, err
		}
		if c.skip {
			continue
		}
		sum += c.n
		c.mu.Unlock()
	}
	return sum, nil
}

func overMap(cells map[string]*wrongMap) (sum int, err error) {
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil { // want `still held when the next iteration.*leak`
			return 0, err
		}
		if c.skip {
			continue
		}
		sum += c.n
		c.mu.Unlock()
	}
	return sum, nil
}

// Right from here on.

// All stay locked.
func keepAll(cells []*kept) error {
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			return err
		}
	}
	return nil
}

// All are unlocked at the end.
func deferred(cells []*closed) (err error) {
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			return err
		}
		if c.skip {
			c.mu.Unlock()
			continue
		}
		defer c.mu.Unlock()
	}
	return nil
}

func deferredClosure(cells []*ended) (err error) {
	n := 0
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			return err
		}
		if c.skip {
			c.mu.Unlock()
			continue
		}
		defer func() { n += c.n; c.mu.Unlock() }()
	}
	return nil
}

// Those that match are in a list, or the last one is in a variable.
func matching(cells []*listed) (err error) {
	var found []*listed
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			return err
		}
		if c.skip {
			c.mu.Unlock()
			continue
		}
		found = append(found, c)
	}
	for _, c := range found {
		c.n++
		c.mu.Unlock()
	}
	return nil
}

func best(cells []*chosen) error {
	var top *chosen
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			if top != nil {
				top.mu.Unlock()
			}
			return err
		}
		if top != nil && c.n <= top.n {
			c.mu.Unlock()
			continue
		}
		if top != nil {
			top.mu.Unlock()
		}
		top = c
	}
	if top != nil {
		top.mu.Unlock()
	}
	return nil
}

// The caller holds all of them, before and afterwards.
type ring struct {
	mu    rqlock.Mutex
	cells []*slot
}

type slot struct {
	mu rqlock.Mutex
	n  int
}

func (r *ring) turn() error {
	for _, s := range r.cells {
		s.mu.Unlock()
		if err := s.mu.Lock(); err != nil {
			return err
		}
		if s.n == 0 {
			s.mu.Unlock()
			return errors.New("empty")
		}
	}
	return nil
}

func (r *ring) waits() error {
	for range 10 {
		r.mu.Unlock()
		if err := r.mu.Lock(); err != nil {
			return err
		}
		if len(r.cells) == 0 {
			return nil
		}
	}
	return nil
}

func limited(cells []*few) error {
	var found []*few
	for _, c := range cells {
		if err := c.mu.Lock(); err != nil {
			break
		}
		found = append(found, c)
		if len(found) == 3 {
			break
		}
	}
	for _, c := range found {
		c.mu.Unlock()
	}
	return nil
}
