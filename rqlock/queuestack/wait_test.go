package queuestack

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// untilWait returns when n waiters are in a line.
func untilWait(t *testing.T, r *ring[int], l *line[int], n int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Microsecond) {
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		in := 0
		for w := l.first; w != nil; w = w.next {
			in++
		}
		r.lock.Unlock()
		if in == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d wait, want %d", in, n)
		}
	}
}

// A waitRow is a way to wait: begin makes a container empty or full, wait waits in it and returns
// its own number or the value that it has got, and serve serves whoever is first.
type waitRow struct {
	line  *line[int]
	begin func()
	wait  func(ctx context.Context, i int) (int, error)
	serve func(i int) error
}

func waitsOf(c container, r *ring[int], capacity int) map[string]waitRow {
	pop := func(ctx context.Context, _ int) (int, error) { return c.PopContext(ctx) }
	return map[string]waitRow{
		"PopContext":                 {&r.poppers, func() {}, pop, c.Push},
		"PopContext, by Replace":     {&r.poppers, func() {}, pop, c.Replace},
		"PopContext, by PushContext": {&r.poppers, func() {}, pop, func(i int) error { return c.PushContext(context.Background(), i) }},
		"PushContext": {
			&r.pushers, func() {
				for range capacity {
					c.Push(-1)
				}
			},
			func(ctx context.Context, i int) (int, error) { return i, c.PushContext(ctx, i) },
			func(int) error { _, err := c.Pop(); return err },
		},
	}
}

// TestWaits has several wait, some of whom give up. The others are served in the order in which
// they came, by one call each.
func TestWaits(t *testing.T) {
	const capacity, waiters = 2, 6
	why := errors.New("no time")
	for kind, b := range both {
		c, r := b.make(capacity)
		for name, x := range waitsOf(c, r, capacity) {
			x.begin()
			ctx, cancel := context.WithCancelCause(context.Background())
			type result struct {
				i, got int
				err    error
			}
			results := make(chan result, waiters)
			for i := range waiters {
				of := patient(t)
				if i%3 == 0 { // the first, and one in the middle
					of = ctx
				}
				go func() {
					got, err := x.wait(of, i)
					results <- result{i, got, err}
				}()
				untilWait(t, r, x.line, i+1)
			}
			if x.line == &r.poppers {
				if v, err := c.Pop(); err != ErrEmpty {
					t.Errorf("%s: %s: Pop while others wait: %d, %v", kind, name, v, err)
				}
			}
			if name == "PushContext" {
				if err := c.Push(77); err != ErrFull {
					t.Errorf("%s: %s: Push while others wait: %v", kind, name, err)
				}
			}
			cancel(why)
			for range 2 {
				if x := <-results; x.i%3 != 0 || !errors.Is(x.err, why) {
					t.Errorf("%s: %s: %d ends with %v", kind, name, x.i, x.err)
				}
			}
			untilWait(t, r, x.line, waiters-2)
			for _, i := range []int{1, 2, 4, 5} {
				if err := x.serve(i); err != nil {
					t.Errorf("%s: %s: %v", kind, name, err)
				}
				if x := <-results; x.i != i || x.got != i || x.err != nil {
					t.Errorf("%s: %s: serves %d, with %d and %v, want %d", kind, name, x.i, x.got, x.err, i)
				}
			}
			for range capacity {
				c.Pop()
			}
			if r.pushers.first != nil || r.pushers.last != nil || r.poppers.first != nil || r.poppers.last != nil {
				t.Errorf("%s: %s: somebody is left in a line", kind, name)
			}
		}
	}
}

