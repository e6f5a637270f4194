// Package gate has the readers' side of a reader-writer lock. Its writers' side is a lock
// word with a queue, see package queue. While that has an owner, the gate is closed: readers
// wait, in a list. The owner, for its part, waits until the readers that hold have left.
package gate

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// A Lock is the state of a reader-writer lock. All is zero while it is free, but for the mark
// that its readers are in rows.
//
// A reader says that it reads, and then looks at the owner. A writer becomes the owner, and
// then looks for readers. Both do so in an order that all agree on, so that one of them at
// least sees the other: a reader that sees an owner takes back what it said, and a writer that
// sees readers waits until they have left.
//
// A reader says so by a slot that names the lock, see package readers. At first it also counts
// itself in the lock. A lock that is read again and again says that its readers are in rows:
// then a slot is enough, and a writer looks for slots.
type Lock asm.RWOwned

// Of returns the lock that has this word.
func Of(word *asm.Owned) *Lock { return (*Lock)(unsafe.Pointer(word)) }

// Word returns the writers' lock.
func (l *Lock) Word() *asm.Owned { return &l.Owned }

// name is what the lock is called in the tables of package readers.
func (l *Lock) name() uint64 { return uint64(uintptr(unsafe.Pointer(l))) }

func (l *Lock) words() *asm.RWOwned { return (*asm.RWOwned)(l) }

// mutexes guard the lists. A lock has one of them, by its address.
var mutexes [256]struct {
	sync.Mutex
	_ [64 - unsafe.Sizeof(sync.Mutex{})]byte
}

func (l *Lock) mutex() *sync.Mutex {
	return &mutexes[l.name()*0x9e3779b97f4a7c15>>40%uint64(len(mutexes))].Mutex
}

// open reports whether newcomers may read: nobody writes, or is about to.
func (l *Lock) open() bool { return l.Owner.Load() == 0 } // acquire: pairs with Unlock [gate]

// inRows reports whether readers need not be counted. It is looked at after the owner: only an
// owner takes the mark away, and that has seen no slot.
func (l *Lock) inRows() bool { return atomic.LoadUint32(&l.Readers)&asm.RowsMask != 0 }

// TryRead has me, the calling goroutine, hold l for reading if it may at once: it does so
// already, or the gate is open.
func (l *Lock) TryRead(me readers.Reader) bool {
	raceDisable()
	ok, claimed := l.tryRead(me)
	raceEnable()
	return l.tried(ok, claimed)
}

// tried ends an attempt to read. If it has failed after it had claimed a slot, a writer may wait
// for that.
func (l *Lock) tried(ok, claimed bool) bool {
	if ok {
		raceAcquire(unsafe.Pointer(l))
	} else if claimed {
		l.WakeDrainer()
	}
	return ok
}

func (l *Lock) tryRead(me readers.Reader) (ok, claimed bool) {
	if l.HandedOver() {
		return l.enterAny(me)
	}
	for s, held := me.Take(l.name()); held; s, held = me.Take(l.name()) {
		if ok, claimed, stale := l.again(me, s); !stale {
			return ok, claimed
		}
		me.Release(s)
	}
	if !l.open() {
		return false, false
	}
	return l.enter(me, me.Claim(l.name())), true
}

// again has me hold l once more by the slot that it has taken, past all who wait: they wait for
// me. A stale slot stays taken.
func (l *Lock) again(me readers.Reader, s readers.Slot) (ok, claimed, stale bool) {
	switch {
	case l.countAgain(s):
		if l.deepen(s) {
			return true, false, false
		}
	case l.HandedOver():
		s.Done()
	default:
		return false, false, true
	}
	ok, claimed = l.enterAny(me)
	return ok, claimed, false
}

// deepen has a reader hold l by the slot that it has taken once more than before. It fails if l
// is handed over: a writer may have looked at the slot before. The slot stays taken until that is
// decided, so whoever clears it finds it as deep as it is.
func (l *Lock) deepen(s readers.Slot) bool {
	s.Again()
	if s.Counted() || !l.HandedOver() {
		s.Done()
		return true
	}
	s.Deepen(-1)
	s.Done()
	return false
}

