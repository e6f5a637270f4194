//go:build race

package gate

import (
	"runtime"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// The detector is told of the order that a section has with others: readers are ordered with
// writers, and not among themselves, although they change the same words.

func raceAcquire(p unsafe.Pointer)      { runtime.RaceAcquire(p) }
func raceReleaseMerge(p unsafe.Pointer) { runtime.RaceReleaseMerge(p) }
func raceDisable()                      { runtime.RaceDisable() }
func raceEnable()                       { runtime.RaceEnable() }

// unlocked does nothing: as the detector is not to see the synchronisation of readers, it would
// see a race in what they write for others.
func unlocked(*waiter.Waiter) {}
