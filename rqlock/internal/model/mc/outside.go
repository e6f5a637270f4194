package mc

import "unsafe"

// A Scheduler runs a program's threads by itself, without exploring: to count
// what they do, in sizes that no exploration reaches.
type Scheduler interface {
	Access(prim string, p unsafe.Pointer, write bool) // an access follows
	Pause(d int64)                                    // a polling thread lets d ns pass
	Block(ready func() bool, until int64) bool        // see BlockUntil
	Now() int64                                       // ns
	Self() int
}

// Outside is in charge of threads that no exploration runs; nil if there are none.
var Outside Scheduler

func outside(prim string, p unsafe.Pointer, write bool) {
	if Outside != nil {
		Outside.Access(prim, p, write)
	}
}

// Prefetch asks for the cache line at p, to write. It changes nothing but what that
// costs.
func Prefetch(p unsafe.Pointer) { outside("prefetch", p, true) }
