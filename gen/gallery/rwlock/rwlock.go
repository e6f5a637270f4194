// Package rwlock has the phase-fair ticket lock of Brandenburg and Anderson: readers and
// writers take turns while both are there, and writers come in order.
package rwlock

import "runtime"

// Lock is a phase-fair lock for readers and writers. The zero value is free. A Lock must
// not be copied.
type Lock struct {
	arrived Arrivals // readers that have come, and the writer
	left    uint32   // readers that have gone, in the same place
	_       [52]byte
	next    uint32 // the ticket that the next writer takes
	turn    uint32 // the ticket of the writer that holds the lock, or may take it
}

// present is the writer's byte, with the lowest bit of its ticket added: so two writers in a
// row differ.
const present = 2

// spins is how often a goroutine looks before it lets others run.
const spins = 100

// RLock acquires the lock for reading. It waits for one writer at most.
func (l *Lock) RLock() {
	writer := ArriveRead(&l.arrived.Val, ArrivalsReadersVal) & ArrivalsWriterMask
	if writer != 0 {
		l.awaitGate(writer)
	}
}

// awaitGate waits until the writer that was there has gone, even if another one is there.
func (l *Lock) awaitGate(writer uint32) {
	for AwaitGate(&l.arrived.Val, ArrivalsWriterMask, writer, spins)&ArrivalsWriterMask == writer {
		runtime.Gosched()
	}
}

// RUnlock ends what RLock began.
func (l *Lock) RUnlock() { LeaveRead(&l.left, ArrivalsReadersVal) }

// Lock acquires the lock for writing. It waits for the writers before it, and then for the
// readers that have come before it.
func (l *Lock) Lock() {
	mine := TakeTicket(&l.next)
	l.awaitTurn(mine)
	l.awaitReaders(ArriveWrite(&l.arrived.Val, present+mine&1))
}

func (l *Lock) awaitTurn(ticket uint32) {
	for AwaitTurn(&l.turn, ticket, spins) != ticket {
		runtime.Gosched()
	}
}

// awaitReaders waits until as many readers have gone as had come.
func (l *Lock) awaitReaders(came uint32) {
	for AwaitReaders(&l.left, came, spins) != came {
		runtime.Gosched()
	}
}

// Unlock lets the readers in that wait, and calls the next writer. The caller holds the
// lock, so nobody else stores to turn.
func (l *Lock) Unlock() {
	OpenGate(&l.arrived.Val)
	EndTurn(&l.turn, l.turn+1)
}
