package rqlock

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
)

// TestHookRecursion: a hook that locks what the failing goroutine holds gets an error, which
// is not reported in its turn.
func TestHookRecursion(t *testing.T) {
	l, log := newLock(t), newLock(t)
	told := 0
	setOnViolation(t, func(error) {
		told++
		deadlock(t, log.Lock())
		deadlock(t, l.Lock())
	})
	must(t, l.Lock())
	must(t, log.Lock())
	e := eventsOf(func() { deadlock(t, l.Lock()) })
	if told != 1 || e.SelfDeadlock != 3 || e.Unreported != 2 {
		t.Errorf("told %d times; counted %+v", told, e)
	}
	l.Unlock()
	log.Unlock()
}

// TestHookElsewhere: a hook that has another goroutine log, under the lock that it is told
// of, and waits for it, is not told again.
func TestHookElsewhere(t *testing.T) {
	setStallTimeout(t, 20*time.Millisecond)
	l := newLock(t)
	a := newActors(t, 2)
	var told atomic.Int32
	setOnViolation(t, func(error) {
		told.Add(1)
		if err := a[1].do(l.Lock); !errors.Is(err, ErrTimeout) {
			t.Errorf("the logger got %v", err)
		}
	})
	must(t, l.Lock())
	e := eventsOf(func() { must(t, nilIf(a[0].do(l.Lock), ErrTimeout)) })
	if told.Load() != 1 || e.Stall != 2 || e.Unreported != 1 {
		t.Errorf("told %d times; counted %+v", told.Load(), e)
	}
	l.Unlock()
}

// TestHookEnds: a hook that panics, or ends its goroutine, is called again for the next.
func TestHookEnds(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	told := 0
	setOnViolation(t, func(error) {
		told++
		panic("hook")
	})
	for range 2 {
		if said := panicOf(t, func() { must(t, l.Lock()) }); said != "hook" {
			t.Errorf("the panic says %q", said)
		}
	}
	var wg sync.WaitGroup
	OnViolation(func(error) {
		told++
		runtime.Goexit()
	})
	for range 2 {
		wg.Go(func() {
			t.Error("goes on after Goexit", l.LockTimeout(0))
		})
		join(t, &wg)
	}
	if told != 4 {
		t.Errorf("told %d times, want 4", told)
	}
	l.Unlock()
}

// TestHookRate: of many violations at one place a few are reported, and the next report says
// how many were not. Another place, or another lock, has its own.
func TestHookRate(t *testing.T) {
	locks := newLocks(t, 2)
	told, unreported := map[uintptr]int{}, uint64(0)
	setOnViolation(t, func(err error) {
		var e *DeadlockError
		if errors.As(err, &e) {
			told[e.Cycle[0].Lock.Addr]++
			unreported += e.Unreported
		}
	})
	fail := func(l *Mutex) { deadlock(t, l.Lock()) }
	const n = 1000
	start := time.Now()
	e := eventsOf(func() {
		for i := range locks {
			must(t, locks[i].Lock())
			for range n {
				fail(&locks[i])
			}
		}
	})
	most := atOnce + int(time.Since(start)/time.Second) + 1
	for i := range locks {
		if got := told[addr(&locks[i])]; got < atOnce || got > most {
			t.Errorf("told %d times of lock %d, want %d to %d", got, i, atOnce, most)
		}
	}
	if e.SelfDeadlock != 2*n || e.Unreported != 2*n-uint64(told[addr(&locks[0])]+told[addr(&locks[1])]) {
		t.Errorf("counted %+v, told %v", e, told)
	}
	before := told[addr(&locks[0])]
	deadlock(t, locks[0].Lock())
	if told[addr(&locks[0])] != before+1 {
		t.Error("another place was not reported")
	}
	// The same place again, when its quota has come back.
	reports.mu.Lock()
	for _, q := range reports.places {
		q.since -= perReport
	}
	reports.mu.Unlock()
	unreported = 0
	if fail(&locks[1]); unreported != uint64(n-told[addr(&locks[1])]+1) {
		t.Errorf("the next report says that %d were not reported, and told %v", unreported, told)
	}
	for i := range locks {
		locks[i].Unlock()
	}
}

