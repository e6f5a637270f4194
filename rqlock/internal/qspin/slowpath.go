package qspin

import (
	"runtime"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// busy are the bits that keep everyone out but the one who closed the door.
const busy = asm.LockedMask | asm.PendingMask

// lockSlow acquires l after the fast path has failed.
func (l *Mutex) lockSlow() {
	if l.spin() {
		return
	}
	since := now()
	wait.Refresh(int64(since))
	n := newNode()
	if n == nil { // more waiters than the tail can name: wait beside the queue
		l.awaitLock(since)
		return
	}
	if !l.enqueue(n) {
		n.awaitHead()
	}
	l.awaitLock(since)
	l.handOver(n)
}

// spin tries for a short while to take l past the queue.
func (l *Mutex) spin() bool {
	for i := range wait.Tries() {
		wait.Relax(wait.Pauses(i))
		if asm.LoadRelaxed32(&l.word.Val)&busy == 0 && l.TryLock() {
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
	if asm.Xchg32AcqRel(&prev.next, n.index) == linkClosed { // acq_rel: pairs with handOver [link]
		prev.free() // it left before we could link: we are the head
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

// awaitLock waits for the lock itself, as the head of the queue or beside it.
// Those who do so poll the lock word, so that Unlock never has to wake anybody.
func (l *Mutex) awaitLock(since time.Duration) {
	b := wait.Backoff{}
	door := false // closed by us: pending is set, and only we may take the lock
	for {
		wait.Relax(b.Pauses())
		if asm.LoadRelaxed32(&l.word.Val)&asm.LockedMask == 0 && l.take(door) {
			return
		}
		if !door && now()-since >= wait.Door {
			// t,0,l -> t,1,l. From here on nobody passes us.
			door = asm.FetchSetPendingAcquire(&l.word.Val)&asm.PendingMask == 0
			if door {
				b = wait.Backoff{} // while we sleep nobody has the lock
			}
		}
		if d := b.Next(); d != 0 {
			time.Sleep(d)
		} else {
			runtime.Gosched()
		}
	}
}

// take takes the lock that was seen free.
func (l *Mutex) take(door bool) bool {
	if !door {
		return l.TryLock()
	}
	// t,1,0 -> t,1,1. Who finds the door closed may hold the lock for the moment
	// that it takes to give it back; then we try again.
	if asm.XchgLockedAcquire(&l.word.Val, asm.LockedVal) != 0 { // acquire [unlock]
		return false
	}
	asm.ClearPendingRelaxed(&l.word.Val) // t,1,1 -> t,0,1
	return true
}

// handOver takes the head n out of the queue and makes the next waiter the
// head. If that has not linked itself yet, it will find the link closed, be the
// head, and free n. n is not the caller's any more.
func (l *Mutex) handOver(n *node) {
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
