//lint:file-ignore SA2001 a waiter that has the lock is all that is measured

package bench

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// These are the situations in which goroutines sleep until a lock is theirs: what a wake-up
// takes, and what sleeping costs meanwhile.

// A waitCase is measured with several numbers of locks or waiters.
type waitCase struct {
	name    string
	ns      []int
	measure func(s *session, c contender, n int) outcome
	usage   bool // needs the system's figures of what the process has used
}

var waitCases = []waitCase{
	{"chain", []int{50, 300, 1000, 10_000}, (*session).chain, false},
	{"handoff", []int{1, 10, 100, 1000}, (*session).handoffs, false},
	{"asleep", []int{1000}, (*session).asleep, true},
	{"crowd", []int{100_000}, (*session).drain, true},
}

// A waitUnit is what a waitCase measures. Its bars are upper bounds, of which it has one at
// most.
type waitUnit struct {
	unit, what string
	ratio      float64 // bar of rqlock/mutex
	absolute   float64 // bar of rqlock alone
	show       func(float64) string
}

var waitUnits = []waitUnit{
	{"unwind-ns", "chain of held locks: until all are released", 3, 0, duration},
	{"p50-ns", "unrelated locks: from unlock to having it, p50", 0, 0, duration},
	{"p99-ns", "unrelated locks: from unlock to having it, p99", 3, 0, duration},
	{"cpu-%", "waiters asleep, each at a lock: % of a core", 0, 0.5, number},
	{"wakeups/s", "waiters asleep, each at a lock: wake-ups a second", 0, 50, number},
	{"cpu-ns", "waiters at one lock: CPU time to start and to drain", 3, 0, duration},
}

func waitCell(name string, n int) string { return fmt.Sprintf("case=%s/n=%d", name, n) }

// waitCells returns the cells that this system can measure.
func waitCells() (cells []string) {
	for _, w := range waitCases {
		for _, n := range w.ns {
			if haveUsage || !w.usage {
				cells = append(cells, waitCell(w.name, n))
			}
		}
	}
	return cells
}

// waitLocks returns the session's contenders that are measured: rqlock and its bar.
func (s *session) waitLocks() []contender {
	return slices.DeleteFunc(slices.Clone(s.locks), func(c contender) bool { return c.name != rq && c.name != mutex })
}

// sleepers measures the cases. Locks are held for longer than the stall timeout there.
func (s *session) sleepers() (rs Results) {
	defer setProcs(runtime.NumCPU())()
	rqlock.SetStallTimeout(time.Hour)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	for _, w := range waitCases {
		for _, n := range w.ns {
			if cell := waitCell(w.name, n); s.wants(cell) && (haveUsage || !w.usage) {
				rs = append(rs, s.paired("waits", cell, s.runs, s.waitLocks(), func(c contender) outcome {
					return w.measure(s, c, n)
				})...)
			}
		}
	}
	return rs
}

// chain lets goroutine i of n hold lock i and wait for lock i+1. It returns how long it takes
// until all have had both, once the last lock is released.
func (s *session) chain(c contender, n int) outcome {
	locks := fresh(c, n+1)
	var holding, done sync.WaitGroup
	waiting := make(chan struct{})
	holding.Add(n)
	for i := range n {
		done.Go(func() {
			locks[i].Lock()
			holding.Done()
			<-waiting
			locks[i+1].Lock()
			locks[i+1].Unlock()
			locks[i].Unlock()
		})
	}
	locks[n].Lock()
	holding.Wait()
	close(waiting)
	settle()
	start := time.Now()
	locks[n].Unlock()
	done.Wait()
	return outcome{n, []value{{"unwind-ns", float64(time.Since(start).Nanoseconds())}}}
}

// held is how long handoffs holds each lock, and handoffSamples how many waits it measures at
// least, since there is no p99 of a single one.
const (
	held           = 100 * time.Millisecond
	handoffSamples = 20
)

// handoffs lets one goroutine wait for each of n locks that the caller holds. It returns how
// long it takes from the unlock until the waiter has the lock.
func (s *session) handoffs(c contender, n int) outcome {
	var waits []time.Duration
	for len(waits) < handoffSamples {
		waits = append(waits, handoffRound(fresh(c, n))...)
	}
	slices.Sort(waits)
	at := func(q float64) float64 { return float64(quantile(waits, q).Nanoseconds()) }
	return outcome{len(waits), []value{{"p50-ns", at(0.5)}, {"p99-ns", at(0.99)}}}
}

// handoffRound releases few locks at a time. If it released all of them at once, the waits
// would be those for a processor.
func handoffRound(locks []lock) []time.Duration {
	waits := make([]time.Duration, len(locks))
	released := make([]time.Time, len(locks)) // guarded by the lock
	var done sync.WaitGroup
	for _, l := range locks {
		l.Lock()
	}
	since := time.Now()
	for i, l := range locks {
		done.Go(func() {
			l.Lock()
			waits[i] = time.Since(released[i])
			l.Unlock()
		})
	}
	settle()
	time.Sleep(held - time.Since(since))
	for i, l := range locks {
		released[i] = time.Now()
		l.Unlock()
		if i%10 == 9 {
			time.Sleep(time.Millisecond)
		}
	}
	done.Wait()
	return waits
}

// asleep lets one goroutine wait for each of n held locks, and returns what the process uses
// meanwhile.
func (s *session) asleep(c contender, n int) outcome {
	locks := fresh(c, n)
	var done sync.WaitGroup
	for _, l := range locks {
		l.Lock()
		done.Go(func() {
			l.Lock()
			l.Unlock()
		})
	}
	settle()
	debug.FreeOSMemory() // otherwise the runtime does it while the waiters are measured
	settle()
	start := time.Now()
	cpu, sleeps := used()
	time.Sleep(s.fairTime)
	cpuAfter, sleepsAfter := used()
	took := time.Since(start).Seconds()
	for _, l := range locks {
		l.Unlock()
	}
	done.Wait()
	return outcome{n, []value{
		{"cpu-%", 100 * (cpuAfter - cpu).Seconds() / took},
		{"wakeups/s", float64(sleepsAfter-sleeps) / took},
	}}
}

// drain lets n goroutines wait for one lock, releases it, and returns the CPU time of all.
func (s *session) drain(c contender, n int) outcome {
	l := c.new()
	before, _ := used()
	var done sync.WaitGroup
	l.Lock()
	for range n {
		done.Go(func() {
			l.Lock()
			l.Unlock()
		})
	}
	settle()
	l.Unlock()
	done.Wait()
	after, _ := used()
	return outcome{n, []value{{"cpu-ns", float64((after - before).Nanoseconds())}}}
}

func fresh(c contender, n int) []lock {
	locks := make([]lock, n)
	for i := range locks {
		locks[i] = c.new()
	}
	return locks
}

// settle returns when all other goroutines have been asleep for a while. A lock whose waiters
// wake up again and again does not get any quieter, so it returns after some seconds anyway.
func settle() {
	state := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}, {Name: "/sched/goroutines/running:goroutines"}}
	for calm, end := 0, time.Now().Add(10*time.Second); calm < 5 && time.Now().Before(end); calm++ {
		time.Sleep(10 * time.Millisecond)
		metrics.Read(state)
		if state[0].Value.Uint64() > 0 || state[1].Value.Uint64() > 1 { // the caller runs
			calm = -1
		}
	}
}
