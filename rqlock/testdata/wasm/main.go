// Command wasm waits for locks where there is one thread. It prints "ok" if its goroutines
// exclude one another, if deadlocks and stalls are found, and if limits pass.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

func main() {
	rqlock.SetStallTimeout(time.Hour)
	exclusion()
	for _, n := range []int{1, 2, 3, 8} {
		cycle(n)
	}
	limits()
	stall()
	if n := rqlock.ReadEvents().Rescued; n != 0 {
		fail("the watchdog had to wake %d", n)
	}
	fmt.Println("ok")
}

// exclusion has goroutines wait for one another, the first of them until the lock is closed
// and they sleep.
func exclusion() {
	const goroutines, rounds = 8, 100
	var l rqlock.Mutex
	must(l.Lock())
	entered, left := 0, 0
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range rounds {
				must(l.Lock())
				if entered++; i%10 == 0 {
					runtime.Gosched()
				}
				left++
				if entered != left {
					fail("two are in the section")
				}
				l.Unlock()
			}
		})
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		e := rqlock.ReadEvents()
		if e.Parked >= goroutines-1 && e.Closed > 0 {
			break
		}
		if time.Since(begun) > 20*time.Second {
			fail("they do not wait: %+v", e)
		}
	}
	l.Unlock()
	wg.Wait()
	if left != goroutines*rounds {
		fail("%d sections", left)
	}
}

// cycle has n goroutines wait for one another. One of them must be told.
func cycle(n int) {
	locks := make([]rqlock.Mutex, n)
	var held, done sync.WaitGroup
	held.Add(n)
	victims := 0
	for i := range locks {
		done.Go(func() {
			must(locks[i].Lock())
			defer locks[i].Unlock()
			held.Done()
			held.Wait()
			next := &locks[(i+1)%n]
			err := next.Lock()
			if err == nil {
				next.Unlock()
				return
			}
			var d *rqlock.DeadlockError
			if !errors.As(err, &d) || len(d.Cycle) != n {
				fail("in a cycle of %d: %+v", n, err)
			}
			victims++
		})
	}
	done.Wait()
	if victims != 1 {
		fail("%d victims of a cycle of %d", victims, n)
	}
}

// limits has waits end by their limits.
func limits() {
	var l rqlock.Mutex
	must(l.Lock())
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(5*time.Millisecond, cancel)
	var wg sync.WaitGroup
	fails := func(want error, lock func() error) {
		wg.Go(func() {
			if err := lock(); !errors.Is(err, want) {
				fail("got %v, want %v", err, want)
			}
		})
	}
	fails(rqlock.ErrTimeout, func() error { return l.LockTimeout(5 * time.Millisecond) })
	fails(rqlock.ErrTimeout, func() error { return l.LockTimeout(0) })
	fails(context.Canceled, func() error { return l.LockContext(ctx) })
	wg.Wait()
	l.Unlock()
}

// stall has a wait end by the stall timeout, and the lock be as good as ever.
func stall() {
	var l rqlock.Mutex
	must(l.Lock())
	l.SetStallTimeout(20 * time.Millisecond)
	result := make(chan error)
	go func() { result <- l.Lock() }()
	if err := <-result; !errors.Is(err, rqlock.ErrTimeout) {
		fail("a stall is told as %v", err)
	}
	l.Unlock()
	must(l.Lock())
	l.Unlock()
}

func must(err error) {
	if err != nil {
		fail("%+v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}
