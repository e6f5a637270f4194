//go:build race

package gate

import (
	"runtime"
	"unsafe"
)

// The detector is told of the order that a section has with others: readers are ordered with
// writers, and not among themselves, although they change the same words.

func raceAcquire(p unsafe.Pointer)      { runtime.RaceAcquire(p) }
func raceReleaseMerge(p unsafe.Pointer) { runtime.RaceReleaseMerge(p) }
func raceDisable()                      { runtime.RaceDisable() }
func raceEnable()                       { runtime.RaceEnable() }
