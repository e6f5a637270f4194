package rqlock

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// called reports whether somebody has asked the owner of l to be woken.
func called(l *Mutex) bool { return atomic.LoadUintptr(&l.word.Owner)&calling != 0 }

// TestBell: an unlock wakes the waiter that has asked for it, and clears the mark.
func TestBell(t *testing.T) {
	l := newLock(t)
	w := anyWaiter()
	defer w.free()
	select {
	case <-w.Token: // left from an earlier wait
	default:
	}
	for range 2 {
		must(t, l.Lock())
		l.call(w)
		l.call(w)
		if !called(l) || len(w.Token) != 0 {
			t.Fatalf("owner %#x and %d tokens after the call", l.word.Owner, len(w.Token))
		}
		l.Unlock()
		if l.word.Val != 0 || l.word.Owner != 0 {
			t.Fatalf("word %#x, owner %#x after the unlock", l.word.Val, l.word.Owner)
		}
		select {
		case <-w.Token:
		default:
			t.Fatal("the unlock does not wake the waiter")
		}
		if bell := *l.bell(); bell != 0 {
			t.Errorf("the bell still has record %d", bell)
		}
	}
	l.call(w) // nobody has the lock
	if called(l) {
		t.Error("a free lock is marked")
	}
	must(t, l.Lock())
	l.call(w)
	asm.StoreRelaxed32(l.bell(), 0) // as if another lock had taken it
	l.Unlock()
	if l.word.Val != 0 || l.word.Owner != 0 {
		t.Errorf("word %#x, owner %#x after the unlock, with the bell lost", l.word.Val, l.word.Owner)
	}
}

// TestBellMark: the mark hides the owner from nobody.
func TestBellMark(t *testing.T) {
	setStallTimeout(t, never)
	r := newRing(t, 3)
	a := r.actors
	for i := range 2 {
		a[i].waits(r.want(i), r.want(i).Lock)
		await(t, "the head to sleep", func() bool { return called(r.want(i)) })
	}
	panicOf(t, r.want(0).Unlock)
	if !called(r.want(0)) {
		t.Error("a stranger's unlock clears the mark")
	}
	if d := deadlock(t, a[2].do(r.want(1).Lock)); len(d.Cycle) != 1 {
		t.Errorf("not told that it holds the lock already, but %v", d)
	}
	r.check(t, a[2].do(r.want(2).Lock), 2, "newActors")
	r.resolve(t, 2)
}

// TestCycleUnwinds: once the victim has let go, the others get through one after
// the other, and fast, even if they have slept for long: none of them sees a
// stall meanwhile (G5, G6).
func TestCycleUnwinds(t *testing.T) {
	const n = 32
	locks := newLocks(t, n)
	errs := make([]error, n)
	var holding, waiting sync.WaitGroup
	holding.Add(n)
	for i := range n {
		waiting.Go(func() {
			must(t, locks[i].Lock())
			defer locks[i].Unlock()
			holding.Done()
			holding.Wait()
			next := &locks[(i+1)%n]
			if i == n-1 { // the others sleep as long as they ever do
				for j := 1; j < n; j++ {
					await(t, "the others to sleep", func() bool { return called(&locks[j]) })
				}
				time.Sleep(DefaultStallTimeout / 8)
			}
			if errs[i] = next.Lock(); errs[i] == nil {
				next.Unlock()
			}
		})
	}
	join(t, &waiting)
	for i, err := range errs {
		if victim := i == n-1; victim != errors.Is(err, ErrDeadlock) || !victim && err != nil {
			t.Errorf("%d of %d: %v", i, n, err)
		}
	}
}
