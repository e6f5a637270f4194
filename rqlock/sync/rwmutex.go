package sync

import (
	gosync "sync"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/verdict"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// An RWMutex is a reader-writer lock, as Go's. The zero value is unlocked. It has 32 bytes and
// must not be copied after first use.
//
// As long as only goroutines that read have ended it, a goroutine that reads may read again,
// whoever waits to write.
type RWMutex struct {
	_  noCopy
	rw asm.RWOwned
}

// Lock locks l for writing. It waits while l is locked, as [Mutex.Lock].
func (l *RWMutex) Lock() {
	wlockFused(l) // 0 -> me; acquire [gate]
	l.took(waiter.ForWriting)
}

// TryLock locks l for writing if it is unlocked and not promised to a waiter, and reports whether
// it did.
func (l *RWMutex) TryLock() bool { return l.tried(waiter.ForWriting, l.gate().TryLock()) }

// Unlock unlocks l for writing, whichever goroutine has locked it. If l is not locked for writing,
// that is a fatal error.
func (l *RWMutex) Unlock() {
	l.gives(waiter.ForWriting)
	wunlockFused(l) // me -> 0; release [gate]
}

// RLock locks l for reading. It waits while l is locked for writing, or another goroutine waits
// for that, as [Mutex.Lock].
func (l *RWMutex) RLock() {
	rlockFused(l) // acquire [gate]
	l.took(waiter.ForReading)
}

// TryRLock locks l for reading if it need not wait, and reports whether it did.
func (l *RWMutex) TryRLock() bool {
	return l.tried(waiter.ForReading, l.gate().TryRead(readers.Here()))
}

// RUnlock ends one RLock, whichever goroutine has called it. If l is not locked for reading, that
// is a fatal error.
func (l *RWMutex) RUnlock() {
	l.gives(waiter.ForReading)
	runlockFused(l) // release [gate]
}

// RLocker returns a Locker whose Lock is l's RLock, and whose Unlock is its RUnlock.
func (l *RWMutex) RLocker() Locker { return (*rlocker)(l) }

type rlocker RWMutex

func (l *rlocker) Lock()   { (*RWMutex)(l).RLock() }
func (l *rlocker) Unlock() { (*RWMutex)(l).RUnlock() }

func (l *RWMutex) gate() *gate.Lock { return (*gate.Lock)(&l.rw) }

// wlockContended goes on where the fast path of Lock has failed.
func wlockContended(l *RWMutex) {
	verdict.Await(&l.rw.Owned, func(lim *park.Limit) error { return bridge.WLock(&l.rw, lim) }, l.gate().TryLock)
}

// wlockReaders goes on where the fast path of Lock has made the caller the owner, and there may
// be readers.
func wlockReaders(l *RWMutex) {
	if !l.gate().Unread() {
		wlockRead(l)
	}
}

// wlockRead goes on where a short look has found that there may be readers.
func wlockRead(l *RWMutex) {
	g := l.gate()
	if g.Vacant(1) {
		return
	}
	if g.Reads(readers.Here()) {
		g.GiveBack()
		wlockContended(l)
		return
	}
	if !g.Crowded() && g.Vacant(wait.Tries()) {
		return
	}
	owns := true
	verdict.Await(&l.rw.Owned, func(lim *park.Limit) error {
		if owns {
			owns = false
			return bridge.Drain(&l.rw, lim)
		}
		return bridge.WLock(&l.rw, lim)
	}, l.TryLock)
}

// wunlockWake goes on where the fast path of Unlock has found that somebody may sleep.
func wunlockWake(l *RWMutex) { l.gate().Unlocked() }

// wunlockAdmit goes on where the fast path of Unlock has found that readers wait.
func wunlockAdmit(l *RWMutex) { l.gate().GiveBack() }

// wunlockForeign goes on where the fast path of Unlock has found another owner.
func wunlockForeign(l *RWMutex) {
	if !verdict.Owed(&l.rw.Owned, false) && !l.gate().UnlockAny() {
		new(gosync.RWMutex).Unlock() // a fatal error
	}
}

// rlockContended goes on where the fast path of RLock has failed.
func rlockContended(l *RWMutex) {
	if !l.gate().TryRead(readers.Here()) {
		rlockSlow(l)
	}
}

// rlockClaimed goes on where the fast path of RLock has failed after it had claimed a slot.
func rlockClaimed(l *RWMutex) {
	if !l.gate().Claimed(readers.Here()) {
		rlockSlow(l)
	}
}

func rlockSlow(l *RWMutex) {
	verdict.Await(&l.rw.Owned, func(lim *park.Limit) error { return bridge.RLock(&l.rw, lim) }, func() bool { return l.gate().TryRead(readers.Here()) })
}

// runlockWake goes on where the fast path of RUnlock has found that a writer waits for readers.
func runlockWake(l *RWMutex) { l.gate().WakeDrainer() }

// runlockOther goes on where the fast path of RUnlock has not found the slot that it looks for.
func runlockOther(l *RWMutex) {
	held, overwritten := l.gate().Leave(readers.Here())
	if overwritten || !held && !verdict.Owed(&l.rw.Owned, true) && !l.gate().LeaveAny() {
		new(gosync.RWMutex).RUnlock() // a fatal error
	}
}

// readerTable is what the fast paths find a goroutine's row by.
var readerTable = readers.Table()

// The assembly of the fused calls jumps to these and uses the table, which tools that look for
// unused code cannot see.
var (
	_, _, _       = lockContended, unlockForeign, unlockWake
	_, _, _, _    = rlockContended, rlockClaimed, runlockWake, runlockOther
	_, _, _, _, _ = wlockContended, wlockReaders, wunlockWake, wunlockForeign, wunlockAdmit
	_             = &readerTable
)