// enter has me hold l by a slot that it has claimed, if the gate is open.
func (l *Lock) enter(me readers.Reader, s readers.Slot) bool {
	// The claim is sequentially consistent, as is the look at the owner [gate].
	if l.open() && (l.inRows() || l.count(s)) {
		return true
	}
	me.Release(s)
	return false
}

// count counts a reader with its slot, if the gate is open.
func (l *Lock) count(s readers.Slot) bool {
	n := atomic.AddUint32(&l.Readers, 1) // sequentially consistent, as is the look at the owner [gate]
	if n&handedOver != 0 || !l.open() {
		l.subtract()
		return false
	}
	s.Count()
	if readers.Warm(l.name()) {
		l.moveToRows(s)
	}
	return true
}

// countAgain counts a reader that has this slot once more. It fails if the slot is stale: that of
// a lock which was overwritten, or was at the same address before and became garbage while
// somebody read it.
func (l *Lock) countAgain(s readers.Slot) bool {
	if !s.Counted() {
		return l.inRows()
	}
	for n := atomic.LoadUint32(&l.Readers); n&^asm.RowsMask != 0 && n&handedOver == 0; n = atomic.LoadUint32(&l.Readers) {
		if atomic.CompareAndSwapUint32(&l.Readers, n, n+1) {
			return true
		}
	}
	return false
}

// moveToRows has readers be found in rows from now on. The caller, who has this slot, is
// counted, so nobody writes. A slot may have been left by a goroutine that ended, of a lock
// that was here before. So it happens only if each of the other slots is seen to change.
// To compare how many slots and readers there are would not do: one who reads again is counted
// again, and has no other slot.
func (l *Lock) moveToRows(s readers.Slot) {
	if !readers.Others(l.name(), s) {
		return
	}
	for {
		n := atomic.LoadUint32(&l.Readers)
		if n&handedOver != 0 {
			return
		}
		if atomic.CompareAndSwapUint32(&l.Readers, n, n|asm.RowsMask) {
			break
		}
	}
	readers.Hot(l.name())
}

// Claimed is TryRead for one for whom asm.ReadLock has claimed a slot.
func (l *Lock) Claimed(me readers.Reader) bool {
	raceDisable()
	ok := l.enter(me, me.Claimed())
	if !ok {
		ok, _ = l.tryRead(me)
	}
	raceEnable()
	return l.tried(ok, true)
}

// Reads reports whether me holds l for reading.
func (l *Lock) Reads(me readers.Reader) bool {
	raceDisable()
	defer raceEnable()
	s, held := me.Find(l.name())
	return held && !l.stale(s) && !l.HandedOver()
}

// stale reports whether a slot is certainly not of this lock, see countAgain.
func (l *Lock) stale(s readers.Slot) bool {
	n := atomic.LoadUint32(&l.Readers)
	return s.Counted() && n&^asm.RowsMask == 0 || !s.Counted() && n&asm.RowsMask == 0
}

// Leave ends one TryRead of me, the calling goroutine. It fails if there was none. If the
// lock was overwritten meanwhile, or another goroutine has ended that already, it ends it and
// reports that.
func (l *Lock) Leave(me readers.Reader) (held, overwritten bool) {
	raceReleaseMerge(unsafe.Pointer(&l.Readers))
	raceDisable()
	held, overwritten = l.leave(me)
	raceEnable()
	l.WakeDrainer()
	return held, overwritten
}

func (l *Lock) leave(me readers.Reader) (held, overwritten bool) {
	s, held := me.Find(l.name())
	if !held {
		return false, false
	}
	switch {
	case l.HandedOver():
		counts := s.Counted()
		if me.Leave(s); counts {
			l.change(-1) // the slot may be that of a lock which was here before, and nobody counted in this one
		}
		return true, l.tooFew()
	case !s.Counted():
		overwritten = !l.inRows() && !l.HandedOver()
	default:
		overwritten = !l.subtract()
	}
	me.Leave(s) // later than that: who is counted is named
	return true, overwritten
}

