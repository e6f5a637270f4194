package rqlock

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// The wait-for graph: each goroutine waits for at most one lock, and each lock
// has at most one owner. A waiter publishes its edge and then follows owner,
// edge, owner, ... until it comes back to itself or to somebody who does not
// wait. Whoever closes a cycle publishes last and hence sees all of it (G3).

// beginWait publishes that the goroutine waits for l.
func (l *Mutex) beginWait(w *waiter, id uint64, lim *limit) {
	now := clock.now()
	wait.Refresh(now)
	w.since.Store(now)
	w.long = lim.long()
	w.where.record()
	atomic.AddUint32(&w.epoch, 1)
	w.g.Store(id)
	w.insert()
	// Sequentially consistent, as are the loads of a walk: of two goroutines
	// that publish and then walk, at least one sees the other's edge.
	w.lock.Store(l) // release: pairs with next [edge]
}

// endWait takes the edge back.
func (w *waiter) endWait() {
	w.lock.Store(nil)
	w.remove()
}

// step is one edge of a walk: goroutine g, in its wait number epoch, waits for
// lock; the step before it found g to be the owner of its own lock.
type step struct {
	w     *waiter
	g     uint64
	epoch uint32
	lock  *Mutex
}

// next follows the owner of s.lock to the lock that it waits for, if it does.
func (s step) next() (step, bool) {
	g := s.lock.owner()
	if g == 0 {
		return step{}, false
	}
	w := lookup(g)
	if w == nil {
		return step{}, false
	}
	// The epoch first: if it is still the same in a later walk, the lock read
	// now belongs to that wait.
	n := step{w: w, g: g, epoch: atomic.LoadUint32(&w.epoch)}
	n.lock = w.lock.Load() // acquire: pairs with beginWait [edge]
	return n, n.lock != nil && w.g.Load() == g
}

// closes returns the number of edges from w until following them comes back to it,
// or 0 if that does not happen.
func (w *waiter) closes(start step) int {
	// Brent's method ends a walk that runs into a cycle elsewhere.
	s, mark := start, start
	for n, limit := 1, 8; ; n++ {
		next, ok := s.next()
		switch {
		case !ok:
			return 0
		case next.w == w:
			return n
		case next.w == mark.w:
			return 0 // a cycle that w is not part of
		}
		if n == limit {
			mark, limit = next, 2*limit
		}
		s = next
	}
}

// path lists the n edges of a cycle, w's own first. It returns nil if they lead
// elsewhere by now.
func (w *waiter) path(start step, n int) []step {
	steps := make([]step, 1, n)
	steps[0] = start
	for {
		next, ok := steps[len(steps)-1].next()
		switch back := next.w == w; {
		case !ok || back != (len(steps) == n):
			return nil
		case back:
			return steps
		}
		steps = append(steps, next)
	}
}

// findCycle looks for a cycle that w's edge closes. If there is one it picks
// the victim, the same whoever looks (G5): the waiter that came last. If that
// is w, it returns the error; else it tells the victim, and w waits on.
func (w *waiter) findCycle(l *Mutex) error {
	start := step{w: w, g: w.g.Load(), epoch: w.epoch, lock: l}
	n := w.closes(start)
	if n == 0 {
		return nil
	}
	cycle := w.path(start, n)
	if cycle == nil || !w.confirms(start, cycle) {
		return nil
	}
	last := victim(cycle)
	err := newDeadlock(append(cycle[last:], cycle[:last]...))
	if last == 0 {
		return failDeadlock(err)
	}
	cycle[last].w.convict(cycle[last].epoch, err)
	return nil
}

// confirms walks again. What two walks find the same held all the time between
// them, so that all edges stood at one instant (G4).
func (w *waiter) confirms(start step, cycle []step) bool {
	return slices.Equal(w.path(start, len(cycle)), cycle)
}

// victim returns the place in the cycle of the waiter that came last.
func victim(cycle []step) int {
	last := 0
	for i := range cycle {
		if later(cycle[i].w, cycle[last].w) {
			last = i
		}
	}
	return last
}

// later orders the waiters of a cycle; none of its times can change meanwhile.
func later(a, b *waiter) bool {
	sa, sb := a.since.Load(), b.since.Load()
	return sa > sb || sa == sb && a.index > b.index
}

// verdict tells a waiter, in one of its waits, that it must give up: as the victim of
// a cycle, or if err is nil because of a stall.
type verdict struct {
	epoch uint32
	err   *DeadlockError
}

// convict delivers the verdict, unless somebody has done so.
func (w *waiter) convict(epoch uint32, err *DeadlockError) {
	v := &verdict{epoch, err}
	for {
		old := w.verdict.Load()
		if old != nil && old.epoch == epoch {
			return
		}
		if w.verdict.CompareAndSwap(old, v) {
			w.Signal()
			return
		}
	}
}

// reason returns why w must stop waiting for l, or nil.
func (w *waiter) reason(l *Mutex, lim *limit) error {
	if v := w.verdict.Load(); v != nil && v.epoch == w.epoch {
		if v.err == nil {
			return l.failStall(time.Duration(clock.now() - w.since.Load()))
		}
		return failDeadlock(v.err)
	}
	return lim.expired(l)
}
