package bench

import (
	"slices"
	"sync"
)

//go:generate go run ./genlocks

// A lock is one instance of a contender. Loops are methods, so that they call the
// contender's Lock and Unlock directly. An indirect call would show in the results.
type lock interface {
	sync.Locker
	pairs(n int)                 // locks and unlocks n times
	rounds(n, in, out int)       // n times: a section of in spins, then out spins
	errands(own *local, n int)   // n times: an empty section, then computes
	transfers(own *local, n int) // n times: a short section, then writes to memory of its own
	visits(own *local, n int)    // n turns: one with a section, then three that only write and yield
}

// A contender is a kind of lock.
type contender struct {
	name string // in the results
	what string // what it is, in a few words
	from string // module or package
	size uintptr
	new  func() lock
}

// Names of contenders that results are compared with.
const (
	rq    = "rqlock"
	qs    = "qspin"
	mutex = "mutex"
	peer  = "go-deadlock"
	empty = "empty-calls"
	least = "floor"
)

// missing lists peers that could not be measured, with the reason.
var missing = []struct{ name, why string }{
	{"github.com/tidwall/spinlock", "there is no module of it; ants and cas-gosched are of its kind"},
	{"github.com/viney-shih/go-lock", "there is no module of it; channel-ctx does what its TryLockWithContext does"},
	{"Linux rqspinlock", "runs in the kernel; its published figures are beside the benchmarks of its kind"},
}

// A line of padding behind a lock gives it cache lines of its own: before it is the padding of
// another one. The lock is the first field, as is usual in Go, so a loop has one address to keep.
type line [128]byte

// contenders returns the contenders that this program was built with.
func contenders() (cs []contender) {
	for _, c := range all {
		if c.name != "gvisor-lockdep" || lockdep {
			cs = append(cs, c)
		}
	}
	return cs
}

// names returns the names of contenders.
func names(cs []contender) (ns []string) {
	for _, c := range cs {
		ns = append(ns, c.name)
	}
	return ns
}

// named returns the contenders with these names, in the order of all.
func named(ns ...string) (cs []contender) {
	for _, c := range contenders() {
		if slices.Contains(ns, c.name) {
			cs = append(cs, c)
		}
	}
	return cs
}
