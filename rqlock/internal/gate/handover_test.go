package gate

import (
	"sync/atomic"
	"testing"

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
	if l.countAgain(s) {
		t.Error("a reader gets in by a slot that may be stale")
	}
	if held, overwritten := l.Leave(me); !held || overwritten || l.Read() {
		t.Errorf("after its own end: held %v, overwritten %v, read %v", held, overwritten, l.Read())
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
	if !l.LeaveAny() || l.LeaveAny() {
		t.Error("a read lock is not ended, or twice")
	}
	if n := int32(atomic.LoadUint32(&l.Admitted)); n != 0 {
		t.Errorf("the signed count is %d", n)
	}
	if n := readers.Number(); n != 0 {
		t.Errorf("%d slots are left", n)
	}
}