// subtract subtracts a reader. It fails if there is none to subtract.
func (l *Lock) subtract() bool {
	if atomic.AddUint32(&l.Readers, ^uint32(0))&^asm.RowsMask == ^uint32(asm.RowsMask) { // release: pairs with Drained [gate]
		atomic.AddUint32(&l.Readers, 1)
		return false
	}
	return true
}

// WakeDrainer wakes the owner, if it waits for readers. The caller's slot is released already.
func (l *Lock) WakeDrainer() {
	if index := atomic.LoadUint32(&l.Drainer); index != 0 { // pairs with Drain [drainer]
		w := waiter.At(index)
		unlocked(w)
		w.Roused()
		w.Signal()
	}
}

// add has a reader that is blocked hold l. The caller makes sure that nobody writes.
func (l *Lock) add(r readers.Reader) {
	if l.HandedOver() {
		l.forget(r)
		l.change(+1)
		return
	}
	for s, held := r.Find(l.name()); held; s, held = r.Find(l.name()) {
		r.Release(s) // it is stale
	}
	s := r.Claim(l.name())
	if !l.inRows() {
		atomic.AddUint32(&l.Readers, 1)
		s.Count()
	}
}

// TryLock has the calling goroutine own l if it is free of readers and writers, and not closed.
func (l *Lock) TryLock() bool {
	if l.Read() {
		return false
	}
	switch asm.WriteLock(l.words()) { // 0 -> me; acquire, and as a whole before the looks for readers [gate]
	case asm.WriteGranted:
		return true
	case asm.ReadersDue:
		if l.vacant() {
			return true
		}
		l.Unlock()
	}
	return false
}

// Unread reports whether nobody reads, if that is quickly seen. The caller is the owner.
func (l *Lock) Unread() bool {
	if atomic.LoadUint32(&l.Readers) != asm.RowsMask {
		return false
	}
	none, rows := readers.None(l.name())
	if !none {
		return false
	}
	raceAcquire(unsafe.Pointer(&l.Readers))
	l.scanned(rows)
	return true
}

// Vacant looks for readers, for the owner, and reports whether there are none. It looks so many
// times.
func (l *Lock) Vacant(times int) bool {
	for i := 1; ; i++ {
		if l.vacant() {
			return true
		}
		if i >= times {
			return false
		}
		wait.Relax(wait.Pauses(i))
	}
}

// Crowded reports whether there are so many readers that some of them do not run now. It is a
// hint.
func (l *Lock) Crowded() bool { return l.Reading() >= wait.Processors() }

// Reading returns how many hold l for reading. It is a hint.
func (l *Lock) Reading() int {
	n := atomic.LoadUint32(&l.Readers)
	if n == asm.RowsMask {
		return readers.Count(l.name())
	}
	return int(n & countMask)
}

// Listed reports whether readers wait. It is a hint.
func (l *Lock) Listed() bool { return atomic.LoadUint32(&l.First) != 0 }

// vacant reports whether nobody reads. The caller is the owner.
func (l *Lock) vacant() bool {
	switch n := atomic.LoadUint32(&l.Readers); {
	case n&handedOver != 0:
		mu := l.mutex()
		mu.Lock()
		defer mu.Unlock()
		return l.vacantAny()
	case n == 0:
		raceAcquire(unsafe.Pointer(&l.Readers))
		return true
	case n&^asm.RowsMask != 0:
		return false
	}
	some, rows := readers.Any(l.name())
	if some {
		return false
	}
	raceAcquire(unsafe.Pointer(&l.Readers))
	l.scanned(rows)
	return true
}

// scanned has the lock count its readers again if it was scanned too often. The caller is the
// owner, and there are no readers.
func (l *Lock) scanned(rows int) {
	if rows <= few {
		return
	}
	if readers.Cool(l.name(), rows) {
		atomic.AndUint32(&l.Readers, ^uint32(asm.RowsMask)) // one may be counting itself
	}
}

// few rows are looked at in less time than it takes to note that.
const few = 4

// Take has the head of l's queue own l, whose readers have yet to leave. See Drained.
func (l *Lock) Take(me uint64) bool {
	return l.Owner.Load() == 0 && l.Owner.CompareAndSwap(0, me) // 0 -> me; sequentially consistent [gate]
}

