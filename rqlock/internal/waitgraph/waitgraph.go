// Package waitgraph knows who waits for what, and finds cycles. A waiter publishes its
// edges and then follows them: from a lock to those who hold it, from each of these that
// waits to the lock that it waits for, and so on, until it comes back to itself or nowhere.
// Whoever closes a cycle publishes last and hence sees all of it (G3, R4).
//
// A lock is held by its owner, or by readers. The owner of a reader-writer lock that waits
// for its readers to leave does not hold it yet: it waits for them, as all who want to write.
// Who wants to read waits for nobody but that owner then, and that is no reason to fail: such
// a cycle is dissolved by having the reader in (R5).
package waitgraph

import (
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// Begin publishes that goroutine id, whose record is w, waits for l in this way, with this
// limit.
func Begin(w *waiter.Waiter, id uint64, l *asm.Owned, kind waiter.Kind, lim *park.Limit) {
	now, bubble := clock.Read()
	wait.Refresh(now)
	w.Since.Store(now)
	w.Parker.Begin(bubble, lim)
	w.Bounded = bubble || lim.Bounded()
	w.Where.Record()
	atomic.AddUint32(&w.Epoch, 1)
	w.ID.Store(id)
	w.Kind.Store(kind)
	w.Reader = readers.Here()
	w.Reader.ID = id
	w.Insert()
	w.Reads.Enter(w.Reader, w.Index)
	// Sequentially consistent, as are the loads of a walk: of two goroutines
	// that publish and then walk, at least one sees the other's edge.
	w.Edge.Lock.Store(l) // release: pairs with stepOf [edge]
}

// End takes the edge back.
func End(w *waiter.Waiter) {
	waited(w)
	w.Edge.Lock.Store(nil)
	w.Reads.Leave()
	w.Remove()
	w.Parker.End()
}

// A Step is one edge of a walk: goroutine ID, in its wait number Epoch, waits for
// Lock; the step before it found ID to hold its own lock.
type Step struct {
	Waiter *waiter.Waiter
	ID     uint64
	Epoch  uint32
	Kind   waiter.Kind
	Lock   *asm.Owned
}

// Reads reports whether the goroutine of next holds the lock of s for reading.
func (s Step) Reads(next Step) bool {
	return s.Kind != waiter.ForMutex && s.Lock.Owner.Load() != next.ID
}

// A Cycle is a deadlock.
type Cycle []Step

// stepOf returns the wait of the record's goroutine. It fails if that waits for nothing, or
// is going to give up, or has got what it waits for, or has begun to wait anew meanwhile: then it
// has published that later than the caller, and walks itself.
func stepOf(w *waiter.Waiter) (Step, bool) {
	s := Step{Waiter: w, Epoch: atomic.LoadUint32(&w.Epoch)}
	s.ID = w.ID.Load()
	s.Kind = w.Kind.Load()
	s.Lock = w.Edge.Lock.Load() // acquire: pairs with Begin [edge]
	if s.Lock == nil || s.Kind == waiter.ForReading && w.In() {
		return s, false
	}
	// The epoch before and after: only then was it in this wait that its goroutine waited for the
	// lock. If the first load was between two waits, the edge is the second one's.
	if atomic.LoadUint32(&w.Epoch) != s.Epoch {
		return s, false
	}
	v := w.Verdict.Load()
	return s, v == nil || v.Epoch != s.Epoch
}

// owner returns the wait of the goroutine whose id is in the owner word of s.Lock, and
// whether it holds the lock, rather than that it waits for its readers to leave.
func (s Step) owner() (next Step, holds, ok bool) {
	id := s.Lock.Owner.Load()
	if id == 0 {
		return Step{}, false, false
	}
	w := waiter.Lookup(id)
	if w == nil {
		return Step{}, false, false
	}
	next, ok = stepOf(w)
	return next, next.Lock != s.Lock || s.Kind == waiter.ForMutex, ok && next.ID == id && !HandedOver(s.Lock, s.Kind)
}

// heldBy reports whether next's goroutine holds the lock of s, which it cannot let go while
// it waits. A writer that waits for readers holds it against those who want to read.
func (s Step) heldBy(next Step) bool {
	if s.Lock.Owner.Load() == next.ID {
		return (next.Lock != s.Lock || s.Kind != waiter.ForWriting) && !HandedOver(s.Lock, s.Kind)
	}
	return s.Kind == waiter.ForWriting && !HandedOver(s.Lock, s.Kind) && readers.IsBlocked(name(s.Lock), next.Waiter.Index)
}

// name is what package readers knows the lock by.
func name(l *asm.Owned) uint64 { return uint64(uintptr(unsafe.Pointer(l))) }

// A walk is a search for a path from a wait back to itself.
type walk struct {
	start   Step
	past    bool     // also from readers to a writer that waits for others
	skipped []uint32 // records that it does not go to
	round   uint32
	seen    []uint32 // by record, the round in which the walk was there
	path    []branch // to where the walk is
	next    []Step   // where it has to go yet: those of each branch, one after the other
	blocked []uint32
	longest int // that path or next were
}

// A branch is a step of the path. Those of walk.next from own on are where one can go from it.
type branch struct {
	Step
	own int
}

// pass reports whether the walk comes to the record for the first time.
func (k *walk) pass(index uint32) bool {
	if int(index) >= len(k.seen) {
		k.seen = append(k.seen, make([]uint32, int(index)+1-len(k.seen))...)
		k.seen = k.seen[:cap(k.seen)]
	}
	if k.seen[index] == k.round {
		return false
	}
	k.seen[index] = k.round
	return true
}

// enter makes s the end of the path, and notes where one can go from there.
func (k *walk) enter(s Step) {
	k.path = append(k.path, branch{s, len(k.next)})
	if next, holds, ok := s.owner(); ok && (holds || k.past && s.Kind == waiter.ForReading) {
		k.next = append(k.next, next)
	}
	if s.Kind == waiter.ForWriting && !HandedOver(s.Lock, s.Kind) {
		k.blocked = readers.AppendBlocked(k.blocked[:0], name(s.Lock))
		for _, index := range k.blocked {
			if next, ok := stepOf(waiter.At(index)); ok {
				k.next = append(k.next, next)
			}
		}
	}
	k.longest = max(k.longest, len(k.path), len(k.next))
}

// find returns a path back to the start, or nil. It goes to each record once.
func (k *walk) find(past bool) Cycle {
	k.past = past
	k.path, k.next = k.path[:0], k.next[:0]
	if k.round++; k.round == 0 {
		clear(k.seen)
		k.round = 1
	}
	for _, index := range k.skipped {
		k.pass(index)
	}
	for k.enter(k.start); len(k.path) > 0; {
		if end := len(k.next); end == k.path[len(k.path)-1].own {
			k.path = k.path[:len(k.path)-1]
			continue
		} else if next := k.next[end-1]; next.Waiter == k.start.Waiter {
			return k.cycle()
		} else if k.next = k.next[:end-1]; k.pass(next.Waiter.Index) {
			k.enter(next)
		}
	}
	return nil
}

// cycle returns the steps of the path.
func (k *walk) cycle() Cycle {
	cycle := make(Cycle, len(k.path))
	for i := range k.path {
		cycle[i] = k.path[i].Step
	}
	return cycle
}

// changed returns the first step of the path that is not as the walk found it, or -1. If
// there is none, it is a deadlock: each goroutine has been in the same wait since the walk
// came to it, and held what the one before waits for when that was looked at again. As it
// cannot let go while it waits, all edges stood at once, between the two loops (G4).
func changed(path Cycle) int {
	for i := range path {
		if next := (i + 1) % len(path); !path[i].heldBy(path[next]) {
			return next
		}
	}
	for i, s := range path {
		if now, ok := stepOf(s.Waiter); !ok || now != s {
			return i
		}
	}
	return -1
}

// Cycles returns the cycles that w's edges to l close, of each the steps with the victim's
// first, who must give up. It is the same whoever looks (G5): the waiter that came last. If
// w is a victim, its cycle is the only one, since the others end with it.
//
// Cycles has readers in that wait for a writer which waits for readers, if that would close a
// cycle (R5).
func Cycles(w *waiter.Waiter, l *asm.Owned) (found []Cycle) {
	start := Step{Waiter: w, ID: w.ID.Load(), Epoch: w.Epoch, Kind: w.Kind.Load(), Lock: l}
	if start.alone() {
		return nil
	}
	k := newWalk(start)
	defer k.free()
	// Who is not as the walk found it has moved on. If it waits again, it publishes that later
	// than w, and finds what cycles it closes. So the walk need not go there again.
	for cycle := k.find(false); cycle != nil; cycle = k.find(false) {
		if i := changed(cycle); i >= 0 {
			if cycle[i].Waiter == w {
				return found // somebody has found it first
			}
			k.skipped = append(k.skipped, cycle[i].Waiter.Index)
			continue
		}
		last := victim(cycle)
		cycle = append(cycle[last:], cycle[:last]...)
		if cycle[0].Waiter == w {
			return []Cycle{cycle}
		}
		found = append(found, cycle)
		k.skipped = append(k.skipped, cycle[0].Waiter.Index)
	}
	for cycle := k.find(true); cycle != nil && k.dissolve(cycle); cycle = k.find(true) {
	}
	return found
}

// HolderWaits reports whether a goroutine that holds l waits itself, for one who is about to wait
// for it in this way.
func HolderWaits(l *asm.Owned, kind waiter.Kind) bool { return !Step{Kind: kind, Lock: l}.alone() }

// alone reports whether no edge leads on from s: nobody who holds its lock waits, nor, if a writer
// waits for the readers of the lock, any of those. Who begins to wait later finds s.
func (s Step) alone() bool {
	_, holds, ok := s.owner()
	if ok && holds {
		return false
	}
	return s.Kind != waiter.ForWriting && !ok || HandedOver(s.Lock, s.Kind) || !readers.IsBlocked(name(s.Lock), 0)
}

// dissolve has a reader of the cycle in that waits for a writer which waits for readers. If
// there is none any more, those who were there have moved on. It reports whether to go on.
func (k *walk) dissolve(cycle Cycle) bool {
	if i := changed(cycle); i >= 0 {
		k.skipped = append(k.skipped, cycle[i].Waiter.Index)
		return cycle[i].Waiter != k.start.Waiter
	}
	tried := len(k.skipped)
	for i, s := range cycle {
		if next := cycle[(i+1)%len(cycle)]; s.Kind != waiter.ForReading || s.Lock != next.Lock {
			continue
		}
		if gate.Of(s.Lock).AdmitPast(s.Waiter, s.Epoch) {
			return s.Waiter != k.start.Waiter
		}
		if s.Waiter == k.start.Waiter {
			return false
		}
		k.skipped = append(k.skipped, s.Waiter.Index)
	}
	return len(k.skipped) > tried // else it is a cycle of holders, which closed just now
}

// victim returns the index in the cycle of the waiter that came last.
func victim(cycle Cycle) int {
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
