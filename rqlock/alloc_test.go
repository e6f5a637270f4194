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
	waits := e.Queued + e.Unqueued
	if waits < uint64(workers*rounds/4) {
		t.Fatalf("only %d waits among %d acquisitions", waits, workers*rounds)
	}
	// The runtime and join allocate some, and so does a record's first sleep.
	if n := after.Mallocs - before.Mallocs; n > waits/10+50 {
		t.Errorf("%d allocations in %d waits", n, waits)
	} else {
		t.Logf("%d allocations in %d waits", n, waits)
	}
}
