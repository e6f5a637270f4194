package asm_test

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/asm"
)

// A PendingLock lets one waiter close it. From then on no newcomer acquires it before
// that waiter does.
type PendingLock struct{ val uint32 }

// Lock acquires l.
func (l *PendingLock) Lock() {
	if asm.TryCmpxchgAcquire32(&l.val, 0, asm.LockedVal) { // 0,0,0 -> 0,0,1
		return
	}
	for asm.FetchSetPendingAcquire(&l.val)&asm.PendingMask != 0 { // 0,p,l -> 0,1,l
		runtime.Gosched() // another waiter has closed the lock
	}
	for asm.CondLoadAcquire32(&l.val, asm.LockedMask, 0, 100)&asm.LockedMask != 0 {
		runtime.Gosched()
	}
	asm.ClearPendingSetLockedRelaxed(&l.val) // 0,1,0 -> 0,0,1
}

// Unlock releases l. It leaves alone what a waiter has set.
func (l *PendingLock) Unlock() { asm.UnlockRelease(&l.val) } // 0,p,1 -> 0,p,0

// A waiter that has set pending is the next owner.
func ExampleFetchSetPendingAcquire() {
	var l PendingLock
	var wg sync.WaitGroup
	n := 0
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				l.Lock()
				n++
				l.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Println(n)
	// Output: 4000
}
