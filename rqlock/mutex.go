package rqlock

import (
	"context"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// A Mutex is a mutual exclusion lock whose acquisition may fail instead of
// hanging the program. The zero value is unlocked. It has 16 bytes on 64-bit
// machines and must not be copied after first use.
//
// The owner is the goroutine that acquired it, and only it may unlock.
type Mutex struct {
	_    noCopy
	word asm.Owned
}

// Lock acquires l. It returns nil, or an error that says why l is not held:
//
//   - a [*DeadlockError] at once if the caller holds l already, or if waiting
//     for it would close a cycle of goroutines that wait for one another;
//   - a [*TimeoutError] if l was not granted to anybody for the stall timeout
//     (see [SetStallTimeout] and [Mutex.SetStallTimeout]); a long queue that moves
//     is no stall.
//
// A nil result orders the section after the one before it (acquire).
func (l *Mutex) Lock() error {
	return l.took(lockFused(l)) // 0 -> me; acquire [unlock]
}

// lockContended goes on where the fast path of Lock has failed.
func lockContended(l *Mutex) error { return l.lockSlow(nil) }

// TryLock acquires l if it is free and not promised to a waiter, and reports
// whether it did. It never waits.
func (l *Mutex) TryLock() bool {
	return l.tried(asm.LockOwned(&l.word)) // 0 -> me; acquire [unlock]
}

// LockTimeout is Lock with a limit in place of the stall timeout: the whole wait
// lasts for d at most, and for all of d if need be, before it returns a
// [*TimeoutError]. Deadlocks are told at once. With d <= 0 it does not wait, but
// still detects that the caller holds l already.
func (l *Mutex) LockTimeout(d time.Duration) error {
	if asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
		return l.took(nil)
	}
	lim := park.Within(d)
	return l.took(l.lockSlow(&lim))
}

// LockContext is Lock that also gives up when ctx is done; the error then wraps
// context.Cause(ctx). If ctx has a deadline, that is the limit of the wait, and the
// stall timeout is none. LockContext does not look at ctx if l is free, and calls
// its methods only while it waits in no queue.
func (l *Mutex) LockContext(ctx context.Context) error {
	if asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
		return l.took(nil)
	}
	lim := park.Until(ctx)
	return l.took(l.lockSlow(&lim))
}

// Unlock releases l by one store, then looks whether a waiter sleeps that is to be
// woken. It panics, and changes nothing, if the caller is not the owner. Locks may be
// released in any order.
//
// Since Unlock looks at l once more after it has released it, memory that is not Go's
// must stay mapped until every Unlock has returned.
func (l *Mutex) Unlock() {
	l.gives()
	unlockFused(l) // me -> 0; release [unlock]
}

// unlockForeign goes on where the fast path of Unlock has found another owner.
func unlockForeign(l *Mutex) { l.badUnlock(asm.CurrentGoid()) }

// AssertHeld panics unless the caller holds l. It acquires nothing, and neither
// reports nor counts.
func (l *Mutex) AssertHeld() {
	if me := asm.CurrentGoid(); l.owner() != me {
		l.badAssert(me)
	}
}

// noCopy makes go vet report copies of a Mutex; vet looks for these methods.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
