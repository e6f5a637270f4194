package rqlock

import (
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
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
	for limit := 30 * time.Millisecond; ; limit *= 2 {
		until := closesFor(t, a[0], l, limit)
		a[1].waits(l, l.Lock)
		inTime := time.Now().Before(until) // else the head may have been gone before its successor came
		must(t, nilIf(a[0].result(), ErrTimeout))
		if inTime && !queue.Closed(&l.word) {
			t.Error("the lock is open between two heads")
		}
		l.Unlock()
		if inTime && l.TryLock() {
			t.Error("the owner took the lock again, past the successor")
		}
		must(t, a[1].result())
		a[1].unlock(l)
		must(t, l.Lock())
		if inTime {
			break
		}
	}

	// The last one opens it.
	closesFor(t, a[0], l, 20*time.Millisecond)
	must(t, nilIf(a[0].result(), ErrTimeout))
	if queue.Closed(&l.word) {
		t.Error("the lock is closed, and nobody waits")
	}
	l.Unlock()
}

// TestRWCloses: a writer that has waited for long when it comes to be the head closes the lock at
// once (R8).
func TestRWCloses(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	a[0].write(l)
	a[1].blocks(l, l.Lock)
	await(t, "the head to close the lock", func() bool { return queue.Closed(&l.rw.Owned) })
	a[2].blocks(l, l.Lock)
	time.Sleep(5 * wait.Barging)
	a[0].unwrite(l)
	must(t, a[1].result()) // and has opened it, if nobody was behind
	await(t, "the next head to close the lock", func() bool { return queue.Closed(&l.rw.Owned) })
	a[1].unwrite(l)
	must(t, a[2].result())
	a[2].unwrite(l)
}

// closesFor has the actor wait for l with a limit, and returns once it has closed the lock, with
// the time before which it does not give up. On a busy machine the limit may be over before that
// is seen. Then the next one is twice as long.
func closesFor(t *testing.T, a *actor, l *Mutex, limit time.Duration) (until time.Time) {
	t.Helper()
	for ; limit < patience; limit *= 2 {
		until = time.Now().Add(limit)
		a.start(func() error { return l.LockTimeout(limit) })
		closed := false
		await(t, "the head to close the lock, or to give up", func() bool {
			closed = queue.Closed(&l.word)
			return closed || len(a.results) != 0
		})
		if closed {
			return until
		}
		must(t, nilIf(a.result(), ErrTimeout))
	}
	stuck(t, "the head to close the lock")
	return until
}
