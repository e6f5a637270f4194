package gate

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
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

// newLock returns a lock whose address does not change, as that of one in a stack may.
//
//go:noinline
func newLock() *Lock { return new(Lock) }

// TestStoreThenLook: of a reader and a writer that come at once, one at least sees the other
// (R1).
func TestStoreThenLook(t *testing.T) {
	for _, words := range []uint32{0, asm.RowsMask} {
		storeThenLook(t, words)
	}
}

func storeThenLook(t *testing.T, words uint32) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	l := Lock{Readers: words}
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
	for end := time.Now().Add(10 * time.Second); ; { // beside other work, one of them may not run for long
		time.Sleep(200 * time.Millisecond)
		if wrote.Load() > 0 && read.Load() > 0 || time.Now().After(end) || over.Load() {
			break
		}
	}
	over.Store(true)
	wg.Wait()
	if wrote.Load() == 0 || read.Load() == 0 || !l.Free() {
		t.Errorf("%d written, %d read, left %v", wrote.Load(), read.Load(), !l.Free())
	}
}

// TestMove: a lock moves its readers to rows after a run of reads, and counts them again when
// it is written often. It does not move while a slot is left of a lock that was there before
// (R1).
func TestMove(t *testing.T) {
	l := newLock()
	me := readers.Here()
	read := func(times int) {
		for range times {
			if !l.TryRead(me) {
				t.Fatal("not free")
			}
			l.Leave(me)
		}
	}
	const long = 2000
	left := readers.At(1<<40, 3)
	s := left.Claim(l.name())
	if read(long); l.Readers != 0 {
		t.Fatalf("%#x beside a stale slot", l.Readers)
	}
	if !l.TryLock() {
		t.Fatal("a stale slot keeps a writer away")
	}
	l.Unlock()
	left.Release(s)
	if read(long); l.Readers != asm.RowsMask {
		t.Fatalf("%#x after a run of reads", l.Readers)
	}
	if l.TryRead(me); l.Readers != asm.RowsMask || !l.Read() || l.TryLock() {
		t.Error("a reader in rows is counted, or not seen")
	}
	l.Leave(me)
	// Rows of others, which a writer looks at, too.
	for row := range uint32(2 * few) {
		r := readers.At(1<<41, row)
		s := r.Claim(8)
		defer r.Release(s)
	}
	writes := 0
	for ; l.Readers != 0 && writes <= 10_000; writes++ {
		if !l.TryLock() {
			t.Fatal("not free")
		}
		l.Unlock()
	}
	if writes < 2 || writes > 10_000 || !l.Free() {
		t.Errorf("it counts again after %d writes", writes)
	}
}

// TestMoveAmongReaders: a lock does not move its readers to rows while a slot is left of a lock
// that was there before, although there are more read locks than slots: one reads twice, or
// readers that waited are being let in (R1).
func TestMoveAmongReaders(t *testing.T) {
	left, other := readers.At(1<<40, 3), readers.At(1<<41, 5)
	for _, test := range []struct {
		name       string
		come, done func(l *Lock)
	}{
		{"one reads twice", func(l *Lock) {
			for range 2 {
				if !l.TryRead(other) {
					t.Error("not free")
				}
			}
		}, func(l *Lock) {
			l.Leave(other)
			l.Leave(other)
		}},
		{"readers are let in", func(l *Lock) { l.Readers++ }, func(l *Lock) { l.Readers-- }}, // as letIn
	} {
		l := newLock()
		s := left.Claim(l.name())
		test.come(l)
		me := readers.Here()
		for range 2000 {
			if !l.TryRead(me) {
				t.Fatalf("%s: not free", test.name)
			}
			l.Leave(me)
		}
		test.done(l)
		if !l.TryLock() {
			t.Errorf("%s: a stale slot keeps a writer away: %+v", test.name, l)
		}
		left.Release(s)
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
