package gate

import (
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
)

// With Go's signatures a lock may be released by a goroutine that does not hold it. From the
// first such release on, a lock is one that is handed over, for good: nobody can say any more
// who reads, only how many read locks there are. That is the sum of
//
//   - those in slots that the lock does not count, which were begun in rows before that;
//   - those that are counted in Readers, which were begun before that;
//   - a signed count, of those that were begun later, less those that were ended by goroutines
//     without a slot.
//
// While the gate is closed none of the three grows, but for readers that see so and take back
// what they said. So whoever reads one after the other, and finds a sum of 0, has found that
// nobody reads. A slot whose read lock another goroutine has ended is stale. It stays, with the
// count less than 0, until a writer owns the lock.

const (
	// handedOver in Readers says that the lock is one that is handed over.
	handedOver = 1 << 30

	// inSlots says that there may be read locks in slots that the lock does not count: its
	// readers were in rows before it was handed over.
	inSlots = 1 << 29

	// countMask has the readers that are counted there.
	countMask = inSlots - 1
)

// HandedOver reports whether a goroutine has released l that did not hold it.
func (l *Lock) HandedOver() bool { return atomic.LoadUint32(&l.Readers)&handedOver != 0 }

// handOver marks l, before what makes it so. Readers are in rows no more: newcomers of the fast
// path have claimed their slots before that, or find it.
func (l *Lock) handOver() {
	for n := atomic.LoadUint32(&l.Readers); n&handedOver == 0; n = atomic.LoadUint32(&l.Readers) {
		marked := n | handedOver
		if n&asm.RowsMask != 0 {
			marked = n&^asm.RowsMask | handedOver | inSlots
		}
		if atomic.CompareAndSwapUint32(&l.Readers, n, marked) { // sequentially consistent: before the looks at the slots [gate]
			return
		}
	}
}

// change changes the signed count.
func (l *Lock) change(by int32) { atomic.AddUint32(&l.Admitted, uint32(by)) }

// sum returns how many read locks there are, or more, and those that are in slots. None of those
// was taken back if the sum is 0.
func (l *Lock) sum() (n int, slots []readers.Slot) {
	if atomic.LoadUint32(&l.Readers)&inSlots != 0 {
		n, slots = readers.Uncounted(l.name())
	}
	n += int(atomic.LoadUint32(&l.Readers) & countMask)          // acquire: pairs with subtract [gate]
	return n + int(int32(atomic.LoadUint32(&l.Admitted))), slots // acquire: pairs with LeaveAny [gate]
}

// enterAny has r read, without a name, if the gate is open.
func (l *Lock) enterAny(r readers.Reader) (ok, claimed bool) {
	l.forget(r)
	if !l.open() {
		return false, false
	}
	l.change(+1) // sequentially consistent, as is the look at the owner [gate]
	if l.open() {
		return true, true
	}
	l.change(-1)
	return false, true
}

// forget takes away r's slot if it can only be that of a lock which was at the same address
// before, and became garbage while r read it.
func (l *Lock) forget(r readers.Reader) {
	if s, held := r.Find(l.name()); held && !s.Counted() && atomic.LoadUint32(&l.Readers)&inSlots == 0 {
		r.Release(s)
	}
}

// LeaveAny ends a read lock, whosever it is. It fails if there is none.
func (l *Lock) LeaveAny() bool {
	raceReleaseMerge(unsafe.Pointer(&l.Readers))
	raceDisable()
	defer raceEnable()
	l.handOver()
	if n, _ := l.sum(); n <= 0 {
		return false
	}
	atomic.AddUint32(&l.Admitted, ^uint32(0)) // release: pairs with sum [gate]
	l.WakeDrainer()
	return true
}

// vacantAny is vacant for a lock that is handed over. The caller is the owner.
func (l *Lock) vacantAny() bool {
	n, slots := l.sum()
	if n > 0 {
		return false
	}
	locks, all := readers.Clear(slots)
	l.change(int32(locks))
	if all {
		atomic.AndUint32(&l.Readers, ^uint32(inSlots))
	}
	raceAcquire(unsafe.Pointer(&l.Readers))
	return true
}
