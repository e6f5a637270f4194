package asm_test

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/asm"
)

// A Mutex is a lock that any goroutine may acquire once it is free. It knows its
// owner.
type Mutex struct{ w asm.Word }

// TryLock acquires m if it is free.
func (m *Mutex) TryLock() bool { return asm.LockFast(&m.w) } // 0,0,0 -> 0,0,1

// Unlock releases m by one store, after a look at the owner.
func (m *Mutex) Unlock() {
	if !asm.UnlockFast(&m.w) { // 0,0,1 -> 0,0,0
		panic("unlock by a goroutine that does not hold the lock")
	}
}

// Lock waits for m. It spins 100 times at most before it yields.
func (m *Mutex) Lock() {
	for !m.TryLock() {
		if asm.CondLoadRelaxed32(&m.w.Val, asm.LockedMask, 0, 100)&asm.LockedMask != 0 {
			runtime.Gosched()
		}
	}
}

func Example() {
	var m Mutex
	var wg sync.WaitGroup
	n := 0
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				m.Lock()
				n++
				m.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Println(n)
	// Output: 4000
}
