package rqlock

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestAllocs: no successful acquisition allocates (G11), at first without
// contention.
func TestAllocs(t *testing.T) {
	if tracing {
		t.Skip("build tag rqlocktrace allocates")
	}
	l := newLock(t)
	for _, way := range ways {
		if n := testing.AllocsPerRun(100, func() {
			if way.lock(l) == nil {
				l.Unlock()
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", way.name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		if l.TryLock() {
			l.Unlock()
		}
	}); n != 0 {
		t.Errorf("TryLock allocates %v times", n)
	}
}

// TestAllocsContended: nor does one that waits, once it has records to wait by (G11).
func TestAllocsContended(t *testing.T) {
	if tracing {
		t.Skip("build tag rqlocktrace allocates")
	}
	setStallTimeout(t, never)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	contended := append(ways[:2:2], struct {
		name string
		lock func(*Mutex) error
	}{"LockContext", func(l *Mutex) error { return l.LockContext(ctx) }})
	for _, way := range contended {
		t.Run(way.name, func(t *testing.T) { testAllocsContended(t, way.lock) })
	}
}

func testAllocsContended(t *testing.T, lock func(*Mutex) error) {
	// The runtime and join allocate some, and so does a record's first sleep. On a slow machine
	// more records sleep, but the first time is over for all of them in the end.
	for tries := 1; ; tries++ {
		n, waits := allocsContended(t, lock)
		if n <= waits/10+50 {
			t.Logf("%d allocations in %d waits", n, waits)
			return
		}
		if t.Failed() || tries == 20 {
			t.Fatalf("%d allocations in %d waits", n, waits)
		}
	}
}

// allocsContended returns how much is allocated by goroutines that all want one lock, in how many
// waits.
func allocsContended(t *testing.T, lock func(*Mutex) error) (allocs, waits uint64) {
	workers, rounds := 16, briefly(40, 25)
	l := newLock(t)
	var wg, warm sync.WaitGroup
	warm.Add(workers)
	start := make(chan bool)
	for range workers {
		wg.Go(func() {
			for i := range 2 * rounds {
				if i == rounds {
					warm.Done()
					<-start
				}
				if err := lock(l); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(10 * time.Microsecond) // others come and wait
				l.Unlock()
			}
		})
	}
	warm.Wait()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	events := ReadEvents()
	close(start)
	join(t, &wg)
	runtime.ReadMemStats(&after)
	e := since(events)
	waits = e.Queued + e.Unqueued
	if waits < uint64(workers*rounds/4) {
		t.Fatalf("only %d waits among %d acquisitions", waits, workers*rounds)
	}
	return after.Mallocs - before.Mallocs, waits
}
