package bench

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// failureCases are the errors that must come soon.
var failureCases = []struct {
	name    string
	times   int           // each run
	bar     time.Duration // for the median
	measure func() time.Duration
}{
	{"self", 1000, time.Microsecond, relockTime},
	{"cycle2", 100, 20 * time.Microsecond, func() time.Duration { return cycleTime(2) }},
	{"cycle64", 10, 200 * time.Microsecond, func() time.Duration { return cycleTime(64) }},
}

// relockTime returns how long it takes to report that the caller holds the lock
// already.
func relockTime() time.Duration {
	var l rqlock.Mutex
	must(l.Lock())
	defer l.Unlock()
	start := time.Now()
	err := l.Lock() //rqvet:ignore selfdeadlock it is what is measured
	d := time.Since(start)
	mustDeadlock(err)
	return d
}

// cycleTime has n goroutines each hold a lock and wait for the next one's, and
// returns how long it takes from closing the cycle to the error. The caller is
// the one who closes it.
func cycleTime(n int) time.Duration {
	locks := make([]rqlock.Mutex, n)
	before := rqlock.ReadEvents().Queued
	var holding, done sync.WaitGroup
	must(locks[0].Lock())
	holding.Add(n - 1)
	for i := 1; i < n; i++ {
		done.Go(func() {
			must(locks[i].Lock())
			holding.Done()
			holding.Wait()
			must(locks[(i+1)%n].Lock())
			locks[(i+1)%n].Unlock()
			locks[i].Unlock()
		})
	}
	for rqlock.ReadEvents().Queued < before+uint64(n-1) {
		time.Sleep(100 * time.Microsecond)
	}
	start := time.Now()
	err := locks[1].Lock()
	d := time.Since(start)
	mustDeadlock(err)
	locks[0].Unlock()
	done.Wait()
	return d
}

// makingCell is what it takes to make the error of relockTime.
const makingCell = "case=making"

// makingTime makes the error of relockTime, which has the caller's stack.
func makingTime() time.Duration {
	start := time.Now()
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	w := rqlock.Wait{Stack: make([]runtime.Frame, 0, len(pcs)), Holders: make([]rqlock.Holder, 1)}
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		w.Stack = append(w.Stack, f)
	}
	made = &rqlock.DeadlockError{Cycle: []rqlock.Wait{w}}
	return time.Since(start)
}

var made error // so that the error is made on the heap

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func mustDeadlock(err error) {
	if !errors.Is(err, rqlock.ErrDeadlock) {
		panic(fmt.Sprintf("want a deadlock, got %v", err))
	}
}
