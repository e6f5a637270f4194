package mc

import "unsafe"

// A Simulator runs the threads of a program without exploring. It counts what they do,
// in sizes that no exploration reaches.
type Simulator interface {
	Access(prim string, p unsafe.Pointer, write bool) // is called before each access
	Pause(d int64)                                    // a polling thread waits for d ns
	Block(ready func() bool, until int64) bool        // as BlockUntil
	Now() int64                                       // simulated time, ns
	Self() int                                        // the thread that runs, or -1
}

// Simulation runs all threads unless it is nil.
var Simulation Simulator

// charge tells the simulation of an access.
func charge(prim string, p unsafe.Pointer, write bool) {
	if Simulation != nil {
		Simulation.Access(prim, p, write)
	}
}

// Prefetch asks for the cache line at p in order to write it. Only a simulation makes
// a difference of it.
func Prefetch(p unsafe.Pointer) { charge("prefetch", p, true) }