// TestGiveUpWithoutLock: a wait ends with its context even if the ring's lock fails then. Nobody
// serves it later.
func TestGiveUpWithoutLock(t *testing.T) {
	defer rqlock.SetStallTimeout(patience)
	q := NewQueue[int](1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { _, err := q.PopContext(ctx); done <- err }()
	untilWait(t, &q.ring, &q.ring.poppers, 1)
	rqlock.SetStallTimeout(time.Millisecond)
	if err := q.ring.lock.Lock(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	q.ring.lock.Unlock()
	rqlock.SetStallTimeout(patience)
	if err := q.Push(5); err != nil {
		t.Error(err)
	}
	if v, err := q.Pop(); v != 5 || err != nil {
		t.Errorf("Pop: %d, %v: the value went to somebody who had given up", v, err)
	}
}

// TestServedAndDone: who is served as its context ends has been served.
func TestServedAndDone(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	rnd := seed.Rand(t)
	q := NewQueue[int](1)
	for i := range n {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			for range rnd.IntN(20) {
				runtime.Gosched()
			}
			cancel()
		})
		wg.Go(func() {
			if err := q.Push(i); err != nil {
				t.Error(err)
			}
		})
		v, err := q.PopContext(ctx)
		wg.Wait()
		left, popErr := q.Pop()
		if (err == nil) == (popErr == nil) || err == nil && v != i || popErr == nil && left != i {
			t.Fatalf("PopContext: %d, %v; then Pop: %d, %v, want %d once", v, err, left, popErr, i)
		}
	}
}

// TestAllWaits: All waits for a lock that fails, and yields the values then.
func TestAllWaits(t *testing.T) {
	defer rqlock.SetStallTimeout(patience)
	rqlock.SetStallTimeout(time.Millisecond)
	for name, b := range both {
		c, r := b.make(3)
		for i := range 3 {
			c.Push(i)
		}
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		before := rqlock.ReadEvents().Stall
		all := make(chan []int)
		go func() { all <- slices.Collect(c.All()) }()
		for rqlock.ReadEvents().Stall < before+2 {
			time.Sleep(time.Millisecond)
		}
		r.lock.Unlock()
		if got := <-all; len(got) != 3 || got[0] != b.next(3) {
			t.Errorf("All of a %s: %v", name, got)
		}
	}
}

// TestContextStorm has goroutines push and pop, most of them waiting, some giving up. Each value
// that was pushed is popped once, and nobody waits for ever.
func TestContextStorm(t *testing.T) {
	number := seed.Of(t)
	each := 3000
	if testing.Short() {
		each = 300
	}
	const pairs = 4
	for name, b := range both {
		c, r := b.make(2)
		ctx := patient(t)
		limited := func(i int) (context.Context, context.CancelFunc) {
			if i%16 == 0 {
				return context.WithTimeout(ctx, 5*time.Microsecond)
			}
			return context.WithCancel(ctx)
		}
		var producers, consumers sync.WaitGroup
		popped := make([][]int, pairs)
		for id := range pairs {
			producers.Go(func() {
				rnd := seed.New(number, id)
				for i := 0; i < each && ctx.Err() == nil; {
					of, stop := limited(rnd.IntN(16))
					if err := c.PushContext(of, id*each+i); err == nil {
						i++
					} else if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					stop()
				}
			})
			consumers.Go(func() {
				rnd := seed.New(number, pairs+id)
				for {
					of, stop := limited(rnd.IntN(16))
					v, err := c.PopContext(of)
					stop()
					if v < 0 || ctx.Err() != nil {
						return
					}
					if err == nil {
						popped[id] = append(popped[id], v)
					}
				}
			})
		}
		producers.Wait()
		for range pairs {
			if err := c.PushContext(ctx, -1); err != nil {
				t.Error(err)
			}
		}
		consumers.Wait()
		all := slices.Concat(popped...)
		for { // A stack returns the ends of the consumers first.
			v, err := c.Pop()
			if err != nil {
				break
			}
			all = append(all, v)
		}
		slices.Sort(all)
		if len(all) != pairs*each || len(slices.Compact(all)) != pairs*each {
			t.Errorf("%s: %d values were popped, want %d, each once", name, len(all), pairs*each)
		}
		untilWait(t, r, &r.pushers, 0)
		untilWait(t, r, &r.poppers, 0)
	}
}
