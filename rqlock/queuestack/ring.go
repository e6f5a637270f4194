package queuestack

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

// A ring holds values in the order in which they were pushed. Its lock guards the fields
// after it.
//
// While somebody waits to push, the ring is full. While somebody waits to pop, it is empty.
type ring[T any] struct {
	lock    rqlock.Mutex
	values  []T
	first   int // index of the oldest value
	len     int
	pushers line[T]
	poppers line[T]
}

func makeRing[T any](constructor string, n int) ring[T] {
	capacity.Check(constructor, "values", n, 1, math.MaxInt)
	return ring[T]{values: capacity.Make[T](constructor, n)}
}

func (r *ring[T]) push(v T, replace bool) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	return r.add(v, replace)
}

// get returns the value at one end, whose index the function end returns. It removes the
// value if remove is true.
func (r *ring[T]) get(end func(*ring[T]) int, remove bool) (v T, err error) {
	if err := r.lock.Lock(); err != nil {
		return v, err
	}
	defer r.lock.Unlock()
	if remove {
		return r.take(end)
	}
	if r.len == 0 {
		return v, ErrEmpty
	}
	return r.values[end(r)], nil
}

func (r *ring[T]) pushContext(ctx context.Context, v T) error {
	w, err := r.pushOrWait(ctx, v)
	if w == nil {
		return err
	}
	return w.wait(ctx, r, &r.pushers)
}

// pushOrWait returns a waiter if there is no room.
func (r *ring[T]) pushOrWait(ctx context.Context, v T) (*waiter[T], error) {
	if ctx.Err() != nil {
		return nil, gaveUp(ctx)
	}
	if err := r.lock.LockContext(ctx); err != nil {
		return nil, err
	}
	defer r.lock.Unlock()
	if err := r.add(v, false); err != ErrFull {
		return nil, err
	}
	return r.pushers.join(v), nil
}

func (r *ring[T]) popContext(ctx context.Context, end func(*ring[T]) int) (v T, err error) {
	v, w, err := r.popOrWait(ctx, end)
	if w == nil {
		return v, err
	}
	if err := w.wait(ctx, r, &r.poppers); err != nil {
		return v, err
	}
	return w.value, nil
}

// popOrWait returns a waiter if there is no value.
func (r *ring[T]) popOrWait(ctx context.Context, end func(*ring[T]) int) (v T, w *waiter[T], err error) {
	if ctx.Err() != nil {
		return v, nil, gaveUp(ctx)
	}
	if err := r.lock.LockContext(ctx); err != nil {
		return v, nil, err
	}
	defer r.lock.Unlock()
	if v, err = r.take(end); err != ErrEmpty {
		return v, nil, err
	}
	return v, r.poppers.join(v), nil
}

func gaveUp(ctx context.Context) error {
	return fmt.Errorf("queuestack: %w", context.Cause(ctx))
}

func (r *ring[T]) length() (int, error) {
	if err := r.lock.Lock(); err != nil {
		return 0, err
	}
	defer r.lock.Unlock()
	return r.len, nil
}

// copy returns the values, the oldest first.
func (r *ring[T]) copy() []T {
	for r.lock.Lock() != nil {
		runtime.Gosched() // Its holder does not run.
	}
	defer r.lock.Unlock()
	c := make([]T, r.len)
	n := copy(c, r.values[r.first:])
	copy(c[n:], r.values)
	return c
}

// The caller of the following methods holds the lock.

// add gives a value to the first who waits for one, or keeps it.
func (r *ring[T]) add(v T, replace bool) error {
	if w := r.poppers.serve(); w != nil {
		w.value = v
		close(w.served)
		return nil
	}
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

// take removes the value at one end and returns it. The room is for the first who waits for it.
func (r *ring[T]) take(end func(*ring[T]) int) (v T, err error) {
	if r.len == 0 {
		return v, ErrEmpty
	}
	i := end(r)
	v = r.values[i]
	r.remove(i)
	if w := r.pushers.serve(); w != nil {
		r.len++
		r.values[r.newest()] = w.value
		close(w.served)
	}
	return v, nil
}

func (r *ring[T]) oldest() int { return r.first }
func (r *ring[T]) newest() int { return r.index(r.len - 1) }

// index returns the index of the value that i values are older than.
func (r *ring[T]) index(i int) int {
	return int((uint(r.first) + uint(i)) % uint(len(r.values))) // A sum of ints may be negative.
}

// remove removes the value at one end.
func (r *ring[T]) remove(i int) {
	r.values[i] = *new(T) // so that the garbage collector can free what it refers to
	if i == r.first {
		r.first = r.index(1)
	}
	r.len--
}
