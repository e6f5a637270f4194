package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// These are the measurements of reader-writer locks. sync.RWMutex is what rqlock.RWMutex is
// compared with.

// An rwLock is one instance of a contender that has readers. Loops are methods, as a lock's.
type rwLock interface {
	sync.Locker                    // of writers
	read(section func())           // reads once
	reads(n int)                   // reads n times
	writes(n int)                  // locks and unlocks n times
	mixed(n, in, from int, m *mix) // n sections of in spins, beginning with from of m
}

// rwBase is the contender that rqlock is compared with.
const rwBase = "rwmutex"

// shared returns the session's contenders that have readers.
func (s *session) shared() []contender {
	return slices.DeleteFunc(slices.Clone(s.locks), func(c contender) bool { return rwLocks[c.name] == nil })
}

// A mix says which of a goroutine's rounds write. It is random, so that goroutines do not
// fall into step, and the same for all locks.
type mix struct{ writes [1 << 12]bool }

func newMix(reads int) *mix {
	m := new(mix)
	n := len(m.writes)
	for i := range n * (100 - reads) / 100 {
		m.writes[i] = true
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(n, func(i, j int) { m.writes[i], m.writes[j] = m.writes[j], m.writes[i] })
	return m
}

// A pairCase is pairs of calls of one kind.
type pairCase struct {
	name, what string
	g          int // goroutines
	loop       func(rwLock, int)
	calls      func(*emptyCalls, int) // the same with calls that do nothing
	bar        float64                // of the medians, by sync.RWMutex's
	minima     float64                // of the fastest, or NaN
	xsync      float64                // of the medians, by xsync.RBMutex's, or NaN
}

var pairCases = []pairCase{
	{"read", "RLock and RUnlock", 1, rwLock.reads, (*emptyCalls).pairs, 1.25, 1, 1.2},
	{"write", "Lock and Unlock", 1, rwLock.writes, (*emptyCalls).pairs, 0.6, math.NaN(), math.NaN()},
	{"readers", "RLock and RUnlock by two goroutines", 2, rwLock.reads, nil, 0.35, math.NaN(), 1.2},
}

func (p pairCase) cell() string { return pairCell(p.name) }

func pairCell(name string) string { return fmt.Sprintf("procs=%d/case=%s", fewProcs, name) }

func rwPairCells() (cells []string) {
	for _, p := range pairCases {
		cells = append(cells, p.cell())
	}
	return cells
}

// rwPairs measures pairs of calls, those of one goroutine in batches, as pairs does.
func (s *session) rwPairs() (rs Results) {
	for _, p := range pairCases {
		if !s.wants(p.cell()) {
			continue
		}
		cs := s.shared()
		if p.calls != nil {
			cs = slices.Concat(bounds[:1], cs)
		}
		rs = append(rs, s.paired("rwpairs", p.cell(), s.runs, cs, func(c contender) outcome {
			defer setProcs(fewProcs)()
			if c.name == empty {
				e := new(emptyCalls)
				return s.batches(10_000, func(n int) { p.calls(e, n) })
			}
			l := rwLocks[c.name]()
			if p.g > 1 {
				return p.together(l, s.time)
			}
			return s.batches(10_000, func(n int) { p.loop(l, n) })
		})...)
	}
	return rs
}

// together lets the goroutines do pairs for d. A part of that would be no measure, as they may
// take turns for a while.
func (p pairCase) together(l rwLock, d time.Duration) outcome {
	var pairs atomic.Int64
	defer time.AfterFunc(d, stopper()).Stop()
	took := crowd(p.g, func(int) {
		n := 0
		for first := true; first || !stop.Load(); first = false {
			p.loop(l, grain)
			n += grain
		}
		pairs.Add(int64(n))
	})
	return perOp(took, int(pairs.Load()))
}

// rwPairSteps counts what rwPairs measures.
func (s *session) rwPairSteps() (n int) {
	for _, p := range pairCases {
		if k := len(s.shared()); k > 0 && s.wants(p.cell()) {
			if p.calls != nil {
				k++
			}
			n += s.runs * k
		}
	}
	return n
}

// An rwCell is g goroutines on one lock, on fewProcs processors. Of 100 sections, each of
// which takes the time in, as many read as reads says.
type rwCell struct {
	g, reads int
	in       time.Duration
}

func (c rwCell) String() string {
	return fmt.Sprintf("procs=%d/g=%d/reads=%d/in=%d", fewProcs, c.g, c.reads, c.in.Nanoseconds())
}

// shares are the reads of 100 sections.
var shares = []int{100, 99, 90, 50}

func rwGrid() (cells []rwCell) {
	for _, g := range []int{1, 2, 16, 256, 4096} {
		for _, reads := range shares {
			for _, in := range []time.Duration{0, 50} {
				cells = append(cells, rwCell{g, reads, in})
			}
		}
	}
	return cells
}

// rwCells returns the cells of the grid that the command line asks for.
func (s *session) rwCells() []rwCell {
	return slices.DeleteFunc(rwGrid(), func(c rwCell) bool { return !s.wants(c.String()) })
}

// run lets the goroutines use l, and measures their sections for d while all of them run.
func (c rwCell) run(l rwLock, m *mix, d time.Duration) outcome {
	defer setProcs(fewProcs)()
	in := spins(c.in)
	return steady(c.g, d, func(i, from int) { l.mixed(steadyGrain, in, i*127+from, m) })
}

// A run of the grid takes gridRuns times as long as others: with thousands of goroutines, it is
// some time until each of them has had its turns.
const gridRuns = 4

// rwContended measures the grid.
func (s *session) rwContended() (rs Results) {
	for _, c := range s.rwCells() {
		m := newMix(c.reads)
		rs = append(rs, s.paired("rwgrid", c.String(), s.runs, s.shared(), func(k contender) outcome {
			return c.run(rwLocks[k.name](), m, gridRuns*s.time)
		})...)
	}
	return rs
}

// rwWaitCell is the name of where the waits of a writer are measured.
var rwWaitCell = fmt.Sprintf("procs=%d/readers=%d/in=%d", fewProcs, few, section.Nanoseconds())

// writerPause is the time between two sections of the writer.
const writerPause = 5 * time.Microsecond

// minWaits is how often the writer acquires the lock at least. On a machine that does other
// work, it may wait for longer than the run is to take.
const minWaits = 2

// writerWaits lets few readers and one writer use l for about d, and returns how long each
// acquisition of the writer took, sorted.
func writerWaits(l rwLock, d time.Duration) []time.Duration {
	defer setProcs(fewProcs)()
	in, pause := spins(section), spins(writerPause)
	var samples []time.Duration
	var stop atomic.Bool
	crowd(few+1, func(i int) {
		if i > 0 {
			for !stop.Load() {
				l.read(func() { work(in) })
			}
			return
		}
		for began := time.Now(); len(samples) < minWaits || time.Since(began) < d; work(pause) {
			start := time.Now()
			l.Lock()
			samples = append(samples, time.Since(start))
			work(in)
			l.Unlock()
		}
		stop.Store(true)
	})
	slices.Sort(samples)
	return samples
}

// rwWaits measures how long a writer waits.
func (s *session) rwWaits() Results {
	return s.waitQuantiles("rwwait", rwWaitCell, s.shared(), func(c contender) []time.Duration {
		return writerWaits(rwLocks[c.name](), 10*s.time)
	})
}

// rqMutex is rqlock.Mutex, beside whose failures those of rqlock.RWMutex are.
const rqMutex = "rqlock.Mutex"

// rwFailureCases are errors that must be returned about as soon as Mutex's.
var rwFailureCases = []struct {
	name, what string
	times      int // in each run
	measure    func() time.Duration
	mutex      func() time.Duration // the same of rqlock.Mutex
}{
	{"lock-reading", "Lock while reading", 1000, lockReadingTime, relockTime},
	{"rlock-writing", "RLock while writing", 1000, rlockWritingTime, relockTime},
	{"cycle2", "a cycle of two, through readers", 100, rwCycleTime, func() time.Duration { return cycleTime(2) }},
}

// lockReadingTime returns how long Lock takes to return an error to a caller that reads.
func lockReadingTime() time.Duration {
	var l rqlock.RWMutex
	must(l.RLock())
	defer l.RUnlock()
	start := time.Now()
	err := l.Lock() //rqvet:ignore upgrade it is what is measured
	d := time.Since(start)
	mustDeadlock(err)
	return d
}

// rlockWritingTime returns how long RLock takes to return an error to the writer.
func rlockWritingTime() time.Duration {
	var l rqlock.RWMutex
	must(l.Lock())
	defer l.Unlock()
	start := time.Now()
	err := l.RLock() //rqvet:ignore selfdeadlock it is what is measured
	d := time.Since(start)
	mustDeadlock(err)
	return d
}

// rwCycleTime lets a goroutine read b and wait to write a, which the caller reads. The caller
// closes the cycle. rwCycleTime returns how long its Lock takes to return the error.
func rwCycleTime() time.Duration {
	var a, b rqlock.RWMutex
	must(a.RLock())
	before := rqlock.ReadEvents().Queued
	var done sync.WaitGroup
	done.Go(func() {
		must(b.RLock())
		must(a.Lock())
		a.Unlock()
		b.RUnlock()
	})
	for rqlock.ReadEvents().Queued == before {
		time.Sleep(100 * time.Microsecond)
	}
	start := time.Now()
	err := b.Lock()
	d := time.Since(start)
	mustDeadlock(err)
	a.RUnlock()
	done.Wait()
	return d
}

// rwFailureSteps is 0 unless rqlock is measured.
func (s *session) rwFailureSteps() int {
	if !slices.Contains(names(s.locks), rq) {
		return 0
	}
	return s.runs * len(rwFailureCases) * 3
}

// rwFailures measures how soon errors are returned, in turns with Mutex's and with
// uncontended pairs of sync.Mutex.
func (s *session) rwFailures() (rs Results) {
	if s.rwFailureSteps() == 0 {
		return nil
	}
	pair := named(mutex)[0]
	for _, f := range rwFailureCases {
		f.measure() // allocates what is allocated once
		cs := []contender{{name: rq}, {name: rqMutex}, pair}
		rs = append(rs, s.paired("rwfailure", "case="+f.name, s.runs, cs, func(c contender) outcome {
			switch c.name {
			case rq:
				return median(f.times, f.measure)
			case rqMutex:
				return median(f.times, f.mutex)
			}
			return s.pairs(c)
		})...)
	}
	return rs
}
