package bench

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A cell of the grid is g goroutines on one lock. Each spends the time in in a section, and
// out between two.
type cell struct {
	procs, g int
	in, out  time.Duration
}

// grid returns the cells on which locks are compared.
func grid() (cells []cell) {
	add := func(procs, g int) {
		for _, in := range []time.Duration{0, 50} {
			for _, out := range []time.Duration{0, 200} {
				cells = append(cells, cell{procs, g, in, out})
			}
		}
	}
	for _, g := range []int{2, 4, 16, 256, 4096} {
		add(2, g)
	}
	add(1, 16)
	return cells
}

// alone returns the cells with one goroutine, with which the throughput plot begins. The
// grid does not have them, as the lock is uncontended.
func alone() []cell { return []cell{{2, 1, 0, 0}, {2, 1, 50, 200}} }

func (c cell) String() string {
	return fmt.Sprintf("procs=%d/g=%d/in=%d/out=%d", c.procs, c.g, c.in.Nanoseconds(), c.out.Nanoseconds())
}

// Each goroutine of a crowd does at least minRounds, so that it is still running when the
// others have started. With fewer rounds they would run one after the other. On a slow lock
// minSlowRounds are enough.
const minRounds, minSlowRounds = 200, 50

// calibrate returns the rounds of each goroutine with which a run of k takes about d.
func (c cell) calibrate(k contender, d time.Duration) int {
	return calibrated(c.g, d, func(n int) time.Duration { return c.run(k.new(), n) })
}

// calibrated returns the rounds of each of g goroutines with which run takes about d.
func calibrated(g int, d time.Duration, run func(n int) time.Duration) int {
	for n := minSlowRounds / 2; ; n *= 2 {
		t := run(n)
		if t < d/4 {
			continue
		}
		least := minRounds
		if t > time.Duration(n*g)*500 {
			least = minSlowRounds
		}
		return max(least, int(float64(n)*float64(d)/float64(t)))
	}
}

// run lets the cell's goroutines do n rounds each, and returns how long they took together.
func (c cell) run(l lock, n int) time.Duration {
	defer setProcs(c.procs)()
	in, out := spins(c.in), spins(c.out)
	return crowd(c.g, func(int) { l.rounds(n, in, out) })
}

// crowd runs f in g goroutines that start together, and returns how long they took together.
func crowd(g int, f func(i int)) time.Duration {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(g)
	for i := range g {
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	return time.Since(began)
}

// steadyGrain is how many rounds a goroutine of steady does before it counts them. It is small
// beside what it does in a run, and large beside what counting costs.
const steadyGrain = 32

// patience is how long steady waits until each goroutine has done some rounds, on a lock that
// lets some of them starve.
const patience = 400 * time.Millisecond

// steady lets g goroutines repeat f, which does steadyGrain rounds from the one given, and
// returns the time of each round. It measures for d, from when all of them have done some rounds
// until the first one stops: what it takes to start and to end thousands of goroutines is no part.
func steady(g int, d time.Duration, f func(i, from int)) outcome {
	rounds := make([]struct {
		n atomic.Int64
		_ line
	}, g)
	count := func() (n int64) {
		for i := range rounds {
			n += rounds[i].n.Load()
		}
		return n
	}
	var over atomic.Bool
	var done sync.WaitGroup
	for i := range g {
		done.Go(func() {
			for from := 0; !over.Load(); from += steadyGrain {
				f(i, from)
				rounds[i].n.Add(steadyGrain)
			}
		})
	}
	end := time.Now().Add(patience)
	for i := range rounds {
		for rounds[i].n.Load() == 0 && time.Now().Before(end) {
			time.Sleep(d / 16)
		}
	}
	first, began := count(), time.Now()
	time.Sleep(d)
	last, took := count(), time.Since(began)
	for ; last == first; last, took = count(), time.Since(began) { // the process was stopped
		time.Sleep(d)
	}
	over.Store(true)
	done.Wait()
	return perOp(took, int(last-first))
}

// setProcs sets GOMAXPROCS, and returns a function that restores it. It does not set a value
// that is set already, since that would stop the world, too.
func setProcs(n int) func() {
	old := runtime.GOMAXPROCS(0)
	if n == old {
		return func() {}
	}
	runtime.GOMAXPROCS(n)
	return func() { runtime.GOMAXPROCS(old) }
}

// The wait and fairness measurements have few goroutines on fewProcs processors.
const (
	fewProcs = 2
	few      = 16
	section  = time.Microsecond
)

// fewCell is the name of what they measure.
var fewCell = cell{fewProcs, few, section, 0}.String()

// waits lets few goroutines use l for d, and returns how long each acquisition took, sorted.
func waits(l lock, d time.Duration) []time.Duration {
	defer setProcs(fewProcs)()
	in := spins(section)
	samples := make([][]time.Duration, few)
	for i := range samples {
		samples[i] = make([]time.Duration, 0, d/section)
	}
	defer time.AfterFunc(d, stopper()).Stop()
	crowd(few, func(i int) {
		for !stop.Load() && len(samples[i]) < cap(samples[i]) {
			start := time.Now()
			l.Lock()
			wait := time.Since(start)
			work(in)
			l.Unlock()
			samples[i] = append(samples[i], wait)
		}
	})
	all := slices.Concat(samples...)
	slices.Sort(all)
	return all
}

// fairness lets few goroutines use l for d, and returns the acquisitions of the slowest
// divided by those of the fastest: 1 is fair.
func fairness(l lock, d time.Duration) outcome {
	defer setProcs(fewProcs)()
	in := spins(section)
	counts := make([]int, few)
	defer time.AfterFunc(d, stopper()).Stop()
	crowd(few, func(i int) {
		n := 0
		for ; !stop.Load(); n++ {
			l.Lock()
			work(in)
			l.Unlock()
		}
		counts[i] = n
	})
	total := 0
	for _, n := range counts {
		total += n
	}
	return outcome{total, []value{{evenness, float64(slices.Min(counts)) / float64(slices.Max(counts))}}}
}

// stop ends a measurement that takes a fixed time.
var stop atomic.Bool

// stopper clears stop, and returns a function that sets it.
func stopper() func() {
	stop.Store(false)
	return func() { stop.Store(true) }
}

// contendedAllocs returns the allocations of n acquisitions by few goroutines,
// without those of starting them.
func contendedAllocs(l lock, n int) int64 {
	defer setProcs(fewProcs)()
	in := spins(section)
	allocs := func(f func(int)) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		crowd(few, f)
		runtime.ReadMemStats(&after)
		return int64(after.Mallocs - before.Mallocs)
	}
	rounds := func(int) { l.rounds(n/few, in, 0) }
	crowd(few, rounds) // allocates what is allocated once
	base := allocs(func(int) {})
	return max(0, allocs(rounds)-base) // the runtime allocates now and then
}
