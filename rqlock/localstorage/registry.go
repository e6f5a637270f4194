package localstorage

import (
	"iter"
	"sync/atomic"
	"weak"
)

// A registry is a list of weak pointers, by which a map knows its cells. Any number of
// goroutines add to its front by compare-and-exchange, and iterate over it.
//
// Nodes of what is gone are unlinked when there are more of them than of others. So the cost of
// the list is constant for each that is added, and its memory falls when they go.
type registry[T any] struct {
	gone    func(*T) bool
	first   atomic.Pointer[node[T]]
	len     atomic.Int64 // nodes
	live    atomic.Int64 // of what is not gone, with those to be added
	pruning atomic.Bool
}

type node[T any] struct {
	next atomic.Pointer[node[T]]
	to   weak.Pointer[T]
}

// minGone is how many nodes of what is gone may stay, however few others there are.
const minGone = 32

// add adds t.
func (r *registry[T]) add(t *T) {
	n := &node[T]{to: weak.Make(t)}
	r.len.Add(1)
	for {
		first := r.first.Load()
		n.next.Store(first)
		if r.first.CompareAndSwap(first, n) {
			return
		}
	}
}

// removed notes that something has gone, and sometimes unlinks nodes.
func (r *registry[T]) removed() {
	r.live.Add(-1)
	for r.crowded() && r.pruning.CompareAndSwap(false, true) {
		n := r.prune()
		r.pruning.Store(false)
		if n == 0 {
			return
		}
		// Others that have gone meanwhile did not prune.
	}
}

func (r *registry[T]) crowded() bool { return r.len.Load() > 2*max(r.live.Load(), 0)+minGone }

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

// prune unlinks the nodes of what is gone, and returns how many. An iteration that has reached an
// unlinked node goes on from there to all nodes behind it.
func (r *registry[T]) prune() (unlinked int64) {
	defer func() { r.len.Add(-unlinked) }()
	at := &r.first
	for n := at.Load(); n != nil; n = at.Load() {
		t := n.to.Value()
		// The exchange fails if a node was added at the front meanwhile.
		if (t == nil || r.gone(t)) && at.CompareAndSwap(n, n.next.Load()) {
			unlinked++
			continue
		}
		at = &n.next
	}
	return unlinked
}
