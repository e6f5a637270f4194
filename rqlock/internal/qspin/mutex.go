package qspin

import "github.com/rqlock/rqlock/asm"

// A Mutex is a mutual exclusion lock. The zero value is unlocked. It must not be
// copied after first use.
type Mutex struct {
	_ noCopy
	// Nobody looks at the owner, nor at Aux: LockFast, which stores it, is one
	// call instead of three.
	word asm.Word
}

// Lock acquires l, and waits until it can.
func (l *Mutex) Lock() {
	lockFused(l) // t,0,0 -> t,0,1; acquire [unlock]
}

// lockContended goes on where the fast path of Lock has failed.
func lockContended(l *Mutex) { l.lockSlow() }

// TryLock acquires l if it is free and not promised to a waiter, and reports
// whether it did. It never waits.
func (l *Mutex) TryLock() bool {
	return asm.LockFast(&l.word) // t,0,0 -> t,0,1; acquire [unlock]
}

// Unlock releases l by one store. It does not check that l is locked.
func (l *Mutex) Unlock() {
	asm.UnlockRelease(&l.word.Val) // t,p,1 -> t,p,0; release [unlock]
}

// noCopy makes go vet report copies of a Mutex; vet looks for these methods.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
