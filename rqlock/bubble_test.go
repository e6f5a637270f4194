package rqlock

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// heldFor has a goroutine outside of the caller's bubble hold l for d. It returns once the
// goroutine has l. Call it outside.
func heldFor(t *testing.T, l *Mutex, d time.Duration) (wait func()) {
	t.Helper()
	held, over := make(chan bool), make(chan bool)
	go func() {
		defer close(over)
		if err := l.Lock(); err != nil {
			t.Error(err)
			close(held)
			return
		}
		close(held)
		time.Sleep(d)
		l.Unlock()
	}()
	<-held
	return func() { <-over }
}

// contend has a goroutine of the caller's bubble hold l for d, while the caller locks it.
func contend(t *testing.T, l *Mutex, d time.Duration, lock func() error) {
	t.Helper()
	held := make(chan bool)
	go func() {
		if err := l.Lock(); err != nil {
			t.Error(err)
			close(held)
			return
		}
		close(held)
		time.Sleep(d)
		l.Unlock()
	}()
	<-held
	if err := lock(); err != nil {
		t.Errorf("%+v", err)
		return
	}
	l.Unlock()
}

// TestBubbles: waits in bubbles and outside, in any order, on one lock, are none of each
// other's business (G15).
func TestBubbles(t *testing.T) {
	l := newLock(t)
	rnd := seed.Rand(t)
	for range briefly(30, 10) {
		lock := []func() error{l.Lock, func() error { return l.LockTimeout(time.Minute) }, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			return l.LockContext(ctx)
		}, func() error { return l.LockContext(context.Background()) }}[rnd.IntN(4)]
		if rnd.IntN(2) == 0 {
			contend(t, l, 2*time.Millisecond, lock)
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			// A holder that sleeps is durable, and so a plain wait would never end.
			if rnd.IntN(2) == 0 {
				contend(t, l, 0, lock)
			} else {
				contend(t, l, 2*time.Millisecond, func() error { return l.LockTimeout(time.Minute) })
			}
		})
	}
}

// TestBubbleFirst: records that are made in a bubble serve outside, and in another bubble
// (G15).
func TestBubbleFirst(t *testing.T) {
	l := newLock(t)
	taken := waiter.TakeAll()
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			contend(t, l, 0, l.Lock)
			contend(t, l, time.Second, func() error { return l.LockTimeout(time.Minute) })
		})
		contend(t, l, 5*time.Millisecond, l.Lock)
		contend(t, l, 5*time.Millisecond, func() error { return l.LockTimeout(time.Minute) })
	}
	for _, w := range taken {
		w.Free()
	}
}

// TestBubblePlain: a wait without a limit in a bubble lasts as long as somebody outside holds
// the lock, and takes no time of the bubble's, whatever the stall timeout is (G15).
func TestBubblePlain(t *testing.T) {
	setStallTimeout(t, 10*time.Millisecond)
	l := newLock(t)
	over := heldFor(t, l, 100*time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		rings := false
		time.AfterFunc(time.Hour, func() { rings = true })
		if err := l.Lock(); err != nil {
			t.Fatalf("%+v", err)
		}
		if e := time.Since(start); e != 0 || rings {
			t.Errorf("%v passed in the bubble", e)
		}
		l.Unlock()
	})
	over()
}

