package bench

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// failureCases are the errors that must be returned soon.
var failureCases = []struct {
	name    string
	times   int           // in each run
	bar     time.Duration // upper bound on the median
	measure func() time.Duration
}{
	{"self", 1000, time.Microsecond, relockTime},
	{"cycle2", 100, 20 * time.Microsecond, func() time.Duration { return cycleTime(2) }},
	{"cycle64", 10, 200 * time.Microsecond, func() time.Duration { return cycleTime(64) }},
}

// relockTime returns how long Lock takes to return an error to a caller that holds the lock.
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

// cycleTime lets n goroutines each hold a lock and wait for the next goroutine's. The
// caller closes the cycle. cycleTime returns how long that Lock takes to return the error.
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

// makingCell is the cell of makingTime.
const makingCell = "case=making"

// makingTime returns how long it takes to make the error of relockTime, which has the
// caller's stack.
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

// made makes the error escape to the heap.
//
//lint:ignore U1000 it is only written
var made error

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
