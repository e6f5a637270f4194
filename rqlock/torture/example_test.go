package torture_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/torture"
)

// A spinLock is a lock of our own. It has the methods of sync.Mutex.
type spinLock struct{ held atomic.Bool }

func (l *spinLock) Lock() {
	for !l.TryLock() {
		runtime.Gosched()
	}
}
func (l *spinLock) TryLock() bool { return l.held.CompareAndSwap(false, true) }
func (l *spinLock) Unlock()       { l.held.Store(false) }

// A lock of your own is tortured, for as long as the context says. In a test the error
// would go to t.Error; it lists what went wrong.
func ExampleNew() {
	kind := torture.Kind{Name: "spin", New: func() torture.Locker { return torture.Plain(new(spinLock)) }}
	p := torture.Defaults(kind) // for a minute; this run is much shorter
	p.LongHold, p.Stutter, p.Shuffle, p.Churn, p.GC, p.Procs = 0, 0, 0, time.Millisecond, 10*time.Millisecond, 0
	p.Seed = 1 // for the same random numbers each time
	run, err := torture.New(kind, p)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	stats := run.Run(ctx)
	fmt.Println(stats.Err())
	// Output: <nil>
}

// An account is locked by an rqlock.Mutex, so it is resilient: it must report each
// deadlock that is injected.
type account struct{ rqlock.Mutex }

func ExampleKind_resilient() {
	kind := torture.Kind{Name: "account", Resilient: true, New: func() torture.Locker { return new(account) }}
	run, err := torture.New(kind, torture.Params{SelfDeadlocks: 10, Cycles: time.Millisecond, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	stats := run.Run(ctx)
	fmt.Println(stats.Err(), stats.Cycles.Reported == stats.Cycles.Made)
	// Output: <nil> true
}

// A lock that excludes nobody fails at once.
func ExampleStats_Err() {
	kind, err := torture.KindNamed("busted")
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := torture.New(kind, torture.Params{Section: time.Microsecond, FailFast: true, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	stats := run.Run(context.Background()) // until the first failure
	fmt.Println(stats.Err() != nil, stats.Failures[0].What)
	// Output: true two sections overlapped
}