// TestBubbleLimits: a limit in a bubble passes on the bubble's clock, at once and exactly,
// and an unlock in the bubble is noticed, but for a thousandth, when it happens (G15).
func TestBubbleLimits(t *testing.T) {
	l := newLock(t)
	begun := time.Now()
	synctest.Test(t, func(t *testing.T) {
		must(t, l.Lock())
		var wg sync.WaitGroup
		took := func(want time.Duration, target error, lock func() error) {
			wg.Go(func() {
				start := time.Now()
				err := lock()
				late := time.Since(start) - want
				if late < 0 || late > 0 && err != nil || late > want/1000 || !errors.Is(err, target) {
					t.Errorf("%v after %v, want %v after %v", err, want+late, target, want)
				}
				if err == nil {
					l.Unlock()
				}
			})
		}
		ctx, cancel := context.WithCancel(context.Background())
		dated, cancelDated := context.WithTimeout(context.Background(), 7*time.Second)
		defer cancelDated()
		took(5*time.Second, ErrTimeout, func() error { return l.LockTimeout(5 * time.Second) })
		took(7*time.Second, context.DeadlineExceeded, func() error { return l.LockContext(dated) })
		took(3*time.Second, context.Canceled, func() error { return l.LockContext(ctx) })
		took(time.Hour, nil, func() error { return l.LockTimeout(2 * time.Hour) })
		time.Sleep(3 * time.Second)
		cancel()
		time.Sleep(time.Hour - 3*time.Second)
		l.Unlock()
		wg.Wait()
	})
	if took := time.Since(begun); took > patience {
		t.Errorf("an hour of the bubble took %v", took)
	}
}

// TestRWBubbleLimits: limits of an RWMutex pass on the clock of the bubble, too. Who waits so is
// in no queue (G15).
func TestRWBubbleLimits(t *testing.T) {
	l := newRW(t)
	before := ReadEvents()
	synctest.Test(t, func(t *testing.T) {
		must(t, l.Lock())
		var wg sync.WaitGroup
		for _, lock := range []func(time.Duration) error{l.LockTimeout, l.RLockTimeout} {
			wg.Go(func() {
				const d = time.Hour
				start := time.Now()
				err := lock(d)
				if took := time.Since(start); err == nil || nilIf(err, ErrTimeout) != nil || took < d || took > d+d/1000 {
					t.Errorf("%v after %v, want a timeout after %v", err, took, d)
				}
			})
		}
		wg.Wait()
		l.Unlock()
	})
	if e := since(before); e.Unqueued != 2 || e.Queued != 0 {
		t.Errorf("counted %+v, want two that were in no queue", e)
	}
}

// TestRWBubbleCycle: a reader with a limit, which is in no queue, finds the deadlock that its wait
// closes, at once (R4, G15).
func TestRWBubbleCycle(t *testing.T) {
	mine, other := newRW(t), newRW(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		must(t, mine.Lock())
		ids, waited := make(chan uint64), make(chan error)
		go func() {
			must(t, other.Lock())
			defer other.Unlock()
			ids <- asm.CurrentGoid()
			err := mine.RLock()
			if err == nil {
				mine.RUnlock()
			}
			waited <- err
		}()
		for id := <-ids; waiter.Lookup(id) == nil || waiter.Lookup(id).Edge.Lock.Load() == nil; {
			runtime.Gosched() // the bubble's clock stands while it waits without a limit
		}
		if err := other.RLockTimeout(time.Hour); !errors.Is(err, ErrDeadlock) || time.Since(start) > time.Hour/1000 {
			t.Errorf("got %v after %v, want a deadlock", err, time.Since(start))
		}
		mine.Unlock()
		must(t, <-waited)
	})
}

// TestBubbleForeignHolder: with a holder outside the limit may pass early, and that is all
// (G15).
func TestBubbleForeignHolder(t *testing.T) {
	l := newLock(t)
	over := heldFor(t, l, 30*time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		if err := l.LockTimeout(time.Second); err == nil {
			l.Unlock()
		} else if !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		must(t, l.LockContext(ctx)) // no time of anybody's limits it
		l.Unlock()
	})
	over()
}

