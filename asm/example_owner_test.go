package asm_test

import (
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// An OwnedLock is free if it is 0, and is else the id of its owner.
type OwnedLock struct{ owner uint64 }

// TryLock acquires l for the owner me.
func (l *OwnedLock) TryLock(me uint64) bool { return atomic.CompareAndSwapUint64(&l.owner, 0, me) }

// Unlock releases l by a store, and reports whether me was its owner. Nobody else
// could have changed it after the look.
func (l *OwnedLock) Unlock(me uint64) bool {
	if asm.LoadRelaxed64(&l.owner) != me {
		return false
	}
	asm.StoreRelease64(&l.owner, 0)
	return true
}

// A release is a plain store on amd64, where sync/atomic would exchange.
func ExampleStoreRelease64() {
	l := new(OwnedLock)
	fmt.Println(l.TryLock(7), l.TryLock(8))
	fmt.Println(l.Unlock(8), l.Unlock(7))
	// Output:
	// true false
	// false true
}
