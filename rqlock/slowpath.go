package rqlock

import (
	"context"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// lockSlow acquires l after the fast path has failed. lim bounds the wait; nil
// means the stall timeout alone.
func (l *Mutex) lockSlow(lim *limit) error {
	err := l.acquireSlow(lim)
	// Out of the queue and the graph: what is called now may do anything.
	if cancelled, ok := err.(*contextError); ok {
		cancelled.cause = context.Cause(lim.ctx)
	} else if err != nil {
		reportViolation(err)
	}
	return err
}

func (l *Mutex) acquireSlow(lim *limit) error {
	me := asm.CurrentGoid()
	if l.owner() == me { // only me stores or clears me
		return l.failSelf()
	}
	if l.spin() {
		count(evSpun)
		return nil
	}
	if err := lim.expired(l); err != nil {
		return err
	}
	w := newWaiter(me)
	if w == nil {
		var err error
		if w, err = l.awaitRecord(lim); w == nil {
			return err
		}
	}
	l.beginWait(w, me, lim)
	if err := w.findCycle(l); err != nil {
		w.endWait()
		w.free()
		return err
	}
	count(evQueued)
	if !l.enqueue(w) {
		if err := l.awaitHead(w, lim); err != nil {
			return err
		}
	}
	return l.awaitLock(w, lim)
}

// closed reports whether newcomers may not take l.
func (l *Mutex) closed() bool {
	return asm.LoadRelaxed32(&l.word.Sleeper)&asm.ClosedMask != 0 // a hint
}

// owner returns the id of the goroutine that holds l, or 0 if none does.
func (l *Mutex) owner() uint64 { return l.word.Owner.Load() }

// spin tries for a short while to take l past the queue, as a running goroutine
// may until the lock is closed (G9).
func (l *Mutex) spin() bool {
	for i := range wait.Tries() {
		if l.closed() {
			return false
		}
		wait.Relax(wait.Pauses(i))
		if l.owner() != 0 {
			continue
		}
		if asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
			return true
		}
	}
	return false
}

// enqueue puts w at the end of the queue and reports whether it is the head.
func (l *Mutex) enqueue(w *waiter) bool {
	asm.StoreRelaxed32(&w.state, stateWaiting) // ordered by the exchange of the tail
	asm.StoreRelaxed32(&w.next, 0)             // ordered by the exchange of the tail

	// tail t -> w
	last := asm.Xchg32AcqRel(&l.word.Tail, w.index) // acq_rel: pairs with itself, and unlink [publish]
	if last == 0 {
		w.head = headship{}
		return true
	}
	prev := waiterAt(last)
	if asm.Xchg32AcqRel(&prev.next, w.index) == linkClosed { // acq_rel: pairs with unlink [link]
		// prev left before we could link: it has handed us the queue's head.
		w.head = prev.head
		prev.free()
		return true
	}
	return false
}

// awaitHead waits until w is the head of the queue. On an error w has left the
// queue, or its predecessor will take it out.
func (l *Mutex) awaitHead(w *waiter, lim *limit) error {
	spins := uint32(wait.Queued)
	if l.closed() {
		spins = 0 // the head itself may be asleep
	}
	state := asm.CondLoadAcquire32(&w.state, ^uint32(0), stateHead, spins) // acquire: pairs with promote [handoff]
	for state != stateHead {
		if err := w.reason(l, lim); err != nil {
			w.endWait() // once abandoned, w is not ours any more
			if !w.abandon() {
				l.handOff(w) // it became the head meanwhile
			}
			return err
		}
		if state == stateParked || asm.TryCmpxchgRelaxed32(&w.state, stateWaiting, stateParked) {
			count(evParked)
			w.park(lim)
		}
		state = asm.LoadAcquire32(&w.state) // acquire: pairs with promote [handoff]
	}
	return nil
}

// abandon marks w so that its predecessor takes it out of the queue and frees
// it. It fails if w is the head.
func (w *waiter) abandon() bool {
	for {
		state := asm.LoadAcquire32(&w.state) // acquire: pairs with promote [handoff]
		if state == stateHead {
			return false
		}
		if asm.TryCmpxchgRelease32(&w.state, state, stateAbandoned) { // release: pairs with promote [abandon]
			return true
		}
	}
}

// awaitLock waits for the lock itself, as the head of the queue. On an error w has
// left the queue.
func (l *Mutex) awaitLock(w *waiter, lim *limit) error {
	b := wait.Backoff{}
	w.head.inherit(w.since.Load())
	for {
		if l.owner() == 0 && l.word.Owner.CompareAndSwap(0, w.g.Load()) { // 0 -> me; acquire [unlock]
			l.granted(w)
			return nil
		}
		now := w.head.look(l)
		if !w.head.closed && now-w.since.Load() >= int64(wait.Barging) {
			l.close(w)
			b = wait.Backoff{} // while we sleep nobody has the lock
		}
		err := w.reason(l, lim)
		if err == nil && w.head.stalled(l, now) {
			err = l.stall(w, now)
		}
		if err != nil {
			w.endWait()
			l.handOff(w)
			return err
		}
		l.pause(w, &b, lim)
		wait.Relax(b.Pauses())
	}
}

// close closes the lock for its head w: from here on newcomers look before they take
// it, and let it be.
func (l *Mutex) close(w *waiter) {
	asm.Xchg32AcqRel(&l.word.Sleeper, asm.ClosedMask) // closed; acq_rel: pairs with wake [sleeper]
	w.head.closed, w.head.owner = true, l.owner()
	w.head.grant()
	count(evClosed)
}

// granted ends the wait of the new owner and lets the next waiter be the head.
func (l *Mutex) granted(w *waiter) {
	if w.head.closed {
		asm.StoreRelaxed32(&l.word.Sleeper, 0) // open; ordered by the hand-off
	}
	w.head = headship{}
	w.endWait()
	l.handOff(w)
}

// handOff takes the head w out of the queue and makes the next waiter the head,
// passing over those that gave up. w is not the caller's any more.
func (l *Mutex) handOff(w *waiter) {
	for next := l.unlink(w); next != nil; next = l.unlink(w) {
		h := w.head
		w.free()
		if next.promote(h) {
			return
		}
		w = next
	}
}

// unlink takes the first node out of the queue. It returns the node behind, or nil
// if there is none (then w is free), or if it has not linked itself yet: then it
// will find the link closed, be the head, and free w.
func (l *Mutex) unlink(w *waiter) *waiter {
	if asm.LoadRelaxed32(&l.word.Tail) == w.index {
		if w.head.closed { // nobody is left to open it later
			asm.StoreRelaxed32(&l.word.Sleeper, 0) // open; ordered by the exchange of the tail
			w.head.closed = false
		}
		// tail w -> 0
		if asm.TryCmpxchgRelease32(&l.word.Tail, w.index, 0) { // release: pairs with enqueue [publish]
			w.free()
			return nil
		}
	}
	next := asm.Xchg32AcqRel(&w.next, linkClosed) // acq_rel: pairs with enqueue [link]
	if next == 0 {
		return nil
	}
	return waiterAt(next)
}

// promote makes w the head, with what the head before knew. It fails if w has given up.
func (w *waiter) promote(h headship) bool {
	for {
		state := asm.LoadAcquire32(&w.state) // acquire: pairs with abandon [abandon]
		if state == stateAbandoned {
			w.head = h
			return false
		}
		w.head = h
		if asm.TryCmpxchgRelease32(&w.state, state, stateHead) { // release: pairs with awaitHead [handoff]
			if state == stateParked {
				w.Signal()
			}
			return true
		}
	}
}
