package gate

import (
	"sync"
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
// nobody reads, and that nobody is about to take back anything. A slot whose read lock another
// goroutine has ended is stale. It stays, with the count less than 0, until a writer owns the
// lock: then what was begun before the lock was handed over goes, as all of it has ended.

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
func (l *Lock) change(by int32) {
	atomic.AddUint32(&l.Balance, uint32(by)) // release: pairs with tally [gate]
}

// A tally is how many read locks there are, or more.
type tally struct {
	uncounted int // in slots
	slots     []readers.Slot
	counted   int
	balance   int
}

func (t *tally) sum() int { return t.uncounted + t.counted + t.balance }

// tally reads what does not grow first. So the sum is as much at least as it was at the end.
func (l *Lock) tally() (t tally) {
	if atomic.LoadUint32(&l.Readers)&inSlots != 0 {
		t.uncounted, t.slots = readers.Named(l.name(), false)
	}
	t.counted = int(atomic.LoadUint32(&l.Readers) & countMask) // acquire: pairs with subtract [gate]
	t.balance = int(int32(atomic.LoadUint32(&l.Balance)))      // acquire: pairs with change [gate]
	return t
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

// forget takes away r's slots if they can only be those of a lock which was at the same address
// before, and became garbage while r read it. No writer takes away such a slot, and there will be
// no other: so the look at Readers comes first.
func (l *Lock) forget(r readers.Reader) {
	if atomic.LoadUint32(&l.Readers)&inSlots != 0 {
		return
	}
	for s, held := r.Find(l.name()); held && !s.Counted(); s, held = r.Find(l.name()) {
		r.Release(s)
	}
}

// tooFew reports whether more read locks were ended than begun, for certain. Whoever clears slots
// adds to the balance what it takes from the other parts. So the first look, which reads the
// balance first, finds no more than there are, and perhaps less. Slots are cleared with the mutex
// held, and so the second look has it, too.
func (l *Lock) tooFew() bool {
	balance := int(int32(atomic.LoadUint32(&l.Balance))) // sequentially consistent: pairs with clear, which adds to it last [gate]
	if t := l.tally(); balance+t.uncounted+t.counted >= 0 {
		return false
	}
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	t := l.tally()
	return t.sum() < 0
}

// LeaveAny ends a read lock, whosever it is. It fails if there is none: then l is broken. Of two
// that end the same one the second finds so, since each looks after it has subtracted.
func (l *Lock) LeaveAny() bool {
	raceReleaseMerge(unsafe.Pointer(&l.Readers))
	raceDisable()
	defer raceEnable()
	l.handOver()
	if l.change(-1); l.tooFew() {
		return false
	}
	l.WakeDrainer()
	l.sweep()
	return true
}

// sweep takes away the slots that are stale, once nobody reads, as a writer would. One may never
// come: a transaction has a lock of its own, which is garbage soon. But its slots would stay.
func (l *Lock) sweep() {
	if t := l.tally(); t.sum() != 0 || t.uncounted+t.counted == 0 {
		return
	}
	switch asm.WriteLock(l.words()) { // 0 -> me; acquire, and as a whole before the look at who reads [gate]
	case asm.WriteGranted, asm.ReadersDue:
	default:
		return // to a writer, who does it
	}
	mu := l.mutex()
	mu.Lock()
	if t := l.tally(); t.sum() == 0 {
		l.clear(t)
	}
	mu.Unlock()
	l.Unlock()
}

// vacantAny is vacant for a lock that is handed over. The caller is the owner, and has the mutex.
func (l *Lock) vacantAny() bool {
	t := l.tally()
	n := t.sum()
	if n > 0 {
		return false
	}
	if n < 0 {
		new(sync.RWMutex).RUnlock() // a fatal error, for one who has ended what another one had, by a fast path
	}
	l.clear(t)
	raceAcquire(unsafe.Pointer(&l.Readers))
	return true
}

// clear takes away the slots of l, all of whose read locks have ended. The caller is the owner,
// and has the mutex.
func (l *Lock) clear(t tally) {
	if t.counted > 0 {
		_, slots := readers.Named(l.name(), true)
		readers.Clear(l.name(), slots)
		atomic.AddUint32(&l.Readers, -uint32(t.counted))
		l.change(int32(t.counted))
	}
	locks, all := readers.Clear(l.name(), t.slots)
	l.change(int32(locks))
	if all {
		atomic.AndUint32(&l.Readers, ^uint32(inSlots))
	}
}
