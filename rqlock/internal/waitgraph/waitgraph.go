// Package waitgraph knows who waits for what, and finds cycles. A waiter publishes its
// edge and then follows owner, edge, owner, ... until it comes back to itself or to
// somebody who does not wait. Whoever closes a cycle publishes last and hence sees all of
// it (G3).
package waitgraph

import (
	"slices"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// Begin publishes that goroutine id, whose record is w, waits for l with this limit.
func Begin(w *waiter.Waiter, id uint64, l *asm.Owned, lim *park.Limit) {
	now, bubble := clock.Read()
	wait.Refresh(now)
	w.Since.Store(now)
	w.Parker.Begin(bubble, lim)
	w.Bounded = bubble || lim.Bounded()
	w.Where.Record()
	atomic.AddUint32(&w.Epoch, 1)
	w.ID.Store(id)
	w.Insert()
	// Sequentially consistent, as are the loads of a walk: of two goroutines
	// that publish and then walk, at least one sees the other's edge.
	w.Lock.Store(l) // release: pairs with next [edge]
}

// End takes the edge back.
func End(w *waiter.Waiter) {
	w.Lock.Store(nil)
	w.Remove()
	w.Parker.End()
}

// A Step is one edge of a walk: goroutine ID, in its wait number Epoch, waits for
// Lock; the step before it found ID to be the owner of its own lock.
type Step struct {
	Waiter *waiter.Waiter
	ID     uint64
	Epoch  uint32
	Lock   *asm.Owned
}

// next follows the owner of s.Lock to the lock that it waits for, if it does.
func (s Step) next() (Step, bool) {
	id := s.Lock.Owner.Load()
	if id == 0 {
		return Step{}, false
	}
	w := waiter.Lookup(id)
	if w == nil {
		return Step{}, false
	}
	// The epoch first: if it is still the same in a later walk, the lock read
	// now belongs to that wait.
	n := Step{Waiter: w, ID: id, Epoch: atomic.LoadUint32(&w.Epoch)}
	n.Lock = w.Lock.Load() // acquire: pairs with Begin [edge]
	return n, n.Lock != nil && w.ID.Load() == id
}

// closes returns the number of edges from start until following them comes back to it,
// or 0 if that does not happen.
func closes(start Step) int {
	// Brent's method ends a walk that runs into a cycle elsewhere.
	s, mark := start, start
	for n, limit := 1, 8; ; n++ {
		next, ok := s.next()
		switch {
		case !ok:
			return 0
		case next.Waiter == start.Waiter:
			return n
		case next.Waiter == mark.Waiter:
			return 0 // a cycle that start is not part of
		}
		if n == limit {
			mark, limit = next, 2*limit
		}
		s = next
	}
}

// path lists the n edges of a cycle. It returns nil if they lead elsewhere by now.
func path(start Step, n int) []Step {
	steps := make([]Step, 1, n)
	steps[0] = start
	for {
		next, ok := steps[len(steps)-1].next()
		switch back := next.Waiter == start.Waiter; {
		case !ok || back != (len(steps) == n):
			return nil
		case back:
			return steps
		}
		steps = append(steps, next)
	}
}

// Cycle returns a cycle that w's edge to l closes, or nil. The first step is that of the
// victim, who must give up. It is the same whoever looks (G5): the waiter that came last.
func Cycle(w *waiter.Waiter, l *asm.Owned) []Step {
	start := Step{Waiter: w, ID: w.ID.Load(), Epoch: w.Epoch, Lock: l}
	n := closes(start)
	if n == 0 {
		return nil
	}
	cycle := path(start, n)
	if cycle == nil || !confirms(start, cycle) {
		return nil
	}
	last := victim(cycle)
	return append(cycle[last:], cycle[:last]...)
}

// confirms walks again. What two walks find the same held all the time between
// them, so that all edges stood at one instant (G4).
func confirms(start Step, cycle []Step) bool {
	return slices.Equal(path(start, len(cycle)), cycle)
}

// victim returns the index in the cycle of the waiter that came last.
func victim(cycle []Step) int {
	last := 0
	for i := range cycle {
		if later(cycle[i].Waiter, cycle[last].Waiter) {
			last = i
		}
	}
	return last
}

// later orders the waiters of a cycle; none of its times can change meanwhile.
func later(a, b *waiter.Waiter) bool {
	sa, sb := a.Since.Load(), b.Since.Load()
	return sa > sb || sa == sb && a.Index > b.Index
}

// Convict tells a waiter, in one of its waits, that it must give up. It does nothing if
// somebody has done so.
func Convict(w *waiter.Waiter, v *waiter.Verdict) {
	for {
		old := w.Verdict.Load()
		if old != nil && old.Epoch == v.Epoch {
			return
		}
		if w.Verdict.CompareAndSwap(old, v) {
			w.Signal()
			return
		}
	}
}

// Convicted returns the verdict on w's wait, or nil.
func Convicted(w *waiter.Waiter) *waiter.Verdict {
	if v := w.Verdict.Load(); v != nil && v.Epoch == w.Epoch {
		return v
	}
	return nil
}
