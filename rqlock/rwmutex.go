package rqlock

import (
	"context"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// An RWMutex is a reader-writer lock whose acquisition may fail instead of hanging the
// program. It is held by any number of readers, or by one writer. The zero value is
// unlocked. It has 32 bytes and must not be copied after first use.
//
// It knows its readers. So a goroutine that reads may read again at any time, however many
// writers wait, and a deadlock is found at once in which readers take part. Only the
// goroutine that holds the lock, for writing or for reading, may unlock it.
//
// A reader that comes while a writer waits is let in after that writer, or if the writer gives
// up, or at once if it would deadlock otherwise.
type RWMutex struct {
	_  noCopy
	rw asm.RWOwned
}

// A Locker is what a lock is to those who need not know whether it is one for reading.
type Locker interface {
	Lock() error
	Unlock()
}

// Lock acquires l for writing. Its errors are those of [Mutex.Lock]. Who holds l already, for
// writing or for reading, gets a [*DeadlockError] at once.
//
// A nil result orders the section after all before it.
func (l *RWMutex) Lock() error {
	return l.took(waiter.ForWriting, wlockFused(l)) // 0 -> me; acquire [gate]
}

// wlockContended goes on where the fast path of Lock has failed.
func wlockContended(l *RWMutex) error { return l.lockSlow(nil) }

// wlockReaders goes on where the fast path of Lock has made the caller the owner, and there
// may be readers.
func wlockReaders(l *RWMutex) error {
	if l.gate().Unread() {
		return nil
	}
	return wlockRead(l)
}

// wlockRead goes on where a short look has found that there may be readers.
func wlockRead(l *RWMutex) error {
	g := l.gate()
	if g.Vacant(1) {
		return nil
	}
	if g.Reads(readers.Here()) {
		g.GiveBack()
		return l.lockSlow(nil)
	}
	if !g.Crowded() && g.Vacant(wait.Tries()) {
		return nil
	}
	return conclude(l.drainSlow(nil), nil)
}

// TryLock acquires l for writing if nobody holds it or is promised it, and reports whether it
// did. It never waits.
func (l *RWMutex) TryLock() bool { return l.tried(waiter.ForWriting, l.gate().TryLock()) }

// LockTimeout is Lock with a limit in place of the stall timeout, as [Mutex.LockTimeout].
func (l *RWMutex) LockTimeout(d time.Duration) error {
	if l.gate().TryLock() {
		return l.took(waiter.ForWriting, nil)
	}
	lim := park.Within(d)
	return l.took(waiter.ForWriting, l.lockSlow(&lim))
}

// LockContext is Lock that also gives up when ctx is done, as [Mutex.LockContext].
func (l *RWMutex) LockContext(ctx context.Context) error {
	if l.gate().TryLock() {
		return l.took(waiter.ForWriting, nil)
	}
	lim := park.Until(ctx)
	return l.took(waiter.ForWriting, l.lockSlow(&lim))
}

// Unlock ends what Lock began. It has those readers in that waited meanwhile, before the next
// writer. It panics, and changes nothing, if the caller does not hold l for writing.
func (l *RWMutex) Unlock() {
	l.gives()
	wunlockFused(l) // me -> 0; release [gate]
}

// wunlockWake goes on where the fast path of Unlock has found that somebody may sleep.
func wunlockWake(l *RWMutex) { l.gate().Unlocked() }

// wunlockAdmit goes on where the fast path of Unlock has found that readers wait.
func wunlockAdmit(l *RWMutex) { l.gate().GiveBack() }

// wunlockForeign goes on where the fast path of Unlock has found another owner.
func wunlockForeign(l *RWMutex) { l.badUnlock(asm.CurrentGoid()) }

// RLock acquires l for reading. Its errors are those of [Mutex.Lock]. Who holds l for writing
// gets a [*DeadlockError] at once. Who holds it for reading is let in at once, and must call
// RUnlock as often as it has called RLock.
//
// A nil result orders the section after those of all writers before it.
func (l *RWMutex) RLock() error {
	return l.took(waiter.ForReading, rlockFused(l)) // acquire [gate]
}

// rlockContended goes on where the fast path of RLock has failed. It is no slow path yet: a
// lock that counts its readers has no other.
func rlockContended(l *RWMutex) error {
	if l.gate().TryRead(readers.Here()) {
		return nil
	}
	return l.rlockSlow(nil)
}

// rlockClaimed goes on where the fast path of RLock has failed after it had claimed a slot.
func rlockClaimed(l *RWMutex) error {
	if l.gate().Claimed(readers.Here()) {
		return nil
	}
	return l.rlockSlow(nil)
}

// TryRLock acquires l for reading if nobody holds it for writing or waits to, or the caller
// reads already, and reports whether it did. It never waits.
func (l *RWMutex) TryRLock() bool {
	return l.tried(waiter.ForReading, l.gate().TryRead(readers.Here()))
}

// RLockTimeout is RLock with a limit in place of the stall timeout, as [Mutex.LockTimeout].
func (l *RWMutex) RLockTimeout(d time.Duration) error {
	if l.gate().TryRead(readers.Here()) {
		return l.took(waiter.ForReading, nil)
	}
	lim := park.Within(d)
	return l.took(waiter.ForReading, l.rlockSlow(&lim))
}

// RLockContext is RLock that also gives up when ctx is done, as [Mutex.LockContext].
func (l *RWMutex) RLockContext(ctx context.Context) error {
	if l.gate().TryRead(readers.Here()) {
		return l.took(waiter.ForReading, nil)
	}
	lim := park.Until(ctx)
	return l.took(waiter.ForReading, l.rlockSlow(&lim))
}

// RUnlock ends one RLock of the calling goroutine. It panics, and changes nothing, if there
// was none. Locks may be released in any order.
func (l *RWMutex) RUnlock() {
	l.gives()
	runlockFused(l) // release [gate]
}

// runlockWake goes on where the fast path of RUnlock has found that a writer waits for readers.
func runlockWake(l *RWMutex) { l.gate().WakeDrainer() }

// runlockOther goes on where the fast path of RUnlock has not found the slot that it looks for.
func runlockOther(l *RWMutex) {
	switch held, overwritten := l.gate().Leave(readers.Here()); {
	case !held:
		l.badRUnlock()
	case overwritten:
		l.badOverwritten()
	}
}

// Downgrade turns the caller's write lock into a read lock, which RUnlock ends. No writer comes
// in between. The readers that wait come in, too. It panics, and changes nothing, if the caller
// does not hold l for writing.
func (l *RWMutex) Downgrade() {
	me := readers.Here()
	if l.owner() != me.ID {
		l.badUnlock(me.ID)
	}
	l.gives()
	l.gate().Downgrade(me)
	l.tried(waiter.ForReading, true)
}

// AssertHeld panics unless the caller holds l for writing. It acquires nothing, and neither
// reports nor counts.
func (l *RWMutex) AssertHeld() {
	if me := asm.CurrentGoid(); l.owner() != me {
		l.badAssert(me, "")
	}
}

// AssertRHeld is AssertHeld for one who holds l for reading, or for writing.
func (l *RWMutex) AssertRHeld() {
	if me := readers.Here(); l.owner() != me.ID && !l.gate().Reads(me) {
		l.badAssert(me.ID, " for reading")
	}
}

// SetName gives l a name for reports, as [Mutex.SetName].
func (l *RWMutex) SetName(name string) { setName(&l.rw.Owned, name) }

// SetStallTimeout gives l a stall timeout of its own, as [Mutex.SetStallTimeout].
func (l *RWMutex) SetStallTimeout(d time.Duration) { setStallTimeoutOf(&l.rw.Owned, d) }

// RLocker returns l as a lock whose Lock is l's RLock, and whose Unlock is its RUnlock.
func (l *RWMutex) RLocker() Locker { return (*rlocker)(l) }

type rlocker RWMutex

func (l *rlocker) Lock() error { return (*RWMutex)(l).RLock() }
func (l *rlocker) Unlock()     { (*RWMutex)(l).RUnlock() }

func (l *RWMutex) gate() *gate.Lock { return (*gate.Lock)(&l.rw) }

// The assembly of the fused calls jumps to these and uses the table, which tools that look for
// unused code cannot see.
var (
	_, _, _, _    = rlockContended, rlockClaimed, runlockWake, runlockOther
	_, _, _, _, _ = wlockContended, wlockReaders, wunlockWake, wunlockForeign, wunlockAdmit
	_             = &readerTable
)

// readerTable is what the fast paths find a goroutine's row by.
var readerTable = readers.Table()

// owner returns the id of the goroutine that holds l for writing or waits until its readers
// have left, or 0 if there is none.
func (l *RWMutex) owner() uint64 { return l.rw.Owner.Load() }
