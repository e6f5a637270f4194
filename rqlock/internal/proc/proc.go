// Package proc is what the lock and its containers ask of the scheduler's
// processors (P).
package proc

import _ "unsafe" // for go:linkname

// ID returns the number of the caller's processor, from 0 to GOMAXPROCS-1. The
// goroutine may run on another one by the time it returns: it is a hint where to
// find data that is likely in this processor's cache, and nothing more.
func ID() int {
	id := Pin()
	Unpin()
	return id
}

// The runtime promises to keep these for packages that link to them, see
// go.dev/issue/67401.

// Pin keeps the goroutine on its processor, and from being preempted, until
// [Unpin]. It returns the processor's number.
//
//go:linkname Pin runtime.procPin
func Pin() int

// Unpin ends what [Pin] has begun.
//
//go:linkname Unpin runtime.procUnpin
func Unpin()
