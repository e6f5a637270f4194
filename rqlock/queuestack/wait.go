package queuestack

import (
	"context"
	"sync/atomic"
)

// A line has those who wait, the first one first. The ring's lock guards it.
type line[T any] struct{ first, last *waiter[T] }

// A waiter waits to push its value, or for a value. Either somebody serves it, or it gives up.
type waiter[T any] struct {
	next   *waiter[T] // in the line
	prev   *waiter[T]
	value  T
	state  atomic.Uint32
	served chan struct{} // closed when value is there, or was taken
}

const (
	waits = iota
	isServed
	hasGivenUp
)

// join returns a new waiter at the end of the line.
func (l *line[T]) join(v T) *waiter[T] {
	w := &waiter[T]{value: v, served: make(chan struct{}), prev: l.last}
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	return w
}

// leave removes w from the line, if it is there.
func (l *line[T]) leave(w *waiter[T]) {
	switch {
	case w.prev != nil:
		w.prev.next = w.next
	case l.first == w:
		l.first = w.next
	default:
		return
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.last = w.prev
	}
	w.prev, w.next = nil, nil
}

// serve removes the first waiter who has not given up and returns it, or nil. The caller does
// what it waits for, and then closes served.
func (l *line[T]) serve() *waiter[T] {
	for w := l.first; w != nil; w = l.first {
		l.leave(w)
		if w.state.CompareAndSwap(waits, isServed) {
			return w
		}
	}
	return nil
}

// wait waits until somebody has served w, or ctx is done.
func (w *waiter[T]) wait(ctx context.Context, r *ring[T], l *line[T]) error {
	select {
	case <-w.served:
		return nil
	case <-ctx.Done():
	}
	if !w.state.CompareAndSwap(waits, hasGivenUp) {
		<-w.served // at once: somebody serves w with the lock held
		return nil
	}
	if r.lock.Lock() == nil { // Otherwise serve will skip w.
		l.leave(w)
		r.lock.Unlock()
	}
	return gaveUp(ctx)
}
