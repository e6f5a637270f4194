package localstorage

import (
	"iter"
	"sync/atomic"
	"weak"
)

// A registry is what a map knows of its cells: a list of weak pointers. Any number of
// goroutines add to it, by compare-and-exchange at its head, and go over it.
//
// Those that are gone are unlinked when there are at least as many as others: so
// what the list costs, for each one added, is constant.
type registry[T any] struct {
	head    atomic.Pointer[node[T]]
	len     atomic.Int64 // nodes
	limit   atomic.Int64 // of nodes before the next pruning, if more than minLimit
	pruning atomic.Bool
}

type node[T any] struct {
	next atomic.Pointer[node[T]]
	to   weak.Pointer[T]
}

const minLimit = 32

// add adds t.
func (r *registry[T]) add(t *T, gone func(*T) bool) {
	n := &node[T]{to: weak.Make(t)}
	for {
		first := r.head.Load()
		n.next.Store(first)
		if r.head.CompareAndSwap(first, n) {
			break
		}
	}
	if r.len.Add(1) > max(r.limit.Load(), minLimit) {
		r.prune(gone)
	}
}

// all goes over what is left of those that have been added, newest first, and comes
// by none that is added after it began.
func (r *registry[T]) all() iter.Seq[*T] { return from(r.head.Load) }

// takeAll is all, and leaves the registry empty.
func (r *registry[T]) takeAll() iter.Seq[*T] {
	return from(func() *node[T] { return r.head.Swap(nil) })
}

func from[T any](first func() *node[T]) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for n := first(); n != nil; n = n.next.Load() {
			if t := n.to.Value(); t != nil && !yield(t) {
				return
			}
		}
	}
}

// prune unlinks nodes whose T is gone, unless another goroutine does so. Whoever goes
// over the list and stands on one comes from there to all that were behind it.
func (r *registry[T]) prune(gone func(*T) bool) {
	if !r.pruning.CompareAndSwap(false, true) {
		return
	}
	defer r.pruning.Store(false)
	kept := int64(0)
	at := &r.head
	for n := at.Load(); n != nil; n = at.Load() {
		t := n.to.Value()
		if (t == nil || gone(t)) && at.CompareAndSwap(n, n.next.Load()) { // fails if another is added at the head
			r.len.Add(-1)
			continue
		}
		kept++
		at = &n.next
	}
	r.limit.Store(2 * kept)
}
