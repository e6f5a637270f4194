package bench

import (
	"slices"
	"sync"
)

//go:generate go run ./genlocks

// A lock is one instance of a contender. Where a call more or less shows in the
// result, the loop is a method of the contender, with direct calls.
type lock interface {
	sync.Locker
	pairs(n int)           // locks and unlocks n times, and nothing else
	rounds(n, in, out int) // n times: a section of in spins, then out spins
}

// A contender is a kind of lock.
type contender struct {
	name string // in results
	what string // in a few words
	from string // module or package
	size uintptr
	new  func() lock
}

// Those whose names say something; all others are peers.
const (
	rq    = "rqlock"
	qs    = "qspin"
	mutex = "mutex"
	peer  = "go-deadlock"
)

// missing are the peers that could not be measured here, and why.
var missing = []struct{ name, why string }{
	{"github.com/tidwall/spinlock", "no module of it can be had; ants and cas-gosched are of its kind"},
	{"github.com/viney-shih/go-lock", "no module of it can be had; channel-ctx does what its TryLockWithContext does"},
	{"Linux rqspinlock", "runs in the kernel; its published figures are beside the benchmarks of its kind"},
}

// Each lock has its cache line for itself, so that no other's writes show.
type line [128]byte

// contenders returns those that this program was built with.
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

// named returns the contenders of these names, in the order of all.
func named(ns ...string) (cs []contender) {
	for _, c := range contenders() {
		if slices.Contains(ns, c.name) {
			cs = append(cs, c)
		}
	}
	return cs
}
