//go:build unix

package bench

import (
	"syscall"
	"time"
)

// haveUsage: the system tells what a process has used.
const haveUsage = true

// used returns the CPU time of this process, and how often its threads have gone to sleep.
func used() (cpu time.Duration, sleeps int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), int64(u.Nvcsw)
}
