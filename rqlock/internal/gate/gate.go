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
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// A Lock is the state of a reader-writer lock. All is zero while it is free.
//
// A reader adds itself to count, and then looks at the owner. A writer becomes the owner, and
// then looks at count. Both do so in an order that all agree on, so that one of them at least
// sees the other: a reader that sees an owner subtracts itself again, and a writer that sees
// readers waits until they have left.
type Lock struct {
	Word    asm.Owned     // the writers' lock; first, see Of
	count   atomic.Uint32 // how often l is held for reading, and readers about to look at the owner
	drainer atomic.Uint32 // record of the owner that waits for readers; 0 = none
	first   atomic.Uint32 // record of the reader that has waited longest; 0 = none
	_       uint32
}

// Of returns the lock that has this word.
func Of(word *asm.Owned) *Lock { return (*Lock)(unsafe.Pointer(word)) }

// name is what the lock is called in the tables of package readers.
func (l *Lock) name() uint64 { return uint64(uintptr(unsafe.Pointer(l))) }

// mutexes guard the lists. A lock has one of them, by its address.
var mutexes [256]struct {
	sync.Mutex
	_ [64 - unsafe.Sizeof(sync.Mutex{})]byte
}

func (l *Lock) mutex() *sync.Mutex {
	return &mutexes[l.name()*0x9e3779b97f4a7c15>>40%uint64(len(mutexes))].Mutex
}

// open reports whether newcomers may read: nobody writes, is about to, or has closed the lock.
func (l *Lock) open() bool { return l.Word.Owner.Load() == 0 && !queue.Closed(&l.Word) } // acquire: pairs with Unlock [gate]

// TryRead has me, the calling goroutine, hold l for reading if it may at once: it does so
// already, or the gate is open.
func (l *Lock) TryRead(me readers.Reader) bool {
	raceDisable()
	ok := l.tryRead(me)
	raceEnable()
	if ok {
		raceAcquire(unsafe.Pointer(&l.Word))
	}
	return ok
}

func (l *Lock) tryRead(me readers.Reader) bool {
	s, held, claimed := me.FindOrClaim(l.name(), l.open())
	if held {
		if l.addToOthers() { // past all who wait: they wait for me
			s.Deepen(+1)
			return true
		}
		me.Release(s)
		return l.tryRead(me)
	}
	if !claimed {
		return false
	}
	l.count.Add(1) // sequentially consistent, as is the look at the owner [gate]
	if l.open() {
		return true
	}
	l.subtract()
	me.Release(s)
	return false
}

