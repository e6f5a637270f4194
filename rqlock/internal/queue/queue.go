// Package queue has the queue of a lock's waiters (MCS, Mellor-Crummey and Scott 1991).
// Only its head looks at the lock. The others park until they are handed the head's
// position.
package queue

import (
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// States of a queued waiter. Handing it the head's position and giving up are both one
// compare-and-exchange, so that exactly one of them happens.
const (
	waiting   uint32 = iota // runs, or is about to park
	parked                  // blocks until it gets a token
	first                   // the head, which looks at the lock
	abandoned               // gave up; its predecessor takes it out and frees it
)

// linkClosed in Next: the node has left the queue, and whoever comes to link
// behind it is the head.
const linkClosed = ^uint32(0)

// Closed reports whether newcomers may not take l.
func Closed(l *asm.Owned) bool {
	return asm.LoadRelaxed32(&l.Sleeper)&asm.ClosedMask != 0 // a hint
}

// A Position is that of a waiter who has entered a queue.
type Position int

const (
	Behind  Position = iota // it has to wait until it is the head
	AtHead                  // it is the head
	Nowhere                 // it is in no queue, and must be turned away: the lock is a copy, or was overwritten
)

// Enter puts w at the end of l's queue. If l is a copy, its tail names a record which is
// none of l's queue. Whoever waits by that is not concerned: w is not linked to it.
func Enter(l *asm.Owned, w *waiter.Waiter) Position {
	prepare(l, w)
	// tail t -> w
	last := asm.Xchg32AcqRel(&l.Tail, w.Index) // acq_rel: pairs with itself, and unlink [publish]
	if last == 0 {
		asm.StoreRelease32(&w.Prev, 0) // release: pairs with overwritten [linked]
		w.Head = stall.Head{}
		return AtHead
	}
	if last == foreign {
		return Nowhere
	}
	prev := waiter.At(last)
	// The line is going to be written. So this load asks for it as a write does, or it would
	// move twice.
	if prev == w || atomic.AddUint32(&prev.Of, 0) != of(l) {
		return Nowhere
	}
	if asm.TryCmpxchgRelease32(&prev.Next, 0, w.Index) { // release: pairs with unlink [link]
		asm.StoreRelease32(&w.Prev, last) // release: pairs with overwritten [linked]
		return Behind
	}
	if asm.LoadAcquire32(&prev.Next) != linkClosed { // acquire: pairs with unlink [link]
		return Nowhere
	}
	// prev left before we could link: it has handed us the head's position.
	asm.StoreRelease32(&w.Prev, 0) // release: pairs with overwritten [linked]
	w.Head = prev.Head
	free(prev)
	return AtHead
}

// foreign as the tail: it has named a record that is in no queue of this lock.
const foreign = ^uint32(0)

// TurnAway takes w out again, if it is nowhere. Somebody may be behind it by now, who becomes
// the head. w is not the caller's any more.
func TurnAway(l *asm.Owned, w *waiter.Waiter) {
	// tail w -> foreign
	if asm.TryCmpxchgRelaxed32(&l.Tail, w.Index, foreign) { // who finds that reads nothing else
		free(w)
		return
	}
	w.Head = stall.Head{}
	Leave(l, w)
}

// prepare makes w ready for whoever comes behind it.
func prepare(l *asm.Owned, w *waiter.Waiter) {
	asm.StoreRelaxed32(&w.State, waiting) // ordered by the exchange of the tail
	asm.StoreRelaxed32(&w.Next, 0)        // ordered by the exchange of the tail
	asm.StoreRelaxed32(&w.Of, of(l))      // ordered by the exchange of the tail
	asm.StoreRelaxed32(&w.Prev, unlinked) // ordered by the exchange of the tail
}

// of returns what stands for l in the records of its queue.
func of(l *asm.Owned) uint32 { return uint32(uintptr(unsafe.Pointer(l))>>3) | 1<<31 }

// unlinked in Prev: the waiter is between its exchange of the tail and its link.
const unlinked = ^uint32(0)

// forget makes sure that nobody takes w for one of a queue.
func forget(w *waiter.Waiter) { asm.StoreRelaxed32(&w.Of, 0) } // ordered by what frees w

// free gives w's record back.
func free(w *waiter.Waiter) {
	forget(w)
	w.Free()
}

// Spin waits for a short while until w is the head, and reports whether it is.
func Spin(l *asm.Owned, w *waiter.Waiter) bool {
	spins := uint32(wait.Queued)
	if Closed(l) {
		spins = 0 // the head itself may be asleep
	}
	return asm.CondLoadAcquire32(&w.State, ^uint32(0), first, spins) == first // acquire: pairs with promote [handoff]
}

// Park parks w, unless it is the head, until it is or has got a token for another reason,
// or the limit is reached. It reports whether w is the head.
func Park(w *waiter.Waiter, lim *park.Limit) bool {
	if asm.LoadRelaxed32(&w.State) == parked || asm.TryCmpxchgRelaxed32(&w.State, waiting, parked) {
		ParkBehind(w, lim)
	}
	return asm.LoadAcquire32(&w.State) == first // acquire: pairs with promote [handoff]
}

// ParkBehind parks one who waits behind another that looks for stalls, until it has got a token or
// the limit is reached.
func ParkBehind(w *waiter.Waiter, lim *park.Limit) {
	events.Count(events.Parked)
	if park.Bubbles() { // the one that looks may be in one
		stall.Hold(&w.Parker)
		defer stall.Release(&w.Parker)
	}
	w.Park(lim)
}

// Abandon is for a waiter w that gives up, and was not the head when it looked last. w is
// not the caller's any more.
func Abandon(l *asm.Owned, w *waiter.Waiter) {
	if !abandon(w) {
		Leave(l, w) // it became the head meanwhile
	}
}

// abandon marks w so that its predecessor takes it out of the queue and frees
// it. It fails if w is the head.
func abandon(w *waiter.Waiter) bool {
	for {
		state := asm.LoadAcquire32(&w.State) // acquire: pairs with promote [handoff]
		if state == first {
			return false
		}
		if asm.TryCmpxchgRelease32(&w.State, state, abandoned) { // release: pairs with promote [abandon]
			return true
		}
	}
}

// Close closes l for its head w: from here on newcomers look before they take it, and let
// it be.
func Close(l *asm.Owned, w *waiter.Waiter) {
	asm.Xchg32AcqRel(&l.Sleeper, asm.ClosedMask) // closed; acq_rel: pairs with Wake [sleeper]
	w.Head.Begin(l.Owner.Load())
	events.Count(events.Closed)
}

// Open opens l if its head w has closed it.
func Open(l *asm.Owned, w *waiter.Waiter) {
	if w.Head.Closed {
		asm.StoreRelaxed32(&l.Sleeper, 0) // open; ordered by the hand-off, or the exchange of the tail
		w.Head = stall.Head{}
	}
}

// Sleep has the head w of a closed lock sleep until the owner unlocks, or there is a reason
// to give up. The owner's unlock is a plain store, and then a look whether somebody sleeps.
// So that look may come before the store is visible, and miss w. But the store is visible
// soon: w sleeps one last short time, looks again, and then whoever unlocks sees w.
func Sleep(l *asm.Owned, w *waiter.Waiter, lim *park.Limit) {
	w.Asleep()
	said := asm.ClosedMask | w.Index
	atomic.SwapUint32(&l.Sleeper, said) // w sleeps; sequentially consistent: before the looks [sleeper]
	if l.Owner.Load() == 0 {
		return
	}
	w.Pause(wait.Drain) // a token must not cut it short: it may be an earlier owner's, who comes late
	if l.Owner.Load() == 0 {
		return
	}
	w.Watch(l, said, &w.Head, &w.Parker)
	w.Park(lim)
	w.Unwatch()
}

// Wake wakes the head of l, if it sleeps. l is unlocked already, and may be anybody's.
func Wake(l *asm.Owned) {
	if index := asm.LoadAcquire32(&l.Sleeper) &^ asm.ClosedMask; index != 0 { // acquire: pairs with Sleep [sleeper]
		w := waiter.At(index)
		w.Woken()
		w.Signal()
	}
}

// Leave takes the head w out of the queue and makes the next waiter the head, passing over
// those that gave up. w is not the caller's any more.
func Leave(l *asm.Owned, w *waiter.Waiter) {
	for next := unlink(l, w); next != nil; next = unlink(l, w) {
		h := w.Head
		free(w)
		if promote(next, h) {
			return
		}
		w = next
	}
}

// unlink takes the first node out of the queue. It returns the node behind, or nil
// if there is none (then w is free), or if it has not linked itself yet: then it
// will find the link closed, be the head, and free w.
func unlink(l *asm.Owned, w *waiter.Waiter) *waiter.Waiter {
	if asm.LoadRelaxed32(&l.Tail) == w.Index {
		Open(l, w) // nobody is left to open it later
		// tail w -> 0
		if asm.TryCmpxchgRelease32(&l.Tail, w.Index, 0) { // release: pairs with Enter [publish]
			free(w)
			return nil
		}
	}
	if asm.LoadRelaxed32(&w.Next) == 0 && overwritten(l, w) {
		free(w)
		return nil
	}
	next := asm.Xchg32AcqRel(&w.Next, linkClosed) // acq_rel: pairs with Enter [link]
	if next == 0 {
		return nil
	}
	return waiter.At(next)
}

// overwritten reports whether nobody will ever link behind the head w, although the tail
// does not name it: the program has overwritten l, so that the tail was lost.
func overwritten(l *asm.Owned, w *waiter.Waiter) bool {
	index := asm.LoadAcquire32(&l.Tail) // acquire: pairs with Enter [publish]
	for range waiter.Most {             // or it is a ring of several queues
		if index == 0 {
			break
		}
		if index == w.Index || index == unlinked { // w may be the one that it links to
			return false
		}
		index = asm.LoadAcquire32(&waiter.At(index).Prev) // acquire: pairs with Enter [linked]
	}
	// A queue that does not lead to w. But somebody may have found w in the tail before.
	for index = range waiter.Made() {
		x := waiter.At(index + 1)
		if asm.LoadAcquire32(&x.Prev) == unlinked && asm.LoadRelaxed32(&x.Of) == of(l) { // acquire: pairs with Enter [linked]
			return false
		}
	}
	return asm.LoadRelaxed32(&w.Next) == 0
}

// promote makes w the head, with what the head before knew. It fails if w has given up.
func promote(w *waiter.Waiter, h stall.Head) bool {
	for {
		state := asm.LoadAcquire32(&w.State) // acquire: pairs with abandon [abandon]
		w.Head = h
		if state == abandoned {
			return false
		}
		if asm.TryCmpxchgRelease32(&w.State, state, first) { // release: pairs with Spin and Park [handoff]
			if state == parked {
				w.Signal()
			}
			return true
		}
	}
}

// Next returns the waiter that has linked behind w, or nil. If w is the head or was got by
// Next, that waiter stays there until the head leaves.
func Next(w *waiter.Waiter) *waiter.Waiter {
	index := asm.LoadAcquire32(&w.Next) // acquire: pairs with Enter [link]
	if index == 0 {
		return nil
	}
	return waiter.At(index)
}
