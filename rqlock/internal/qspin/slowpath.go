package qspin

import (
	"runtime"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// unavailable has the bits of the lock word that keep newcomers from barging.
const unavailable = asm.LockedMask | asm.PendingMask

// lockSlow acquires l, and waits until it can.
func (l *Mutex) lockSlow() {
	if l.spin() {
		return
	}
	since := now()
	wait.Refresh(int64(since))
	n := newNode()
	if n == nil {
		// There are more waiters than the tail can name. This one polls the lock
		// without queueing.
		l.awaitLock(since)
		return
	}
	if !l.enqueue(n) {
		n.awaitHead()
	}
	l.awaitLock(since)
	l.handOff(n)
}

// spin tries for a short while to acquire l by barging past the queue.
func (l *Mutex) spin() bool {
	for i := range wait.Tries() {
		wait.Relax(wait.Pauses(i))
		if asm.LoadRelaxed32(&l.word.Val)&unavailable == 0 && l.TryLock() {
			return true
		}
	}
	return false
}

// enqueue puts n at the end of the queue and reports whether it is the head.
func (l *Mutex) enqueue(n *node) bool {
	asm.StoreRelaxed32(&n.state, stateWaiting) // ordered by the exchange of the tail
	asm.StoreRelaxed32(&n.next, 0)             // ordered by the exchange of the tail

	// t,p,l -> n,p,l
	old := asm.XchgTailAcqRel(&l.word.Val, n.tail()) & asm.TailMask >> asm.TailShift // acq_rel: pairs with itself [publish]
	if old == 0 {
		return true
	}
	prev := nodeAt(old)
	if asm.Xchg32AcqRel(&prev.next, n.index) == linkClosed { // acq_rel: pairs with handOff [link]
		// prev left the queue before n linked, so n is the head and frees prev.
		prev.free()
		return true
	}
	return false
}

// awaitHead waits until n is the head of the queue.
func (n *node) awaitHead() {
	state := asm.CondLoadAcquire32(&n.state, ^uint32(0), stateHead, wait.Queued) // acquire: pairs with promote [handoff]
	if state != stateHead && asm.TryCmpxchgRelaxed32(&n.state, stateWaiting, stateParked) {
		n.Wait()
	}
	asm.LoadAcquire32(&n.state) // acquire: pairs with promote [handoff]
}

// awaitLock acquires l for the head of the queue, or for a waiter without a node.
// Both poll the lock word, so Unlock never has to wake anybody.
func (l *Mutex) awaitLock(since time.Duration) {
	b := wait.Backoff{}
	closed := false // pending is set, by us: only we may acquire l
	for {
		wait.Relax(b.Pauses())
		if asm.LoadRelaxed32(&l.word.Val)&asm.LockedMask == 0 && l.acquire(closed) {
			return
		}
		if !closed && now()-since >= wait.Barging {
			// t,0,l -> t,1,l. From now on no newcomer may barge.
			closed = asm.FetchSetPendingAcquire(&l.word.Val)&asm.PendingMask == 0
			if closed {
				// Spin and yield again: while we slept, the lock would be idle.
				b = wait.Backoff{}
			}
		}
		if d := b.Next(); d != 0 {
			time.Sleep(d)
		} else {
			runtime.Gosched()
		}
	}
}

// acquire tries to acquire l, which a load has found free. If closed, the caller has
// closed l.
func (l *Mutex) acquire(closed bool) bool {
	if !closed {
		return l.TryLock()
	}
	// t,1,0 -> t,1,1. This fails while a newcomer, whose LockFast has set locked and
	// then found pending set, gives the lock back. The caller polls again.
	if asm.XchgLockedAcquire(&l.word.Val, asm.LockedVal) != 0 { // acquire [unlock]
		return false
	}
	asm.ClearPendingRelaxed(&l.word.Val) // t,1,1 -> t,0,1
	return true
}

// handOff takes the head n out of the queue and makes its successor the head. A
// successor that has not linked yet will find n's link closed; it is the head then,
// and frees n. The caller must not use n afterwards.
func (l *Mutex) handOff(n *node) {
	// n,p,l -> 0,p,l
	if asm.TryCmpxchgTailRelaxed(&l.word.Val, n.tail(), 0) {
		n.free()
		return
	}
	next := asm.Xchg32AcqRel(&n.next, linkClosed) // acq_rel: pairs with enqueue [link]
	if next == 0 {
		return
	}
	n.free()
	nodeAt(next).promote()
}

// promote makes n the head.
func (n *node) promote() {
	if asm.Xchg32AcqRel(&n.state, stateHead) == stateParked { // release: pairs with awaitHead [handoff]
		n.Signal()
	}
}
