package rqlock

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
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

// TestDoor: once a waiter has closed the door, nobody passes it, not even the
// holder, who unlocks and tries again at once (G9).
func TestDoor(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	a := newActors(t, 1)[0]
	for range 20 {
		must(t, l.Lock())
		a.waits(l, l.Lock)
		await(t, "the waiter to close the door", func() bool {
			return asm.LoadRelaxed32(&l.word.Val)&asm.PendingMask != 0
		})
		l.Unlock()
		if l.TryLock() {
			t.Error("the door was closed, and somebody passed")
			l.Unlock()
		}
		// Nor by the tries of one who would wait.
		if err := l.LockTimeout(0); err == nil {
			t.Error("the door was closed, and a spinning goroutine passed")
			l.Unlock()
		}
		must(t, a.result())
		a.unlock(l)
	}
}

// TestBypass: goroutines that hammer a lock do not keep a waiter out: it closes
// the door, and from then on none of them gets the lock before it (G9).
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
				grants := asm.LoadAcquire32(&l.word.Aux)
				closed := asm.LoadAcquire32(&l.word.Val)&asm.PendingMask != 0
				if !l.TryLock() {
					runtime.Gosched()
					continue
				}
				// Who closed the door has not been granted the lock meanwhile,
				// for that would have been counted.
				if closed && l.word.Aux == grants {
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
	// Most rounds have to wait for more than the door's timeout.
	for range briefly(30, 5) {
		await(t, "the hammering to begin", func() bool {
			return asm.LoadRelaxed32(&l.word.Val)&asm.LockedMask != 0
		})
		must(t, l.Lock())
		if entered != left {
			t.Error("two are in the section")
		}
		l.Unlock()
	}
	over.Store(true)
	join(t, &wg)
	if n := bypasses.Load(); n > 0 {
		t.Errorf("%d of %d sections passed a closed door", n, sections.Load())
	}
	t.Logf("the door was closed %d times, %d sections", since(before).Closed, sections.Load())
}
