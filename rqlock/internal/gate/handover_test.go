package gate

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
)

// TestStaleSlots: once a lock is handed over, a slot says nothing. A goroutine that has one does
// not get in by it, and when it ends a read lock by one that was left by a lock which was here
// before, the mark stays.
func TestStaleSlots(t *testing.T) {
	l, me := new(Lock), readers.Here()
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	l.handOver()
	s, held := me.Find(l.name())
	if !held || !s.Counted() {
		t.Fatal("the reader has no slot that is counted")
	}
	if l.countAgain(s) || l.Reads(me) {
		t.Error("a reader gets in by a slot that may be stale, or is said to read")
	}
	l.EachReader(func(id uint64) bool {
		t.Errorf("goroutine %d is said to read", id)
		return true
	})
	if held, overwritten := l.Leave(me); !held || overwritten || l.Read() {
		t.Errorf("after its own end: held %v, overwritten %v, read %v", held, overwritten, l.Read())
	}

	l = new(Lock)
	l.handOver()
	if l.add(me); readers.Number() != 0 || !l.LeaveAny() {
		t.Error("a reader that is let in has a slot, or does not read")
	}

	l = new(Lock)
	l.handOver()
	left := me.Claim(l.name())
	left.Count()
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	l.Leave(me)
	if !l.HandedOver() || l.Read() {
		t.Errorf("after the end of one read lock: handed over %v, read %v", l.HandedOver(), l.Read())
	}

	l = new(Lock)
	l.handOver()
	me.Claim(l.name()) // not counted, and the lock was never in rows
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	if _, held := me.Find(l.name()); held {
		t.Error("a slot that is no read lock of this lock is still there")
	}
	if !l.LeaveAny() {
		t.Error("a read lock is not ended")
	}
	if n := int32(atomic.LoadUint32(&l.Balance)); n != 0 {
		t.Errorf("the signed count is %d", n)
	}
	if n := readers.Number(); n != 0 {
		t.Errorf("%d slots are left", n)
	}
}

// rounds is how often a race is run.
func rounds() int {
	if testing.Short() {
		return 3000
	}
	return 30_000
}

// atOnce runs functions at the same time, each in a goroutine of its own.
func atOnce(all ...func()) {
	var ready atomic.Int32
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(func() {
			ready.Add(1)
			for i := 1; int(ready.Load()) < len(all); i++ {
				if i%1000 == 0 {
					runtime.Gosched()
				}
			}
			f()
		})
	}
	wg.Wait()
}

// TestEndedAtOnce: of two that end what only one may end, whether to write or to read, one at
// least finds that there is nothing to end.
func TestEndedAtOnce(t *testing.T) {
	for range rounds() {
		l := new(Lock)
		if !l.TryLock() {
			t.Fatal("a free lock is not locked")
		}
		var ok [2]bool
		atOnce(func() { ok[0] = l.UnlockAny() }, func() { ok[1] = l.UnlockAny() })
		if ok[0] == ok[1] {
			t.Fatalf("two unlock what is locked once: %v", ok)
		}
		if !l.TryRead(readers.Here()) {
			t.Fatal("a free lock is not read")
		}
		atOnce(func() { ok[0] = l.LeaveAny() }, func() { ok[1] = l.LeaveAny() })
		if ok[0] && ok[1] {
			t.Fatal("two end one read lock")
		}
	}
}

// TestHandedOverMeanwhile: while a goroutine reads again, another one ends its first read lock,
// and a third begins to write. Then it does not read. The slot that it deepens is not taken away
// meanwhile: that would be another lock's by then. Nor is that of a goroutine which reads, and
// finds only then that its lock is handed over.
func TestHandedOverMeanwhile(t *testing.T) {
	before := readers.Number()
	l, me := new(Lock), readers.Here()
	atomic.StoreUint32(&l.Readers, asm.RowsMask)
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	s, held := me.Take(l.name())
	if !held || !l.countAgain(s) {
		t.Fatal("the reader does not read")
	}
	atOnce(func() {
		if !l.LeaveAny() || !l.TryLock() {
			t.Error("there is nothing to end, or somebody reads still")
		}
	})
	if _, held := me.Find(l.name()); !held {
		t.Error("a slot is taken away that its goroutine is about to change")
	}
	if l.deepen(s) {
		t.Error("a reader beside a writer")
	}
	if s.More() != 0 {
		t.Errorf("the slot is left %d deeper", s.More())
	}
	if !l.UnlockAny() || !l.TryRead(me) || !l.LeaveAny() || !l.TryLock() {
		t.Fatal("the lock does not go on")
	}
	l.Unlock()

	l = new(Lock)
	atomic.StoreUint32(&l.Readers, asm.RowsMask)
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	if s, held = me.Take(l.name()); !held {
		t.Fatal("the reader does not read")
	}
	l.handOver()
	if ok, _, stale := l.again(me, s); !ok || stale {
		t.Errorf("it does not read again: ok %v, stale %v", ok, stale)
	}
	for range 2 {
		if l.TryLock() {
			t.Fatal("a writer beside a reader")
		}
		l.LeaveAny()
	}
	if !l.TryLock() {
		t.Fatal("somebody reads still")
	}
	l.Unlock()
	if n := readers.Number(); n != before {
		t.Errorf("%d slots are left, of %d before", n, before)
	}
}

