package rqlock

import (
	"context"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// A Mutex is a mutual exclusion lock whose acquisition may fail instead of
// hanging the program. The zero value is unlocked. It has 16 bytes on 64-bit
// machines and must not be copied after first use.
//
// The owner is the goroutine that acquired it, and only it may unlock.
type Mutex struct {
	_    noCopy
	word asm.Word // Aux counts the grants to the queue
}

// Lock acquires l. It returns nil, or an error that says why l is not held:
//
//   - a [*DeadlockError] at once if the caller holds l already, or if waiting
//     for it would close a cycle of goroutines that wait for one another;
//   - a [*TimeoutError] if l was not granted to anybody for the stall timeout
//     (see [SetStallTimeout]); a long queue that moves is no stall.
//
// A nil result orders the section after the one before it (acquire).
func (l *Mutex) Lock() error {
	return lockFused(l) // t,0,0 -> t,0,1; acquire [unlock]
}

// lockContended goes on where the fast path of Lock has failed.
func lockContended(l *Mutex) error { return l.lockSlow(nil) }

// TryLock acquires l if it is free and not promised to a waiter, and reports
// whether it did. It never waits.
func (l *Mutex) TryLock() bool {
	return asm.LockFast(&l.word) // t,0,0 -> t,0,1; acquire [unlock]
}

// LockTimeout is Lock with a bound on the whole wait: after d it returns a
// [*TimeoutError]. With d <= 0 it does not wait, but still detects that the
// caller holds l already.
func (l *Mutex) LockTimeout(d time.Duration) error {
	if asm.LockFast(&l.word) { // t,0,0 -> t,0,1; acquire [unlock]
		return nil
	}
	now := time.Now()
	return l.lockSlow(&limit{start: now, deadline: now.Add(max(d, 0))})
}

// LockContext is Lock that also gives up when ctx is done; the error then wraps
// context.Cause(ctx). It does not look at ctx if l is free, and calls its methods
// only while it waits in no queue.
func (l *Mutex) LockContext(ctx context.Context) error {
	if asm.LockFast(&l.word) { // t,0,0 -> t,0,1; acquire [unlock]
		return nil
	}
	return l.lockSlow(&limit{ctx: ctx, done: ctx.Done()})
}

// Unlock releases l by one store, and wakes a waiter that has slept long. It
// panics, and changes nothing, if the caller is not the owner. Locks may be
// released in any order.
func (l *Mutex) Unlock() {
	unlockFused(l) // t,p,1 -> t,p,0; release [unlock]
}

// unlockForeign goes on where the fast path of Unlock has failed.
func unlockForeign(l *Mutex) {
	if g := asm.CurrentG(); !l.answer(g) {
		l.badUnlock(g)
	}
}

// noCopy makes go vet report copies of a Mutex; vet looks for these methods.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
