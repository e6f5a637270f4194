//go:build !race

package gate

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

func raceAcquire(unsafe.Pointer)      {}
func raceReleaseMerge(unsafe.Pointer) {}
func raceDisable()                    {}
func raceEnable()                     {}

// unlocked notes for w that the caller's unlock ends its wait.
func unlocked(w *waiter.Waiter) { w.Unlocked() }
