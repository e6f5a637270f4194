package rqlock

import (
	"context"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
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
	rw gate.Lock
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
	if l.rw.TryLock(asm.CurrentGoid()) {
		return l.took(takesToWrite, nil)
	}
	return l.took(takesToWrite, l.lockSlow(nil))
}

// TryLock acquires l for writing if nobody holds it or is promised it, and reports whether it
// did. It never waits.
func (l *RWMutex) TryLock() bool {
	return l.tried(takesToWrite, l.rw.TryLock(asm.CurrentGoid()))
}

// LockTimeout is Lock with a limit in place of the stall timeout, as [Mutex.LockTimeout].
func (l *RWMutex) LockTimeout(d time.Duration) error {
	if l.rw.TryLock(asm.CurrentGoid()) {
		return l.took(takesToWrite, nil)
	}
	lim := park.Within(d)
	return l.took(takesToWrite, l.lockSlow(&lim))
}

// LockContext is Lock that also gives up when ctx is done, as [Mutex.LockContext].
func (l *RWMutex) LockContext(ctx context.Context) error {
	if l.rw.TryLock(asm.CurrentGoid()) {
		return l.took(takesToWrite, nil)
	}
	lim := park.Until(ctx)
	return l.took(takesToWrite, l.lockSlow(&lim))
}

// Unlock ends what Lock began. It has those readers in that waited meanwhile, before the next
// writer. It panics, and changes nothing, if the caller does not hold l for writing.
func (l *RWMutex) Unlock() {
	l.gives()
	if !l.rw.Unlock() {
		l.badUnlock(asm.CurrentGoid())
	}
}

// RLock acquires l for reading. Its errors are those of [Mutex.Lock]. Who holds l for writing
// gets a [*DeadlockError] at once. Who holds it for reading is let in at once, and must call
// RUnlock as often as it has called RLock.
//
// A nil result orders the section after those of all writers before it.
func (l *RWMutex) RLock() error {
	if l.rw.TryRead(readers.Here()) {
		return l.took(takesToRead, nil)
	}
	return l.took(takesToRead, l.rlockSlow(nil))
}

// TryRLock acquires l for reading if nobody holds it for writing or waits to, or the caller
// reads already, and reports whether it did. It never waits.
func (l *RWMutex) TryRLock() bool {
	return l.tried(takesToRead, l.rw.TryRead(readers.Here()))
}

// RLockTimeout is RLock with a limit in place of the stall timeout, as [Mutex.LockTimeout].
func (l *RWMutex) RLockTimeout(d time.Duration) error {
	if l.rw.TryRead(readers.Here()) {
		return l.took(takesToRead, nil)
	}
	lim := park.Within(d)
	return l.took(takesToRead, l.rlockSlow(&lim))
}

// RLockContext is RLock that also gives up when ctx is done, as [Mutex.LockContext].
func (l *RWMutex) RLockContext(ctx context.Context) error {
	if l.rw.TryRead(readers.Here()) {
		return l.took(takesToRead, nil)
	}
	lim := park.Until(ctx)
	return l.took(takesToRead, l.rlockSlow(&lim))
}

// RUnlock ends one RLock of the calling goroutine. It panics, and changes nothing, if there
// was none. Locks may be released in any order.
func (l *RWMutex) RUnlock() {
	l.gives()
	switch held, overwritten := l.rw.Leave(readers.Here()); {
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
	l.rw.Downgrade(me)
	l.tried(takesToRead, true)
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
	if me := readers.Here(); l.owner() != me.ID && !l.rw.Reads(me) {
		l.badAssert(me.ID, " for reading")
	}
}

// SetName gives l a name for reports, as [Mutex.SetName].
func (l *RWMutex) SetName(name string) { setName(&l.rw.Word, name) }

// SetStallTimeout gives l a stall timeout of its own, as [Mutex.SetStallTimeout].
func (l *RWMutex) SetStallTimeout(d time.Duration) { setStallTimeoutOf(&l.rw.Word, d) }

// RLocker returns l as a lock whose Lock is l's RLock, and whose Unlock is its RUnlock.
func (l *RWMutex) RLocker() Locker { return (*rlocker)(l) }

type rlocker RWMutex

func (l *rlocker) Lock() error { return (*RWMutex)(l).RLock() }
func (l *rlocker) Unlock()     { (*RWMutex)(l).RUnlock() }

// owner returns the id of the goroutine that holds l for writing or waits until its readers
// have left, or 0 if there is none.
func (l *RWMutex) owner() uint64 { return l.rw.Word.Owner.Load() }
