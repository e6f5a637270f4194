// Package queuestack has a queue and a stack of limited size, each behind a resilient
// lock: the counterparts of Linux' BPF queue and stack maps.
//
// A method that returns an error has changed nothing. Besides ErrEmpty and ErrFull it
// is the lock's: no method calls anybody while it holds the lock, so that there is no
// deadlock to report, but a holder that does not run for the stall timeout, on a
// machine that is badly overloaded, makes the others fail with a *rqlock.TimeoutError.
package queuestack

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors besides those of the lock.
var (
	ErrEmpty = errors.New("queuestack: empty")
	ErrFull  = errors.New("queuestack: full")
)

// A Queue is first in, first out. Make it with [NewQueue].
type Queue[T any] struct{ ring[T] }

// A Stack is last in, first out. Make it with [NewStack].
type Stack[T any] struct{ ring[T] }

// NewQueue returns an empty queue for up to capacity values. It allocates them now,
// and nothing later. It panics if capacity is not positive.
func NewQueue[T any](capacity int) *Queue[T] { return &Queue[T]{makeRing[T](capacity)} }

// NewStack returns an empty stack for up to capacity values. It allocates them now,
// and nothing later. It panics if capacity is not positive.
func NewStack[T any](capacity int) *Stack[T] { return &Stack[T]{makeRing[T](capacity)} }

// Pop removes the oldest value and returns it, or ErrEmpty or the lock's error.
func (q *Queue[T]) Pop() (T, error) { return q.take((*ring[T]).oldest, true) }

// Peek returns the oldest value, or ErrEmpty or the lock's error.
func (q *Queue[T]) Peek() (T, error) { return q.take((*ring[T]).oldest, false) }

// Pop removes the newest value and returns it, or ErrEmpty or the lock's error.
func (s *Stack[T]) Pop() (T, error) { return s.take((*ring[T]).newest, true) }

// Peek returns the newest value, or ErrEmpty or the lock's error.
func (s *Stack[T]) Peek() (T, error) { return s.take((*ring[T]).newest, false) }

// A ring has values in the order in which they were pushed.
type ring[T any] struct {
	lock  rqlock.Mutex
	of    []T
	first int // index of the oldest
	len   int
}

func makeRing[T any](capacity int) ring[T] {
	if capacity <= 0 {
		panic(fmt.Sprintf("queuestack: room for %d values: must be positive", capacity))
	}
	return ring[T]{of: make([]T, capacity)}
}

// Push adds a value. It returns ErrFull if there is no room, or the lock's error.
func (r *ring[T]) Push(v T) error { return r.push(v, false) }

// Replace is Push that makes room, if there is none, by dropping the oldest value.
func (r *ring[T]) Replace(v T) error { return r.push(v, true) }

// Len returns how many values there are, or the lock's error.
func (r *ring[T]) Len() (int, error) {
	if err := r.lock.Lock(); err != nil {
		return 0, err
	}
	defer r.lock.Unlock()
	return r.len, nil
}

func (r *ring[T]) push(v T, replace bool) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	if r.len == len(r.of) {
		if !replace {
			return ErrFull
		}
		r.remove(r.oldest())
	}
	r.len++
	r.of[r.newest()] = v
	return nil
}

// take returns the value at the index that end gives, and removes it if wanted.
func (r *ring[T]) take(end func(*ring[T]) int, remove bool) (v T, err error) {
	if err := r.lock.Lock(); err != nil {
		return v, err
	}
	defer r.lock.Unlock()
	if r.len == 0 {
		return v, ErrEmpty
	}
	i := end(r)
	v = r.of[i]
	if remove {
		r.remove(i)
	}
	return v, nil
}

// What follows needs the lock.

func (r *ring[T]) oldest() int { return r.first }
func (r *ring[T]) newest() int { return (r.first + r.len - 1) % len(r.of) }

// remove drops the value at one of the ends, and lets go of it.
func (r *ring[T]) remove(i int) {
	r.of[i] = *new(T)
	if i == r.first {
		r.first = (r.first + 1) % len(r.of)
	}
	r.len--
}
