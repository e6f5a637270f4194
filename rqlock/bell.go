package rqlock

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// Whoever waits for the lock word itself polls it, so that an unlock is one store
// and wakes nobody. If it sleeps long between two polls it leaves word that it
// wants to be woken: it marks the owner, so that the fast path of Unlock fails
// and goes on in Go. A mark can be lost, when the owner is about to clear the
// word that it is in, and so can a bell, which other locks have as well: then
// the next poll finds the lock free.

// calling in a lock's owner word: the owner is to ring the bell when it unlocks.
// CurrentG leaves the bit free.
const calling = 1

// bells has the index of the record of a waiter to wake.
var bells [256]uint32

func (l *Mutex) bell() *uint32 { return &bells[hash(l.addr())%uint32(len(bells))] }

// call asks the owner of l to wake w when it unlocks.
func (l *Mutex) call(w *waiter) {
	owner := atomic.LoadUintptr(&l.word.Owner)
	if owner == 0 {
		return
	}
	asm.StoreRelaxed32(l.bell(), w.index) // ordered by the mark
	if owner&calling == 0 {
		atomic.CompareAndSwapUintptr(&l.word.Owner, owner, owner|calling) // release: pairs with answer [bell]
	}
}

// answer unlocks l for its owner g if that has been called, and reports whether
// it has.
func (l *Mutex) answer(g uintptr) bool {
	if atomic.LoadUintptr(&l.word.Owner) != g|calling { // acquire: pairs with call [bell]
		return false
	}
	bell := l.bell() // from here on l may be anybody's
	atomic.StoreUintptr(&l.word.Owner, 0)
	asm.UnlockRelease(&l.word.Val)                      // t,p,1 -> t,p,0; release [unlock]
	if index := asm.Xchg32AcqRel(bell, 0); index != 0 { // acq_rel: pairs with itself [bell]
		waiterAt(index).Signal()
	}
	return true
}