// TestQuotas: what is kept of places is bounded, whatever fails.
func TestQuotas(t *testing.T) {
	setOnViolation(t, func(error) {})
	for range 3 * maxPlaces {
		l := new(Mutex)
		must(t, l.Lock())
		deadlock(t, l.Lock()) //rqvet:ignore selfdeadlock it is what the test is about
		l.Unlock()
	}
	reports.mu.Lock()
	defer reports.mu.Unlock()
	if n := len(reports.places); n > maxPlaces {
		t.Errorf("%d places are kept", n)
	}
	if len(reports.goroutines)+len(reports.locks) != 0 {
		t.Errorf("reports go on: %v, %v", reports.goroutines, reports.locks)
	}
	if q := (quota{left: 0, since: 0}); !q.take(perReport) || q.take(perReport+1) || !q.take(2*perReport) {
		t.Error("a quota does not come back, or too soon")
	}
	q := quota{left: 0}
	for i := range atOnce + 1 {
		if got := q.take(100 * perReport); got != (i < atOnce) {
			t.Errorf("report %d of those that have come back: %v", i, got)
		}
	}
}

// silent is a context that is done and does not say why.
type silent struct{ context.Context }

func (silent) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
func (silent) Err() error { return nil }

// TestSilentContext: a context that is done without an Err ends a wait with an error.
func TestSilentContext(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	err := newActors(t, 1)[0].do(func() error { return l.LockContext(silent{context.Background()}) })
	if err == nil || !strings.Contains(err.Error(), "Err is nil") {
		t.Errorf("got %v", err)
	}
	l.Unlock()
}

// TestIterator: a lock that an iterator holds, which is suspended, is said to be held by one,
// with its stack.
func TestIterator(t *testing.T) {
	setStallTimeout(t, 20*time.Millisecond)
	l := newLock(t)
	var holder uint64
	var locked iter.Seq[int] = func(yield func(int) bool) {
		must(t, l.Lock())
		defer l.Unlock()
		holder = asm.CurrentGoid()
		yieldsLocked(yield)
	}
	next, stop := iter.Pull(locked)
	next()
	goid.Fresh()
	err := l.Lock()
	var e *TimeoutError
	if !errors.As(err, &e) || len(e.Wait.Holders) != 1 || e.Wait.Holders[0].Goroutine != holder || e.Wait.Holders[0].State != goid.Coroutine {
		t.Fatalf("got %+v", err)
	}
	if text := err.Error(); !strings.Contains(text, "suspended in an iterator") || strings.Contains(text, "\n") {
		t.Errorf("the error is %q", text)
	}
	if whole := fmt.Sprintf("%+v", err); !strings.Contains(whole, "yieldsLocked") || !strings.Contains(whole, "hooks_test.go:") {
		t.Errorf("the report does not show where the iterator is: %s", whole)
	}
	stop()
}

//go:noinline
func yieldsLocked(yield func(int) bool) { yield(1) }

// TestReportCost: a report costs what is reachable from its wait, not what was before (G16):
// the last of many locks in one slice is as cheap to report as the first.
func TestReportCost(t *testing.T) {
	n := briefly(100_000, 20_000)
	reports := func(some []Mutex) time.Duration {
		start := time.Now()
		for i := range some {
			l := &some[i]
			must(t, l.Lock())
			if err := l.Lock(); err == nil { //rqvet:ignore selfdeadlock it is what the test is about
				t.Error("no error")
			}
			l.Unlock()
		}
		return time.Since(start)
	}
	tenth := n / 10
	best := 1e9
	for range 10 { // others use the machine, too
		locks := make([]Mutex, n)
		first := reports(locks[:tenth])
		reports(locks[tenth : n-tenth])
		last := reports(locks[n-tenth:])
		if best = min(best, float64(last)/float64(first)); best < 1.5 {
			t.Logf("the last %d reports took %v, the first %v", tenth, last, first)
			return
		}
	}
	t.Errorf("the last reports take at least %.1f times as long as the first", best)
}

// TestHookFlood: violations without end, at many places and in many goroutines, with a hook
// that formats each in full, neither deadlock nor make memory grow.
func TestHookFlood(t *testing.T) {
	setOnViolation(t, func(err error) { _ = fmt.Sprintf("%+v", err) })
	flood := func(n int) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				locks := make([]Mutex, 16)
				for i := range locks {
					must(t, locks[i].Lock())
				}
				for i := range n / 4 {
					if err := locks[i%len(locks)].Lock(); err == nil {
						t.Error("no error")
					}
				}
				for i := range locks {
					locks[i].Unlock()
				}
			})
		}
		join(t, &wg)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n := briefly(100_000, 10_000)
	flood(n / 10)
	before := heap()
	start := time.Now()
	flood(n)
	took := time.Since(start)
	if after := heap(); after > before+4<<20 {
		t.Errorf("%d violations leave %d bytes", n, after-before)
	}
	t.Logf("%d violations in %v", n, took)
}
