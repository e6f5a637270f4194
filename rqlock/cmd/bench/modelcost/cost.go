package main

import (
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/cmd/bench/internal/sim"
	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/qspin"
)

// A cost is what a lock costs when all cores want it all the time.
type cost struct {
	transfers float64 // of cache lines from core to core, per acquisition
	time      float64 // simulated, ns per acquisition
}

// allCores are the numbers of cores that are simulated.
var allCores = []int{2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}

// allLocks are the locks that are simulated. The first is rqlock.
var allLocks = []string{"rqlock", "qspin", "ticket", "test-and-set"}

// The time of a core in a section, and on average between two, ns.
const (
	insideTime  = 100
	outsideTime = 200
)

// queueRuns is how often a queued lock is simulated for the page.
const queueRuns = 4

// simulate measures a lock on simulated cores. The cost is the mean of so many runs, as it
// depends a little on the addresses of the variables. Locks on which all waiters spin take
// long and vary less, so one run is enough for them.
func simulate(name string, cores, runs int) (mean cost) {
	if allSpin[name] {
		runs = 1
	}
	for seed := range runs {
		c := simulateOnce(name, cores, uint64(seed))
		mean.transfers += c.transfers / float64(runs)
		mean.time += c.time / float64(runs)
	}
	return mean
}

// allSpin has the locks on which all waiters spin.
var allSpin = map[string]bool{"ticket": true, "test-and-set": true}

func simulateOnce(name string, cores int, seed uint64) cost {
	var m sim.Machine
	l := newSimulated(name, cores, &m)
	var from, to struct{ transfers, time int64 }
	total := 0
	core := func() {
		rnd := rand.New(rand.NewPCG(seed, uint64(mc.Self())))
		for total < 2*l.rounds {
			l.lock()
			mc.PauseFor(0, insideTime)
			switch total++; total {
			case l.rounds: // the first half was to warm up
				from.transfers, from.time = m.Transfers, m.Now()
			case 2 * l.rounds:
				to.transfers, to.time = m.Transfers, m.Now()
			}
			l.unlock()
			mc.PauseFor(0, rnd.Int64N(2*outsideTime))
		}
	}
	m.Run(slices.Repeat([]func(){core}, cores))
	return cost{
		transfers: float64(to.transfers-from.transfers) / float64(l.rounds),
		time:      float64(to.time-from.time) / float64(l.rounds),
	}
}

// A simulated is a lock, with the number of acquisitions to measure. It is so large that
// the queue moves or, if all waiters spin, that each core gets the lock a few times.
type simulated struct {
	lock, unlock func()
	rounds       int
}

const queueRounds, spinRounds = 20_000, 1000

// newSimulated returns a lock in a cache line of its own.
func newSimulated(name string, cores int, m *sim.Machine) simulated {
	rounds := max(queueRounds, 20*cores)
	switch name {
	case "rqlock":
		l := alone[lock.Mutex]()
		lock.Simulate()
		return simulated{
			func() {
				if err := l.Lock(0); err != nil {
					panic(err)
				}
			},
			func() { l.Unlock(0) },
			rounds,
		}
	case "qspin":
		l := alone[qspin.Mutex]()
		return simulated{func() { l.Lock(0) }, func() { l.Unlock(0) }, rounds}
	case "ticket":
		l := alone[struct{ next, serving uint32 }]()
		return simulated{
			func() {
				mine := uint32(mc.Update(0, "next", unsafe.Pointer(&l.next), 32, mc.Relaxed, func(v uint64) (uint64, bool) { return v + 1, true }))
				for asm.LoadAcquire32(0, &l.serving) != mine {
					m.Spin(unsafe.Pointer(&l.serving))
				}
			},
			func() { asm.StoreRelease32(0, &l.serving, asm.LoadRelaxed32(0, &l.serving)+1) },
			max(spinRounds, 2*cores),
		}
	case "test-and-set":
		l := alone[uint32]()
		return simulated{
			func() {
				for asm.XchgLockedAcquire(0, l, asm.LockedVal) != 0 {
					mc.PauseFor(0, spinTime)
				}
			},
			func() { asm.UnlockRelease(0, l) },
			max(spinRounds, 2*cores),
		}
	}
	panic("no lock " + name + " to simulate")
}

// spinTime is the time between two tries of test-and-set, ns.
const spinTime = 30

// alone returns a T that has its cache line, and the next, for itself.
func alone[T any]() *T {
	b := new(struct {
		before [64]byte
		x      [256]byte
	})
	p := unsafe.Pointer(&b.x)
	return (*T)(unsafe.Add(p, -uintptr(p)&63))
}