// addToOthers counts a reader that has a slot. It fails if none is counted: then the slot is
// that of a lock which was overwritten, or was at the same address before and became garbage
// while somebody read it.
func (l *Lock) addToOthers() bool {
	for n := l.count.Load(); n != 0; n = l.count.Load() {
		if l.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// Reads reports whether me holds l for reading.
func (l *Lock) Reads(me readers.Reader) bool {
	raceDisable()
	defer raceEnable()
	_, held := me.Find(l.name())
	return held && l.count.Load() != 0 // see addToOthers
}

// Leave ends one TryRead of me, the calling goroutine. It fails if there was none. If the
// lock was overwritten meanwhile, it ends it and reports that.
func (l *Lock) Leave(me readers.Reader) (held, overwritten bool) {
	raceReleaseMerge(unsafe.Pointer(&l.count))
	raceDisable()
	defer raceEnable()
	s, held := me.Find(l.name())
	if !held {
		return false, false
	}
	overwritten = !l.subtract()
	if s.Depth() > 1 {
		s.Deepen(-1)
	} else {
		me.Release(s) // later than that: who is counted is named
	}
	return true, overwritten
}

// subtract subtracts a reader, and wakes the writer that waits for the last one. It fails if
// there is none to subtract.
func (l *Lock) subtract() bool {
	switch l.count.Add(^uint32(0)) { // release: pairs with Drained [gate]
	case 0:
		if index := l.drainer.Load(); index != 0 {
			w := waiter.At(index)
			unlocked(w)
			w.Signal()
		}
	case ^uint32(0):
		l.count.Add(1)
		return false
	}
	return true
}

// add has a reader hold l that does not run, or is the caller. The caller makes sure that nobody
// writes.
func (l *Lock) add(r readers.Reader) {
	l.count.Add(1)
	if _, held := r.Find(l.name()); !held { // see addToOthers
		r.Claim(l.name())
	}
}

// TryLock has the calling goroutine own l if it is free of readers and writers, and not closed.
func (l *Lock) TryLock(me uint64) bool {
	if l.count.Load() != 0 || queue.Closed(&l.Word) {
		return false
	}
	if !l.Word.Owner.CompareAndSwap(0, me) { // 0 -> me; sequentially consistent, as is the next look [gate]
		return false
	}
	if l.count.Load() != 0 {
		l.Unlock()
		return false
	}
	raceAcquire(unsafe.Pointer(&l.count))
	return true
}

// Take has the head of l's queue own l, whose readers have yet to leave. See Drained.
func (l *Lock) Take(me uint64) bool {
	return l.Word.Owner.Load() == 0 && l.Word.Owner.CompareAndSwap(0, me) // 0 -> me; sequentially consistent [gate]
}

// Unlock releases l, and has those in who wait to read. It fails if the caller does not own l.
func (l *Lock) Unlock() bool {
	if l.first.Load() != 0 {
		if l.Word.Owner.Load() != asm.CurrentGoid() {
			return false
		}
		l.release(nil)
		return true
	}
	switch asm.UnlockOwned(&l.Word) { // me -> 0; release: pairs with open, TryLock and Take [gate]
	case asm.NotOwner:
		return false
	case asm.WakeDue:
		queue.Wake(&l.Word)
	}
	l.Settle() // some may have come meanwhile
	return true
}

// Downgrade has the owner, me, read what it wrote, along with those who wait to.
func (l *Lock) Downgrade(me readers.Reader) { l.release(&me) }

// GiveBack is Unlock for an owner that has waited in vain for readers. It reports whether
// others came in.
func (l *Lock) GiveBack() (granted bool) { return l.release(nil) }

// release has those in who wait to read, and the owner itself if it says who it is, and then
// opens the gate. So the next writer finds them inside.
func (l *Lock) release(owner *readers.Reader) (granted bool) {
	mu := l.mutex()
	mu.Lock()
	l.drainer.Store(0)
	if owner != nil {
		l.add(*owner)
	}
	head := l.list()
	for w := head; w != nil; w = after(w, head) {
		l.add(w.Reader)
	}
	due := asm.UnlockOwned(&l.Word) == asm.WakeDue // me -> 0; release: pairs with open, TryLock and Take [gate]
	l.wake(head)
	mu.Unlock()
	if due {
		queue.Wake(&l.Word)
	}
	return head != nil
}

// list returns the first of those who wait to read, or nil. If l is a copy, what it names is
// not its own, and forgotten.
func (l *Lock) list() *waiter.Waiter {
	index := l.first.Load()
	if index == 0 {
		return nil
	}
	if w := waiter.At(index); l.lists(w) {
		return w
	}
	l.first.Store(0)
	return nil
}

func (l *Lock) lists(w *waiter.Waiter) bool {
	return w.Stage.Load() == waiter.Listed && w.Edge.Lock.Load() == &l.Word
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
		if l.first.Load() == w.Index {
			l.first.Store(0)
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
	if l.first.Load() == 0 { // acquire: pairs with Wait [gate]
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
	l.count.Add(1)
	in := l.Word.Owner.Load() == 0
	if in {
		for w := head; w != nil; w = after(w, head) {
			l.add(w.Reader)
		}
		l.wake(head)
	}
	l.subtract()
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
	w.Stage.Store(waiter.Listed)
	if index := l.first.Load(); index == 0 {
		w.After, w.Before, w.Leads = w.Index, w.Index, true
		l.first.Store(w.Index) // release: pairs with Settle [gate]
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
		raceAcquire(unsafe.Pointer(&l.Word))
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
		raceAcquire(unsafe.Pointer(&l.Word))
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
	if l.first.Load() == w.Index {
		l.first.Store(0)
		if next != nil {
			l.first.Store(next.Index)
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
	if atomic.LoadUint32(&w.Epoch) != epoch || !l.lists(w) || l.drainer.Load() == 0 {
		return false
	}
	l.add(w.Reader)    // the drainer owns l only with the mutex held, see Drained
	var now stall.Head // it has been granted just now
	now.Begin(l.Word.Owner.Load())
	l.unlink(w, now)
	w.Stage.Store(waiter.Admitted)
	w.Signal()
	events.Count(events.Admitted)
	return true
}

// Drain says that the owner, whose record is w, waits for the readers to leave. It reports
// whether there are any.
func (l *Lock) Drain(w *waiter.Waiter) bool {
	if l.count.Load() == 0 {
		raceAcquire(unsafe.Pointer(&l.count))
		return false
	}
	l.drainer.Store(w.Index) // sequentially consistent, as are the looks at count [gate]
	return true
}

// Drained reports whether the readers have left. Then the owner may write, if it is still the
// owner: the lock may have been overwritten.
func (l *Lock) Drained(w *waiter.Waiter) bool {
	if l.count.Load() != 0 { // acquire: pairs with subtract [gate]
		return false
	}
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	if l.count.Load() != 0 { // one was admitted meanwhile
		return false
	}
	l.drainer.CompareAndSwap(w.Index, 0)
	raceAcquire(unsafe.Pointer(&l.count))
	return true
}

// WatchDrain has the watchdog look after the owner, which is about to sleep until the readers
// have left.
func (l *Lock) WatchDrain(w *waiter.Waiter) {
	w.WatchBeside(&l.Word, &w.Head, &w.Parker, &l.count)
}

// Draining reports whether the owner waits for readers.
func (l *Lock) Draining() bool { return l.drainer.Load() != 0 }

// Counted returns how many readers hold l. It is a hint.
func (l *Lock) Counted() uint32 { return l.count.Load() }

// Readers calls f for those who hold l for reading, until it returns false.
func (l *Lock) Readers(f func(id uint64) bool) {
	if l.count.Load() != 0 {
		readers.Each(l.name(), f)
	}
}

// Free reports whether l is as new. It is for tests.
func (l *Lock) Free() bool {
	return l.Word.Owner.Load() == 0 && asm.LoadRelaxed32(&l.Word.Tail) == 0 && asm.LoadRelaxed32(&l.Word.Sleeper) == 0 &&
		l.count.Load() == 0 && l.drainer.Load() == 0 && l.first.Load() == 0
}
