package asm_test

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/asm"
)

// A ByteLock is a test-and-set lock of one byte.
type ByteLock struct {
	held uint8
	_    [3]uint8 // the portable twin accesses the whole word
}

// Lock acquires l. It exchanges the byte only once it has found it clear, so that
// waiters do not take the cache line from each other.
func (l *ByteLock) Lock() {
	for asm.Xchg8AcqRel(&l.held, 1) != 0 {
		for asm.LoadRelaxed8(&l.held) != 0 {
			asm.CPURelax()
			runtime.Gosched()
		}
	}
}

// Unlock releases l.
func (l *ByteLock) Unlock() { asm.StoreRelease8(&l.held, 0) }

// A lock need not be larger than a byte.
func ExampleXchg8AcqRel() {
	var l ByteLock
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
