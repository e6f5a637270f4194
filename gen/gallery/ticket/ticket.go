// Package ticket has a ticket lock: whoever comes takes a number, and waits until it is
// called.
package ticket

import "runtime"

// Lock is a ticket lock. The zero value is free. A Lock must not be copied.
type Lock struct {
	next uint32 // the ticket that the next one takes
	_    [60]byte
	turn uint32 // the ticket whose owner holds the lock, or may take it
}

// spins is how often a goroutine looks for its turn before it lets others run.
const spins = 100

// Lock takes a ticket, and waits for its turn.
func (l *Lock) Lock() {
	l.await(TakeTicket(&l.next))
}

func (l *Lock) await(ticket uint32) {
	for AwaitTurn(&l.turn, ticket, spins) != ticket {
		runtime.Gosched()
	}
}

// TryLock acquires the lock if nobody holds it or waits for it, and reports whether it
// has done so.
func (l *Lock) TryLock() bool {
	turn := LoadTurn(&l.turn)
	return TryTicket(&l.next, turn, turn+1)
}

// Unlock calls the next ticket. The caller holds the lock, so nobody else stores to turn.
func (l *Lock) Unlock() { EndTurn(&l.turn, l.turn+1) }
