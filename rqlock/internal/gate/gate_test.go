package gate

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// record returns the record of a reader that does not exist, as if it waited for l.
func record(t *testing.T, l *Lock, id uint64) *waiter.Waiter {
	t.Helper()
	w := waiter.New(id)
	w.ID.Store(id)
	w.Reader = readers.At(id, uint32(id))
	w.Parker.Begin(false, nil)
	atomic.AddUint32(&w.Epoch, 1)
	w.Edge.Lock.Store(&l.Owned)
	t.Cleanup(func() { w.Edge.Lock.Store(nil) })
	return w
}

// TestStoreThenLook: of a reader and a writer that come at once, one at least sees the other
// (R1).
func TestStoreThenLook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	var l Lock
	var inside atomic.Int32 // of readers 1, of the writer 100
	var over atomic.Bool
	var wg sync.WaitGroup
	var wrote, read atomic.Int64
	for range 2 {
		wg.Go(func() {
			me := readers.Here()
			for !over.Load() {
				if l.TryRead(me) {
					if inside.Add(1) >= 100 {
						t.Error("a reader beside a writer")
						over.Store(true)
					}
					inside.Add(-1)
					l.Leave(me)
					read.Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		for !over.Load() {
			if l.TryLock() {
				if inside.Add(100) != 100 {
					t.Error("a writer beside somebody")
					over.Store(true)
				}
				inside.Add(-100)
				l.Unlock()
				wrote.Add(1)
			}
		}
	})
	time.Sleep(200 * time.Millisecond)
	over.Store(true)
	wg.Wait()
	if wrote.Load() == 0 || read.Load() == 0 || !l.Free() {
		t.Errorf("%d written, %d read, left %v", wrote.Load(), read.Load(), !l.Free())
	}
}

// TestAdmitPast: a reader is let in past a writer only while that waits for readers, and only
// in the wait in which it was seen (R1, R5).
func TestAdmitPast(t *testing.T) {
	var l Lock
	me := readers.Here()
	w, drainer := record(t, &l, 1<<40), record(t, &l, 1<<41)
	if !l.TryLock() {
		t.Fatal("not free")
	}
	if p := l.Wait(w); p != Leading {
		t.Fatalf("position %d", p)
	}
	if l.AdmitPast(w, w.Epoch) {
		t.Error("let in beside a writer")
	}
	l.Downgrade(me) // lets it in
	if p := l.Look(w); p != Admitted {
		t.Fatalf("position %d", p)
	}
	l.Leave(w.Reader)

	drained := func() bool { _, ok := l.Drained(drainer); return ok }
	if !l.Take(drainer.ID.Load()) || l.Vacant(1) {
		t.Fatal("the reader is not seen")
	}
	if l.Drain(drainer); drained() {
		t.Fatal("the reader is not waited for")
	}
	if p := l.Wait(w); p != Leading {
		t.Fatalf("position %d", p)
	}
	if l.AdmitPast(w, w.Epoch-1) {
		t.Error("let in for an earlier wait")
	}
	if !l.AdmitPast(w, w.Epoch) || l.AdmitPast(w, w.Epoch) {
		t.Error("not let in once")
	}
	l.Leave(me)
	if drained() {
		t.Error("one was let in, and not waited for")
	}
	if l.Look(w) != Admitted {
		t.Error("it does not know that it is in")
	}
	l.Leave(w.Reader)
	if !drained() {
		t.Error("all have left")
	}
	if l.Wait(w); l.AdmitPast(w, w.Epoch) {
		t.Error("let in beside a writer that had waited for readers")
	}
	if !l.Withdraw(w) {
		t.Error("it does not hold the lock")
	}
	l.Owner.Store(0)
	if !l.Free() || readers.Number() != 0 {
		t.Errorf("left %+v, %d slots", &l, readers.Number())
	}
	w.Free()
	drainer.Free()
}

// TestWithdraw: who gives up leaves the list as it was, in whatever order, and there is one
// that leads (R9).
func TestWithdraw(t *testing.T) {
	var l Lock
	l.Owner.Store(1 << 50)
	const n = 4
	var all [n]*waiter.Waiter
	for i := range all {
		all[i] = record(t, &l, uint64(i+1)<<40)
	}
	for order := range n * n * n * n {
		for i := range all {
			l.Wait(all[i])
		}
		in := n
		for k, o := 0, order; k < n; k, o = k+1, o/n {
			w := all[o%n]
			if w.Stage.Load() != waiter.Listed {
				continue
			}
			if !l.Withdraw(w) {
				t.Fatal("somebody was let in")
			}
			in--
			leads, listed := 0, 0
			for head := l.list(); head != nil; head = after(head, l.list()) {
				listed++
				if head.Leads {
					leads++
				}
			}
			if listed != in || leads != min(in, 1) {
				t.Fatalf("order %d: %d listed, want %d, and %d lead", order, listed, in, leads)
			}
		}
		for _, w := range all {
			if w.Stage.Load() == waiter.Listed {
				l.Withdraw(w)
			}
		}
	}
	l.Owner.Store(0)
	if !l.Free() {
		t.Errorf("left %+v", &l)
	}
	for _, w := range all {
		w.Free()
	}
}
