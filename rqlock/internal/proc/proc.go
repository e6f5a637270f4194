// Package proc tells which processor (P) of the scheduler a goroutine runs on.
package proc

import _ "unsafe" // for go:linkname

// ID returns the number of the caller's processor, from 0 to GOMAXPROCS-1. The
// goroutine may run on another one by the time it returns: it is a hint where to
// find data that is likely in this processor's cache, and nothing more.
func ID() int {
	id := procPin()
	procUnpin()
	return id
}

// The runtime promises to keep these for packages that link to them, see
// go.dev/issue/67401.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()
