package rqlock

import (
	"fmt"
	"io"
	"runtime"
)

// An OrderError says that two locks have been taken in one order and in the other. So two
// goroutines that do so at the same time may deadlock, though that has not happened. It is found
// with build tag rqlocktrace only, once for two locks. No acquisition fails by it: it is told to
// [OnViolation]'s function, or if there is none, written to standard error.
type OrderError struct {
	Locks [2]LockInfo

	// Orders has, first, where Locks[0] was taken and then Locks[1], by the goroutine that has
	// done so just now, and second where Locks[1] was taken and then Locks[0], before.
	Orders [2]Order

	Unreported uint64 // see [DeadlockError]
}

// An Order is where a goroutine took a lock, and another one while it held that.
type Order struct {
	Goroutine   uint64
	First, Then []runtime.Frame
}

// Error names the two locks in one line.
func (e *OrderError) Error() string {
	return fmt.Sprintf("rqlock: order: goroutine %d took lock %v and then lock %v, and goroutine %d the other way round",
		e.Orders[0].Goroutine, e.Locks[0], e.Locks[1], e.Orders[1].Goroutine)
}

// Format prints the four stacks for %+v.
func (e *OrderError) Format(s fmt.State, verb rune) {
	if verb != 'v' || !s.Flag('+') {
		format(s, verb, e.Error(), nil)
		return
	}
	io.WriteString(s, e.Error()+"\n")
	for i, o := range e.Orders {
		fmt.Fprintf(s, "\ngoroutine %d [took %s %v]:\n", o.Goroutine, e.Locks[i].Kind, e.Locks[i])
		writeStack(s, o.First)
		fmt.Fprintf(s, "and then [%s %v]:\n", e.Locks[1-i].Kind, e.Locks[1-i])
		writeStack(s, o.Then)
	}
}
