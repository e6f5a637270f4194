package rqlock

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/queue"
)

// short is the stall timeout of these tests.
const short = 100 * time.Millisecond

// lagMeter sees how much time the machine withholds from this process. The
// stall clock does not count such time, so a stall is reported later by it.
type lagMeter struct {
	lag  atomic.Int64
	over chan bool
	done sync.WaitGroup
}

func newLagMeter() *lagMeter {
	m := &lagMeter{over: make(chan bool)}
	m.done.Go(func() {
		for {
			start := time.Now()
			select {
			case <-m.over:
				return
			case <-time.After(time.Millisecond):
			}
			if late := time.Since(start) - 5*time.Millisecond; late > 0 {
				m.lag.Add(int64(late))
			}
		}
	})
	return m
}

// stop returns the time withheld.
func (m *lagMeter) stop() time.Duration {
	close(m.over)
	m.done.Wait()
	return time.Duration(m.lag.Load())
}

// attempt is an acquisition under way, by an actor.
type attempt struct {
	name string
	a    *actor
	took time.Duration
	err  error
}

// begin has the actor attempt to lock l, and returns once it waits, or has given up before that
// was seen.
func begin(t *testing.T, name string, a *actor, l *Mutex) *attempt {
	at := &attempt{name: name, a: a}
	a.start(func() error {
		start := time.Now()
		at.err = l.Lock()
		at.took = time.Since(start)
		return nil
	})
	await(t, "an actor to wait", func() bool { return a.queued(l) || len(a.results) != 0 })
	return at
}

// stalled checks that each attempt ends because of the stall (G6), and returns those that ended
// late.
func stalled(t *testing.T, l *Mutex, holder *actor, m *lagMeter, attempts []*attempt) (late []string) {
	t.Helper()
	for _, at := range attempts {
		at.a.result()
	}
	lag := m.stop()
	for _, at := range attempts {
		var e *TimeoutError
		if !errors.Is(at.err, ErrTimeout) || !errors.As(at.err, &e) || errors.Is(at.err, ErrDeadlock) {
			t.Errorf("%s: got %v, want a timeout", at.name, at.err)
			continue
		}
		if at.took < short {
			t.Errorf("%s: timed out after %v, want %v at least", at.name, at.took, short)
		}
		if at.took > 2*short+lag {
			late = append(late, fmt.Sprintf("%s: timed out after %v, want %v at most (and up to %v of lag)", at.name, at.took, 2*short, lag))
		}
		if !e.Stall || e.Wait.For < short || !e.Wait.heldByOnly(holder.id) || e.Wait.Lock.Addr != addr(l) || !e.Timeout() {
			t.Errorf("%s: wrong report %+v", at.name, *e)
		}
	}
	return late
}

// TestStall: when the holder never unlocks, each waiter times out, wherever it
// waits; when it does unlock, the lock is as good as ever (G6).
func TestStall(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
	}{
		{"alone", 1},
		{"queue", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			setStallTimeout(t, short)
			// Beside other work some may be late, but not each time.
			late := testStall(t, c.n)
			for begun := time.Now(); late != nil && !t.Failed() && time.Since(begun) < patience; {
				late = testStall(t, c.n)
			}
			for _, text := range late {
				t.Error(text)
			}
		})
	}
}

// testStall returns who was told of the stall too late.
func testStall(t *testing.T, n int) (late []string) {
	l := newLock(t)
	actors := newActors(t, n+3)
	holder, behind, after, waiters := actors[n], actors[n+1], actors[n+2], actors[:n]
	holder.lock(l)
	before := ReadEvents()
	m := newLagMeter()
	var attempts []*attempt
	for i, a := range waiters {
		attempts = append(attempts, begin(t, fmt.Sprint("waiter ", i), a, l))
	}
	await(t, "the first waiter to close the door", func() bool {
		return queue.Closed(&l.word) || len(waiters[0].results) != 0
	})
	time.Sleep(short / 2)
	attempts = append(attempts, begin(t, "late arrival", behind, l))
	late = stalled(t, l, holder, m, attempts)
	late = append(late, stalled(t, l, holder, newLagMeter(), []*attempt{begin(t, "later arrival", after, l)})...)
	if got, want := since(before).Stall, uint64(n+2); got != want {
		t.Errorf("%d stalls counted, want %d", got, want)
	}
	holder.unlock(l)
	for _, a := range actors {
		a.lock(l)
		a.unlock(l)
	}
	return late
}

// TestSlowQueue: a queue that moves is no stall, however long it takes (G6).
func TestSlowQueue(t *testing.T) {
	const (
		waiters = 4096
		section = 300 * time.Microsecond
		timeout = 500 * time.Millisecond
	)
	setStallTimeout(t, never)
	l := newLock(t)
	must(t, l.Lock())
	before := ReadEvents()
	var wg sync.WaitGroup
	var failed atomic.Int32
	var served time.Time
	for range waiters {
		wg.Go(func() {
			if err := l.Lock(); err != nil {
				if failed.Add(1) == 1 {
					t.Errorf("first failure: %v", err)
				}
				return
			}
			defer l.Unlock()
			if served.IsZero() {
				served = time.Now()
				SetStallTimeout(timeout) // the time of queueing up is not what we test
			}
			for start := time.Now(); time.Since(start) < section; {
			}
		})
	}
	await(t, "all to queue", func() bool { return since(before).Queued == waiters })
	l.Unlock()
	join(t, &wg)
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d waiters failed", n, waiters)
	}
	if took := time.Since(served); took < 2*timeout {
		t.Errorf("the queue took %v, too short to test anything", took)
	}
}

// TestHammered: a lock that one goroutine takes again and again does not stall,
// though it has the same owner at almost every look (G6, G9).
func TestHammered(t *testing.T) {
	const timeout = 10 * short // a busy machine may not run an owner for some hundred milliseconds
	setStallTimeout(t, timeout)
	l := newLock(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			if err := l.Lock(); err != nil {
				t.Error(err)
				return
			}
			for start := time.Now(); time.Since(start) < 50*time.Microsecond; {
			}
			l.Unlock()
		}
	})
	for end := time.Now().Add(3 * timeout); time.Now().Before(end); {
		must(t, l.Lock())
		l.Unlock()
	}
	over.Store(true)
	join(t, &wg)
}
