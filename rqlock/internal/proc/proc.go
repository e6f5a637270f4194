// Package proc asks the scheduler about its processors (P), for the lock and its
// containers.
package proc

import _ "unsafe" // for go:linkname

// ID returns the number of the caller's processor, from 0 to GOMAXPROCS-1. The
// goroutine may run on another one by the time ID returns. So the number is only a
// hint, which data are likely in this processor's cache.
func ID() int {
	id := Pin()
	Unpin()
	return id
}

// The runtime promises to keep these two for packages that link to them: see
// go.dev/issue/67401.

// Pin keeps the goroutine on its processor, and keeps the scheduler from preempting
// it, until [Unpin]. It returns the processor's number.
//
//go:linkname Pin runtime.procPin
func Pin() int

// Unpin undoes one [Pin].
//
//go:linkname Unpin runtime.procUnpin
func Unpin()
