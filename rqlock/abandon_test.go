package rqlock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

var errGaveUp = errors.New("gave up")

// TestAbandon: any of the waiters of a queue give up at once, while others
// arrive; all the others get the lock (G7).
func TestAbandon(t *testing.T) {
	setStallTimeout(t, never)
	for n := 1; n <= 4; n++ {
		for quit := 1; quit < 1<<n; quit++ {
			t.Run(fmt.Sprintf("%0*b", n, quit), func(t *testing.T) {
				testAbandon(t, n, quit)
			})
		}
	}
}

// testAbandon has those of n waiters give up whose bit is set in quit.
func testAbandon(t *testing.T, n, quit int) {
	const arrivals = 2
	l := newLock(t)
	must(t, l.Lock())
	waiters, arriving := newActors(t, n), newActors(t, arrivals)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for i, a := range waiters {
		if quit>>i&1 != 0 {
			a.waits(l, func() error { return l.LockContext(ctx) })
		} else {
			a.waits(l, l.Lock)
		}
	}
	for i, a := range arriving {
		if i == 1 {
			cancel(errGaveUp)
		}
		a.start(l.Lock)
	}
	var stay []*actor
	for i, a := range waiters {
		if quit>>i&1 == 0 {
			stay = append(stay, a)
		} else if err := a.result(); !errors.Is(err, errGaveUp) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrDeadlock) {
			t.Errorf("waiter %d got %v, want the context's cause", i, err)
		}
	}
	l.Unlock()
	getAll(t, l, append(stay, arriving...))
}

// getAll checks that the actors all get l, in whatever order, and releases it.
func getAll(t *testing.T, l *Mutex, actors []*actor) {
	t.Helper()
	for len(actors) > 0 {
		await(t, "a waiter to get the lock", func() bool {
			for i, a := range actors {
				if len(a.results) != 0 {
					must(t, a.result())
					a.unlock(l)
					actors = append(actors[:i:i], actors[i+1:]...)
					return true
				}
			}
			return false
		})
	}
}

// TestAbandonTimeout: LockTimeout gives up in time at every position.
func TestAbandonTimeout(t *testing.T) {
	const d = 20 * time.Millisecond
	setStallTimeout(t, never)
	for n := 1; n <= 3; n++ {
		for at := range n {
			t.Run(fmt.Sprint(n, "/", at), func(t *testing.T) {
				l := newLock(t)
				must(t, l.Lock())
				actors := newActors(t, n)
				var took time.Duration
				for i, a := range actors {
					if i != at {
						a.waits(l, l.Lock)
						continue
					}
					a.start(func() error {
						start := time.Now()
						err := l.LockTimeout(d)
						took = time.Since(start)
						return err
					})
					await(t, "an actor to wait or to give up", func() bool {
						return len(a.results) != 0 || a.queued(l)
					})
				}
				var e *TimeoutError
				if err := actors[at].result(); !errors.As(err, &e) || e.Stall || e.Wait.For != d || e.Wait.Lock.Addr != addr(l) || !e.Wait.heldByOnly(asm.CurrentGoid()) {
					t.Errorf("got %+v, want a timeout after %v", err, d)
				}
				// At most the longest nap later, and what a busy machine adds.
				if took < d || took > d+time.Second {
					t.Errorf("timed out after %v, want %v", took, d)
				}
				l.Unlock()
				getAll(t, l, append(actors[:at:at], actors[at+1:]...))
			})
		}
	}
}

// TestAbandonRace: waiters give up while the lock is handed on, and while
// others queue up behind them; often the one that gives up is alone (G7).
func TestAbandonRace(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, n := range []int{2, 3, 12} {
			t.Run(fmt.Sprint(procs, "/", n), func(t *testing.T) {
				setProcs(t, procs)
				setStallTimeout(t, never)
				testAbandonRace(t, n)
			})
		}
	}
}

func testAbandonRace(t *testing.T, n int) {
	l := newLock(t)
	var quits atomic.Int64
	g := &counted{l: l}
	playUntil(func() bool { return g.entered > 0 && quits.Load() > 0 }, func() {
		crew(t, n, func(w *hand) {
			for w.running() {
				var err error
				if w.id%3 == 0 {
					err = l.Lock() // has no reason to fail
				} else {
					err = quitSoon(l, w)
					if err != nil {
						quits.Add(1)
						continue
					}
				}
				if err != nil {
					t.Errorf("worker %d of %d: %+v", w.id, n, err)
					return
				}
				g.section(t, w)
				l.Unlock()
			}
		})
	})
	if int64(g.entered) != g.want.Load() || g.entered == 0 || quits.Load() == 0 {
		t.Errorf("%d sections, want %d, and %d gave up", g.entered, g.want.Load(), quits.Load())
	}
}

// quitSoon takes l unless that lasts.
func quitSoon(l *Mutex, w *hand) error {
	d := time.Duration(w.IntN(100)) * time.Microsecond
	if w.IntN(2) == 0 {
		return l.LockTimeout(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		time.Sleep(d)
		cancel()
	})
	return l.LockContext(ctx)
}