// Unlock releases l, and has those in who wait to read. It fails if the caller does not own l.
func (l *Lock) Unlock() bool {
	switch asm.WriteUnlock(l.words()) { // me -> 0; release: pairs with open, TryLock and Take [gate]
	case asm.NotOwner:
		return false
	case asm.AdmitDue:
		l.GiveBack()
	case asm.WakeDue:
		l.Unlocked()
	}
	return true
}

// Unlocked wakes those who wait for l, which was unlocked just now.
func (l *Lock) Unlocked() {
	queue.Wake(&l.Owned)
	l.Settle()
}

// Downgrade has the owner, me, read what it wrote, along with those who wait to.
func (l *Lock) Downgrade(me readers.Reader) { l.release(me.ID, &me) }

// UnlockAny is Unlock for whoever calls it, in place of the owner. It fails if nobody writes: of
// two that do so at once, one fails.
func (l *Lock) UnlockAny() bool {
	owner := l.Owner.Load()
	if owner == 0 || l.Draining() {
		return false
	}
	l.handOver()
	_, ok := l.release(owner, nil)
	return ok
}

// GiveBack is Unlock for an owner that has waited in vain for readers. It reports whether
// others came in.
func (l *Lock) GiveBack() (granted bool) {
	granted, _ = l.release(l.Owner.Load(), nil)
	return granted
}

// release has those in who wait to read, and the owner itself if it goes on to read, and then
// opens the gate. So the next writer finds them inside. It fails if the lock has another owner
// by now.
func (l *Lock) release(owner uint64, reads *readers.Reader) (granted, ok bool) {
	mu := l.mutex()
	mu.Lock()
	if l.Owner.Load() != owner {
		mu.Unlock()
		return false, false
	}
	atomic.StoreUint32(&l.Drainer, 0)
	if reads != nil {
		l.add(*reads)
	}
	head := l.list()
	for w := head; w != nil; w = after(w, head) {
		l.add(w.Reader)
	}
	due := l.letGo()
	l.wake(head)
	mu.Unlock()
	if due {
		queue.Wake(&l.Owned)
	}
	l.Settle() // some may have come meanwhile
	return head != nil, true
}

// letGo releases the writers' lock, whoever owns it, and reports whether somebody may sleep.
func (l *Lock) letGo() (wakeDue bool) {
	if !l.HandedOver() {
		return asm.UnlockOwned(&l.Owned) == asm.WakeDue // me -> 0; release: pairs with open, TryLock and Take [gate]
	}
	l.Owner.Store(0) // release: pairs with open, TryLock and Take [gate]
	return true
}

// list returns the first of those who wait to read, or nil. If l is a copy, what it names is
// not its own, and forgotten.
func (l *Lock) list() *waiter.Waiter {
	index := atomic.LoadUint32(&l.First)
	if index == 0 {
		return nil
	}
	if w := waiter.At(index); l.lists(w) {
		return w
	}
	atomic.StoreUint32(&l.First, 0)
	return nil
}

func (l *Lock) lists(w *waiter.Waiter) bool {
	return w.Stage.Load() == waiter.Listed && w.Edge.Lock.Load() == &l.Owned
}

// after returns the reader behind w in the list that begins with head, or nil.
func after(w, head *waiter.Waiter) *waiter.Waiter {
	if w.After == head.Index {
		return nil
	}
	return waiter.At(w.After)
}

// wake ends the list that begins with head, whose readers hold l by now, and wakes them. They
// use their records again only once the mutex is free.
func (l *Lock) wake(head *waiter.Waiter) {
	for w := head; w != nil; w = after(w, head) {
		if atomic.LoadUint32(&l.First) == w.Index {
			atomic.StoreUint32(&l.First, 0)
		}
		w.Leads = false
		w.Unlocked()
		w.Stage.Store(waiter.Admitted)
		w.Signal()
	}
}

// Settle has those in who wait to read, if the gate is open. Whoever opens it calls this later,
// for those who came to wait too late to be seen before.
func (l *Lock) Settle() {
	if atomic.LoadUint32(&l.First) == 0 { // acquire: pairs with Wait [gate]
		return
	}
	mu := l.mutex()
	mu.Lock()
	l.letIn(l.list())
	mu.Unlock()
}

