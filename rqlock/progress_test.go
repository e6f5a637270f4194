package rqlock

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/queue"
)

// sections are what a holder may do that keeps it from unlocking soon.
var sections = []struct {
	name string
	do   func()
}{
	{"Gosched", runtime.Gosched},
	{"allocate", func() { allocated.Store(new([4096]byte)) }},
	{"GC", runtime.GC},
	{"sleep", func() { time.Sleep(100 * time.Microsecond) }},
	{"block", func() {
		c := make(chan bool)
		go close(c)
		<-c
	}},
}

var allocated atomic.Pointer[[4096]byte]

// TestProgress: everybody gets the lock, whatever its holders do (G10).
func TestProgress(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, s := range sections {
			t.Run(fmt.Sprint(procs, "/", s.name), func(t *testing.T) {
				setProcs(t, procs)
				setStallTimeout(t, never) // a collection on a busy machine is no stall
				l := newLock(t)
				var wg sync.WaitGroup
				a, b := 0, 0
				workers, rounds := 8, briefly(20, 4)
				for range workers {
					wg.Go(func() {
						for range rounds {
							if err := l.Lock(); err != nil {
								t.Error(err)
								return
							}
							a++
							s.do()
							b++
							l.Unlock()
						}
					})
				}
				join(t, &wg)
				if a != workers*rounds || b != a {
					t.Errorf("%d and %d sections, want %d", a, b, workers*rounds)
				}
			})
		}
	}
}

// TestClosed: once a waiter has closed the lock, nobody barges, not even the holder,
// who unlocks and tries again at once (G9).
func TestClosed(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	a := newActors(t, 1)[0]
	for range 20 {
		must(t, l.Lock())
		a.waits(l, l.Lock)
		await(t, "the waiter to close the lock", func() bool { return queue.Closed(&l.word) })
		l.Unlock()
		if l.TryLock() && len(a.results) == 0 {
			t.Error("the lock was closed, and somebody barged")
			l.Unlock()
		}
		must(t, a.result())
		a.unlock(l)
	}
}

// TestBypass: goroutines that hammer a lock do not keep a waiter out: it closes the
// lock, and from then on each of them gets it once at most before the waiter does (G9).
func TestBypass(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			setProcs(t, procs)
			setStallTimeout(t, never)
			testBypass(t)
		})
	}
}

func testBypass(t *testing.T) {
	l := newLock(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	var bypasses, sections atomic.Int64
	entered, left := 0, 0 // plain: a try that fails must not disturb the one who takes the lock
	for range 2 {
		wg.Go(func() {
			for !over.Load() {
				closings, wasClosed := ReadEvents().Closed, queue.Closed(&l.word)
				if !l.TryLock() {
					runtime.Gosched()
					continue
				}
				// Only a head that gets the lock opens it, and it is not closed again.
				if wasClosed && queue.Closed(&l.word) && ReadEvents().Closed == closings {
					bypasses.Add(1)
				}
				sections.Add(1)
				entered++
				for start := time.Now(); time.Since(start) < 200*time.Microsecond; {
				}
				left++
				l.Unlock()
			}
		})
	}
	before := ReadEvents()
	// Most rounds have to wait until the waiter closes the lock.
	for range briefly(30, 5) {
		await(t, "the hammering to begin", func() bool { return l.owner() != 0 })
		must(t, l.Lock())
		if entered != left {
			t.Error("two are in the section")
		}
		l.Unlock()
	}
	over.Store(true)
	join(t, &wg)
	if n := bypasses.Load(); n > 0 {
		t.Errorf("%d of %d sections passed a closed lock", n, sections.Load())
	}
	t.Logf("the lock was closed %d times, %d sections", since(before).Closed, sections.Load())
}
