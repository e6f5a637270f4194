package queue

import (
	"testing"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// record returns a record for a goroutine that does not exist.
func record(t *testing.T) *waiter.Waiter {
	t.Helper()
	w := waiter.New(0)
	if w == nil {
		t.Fatal("no record is free")
	}
	return w
}

func checkLeft(t *testing.T, l *asm.Owned) {
	t.Helper()
	if l.Owner.Load() != 0 || l.Tail != 0 || l.Sleeper != 0 {
		t.Errorf("the lock is left with owner %d, tail %d, sleeper %#x", l.Owner.Load(), l.Tail, l.Sleeper)
	}
	for _, leak := range waiter.Leaks() {
		t.Error(leak)
	}
}

// TestOrder: waiters are heads in the order in which they came, but for those that have
// given up (G7).
func TestOrder(t *testing.T) {
	l := new(asm.Owned)
	w := []*waiter.Waiter{record(t), record(t), record(t), record(t)}
	for i := range w {
		want := Behind
		if i == 0 {
			want = AtHead
		}
		if got := Enter(l, w[i]); got != want {
			t.Fatalf("waiter %d has position %d, want %d", i, got, want)
		}
	}
	Abandon(l, w[1])
	if Next(w[0]) != w[1] || Next(w[1]) != w[2] || Next(w[3]) != nil {
		t.Error("the queue has another order")
	}
	Close(l, w[0])
	Leave(l, w[0])
	if !Spin(l, w[2]) || Spin(l, w[3]) {
		t.Error("the head is not the first that has not given up")
	}
	if !Closed(l) || !w[2].Head.Closed {
		t.Error("the lock was opened between two heads")
	}
	Leave(l, w[2])
	Leave(l, w[3])
	checkLeft(t, l)
}

// TestLateLink: a waiter that links after the one before it has left is the head,
// knows what that knew of the lock's progress, and frees it.
func TestLateLink(t *testing.T) {
	l := new(asm.Owned)
	a, b := record(t), record(t)
	if Enter(l, a) != AtHead {
		t.Fatal("the first is not the head")
	}
	a.Head.Begin(7)
	want := a.Head
	prepare(l, b)
	l.Tail = b.Index // b is in the tail, but not linked
	Leave(l, a)
	l.Tail = a.Index // now the whole of b's Enter
	if Enter(l, b) != AtHead {
		t.Error("behind a node that has left, and not the head")
	}
	if b.Head != want {
		t.Errorf("what was handed on is %+v, want %+v", b.Head, want)
	}
	l.Tail = 0 // the program has overwritten the lock: b must not wait for one that links behind it
	Leave(l, b)
	checkLeft(t, l)
}

// TestOverwritten: the head leaves for good if nobody will ever link behind it, although the tail
// names another waiter: the program has overwritten the lock, and another queue has begun.
func TestOverwritten(t *testing.T) {
	l := new(asm.Owned)
	w, a, b := record(t), record(t), record(t)
	if Enter(l, w) != AtHead {
		t.Fatal("the first is not the head")
	}
	l.Tail = 0
	if Enter(l, a) != AtHead || Enter(l, b) != Behind {
		t.Fatal("the queue that has begun is not as any")
	}
	Leave(l, w)
	Leave(l, a)
	Leave(l, b)
	checkLeft(t, l)
}

// TestTurnAway: a waiter that is in no queue is turned away. One that has come behind it is the
// head, and knows nothing of what its record was used for before.
func TestTurnAway(t *testing.T) {
	l := new(asm.Owned)
	gone, a, b := record(t), record(t), record(t)
	l.Tail = gone.Index // of another lock, as in a copy
	a.Head.Begin(7)
	if Enter(l, a) != Nowhere || Enter(l, b) != Behind {
		t.Fatal("behind a waiter of another lock, and not turned away")
	}
	TurnAway(l, a)
	if !Spin(l, b) || b.Head != (stall.Head{}) {
		t.Errorf("the next one is not the head, or knows %+v", b.Head)
	}
	Leave(l, b)

	l.Tail = gone.Index
	a = record(t)
	if Enter(l, a) != Nowhere {
		t.Fatal("behind a waiter of another lock, and not turned away")
	}
	TurnAway(l, a)
	a = record(t)
	if Enter(l, a) != Nowhere {
		t.Error("behind one that was turned away, and in a queue")
	}
	TurnAway(l, a)
	l.Tail = 0
	gone.Free()
	checkLeft(t, l)
}
