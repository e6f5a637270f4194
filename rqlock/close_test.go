package rqlock

import (
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// TestClosedLock: a lock that is closed to newcomers is let be by each of them, though
// it is free, and is the head's (G9).
func TestClosedLock(t *testing.T) {
	l := newLock(t)
	asm.StoreRelaxed32(&l.word.Sleeper, asm.ClosedMask)
	if l.TryLock() || l.spin() {
		t.Error("a newcomer took a closed lock")
	}
	if e := nilIf(l.LockTimeout(0), ErrTimeout); e != nil || l.owner() != 0 {
		t.Errorf("one who does not wait: %v, owner %d", e, l.owner())
	}
	w := waiter.New(asm.CurrentGoid())
	waitgraph.Begin(w, asm.CurrentGoid(), &l.word, waiter.ForMutex, nil)
	if queue.Enter(&l.word, w) != queue.AtHead {
		t.Error("the first waiter is not the head")
	}
	w.Head.Closed = true // as the one before has handed on
	must(t, l.awaitLock(w, nil))
	if queue.Closed(&l.word) {
		t.Error("the lock is closed, though the head has it")
	}
	l.Unlock()
}

// TestHandsOnClosed: a head that gives up leaves the lock closed for its successor, with
// what it knows, so that the owner cannot take it again in between.
func TestHandsOnClosed(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	must(t, l.Lock())
	a := newActors(t, 2)
	a[0].start(func() error { return l.LockTimeout(30 * time.Millisecond) })
	await(t, "the head to close the lock", func() bool { return queue.Closed(&l.word) })
	a[1].waits(l, l.Lock)
	must(t, nilIf(a[0].result(), ErrTimeout))
	if !queue.Closed(&l.word) {
		t.Error("the lock is open between two heads")
	}
	l.Unlock()
	if l.TryLock() {
		t.Error("the owner took the lock again, past the successor")
	}
	must(t, a[1].result())
	a[1].unlock(l)

	// The last one opens it.
	must(t, l.Lock())
	a[0].start(func() error { return l.LockTimeout(20 * time.Millisecond) })
	await(t, "the head to close the lock", func() bool { return queue.Closed(&l.word) })
	must(t, nilIf(a[0].result(), ErrTimeout))
	if queue.Closed(&l.word) {
		t.Error("the lock is closed, and nobody waits")
	}
	l.Unlock()
}
