package asm_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// A TicketLock serves its waiters in the order of their tickets.
type TicketLock struct {
	tickets uint32 // how many were drawn
	serving uint16 // ticket of the owner; its lowest 16 bits are enough
}

// Lock draws a ticket, and waits until it is served.
func (l *TicketLock) Lock() {
	ticket := uint16(atomic.AddUint32(&l.tickets, 1) - 1)
	for asm.LoadAcquire16(&l.serving) != ticket {
		runtime.Gosched()
	}
}

// Unlock serves the next ticket.
func (l *TicketLock) Unlock() {
	ticket := asm.LoadRelaxed16(&l.serving) // only the owner changes it
	asm.StoreRelease16(&l.serving, ticket+1)
}

// A release is the store of a halfword.
func ExampleStoreRelease16() {
	var l TicketLock
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
