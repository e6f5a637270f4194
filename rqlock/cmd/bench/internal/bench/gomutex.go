package bench

import (
	"fmt"
	"sync/atomic"
	"time"
)

// These are the situations in which package sync measures its own mutex (sync/mutex_test.go),
// written anew, so that each lock can be in them.

// A situation is what the goroutines of a run do.
type situation struct {
	name    string
	perProc int  // goroutines for each processor
	apart   bool // each goroutine has a lock of its own
	scratch int  // words that each goroutine has for itself
	loop    func(l lock, own *local, n int)
}

var situations = []situation{
	{"Uncontended", 1, true, 0, pairsLoop},
	{"Mutex", 1, false, 0, pairsLoop},
	{"Slack", 10, false, 0, pairsLoop},
	{"Work", 1, false, 0, lock.errands},
	{"WorkSlack", 10, false, 0, lock.errands},
	{"NoSpin", 4, false, 4 << 10, lock.visits},
	{"Spin", 1, false, 16 << 10, lock.transfers},
}

func pairsLoop(l lock, _ *local, n int) { l.pairs(n) }

// situationProcs are the values of GOMAXPROCS. The largest is more than most virtual
// machines have cores, so that the system stops threads that hold a lock.
var situationProcs = []int{1, 2, 8}

func situationCell(procs int, name string) string {
	return fmt.Sprintf("procs=%d/bench=%s", procs, name)
}

// A local is what a goroutine of a situation works with outside of the lock, and the
// accounts, which the lock guards. Its methods are not inlined, as a loop that is aligned
// otherwise may take another fifth of its time.
type local struct {
	sum      uint32
	spins    int
	scratch  []uint64
	woken    chan struct{}
	accounts *accounts
}

func newLocal(scratch int, a *accounts) local {
	return local{spins: spins(33 * time.Nanosecond), scratch: make([]uint64, scratch), woken: make(chan struct{}), accounts: a}
}

type accounts struct{ from, to uint64 }

func (a *accounts) move() {
	a.from -= 100
	a.to += 100
}

// compute takes as long as package sync's benchmark works for. Each call needs the result of
// the last one, so that the processor cannot begin it earlier.
//
//go:noinline
func (own *local) compute() {
	x := own.sum
	for range own.spins {
		x = x*1664525 + 1013904223
	}
	own.sum = x
}

// touch writes to all cache lines of the scratch.
//
//go:noinline
func (own *local) touch() {
	for i := 0; i < len(own.scratch); i += 4 {
		own.scratch[i]++
	}
}

// yield lets another goroutine of the same processor run, and comes back behind it. Unlike
// runtime.Gosched, it does not pass through the queue of all processors.
//
//go:noinline
func (own *local) yield() {
	go func() { own.woken <- struct{}{} }()
	<-own.woken
}

// grain is how many turns a goroutine takes before it looks whether the time is over. It is
// a multiple of what visits repeats.
const grain = 256

// run lets the situation's goroutines use locks of one kind for d.
func (s situation) run(c contender, procs int, d time.Duration) outcome {
	defer setProcs(procs)()
	g := s.perProc * procs
	shared, sums := c.new(), new(accounts)
	locks, locals := make([]lock, g), make([]local, g)
	for i := range locals {
		locks[i] = shared
		if s.apart {
			locks[i] = c.new()
		}
		locals[i] = newLocal(s.scratch, sums)
	}
	var turns atomic.Int64
	defer time.AfterFunc(d, stopper()).Stop()
	took := crowd(g, func(i int) {
		n := 0
		for first := true; first || !stop.Load(); first = false {
			s.loop(locks[i], &locals[i], grain)
			n += grain
		}
		turns.Add(int64(n))
	})
	return perOp(took, int(turns.Load()))
}

// goMutex measures the situations.
func (s *session) goMutex() (rs Results) {
	for _, procs := range situationProcs {
		for _, sit := range situations {
			if cell := situationCell(procs, sit.name); s.wants(cell) {
				rs = append(rs, s.paired("gomutex", cell, s.runs, s.locks, func(c contender) outcome {
					return sit.run(c, procs, s.time)
				})...)
			}
		}
	}
	return rs
}

func situationCells() (cells []string) {
	for _, procs := range situationProcs {
		for _, sit := range situations {
			cells = append(cells, situationCell(procs, sit.name))
		}
	}
	return cells
}
