package bench

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// failureCases are the errors that must be returned soon.
var failureCases = []struct {
	name    string
	times   int           // in each run
	pairs   float64       // upper bound in uncontended pairs of sync.Mutex, or 0
	time    time.Duration // upper bound, or 0
	measure func() time.Duration
}{
	{"self", 1000, 300, 0, relockTime},
	{"cycle2", 100, 2000, 0, func() time.Duration { return cycleTime(2) }},
	{"cycle64", 10, 0, 200 * time.Microsecond, func() time.Duration { return cycleTime(64) }},
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