// TestBubbleDeadlock: a deadlock is found in a bubble, and across its border (G15).
func TestBubbleDeadlock(t *testing.T) {
	setStallTimeout(t, never)
	locks := newLocks(t, 2)
	a, b := &locks[0], &locks[1]
	synctest.Test(t, func(t *testing.T) {
		must(t, a.Lock())
		deadlock(t, a.Lock()) //rqvet:ignore selfdeadlock it is what the test is about
		held := make(chan bool)
		other := make(chan error)
		go func() {
			must(t, b.Lock())
			close(held)
			err := a.Lock()
			if err == nil {
				a.Unlock()
			}
			b.Unlock()
			other <- err
		}()
		<-held
		err := b.Lock()
		if err == nil {
			b.Unlock()
		}
		a.Unlock()
		if e := <-other; (err == nil) == (e == nil) || nilIf(err, ErrDeadlock) != nil || nilIf(e, ErrDeadlock) != nil {
			t.Errorf("one was told %v, the other %v", err, e)
		}
	})

	out := newActors(t, 1)[0]
	out.lock(b)
	var err error
	synctest.Test(t, func(t *testing.T) {
		must(t, a.Lock())
		out.start(func() error {
			err := a.Lock()
			if err == nil {
				a.Unlock()
			}
			b.Unlock()
			return err
		})
		if err = b.Lock(); err == nil {
			b.Unlock()
		}
		a.Unlock()
	})
	if e := out.result(); (err == nil) == (e == nil) || nilIf(err, ErrDeadlock) != nil || nilIf(e, ErrDeadlock) != nil {
		t.Errorf("the one in the bubble was told %v, the one outside %v", err, e)
	}
}

// TestBehindBubble: who waits outside, behind one in a bubble, sees a stall as ever (G6).
func TestBehindBubble(t *testing.T) {
	setStallTimeout(t, short)
	l := newLock(t)
	a := newActors(t, 3)
	a[0].lock(l)
	done := make(chan bool)
	go func() {
		defer close(done)
		synctest.Test(t, func(t *testing.T) {
			must(t, l.Lock())
			l.Unlock()
		})
	}()
	await(t, "the bubble to wait", func() bool { return asm.LoadRelaxed32(&l.word.Tail) != 0 })
	start := time.Now()
	a[1].start(l.Lock)
	a[2].start(func() error { return l.LockTimeout(never) })
	err := a[1].result()
	if e := (*TimeoutError)(nil); !errors.As(err, &e) || !e.Stall || time.Since(start) < short {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
	a[0].unlock(l)
	<-done
	must(t, a[2].result())
	a[2].unlock(l)
}

// TestBubbleStorm: goroutines in several bubbles and outside lock one lock in all ways.
func TestBubbleStorm(t *testing.T) {
	l := newLock(t)
	setStallTimeout(t, never)
	n := 0
	work := func(t *testing.T, rnd interface{ IntN(int) int }, bubble bool) {
		for end := clock.Now() + int64(*tortureTime); clock.Now() < end; { // of the process's clock
			var err error
			switch rnd.IntN(4) {
			case 0:
				err = l.LockTimeout(time.Duration(rnd.IntN(int(5 * time.Millisecond))))
			case 1:
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(int(5*time.Millisecond))))
				err = l.LockContext(ctx)
				cancel()
			default:
				err = l.Lock()
			}
			if err != nil {
				if !errors.Is(err, ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%+v", err)
				}
				continue
			}
			n++
			if !bubble && rnd.IntN(10) == 0 {
				time.Sleep(time.Duration(rnd.IntN(int(time.Millisecond))))
			}
			l.Unlock()
		}
	}
	t.Run("all", func(t *testing.T) {
		for i := range 3 {
			t.Run("bubble", func(t *testing.T) {
				t.Parallel()
				rnd := seed.Rand(t)
				synctest.Test(t, func(t *testing.T) {
					var wg sync.WaitGroup
					for range 3 + i {
						r := seed.New(rnd.Uint64(), i)
						wg.Go(func() { work(t, r, true) })
					}
					wg.Wait()
				})
			})
			t.Run("outside", func(t *testing.T) {
				t.Parallel()
				work(t, seed.Rand(t), false)
			})
		}
	})
	t.Logf("%d sections", n)
}