// letIn has all of a list in, if the gate is open, and reports whether it did.
func (l *Lock) letIn(head *waiter.Waiter) bool {
	if head == nil || !l.open() {
		return false
	}
	// As any reader: while one is counted, nobody writes who was not there before.
	atomic.AddUint32(&l.Readers, 1) // sequentially consistent, as is the look at the owner [gate]
	in := l.Owner.Load() == 0
	if in {
		for w := head; w != nil; w = after(w, head) {
			l.add(w.Reader)
		}
		l.admitted()
		l.wake(head)
	}
	l.subtract()
	l.WakeDrainer()
	return in
}

// A Position is what a reader that waits finds out about itself.
type Position int

const (
	Copied   Position = iota // it waits nowhere: l is a copy
	Admitted                 // it holds l
	Behind                   // it waits
	Leading                  // it waits, and is the one that looks for stalls
)

// Wait has w wait to read l, unless the gate is open. Its edge is published.
func (l *Lock) Wait(w *waiter.Waiter) Position {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	w.Passed = false
	w.Stage.Store(waiter.Listed)
	if index := atomic.LoadUint32(&l.First); index == 0 {
		w.After, w.Before, w.Leads = w.Index, w.Index, true
		atomic.StoreUint32(&l.First, w.Index) // release: pairs with Settle [gate]
	} else {
		head := waiter.At(index)
		if !l.lists(head) {
			w.Stage.Store(waiter.NotListed)
			return Copied
		}
		w.After, w.Before, w.Leads = index, head.Before, false
		waiter.At(head.Before).After = w.Index
		head.Before = w.Index
	}
	return l.look(w)
}

// Look returns the position of w by now. If the gate is open, w comes in.
func (l *Lock) Look(w *waiter.Waiter) Position {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	return l.look(w)
}

func (l *Lock) look(w *waiter.Waiter) Position {
	if w.Stage.Load() == waiter.Listed {
		l.letIn(w) // the list, seen from w: l may have been overwritten, and not name it
	}
	switch {
	case w.Stage.Load() == waiter.Admitted:
		w.Stage.Store(waiter.NotListed)
		raceAcquire(unsafe.Pointer(l))
		return Admitted
	case w.Leads:
		return Leading
	}
	return Behind
}

// Withdraw takes w out of the list, as it gives up. It fails if w holds l already.
func (l *Lock) Withdraw(w *waiter.Waiter) bool {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	if w.Stage.Load() == waiter.Admitted {
		w.Stage.Store(waiter.NotListed)
		raceAcquire(unsafe.Pointer(l))
		return false
	}
	l.unlink(w, w.Head)
	w.Stage.Store(waiter.NotListed)
	return true
}

// unlink takes w out of the list. The one behind it leads if w did, and knows of the lock's
// progress what is given.
func (l *Lock) unlink(w *waiter.Waiter, known stall.Head) {
	next := waiter.At(w.After)
	if next == w {
		next = nil
	} else {
		next.Before = w.Before
		waiter.At(w.Before).After = w.After
	}
	if atomic.LoadUint32(&l.First) == w.Index {
		atomic.StoreUint32(&l.First, 0)
		if next != nil {
			atomic.StoreUint32(&l.First, next.Index)
		}
	}
	if w.Leads && next != nil {
		next.Leads = true
		next.Head = known
		next.Head.Inherit(next.Since.Load())
		next.Signal()
	}
	w.Leads = false
}

// Each calls f for those who wait to read, behind w.
func (l *Lock) Each(w *waiter.Waiter, f func(w *waiter.Waiter)) {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	if w.Stage.Load() != waiter.Listed {
		return
	}
	for b := after(w, w); b != nil; b = after(b, w) {
		f(b)
	}
}