// TestStaleSlotsGo: goroutines read, and end; others end their read locks. What they leave goes
// when a writer comes, whether the lock counted them or they were in rows. They may all have the
// same row, which has three slots: then some are in a chunk.
func TestStaleSlotsGo(t *testing.T) {
	before := readers.Number()
	for _, inRows := range []bool{false, true} {
		l := new(Lock)
		if inRows {
			atomic.StoreUint32(&l.Readers, asm.RowsMask)
		}
		for range 9 {
			atOnce(func() { l.TryRead(readers.Here()) })
		}
		for range 9 {
			if l.TryLock() {
				t.Fatal("a writer beside a reader")
			}
			if !l.LeaveAny() {
				t.Fatal("there is nothing to end")
			}
		}
		if !l.TryLock() {
			t.Fatal("somebody reads still")
		}
		l.Unlock()
		if n := readers.Number(); n != before {
			t.Errorf("in rows %v: %d slots are left, of %d before", inRows, n, before)
		}
		if n := atomic.LoadUint32(&l.Readers); n != handedOver || l.Balance != 0 {
			t.Errorf("in rows %v: readers are %#x and the balance is %d", inRows, n, int32(l.Balance))
		}
	}
}

// TestLeaveAnyBesideWriter: a goroutine ends another one's read lock while a writer, who has found
// that all have ended, clears its slot. There is a read lock to end, though for a moment neither
// the slot nor the count has it (the model's "handed over/rows").
func TestLeaveAnyBesideWriter(t *testing.T) {
	l, me := &Lock{Readers: asm.RowsMask}, readers.Here()
	if !l.TryRead(me) {
		t.Fatal("a free lock is not read")
	}
	l.handOver()
	mu := l.mutex()
	mu.Lock() // as the writer has it
	s, held := me.Find(l.name())
	if !held {
		t.Fatal("the reader has no slot")
	}
	cleared, all := readers.Clear(l.name(), []readers.Slot{s})
	if cleared != 1 || !all {
		t.Fatalf("%d slots are cleared, all %v", cleared, all)
	}
	ended := make(chan bool)
	go func() { ended <- l.LeaveAny() }()
	for int32(atomic.LoadUint32(&l.Balance)) != -1 {
		runtime.Gosched()
	}
	select {
	case ok := <-ended:
		t.Fatalf("looks before the writer is done, and finds a read lock: %v", ok)
	case <-time.After(10 * time.Millisecond):
	}
	l.change(+1)
	mu.Unlock()
	if !<-ended {
		t.Error("a read lock is not ended")
	}
	if l.LeaveAny() {
		t.Error("one that is not there is ended")
	}
}

// TestStaleSlotsOfReader: of a reader's two slots of a lock which was here before none is left
// once it reads this one, whichever way it comes in.
func TestStaleSlotsOfReader(t *testing.T) {
	me := readers.Here()
	for _, c := range []struct {
		name  string
		reads func(l *Lock)
		slots int // of this lock
	}{
		{"let in", func(l *Lock) { l.add(me) }, 1},
		{"by itself", func(l *Lock) { l.TryRead(me) }, 1},
		{"handed over", func(l *Lock) { l.handOver(); l.TryRead(me) }, 0},
	} {
		l := new(Lock)
		me.Claim(l.name())
		me.Claim(l.name())
		c.reads(l)
		if n := readers.Count(l.name()); n != c.slots || !l.Read() {
			t.Errorf("%s: %d slots name the lock, want %d; it reads: %v", c.name, n, c.slots, l.Read())
		}
		if held, _ := l.Leave(me); !held && !l.LeaveAny() {
			t.Errorf("%s: its read lock is not ended", c.name)
		}
	}
}
