package rqlock

import (
	"context"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// busy are the bits that keep everyone out but the one who closed the door.
const busy = asm.LockedMask | asm.PendingMask

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
	g := asm.CurrentG()
	if l.owner() == g { // only g stores or clears g
		return l.failSelf()
	}
	if l.spin() {
		count(evSpun)
		return nil
	}
	if err := lim.expired(l); err != nil {
		return err
	}
	w, err := l.beginWait(g, lim)
	if err != nil {
		return err
	}
	if err := w.findCycle(l); err != nil {
		return l.quit(w, err)
	}
	if !w.canQueue() {
		count(evUnqueued)
		return l.awaitLock(w, lim, false)
	}
	count(evQueued)
	if !l.enqueue(w) {
		if err := l.awaitHead(w, lim); err != nil {
			return err
		}
	}
	return l.awaitLock(w, lim, true)
}

// spin tries for a short while to take l past the queue, as a running goroutine
// may until the door is closed (G9).
func (l *Mutex) spin() bool {
	for i := range wait.Tries() {
		wait.Relax(wait.Pauses(i))
		if asm.LoadRelaxed32(&l.word.Val)&busy == 0 && asm.LockFast(&l.word) { // t,0,0 -> t,0,1; acquire [unlock]
			return true
		}
	}
	return false
}

// enqueue puts w at the end of the queue and reports whether it is the head.
func (l *Mutex) enqueue(w *waiter) bool {
	asm.StoreRelaxed32(&w.state, stateWaiting) // ordered by the exchange of the tail
	asm.StoreRelaxed32(&w.next, 0)             // ordered by the exchange of the tail

	// t,p,l -> w,p,l
	old := asm.XchgTailAcqRel(&l.word.Val, w.tail()) // acq_rel: pairs with itself [publish]
	if tailOf(old) == 0 {
		return true
	}
	prev := waiterAt(tailOf(old))
	if asm.Xchg32AcqRel(&prev.next, w.index) == linkClosed { // acq_rel: pairs with unlink [link]
		// prev left before we could link: it has handed us the queue's head.
		w.sees(prev.seen())
		prev.free()
		return true
	}
	return false
}

// awaitHead waits until w is the head of the queue. On an error w has left the
// queue, or its predecessor will take it out.
func (l *Mutex) awaitHead(w *waiter, lim *limit) error {
	state := asm.CondLoadAcquire32(&w.state, ^uint32(0), stateHead, wait.Queued) // acquire: pairs with promote [handoff]
	for state != stateHead {
		if err := w.reason(l, lim); err != nil {
			w.endWait() // once abandoned, w is not ours any more
			if !w.abandon() {
				l.handOver(w) // it became the head meanwhile
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

// awaitLock waits for the lock itself, as the head of the queue or (a waiter
// that cannot queue) beside it. Those who do so poll the lock word, so that an
// unlock never has to wake anybody.
func (l *Mutex) awaitLock(w *waiter, lim *limit, queued bool) error {
	b := wait.Backoff{}
	door := false // closed by us: pending is set, and only we may take the lock
	p := progress{last: w.seen(), began: stallClock.now()}
	for {
		wait.Relax(b.Pauses())
		if asm.LoadRelaxed32(&l.word.Val)&asm.LockedMask == 0 && l.take(door) {
			l.granted(w, queued)
			return nil
		}
		now := p.look(l)
		if !door && now-w.since.Load() >= int64(wait.Door) {
			// t,0,l -> t,1,l. From here on nobody passes us (G9).
			door = asm.FetchSetPendingAcquire(&l.word.Val)&asm.PendingMask == 0
			p.closed(now)
			if door {
				b = wait.Backoff{} // while we sleep nobody has the lock
				count(evClosed)
			}
		}
		err := w.reason(l, lim)
		if err == nil {
			err = p.stall(l, now-w.since.Load(), now)
		}
		if err != nil {
			if door {
				asm.ClearPendingRelaxed(&l.word.Val) // t,1,l -> t,0,l
			}
			if !queued {
				return l.quit(w, err)
			}
			w.endWait()
			w.sees(p.last)
			l.handOver(w)
			return err
		}
		l.pause(w, &b, lim)
	}
}

// owner returns CurrentG of the owner, or 0 if there is none.
func (l *Mutex) owner() uintptr { return atomic.LoadUintptr(&l.word.Owner) &^ calling }

// take takes the lock that was seen free.
func (l *Mutex) take(door bool) bool {
	if !door {
		return asm.LockFast(&l.word) // t,0,0 -> t,0,1; acquire [unlock]
	}
	// t,1,0 -> t,1,1. Who finds the door closed may hold the lock for the moment
	// that it takes to give it back; then we try again.
	if asm.XchgLockedAcquire(&l.word.Val, asm.LockedVal) != 0 { // acquire [unlock]
		return false
	}
	atomic.StoreUintptr(&l.word.Owner, asm.CurrentG())
	asm.ClearPendingRelaxed(&l.word.Val) // t,1,1 -> t,0,1
	return true
}

// granted ends the wait of the new owner and lets the next waiter be the head.
func (l *Mutex) granted(w *waiter, queued bool) {
	asm.StoreRelaxed32(&l.word.Aux, l.word.Aux+1) // only the owner writes it
	w.endWait()
	if !queued {
		w.free()
		return
	}
	w.sees(sighting{l.grant(), stallClock.now()})
	l.handOver(w)
}

// handOver takes the head w out of the queue and makes the next waiter the
// head, passing over those that gave up. w is not the caller's any more.
func (l *Mutex) handOver(w *waiter) {
	last := w.seen()
	for {
		w.sees(last)
		next := l.unlink(w)
		if next == nil || next.promote(last) {
			return
		}
		w = next
	}
}

// unlink takes the first node out of the queue and frees it. It returns the
// node behind, or nil if there is none or if it has not linked itself yet: then
// it will find the link closed, be the head, and free the first node.
func (l *Mutex) unlink(w *waiter) *waiter {
	// w,p,l -> 0,p,l
	if asm.TryCmpxchgTailRelaxed(&l.word.Val, w.tail(), 0) {
		w.free()
		return nil
	}
	next := asm.Xchg32AcqRel(&w.next, linkClosed) // acq_rel: pairs with enqueue [link]
	if next == 0 {
		return nil
	}
	w.free()
	return waiterAt(next)
}

// promote makes w the head. It fails if w has given up.
func (w *waiter) promote(last sighting) bool {
	for {
		state := asm.LoadAcquire32(&w.state) // acquire: pairs with abandon [abandon]
		if state == stateAbandoned {
			return false
		}
		w.sees(last)
		if asm.TryCmpxchgRelease32(&w.state, state, stateHead) { // release: pairs with awaitHead [handoff]
			if state == stateParked {
				w.Signal()
			}
			return true
		}
	}
}

// quit ends the wait of a waiter that is in no queue.
func (l *Mutex) quit(w *waiter, err error) error {
	w.endWait()
	w.free()
	return err
}