// AdmitPast has w in, a reader that waits in its wait number epoch, past a writer that itself
// waits for readers. It fails if that is over.
func (l *Lock) AdmitPast(w *waiter.Waiter, epoch uint32) bool {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	if atomic.LoadUint32(&w.Epoch) != epoch || !l.lists(w) || !l.Draining() {
		return false
	}
	l.add(w.Reader) // the drainer owns l only with the mutex held, see Drained
	l.admitted()
	var now stall.Head // it has been granted just now
	now.Begin(l.Owner.Load())
	l.unlink(w, now)
	if leads := l.list(); leads != nil {
		leads.Passed = true
	}
	w.Stage.Store(waiter.Admitted)
	w.Signal()
	events.Count(events.Admitted)
	return true
}

// admitted tells the owner that waits for readers that some were let in just now. It has to look
// at all slots again, as it may be past theirs. The mutex is held.
func (l *Lock) admitted() {
	if index := atomic.LoadUint32(&l.Drainer); index != 0 {
		waiter.At(index).Again = true
		waiter.At(index).Passed = true
	}
}

// Granted notes in w, who waits and looks for stalls, that readers were let in past it since it
// looked last, and reports whether there were any.
func (l *Lock) Granted(w *waiter.Waiter) bool {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	passed := w.Passed
	if w.Passed = false; passed {
		w.Head.Granted()
	}
	return passed
}

// Drain says that the owner, whose record is w, waits for the readers to leave.
func (l *Lock) Drain(w *waiter.Waiter) {
	w.Again, w.Passed, w.Scan = false, false, readers.Scan{}
	atomic.StoreUint32(&l.Drainer, w.Index) // sequentially consistent: before the looks at the slots [drainer]
}

// Drained reports whether the readers have left. Then the owner may write. If not, it returns
// the slot that w waits for next, or nil if a reader is counted that has no slot further on.
func (l *Lock) Drained(w *waiter.Waiter) (slot *uint64, drained bool) {
	for {
		if n := atomic.LoadUint32(&l.Readers); n != 0 && n&handedOver == 0 { // acquire: pairs with subtract [gate]
			if slot = w.Scan.Next(l.name()); slot != nil {
				return slot, false
			}
		}
		if again, drained := l.drained(w); !again {
			return nil, drained
		}
	}
}

// drained is for a scan that has come to its end, or that is not needed as readers are counted.
func (l *Lock) drained(w *waiter.Waiter) (again, drained bool) {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	w.Scan = readers.Scan{}
	if again, w.Again = w.Again, false; again {
		return true, false
	}
	n := atomic.LoadUint32(&l.Readers) // acquire: pairs with subtract [gate]
	if n&handedOver != 0 {
		if !l.vacantAny() {
			return false, false
		}
		n = 0
	}
	if n&^asm.RowsMask != 0 {
		return false, false
	}
	atomic.CompareAndSwapUint32(&l.Drainer, w.Index, 0)
	raceAcquire(unsafe.Pointer(&l.Readers))
	if n != 0 {
		l.scanned(readers.Rows())
	}
	return false, true
}

// Draining reports whether the owner waits for readers.
func (l *Lock) Draining() bool { return atomic.LoadUint32(&l.Drainer) != 0 }

// Read reports whether somebody may hold l for reading. It is a hint.
func (l *Lock) Read() bool {
	n := atomic.LoadUint32(&l.Readers)
	if n&handedOver != 0 {
		t := l.tally()
		return t.sum() > 0
	}
	if n == asm.RowsMask {
		some, _ := readers.Any(l.name())
		return some
	}
	return n != 0
}

// EachReader calls f for those who hold l for reading, once for each, until it returns false.
func (l *Lock) EachReader(f func(id uint64) bool) {
	if n := atomic.LoadUint32(&l.Readers); n == 0 || n&handedOver != 0 {
		return
	}
	seen := map[uint64]bool{} // one that reads again may have another slot
	readers.Each(l.name(), func(id uint64) bool {
		if seen[id] {
			return true
		}
		seen[id] = true
		return f(id)
	})
}

// Free reports whether l is as new, but for the mark that its readers are in rows. It is for
// tests.
func (l *Lock) Free() bool {
	return l.Owner.Load() == 0 && asm.LoadRelaxed32(&l.Tail) == 0 && asm.LoadRelaxed32(&l.Sleeper) == 0 &&
		!l.Read() && !l.Draining() && atomic.LoadUint32(&l.First) == 0
}
