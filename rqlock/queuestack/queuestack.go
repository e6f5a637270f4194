// Package queuestack has a queue and a stack of limited size, each with a resilient lock
// (see package rqlock). They are the counterparts of Linux' BPF queue and stack maps.
//
//	q := queuestack.NewQueue[string](64)
//	if err := q.Push("job"); err != nil {
//		return err // ErrFull, or the lock's error
//	}
//	job, err := q.PopContext(ctx)
//
// Push and Pop return an error if there is no room or no value. PushContext and PopContext wait.
// Those who wait are served in the order in which they came, by the very call that makes room or
// brings a value: nobody gets ahead of them.
//
// # When the lock fails
//
// A method that returns an error has changed nothing. Besides [ErrEmpty] and [ErrFull], and the
// error of a context, the error is the lock's. No method calls the user's code while it holds
// the lock, so there is no deadlock to report. But if the lock's holder does not run for the
// stall timeout, which happens on a machine that is badly overloaded, the others get an error
// that matches [rqlock.ErrTimeout].
//
// The lock is a Mutex for those who only read, too: what they do takes less time than the
// bookkeeping of a reader-writer lock.
package queuestack

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/rqlock/rqlock/rqlock/internal/capacity"
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
// them; later nothing is allocated but for waits. It panics if capacity is not positive, or if
// there cannot be as much memory.
func NewQueue[T any](capacity int) *Queue[T] {
	q := &Queue[T]{makeRing[T]("queuestack.NewQueue", capacity)}
	q.ring.lock.SetName("queuestack.Queue")
	return q
}

func (q *Queue[T]) made() *ring[T] {
	if len(q.ring.values) == 0 {
		capacity.NotMade("queuestack.Queue", "NewQueue")
	}
	return &q.ring
}

// Push adds a value. It returns [ErrFull] if there is no room, or the lock's error.
func (q *Queue[T]) Push(v T) error { return q.made().push(v, false) }

// Replace adds a value, and drops the oldest one if there is no room otherwise. It returns
// the lock's error.
func (q *Queue[T]) Replace(v T) error { return q.made().push(v, true) }

// PushContext is Push, and waits until there is room or ctx is done. If ctx is done, it returns
// an error that wraps [context.Cause]. It waits for the lock like [rqlock.Mutex.LockContext].
func (q *Queue[T]) PushContext(ctx context.Context, v T) error { return q.made().pushContext(ctx, v) }

// Pop removes the oldest value and returns it. It returns [ErrEmpty] if there is none, or
// the lock's error.
func (q *Queue[T]) Pop() (T, error) { return q.made().get((*ring[T]).oldest, true) }

// PopContext is Pop, and waits until there is a value or ctx is done. If ctx is done, it returns
// an error that wraps [context.Cause]. It waits for the lock like [rqlock.Mutex.LockContext].
func (q *Queue[T]) PopContext(ctx context.Context) (T, error) {
	return q.made().popContext(ctx, (*ring[T]).oldest)
}

// Peek returns the oldest value. It returns [ErrEmpty] if there is none, or the lock's error.
func (q *Queue[T]) Peek() (T, error) { return q.made().get((*ring[T]).oldest, false) }

// Len returns the number of values, or the lock's error.
func (q *Queue[T]) Len() (int, error) { return q.made().length() }

// Cap returns the number of values that there is room for.
func (q *Queue[T]) Cap() int { return len(q.made().values) }

// All iterates over the values that there are when the loop begins, the oldest first. It
// copies them, and holds no lock while the loop's body runs. If the lock fails, All tries again.
func (q *Queue[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range q.made().copy() {
			if !yield(v) {
				return
			}
		}
	}
}

// A Stack holds values and returns the newest one first. Make it with [NewStack]. All
// methods may be called by many goroutines at once.
type Stack[T any] struct {
	ring ring[T]
}

// NewStack returns an empty stack for up to capacity values. It allocates memory for all of
// them; later nothing is allocated but for waits. It panics if capacity is not positive, or if
// there cannot be as much memory.
func NewStack[T any](capacity int) *Stack[T] {
	s := &Stack[T]{makeRing[T]("queuestack.NewStack", capacity)}
	s.ring.lock.SetName("queuestack.Stack")
	return s
}

func (s *Stack[T]) made() *ring[T] {
	if len(s.ring.values) == 0 {
		capacity.NotMade("queuestack.Stack", "NewStack")
	}
	return &s.ring
}

// Push adds a value. It returns [ErrFull] if there is no room, or the lock's error.
func (s *Stack[T]) Push(v T) error { return s.made().push(v, false) }

// Replace adds a value, and drops the oldest one if there is no room otherwise. It returns
// the lock's error.
func (s *Stack[T]) Replace(v T) error { return s.made().push(v, true) }

// PushContext is Push, and waits until there is room or ctx is done. If ctx is done, it returns
// an error that wraps [context.Cause]. It waits for the lock like [rqlock.Mutex.LockContext].
func (s *Stack[T]) PushContext(ctx context.Context, v T) error { return s.made().pushContext(ctx, v) }

// Pop removes the newest value and returns it. It returns [ErrEmpty] if there is none, or
// the lock's error.
func (s *Stack[T]) Pop() (T, error) { return s.made().get((*ring[T]).newest, true) }

// PopContext is Pop, and waits until there is a value or ctx is done. If ctx is done, it returns
// an error that wraps [context.Cause]. It waits for the lock like [rqlock.Mutex.LockContext].
func (s *Stack[T]) PopContext(ctx context.Context) (T, error) {
	return s.made().popContext(ctx, (*ring[T]).newest)
}

// Peek returns the newest value. It returns [ErrEmpty] if there is none, or the lock's error.
func (s *Stack[T]) Peek() (T, error) { return s.made().get((*ring[T]).newest, false) }

// Len returns the number of values, or the lock's error.
func (s *Stack[T]) Len() (int, error) { return s.made().length() }

// Cap returns the number of values that there is room for.
func (s *Stack[T]) Cap() int { return len(s.made().values) }

// All iterates over the values that there are when the loop begins, the newest first. It
// copies them, and holds no lock while the loop's body runs. If the lock fails, All tries again.
func (s *Stack[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range slices.Backward(s.made().copy()) {
			if !yield(v) {
				return
			}
		}
	}
}
