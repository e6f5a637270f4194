package rqlock

import (
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// TestTakeAtDoor: the one who closed the door takes a free lock, and lets one be
// that somebody holds for a moment to give it back.
func TestTakeAtDoor(t *testing.T) {
	l := newLock(t)
	l.word.Val = asm.TailVal | asm.PendingVal | asm.LockedVal
	if l.take(true) || l.word.Owner != 0 || l.word.Val != asm.TailVal|asm.PendingVal|asm.LockedVal {
		t.Errorf("took a held lock: word %#x, owner %#x", l.word.Val, l.word.Owner)
	}
	l.word.Val = asm.TailVal | asm.PendingVal
	if l.take(false) || l.word.Owner != 0 || l.word.Val != asm.TailVal|asm.PendingVal {
		t.Errorf("passed a closed door: word %#x, owner %#x", l.word.Val, l.word.Owner)
	}
	if !l.take(true) || l.owner() != asm.CurrentG() || l.word.Val != asm.TailVal|asm.LockedVal {
		t.Errorf("did not take a free lock: word %#x, owner %#x", l.word.Val, l.word.Owner)
	}
	l.word.Val = asm.LockedVal
	l.Unlock()
}

// TestForeignDoor: a head that finds the door closed by another, who waits beside
// the queue, does not take the lock before it opens (G9).
func TestForeignDoor(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	asm.FetchSetPendingAcquire(&l.word.Val) // as the other would
	a := newActors(t, 1)[0]
	a.waits(l, l.Lock)
	time.Sleep(20 * time.Millisecond) // it polls, and would close the door
	if val := asm.LoadAcquire32(&l.word.Val); l.owner() != 0 || len(a.results) != 0 {
		t.Fatalf("passed a closed door: word %#x, owner %#x", val, l.owner())
	}
	asm.ClearPendingRelaxed(&l.word.Val)
	must(t, a.result())
	a.unlock(l)
}
