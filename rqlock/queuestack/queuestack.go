// Package queuestack has a queue and a stack of limited size, each with a resilient lock
// (see package rqlock). They are the counterparts of Linux' BPF queue and stack maps.
//
// # When the lock fails
//
// A method that returns an error has changed nothing. Besides [ErrEmpty] and [ErrFull] the
// error is the lock's. No method calls the user's code while it holds the lock, so there is
// no deadlock to report. But if the lock's holder does not run for the stall timeout, which
// happens on a machine that is badly overloaded, the others get a [*rqlock.TimeoutError].
package queuestack

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors of a queue or stack, besides those of its lock.
var (
	ErrEmpty = errors.New("queuestack: empty")
	ErrFull  = errors.New("queuestack: full")
)

// A Queue holds values and returns the oldest one first. Make it with [NewQueue]. All
// methods may be called by many goroutines at once.
type Queue[T any] struct {
	ring ring[T]
}

// NewQueue returns an empty queue for up to capacity values. It allocates memory for all of
// them; later nothing is allocated. It panics if capacity is not positive.
func NewQueue[T any](capacity int) *Queue[T] {
	q := &Queue[T]{makeRing[T](capacity)}
	q.ring.lock.SetName("queuestack.Queue")
	return q
}

// Push adds a value. It returns [ErrFull] if there is no room, or the lock's error.
func (q *Queue[T]) Push(v T) error { return q.ring.push(v, false) }

// Replace adds a value, and drops the oldest one if there is no room otherwise. It returns
// the lock's error.
func (q *Queue[T]) Replace(v T) error { return q.ring.push(v, true) }

// Pop removes the oldest value and returns it. It returns [ErrEmpty] if there is none, or
// the lock's error.
func (q *Queue[T]) Pop() (T, error) { return q.ring.get((*ring[T]).oldest, true) }

// Peek returns the oldest value. It returns [ErrEmpty] if there is none, or the lock's error.
func (q *Queue[T]) Peek() (T, error) { return q.ring.get((*ring[T]).oldest, false) }

// Len returns the number of values, or the lock's error.
func (q *Queue[T]) Len() (int, error) { return q.ring.length() }

// A Stack holds values and returns the newest one first. Make it with [NewStack]. All
// methods may be called by many goroutines at once.
type Stack[T any] struct {
	ring ring[T]
}

// NewStack returns an empty stack for up to capacity values. It allocates memory for all of
// them; later nothing is allocated. It panics if capacity is not positive.
func NewStack[T any](capacity int) *Stack[T] {
	s := &Stack[T]{makeRing[T](capacity)}
	s.ring.lock.SetName("queuestack.Stack")
	return s
}

// Push adds a value. It returns [ErrFull] if there is no room, or the lock's error.
func (s *Stack[T]) Push(v T) error { return s.ring.push(v, false) }

// Replace adds a value, and drops the oldest one if there is no room otherwise. It returns
// the lock's error.
func (s *Stack[T]) Replace(v T) error { return s.ring.push(v, true) }

// Pop removes the newest value and returns it. It returns [ErrEmpty] if there is none, or
// the lock's error.
func (s *Stack[T]) Pop() (T, error) { return s.ring.get((*ring[T]).newest, true) }

// Peek returns the newest value. It returns [ErrEmpty] if there is none, or the lock's error.
func (s *Stack[T]) Peek() (T, error) { return s.ring.get((*ring[T]).newest, false) }

// Len returns the number of values, or the lock's error.
func (s *Stack[T]) Len() (int, error) { return s.ring.length() }

// A ring holds values in the order in which they were pushed. Its lock guards the fields
// after it.
type ring[T any] struct {
	lock   rqlock.Mutex
	values []T
	first  int // index of the oldest value
	len    int
}

func makeRing[T any](capacity int) ring[T] {
	if capacity <= 0 {
		panic(fmt.Sprintf("queuestack: room for %d values: must be positive", capacity))
	}
	return ring[T]{values: make([]T, capacity)}
}

func (r *ring[T]) push(v T, replace bool) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	if r.len == len(r.values) {
		if !replace {
			return ErrFull
		}
		r.remove(r.oldest())
	}
	r.len++
	r.values[r.newest()] = v
	return nil
}

// get returns the value at one end, whose index the function end returns. It removes the
// value if remove is true.
func (r *ring[T]) get(end func(*ring[T]) int, remove bool) (v T, err error) {
	if err := r.lock.Lock(); err != nil {
		return v, err
	}
	defer r.lock.Unlock()
	if r.len == 0 {
		return v, ErrEmpty
	}
	i := end(r)
	v = r.values[i]
	if remove {
		r.remove(i)
	}
	return v, nil
}

func (r *ring[T]) length() (int, error) {
	if err := r.lock.Lock(); err != nil {
		return 0, err
	}
	defer r.lock.Unlock()
	return r.len, nil
}

// The caller of the following methods holds the lock.

func (r *ring[T]) oldest() int { return r.first }
func (r *ring[T]) newest() int { return (r.first + r.len - 1) % len(r.values) }

// remove removes the value at one end.
func (r *ring[T]) remove(i int) {
	r.values[i] = *new(T) // so that the garbage collector can free what it refers to
	if i == r.first {
		r.first = (r.first + 1) % len(r.values)
	}
	r.len--
}
