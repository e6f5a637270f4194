package localstorage

import (
	"iter"
	"sync/atomic"
	"weak"
)

// A registry is a list of weak pointers, by which a map knows its cells. Any number of
// goroutines add to its front by compare-and-exchange, and iterate over it.
//
// Nodes of cells that are gone are unlinked when there are at least as many of them as
// others. So the cost of the list is constant for each cell that is added.
type registry[T any] struct {
	first   atomic.Pointer[node[T]]
	len     atomic.Int64 // nodes
	limit   atomic.Int64 // nodes before the next pruning, if that is more than minLimit
	pruning atomic.Bool
}

type node[T any] struct {
	next atomic.Pointer[node[T]]
	to   weak.Pointer[T]
}

const minLimit = 32

// add adds t, and sometimes unlinks nodes that are gone.
func (r *registry[T]) add(t *T, gone func(*T) bool) {
	n := &node[T]{to: weak.Make(t)}
	for {
		first := r.first.Load()
		n.next.Store(first)
		if r.first.CompareAndSwap(first, n) {
			break
		}
	}
	if r.len.Add(1) > max(r.limit.Load(), minLimit) {
		r.prune(gone)
	}
}

// all iterates over what was added and is not garbage, newest first. It skips what is added
// after it began.
func (r *registry[T]) all() iter.Seq[*T] { return from(r.first.Load) }

// takeAll is all, and empties the registry when the iteration begins.
func (r *registry[T]) takeAll() iter.Seq[*T] {
	return from(func() *node[T] { return r.first.Swap(nil) })
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

// prune unlinks the nodes that are gone, unless another goroutine does that at present. An
// iteration that has reached an unlinked node goes on from there to all nodes behind it.
func (r *registry[T]) prune(gone func(*T) bool) {
	if !r.pruning.CompareAndSwap(false, true) {
		return
	}
	defer r.pruning.Store(false)
	kept := int64(0)
	at := &r.first
	for n := at.Load(); n != nil; n = at.Load() {
		t := n.to.Value()
		// The exchange fails if a node was added at the front meanwhile.
		if (t == nil || gone(t)) && at.CompareAndSwap(n, n.next.Load()) {
			r.len.Add(-1)
			continue
		}
		kept++
		at = &n.next
	}
	r.limit.Store(2 * kept)
}
