package qspin

import "github.com/rqlock/rqlock/asm"

// A Mutex is a mutual exclusion lock. The zero value is unlocked. It must not be
// copied after first use.
type Mutex struct {
	_ noCopy
	// Only Val is ever read. The owner is here because LockFast, which stores it,
	// acquires the lock in one call instead of three.
	word asm.Word
}

// Lock acquires l, and waits until it can.
func (l *Mutex) Lock() {
	lockFused(l) // t,0,0 -> t,0,1; acquire [unlock]
}

// lockContended is what lockFused jumps to when its fast path fails.
func lockContended(l *Mutex) { l.lockSlow() }

// TryLock acquires l if it is free and no waiter has closed it, and reports
// whether it did. It never waits.
func (l *Mutex) TryLock() bool {
	return asm.LockFast(&l.word) // t,0,0 -> t,0,1; acquire [unlock]
}

// Unlock releases l by one store. It does not check that l is locked.
func (l *Mutex) Unlock() {
	asm.UnlockRelease(&l.word.Val) // t,p,1 -> t,p,0; release [unlock]
}

// noCopy makes go vet report copies of a Mutex: vet looks for its two methods.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
