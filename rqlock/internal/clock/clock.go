// Package clock reads the process's monotonic clock, also in a bubble of testing/synctest,
// where package time has a clock of the bubble's own.
package clock

import (
	"time"
	_ "unsafe" // for go:linkname
)

// nanotime is the clock in a bubble. The runtime promises to keep it for packages that link
// to it.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

var (
	start     = time.Now()
	startNano = nanotime()
)

// Now returns the time in ns. It goes on while the process is stopped.
func Now() int64 {
	now, _ := Read()
	return now
}

// Read is Now. It also reports whether the caller runs in a bubble: there, a time has no
// monotonic part, so that it is the same without it.
func Read() (now int64, bubble bool) {
	t := time.Now()
	if t == t.Round(0) {
		return nanotime() - startNano, true
	}
	return int64(t.Sub(start)), false
}
