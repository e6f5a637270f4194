package rqlock

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
)

// TestNoStallAfterGrant: a head that has closed the lock gives up, and the owner unlocks
// and locks again. That grant is progress to the next head, though the owner is the same:
// it sees a stall only after the whole timeout.
func TestNoStallAfterGrant(t *testing.T) {
	setStallTimeout(t, never)
	for range briefly(5, 1) {
		l := newLock(t)
		l.SetStallTimeout(short)
		a := newActors(t, 3)
		a[0].lock(l)
		closesFor(t, a[1], l, short-short/10)
		must(t, nilIf(a[1].result(), ErrTimeout))
		a[0].unlock(l)
		a[0].lock(l)
		start := time.Now()
		err := a[2].do(l.Lock)
		if took := time.Since(start); nilIf(err, ErrTimeout) != nil || took < short {
			t.Errorf("%v after %v, want a stall after %v", err, took, short)
		}
		a[0].unlock(l)
		l.SetStallTimeout(-1)
	}
}

// TestRWNoStallAfterGivingUp: a writer that waits for readers gives up, and a reader that waited
// for it comes in. That is progress to the next writer (R9): it sees a stall only after the whole
// timeout.
func TestRWNoStallAfterGivingUp(t *testing.T) {
	setStallTimeout(t, never)
	untilInTime(t, func() (inTime bool) {
		l := newRW(t)
		l.SetStallTimeout(short)
		a := newActors(t, 4)
		a[0].read(l)
		ctx, cancel := context.WithTimeout(context.Background(), never)
		a[1].blocks(l, func() error { return l.LockContext(ctx) })
		a[2].blocks(l, l.RLock)
		start := time.Now()
		a[3].start(l.Lock)
		time.Sleep(short - short/10)
		cancelled := time.Now()
		cancel()
		must(t, nilIf(a[1].result(), context.Canceled))
		must(t, a[2].result())
		err := a[3].result()
		took := time.Since(cancelled)
		inTime = cancelled.Sub(start) < short // else it may have been told of a stall before
		if inTime && (nilIf(err, ErrTimeout) != nil || took < short) {
			t.Errorf("%v after %v, want a stall after %v", err, took, short)
		}
		a[0].unread(l)
		a[2].unread(l)
		l.SetStallTimeout(-1)
		return inTime
	})
}

// TestRWStallOfOwn: what the head of the queue has seen of a stall, the next one does not take
// for a stall before it has waited for as long itself (R7).
func TestRWStallOfOwn(t *testing.T) {
	setStallTimeout(t, never)
	l := newRW(t)
	l.SetStallTimeout(short)
	defer l.SetStallTimeout(-1)
	a := newActors(t, 3)
	a[0].write(l)
	ctx, cancel := context.WithTimeout(context.Background(), never)
	a[1].blocks(l, func() error { return l.LockContext(ctx) })
	await(t, "the head to close the lock", func() bool { return queue.Closed(&l.rw.Owned) })
	time.Sleep(2 * short)
	start := time.Now()
	a[2].start(l.Lock)
	await(t, "the next writer to wait", func() bool { return a[2].blocked(l) || len(a[2].results) != 0 })
	cancel()
	must(t, nilIf(a[1].result(), context.Canceled))
	if err, took := a[2].result(), time.Since(start); nilIf(err, ErrTimeout) != nil || took < short {
		t.Errorf("%v after %v, want a stall after %v", err, took, short)
	}
	a[0].unwrite(l)
}

// TestRWNoStallAfterDraining: a reader waits for a writer that itself waits for readers. When
// these have left the writer is granted the lock, though it was its owner before: the reader sees
// a stall only after the whole timeout (R9).
func TestRWNoStallAfterDraining(t *testing.T) {
	setStallTimeout(t, never)
	untilInTime(t, func() (inTime bool) {
		l := newRW(t)
		l.SetStallTimeout(short)
		a := newActors(t, 3)
		a[0].read(l)
		a[1].blocks(l, l.Lock)
		start := time.Now()
		a[2].start(l.RLock)
		time.Sleep(short - short/10)
		granted := time.Now()
		a[0].unread(l)
		writer := a[1].result()
		inTime = granted.Sub(start) < short && writer == nil // else somebody may have seen a stall before
		if !inTime && writer == nil {
			l.SetStallTimeout(never)
			a[1].unwrite(l)
		}
		err := a[2].result()
		if took := time.Since(granted); inTime && (nilIf(err, ErrTimeout) != nil || took < short) {
			t.Errorf("%v after %v, want a stall after %v", err, took, short)
		}
		if l.owner() == a[1].id {
			a[1].unwrite(l)
		}
		if err == nil {
			a[2].unread(l)
		}
		l.SetStallTimeout(-1)
		return inTime
	})
}

// TestRWTold: the first one that waits has a limit of its own, and so a stall does not end its
// wait. It tells those behind that have none (R7, G6).
func TestRWTold(t *testing.T) {
	setStallTimeout(t, short)
	l := newRW(t)
	for name, way := range map[string]struct {
		lock    func() error
		bounded func(context.Context) error
	}{"writers": {l.Lock, l.LockContext}, "readers": {l.RLock, l.RLockContext}} {
		t.Run(name, func(t *testing.T) {
			a := newActors(t, 5)
			a[0].write(l)
			ctx, cancel := context.WithTimeout(context.Background(), never)
			defer cancel()
			bounded := func() error { return way.bounded(ctx) }
			a[1].blocks(l, bounded)
			start := time.Now()
			a[2].start(way.lock)
			a[3].start(bounded)
			a[4].start(way.lock)
			for _, b := range []*actor{a[2], a[4]} {
				e := (*TimeoutError)(nil)
				if err := b.result(); !errors.As(err, &e) || !e.Stall || e.Wait.For < short || time.Since(start) < short {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
			}
			if len(a[1].results)+len(a[3].results) != 0 {
				t.Error("one with a limit of its own does not wait any more")
			}
			cancel()
			for _, b := range []*actor{a[1], a[3]} {
				must(t, nilIf(b.result(), context.Canceled))
			}
			a[0].unwrite(l)
		})
	}
}

// TestUnqueued: one for whom there is no record takes a free lock, keeps its limit, and
// sees no stall, for it cannot know (G10).
func TestUnqueued(t *testing.T) {
	setStallTimeout(t, short)
	setRecords(t, 0)
	l := newLock(t)
	a := newActors(t, 2)
	must(t, l.Lock())
	before := ReadEvents()
	a[0].start(l.Lock)
	await(t, "the actor to find no record", func() bool { return since(before).Unqueued == 1 })
	if err := a[1].do(func() error { return l.LockTimeout(2 * time.Millisecond) }); nilIf(err, ErrTimeout) != nil || err == nil {
		t.Errorf("with a limit: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
	defer cancel()
	if err := a[1].do(func() error { return l.LockContext(ctx) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context: %v", err)
	}
	time.Sleep(2 * short)
	if len(a[0].results) != 0 {
		t.Fatalf("without a record: %v", a[0].result())
	}
	l.Unlock()
	must(t, a[0].result())
	a[0].unlock(l)
}

// TestRWUnqueued: the same of an RWMutex, to write and to read (G10).
func TestRWUnqueued(t *testing.T) {
	setStallTimeout(t, short)
	setRecords(t, 0)
	l := newRW(t)
	a := newActors(t, 3)
	a[2].write(l)
	before := ReadEvents()
	ways := []struct {
		lock   func() error
		unlock func()
		limit  func(time.Duration) error
	}{{l.Lock, l.Unlock, l.LockTimeout}, {l.RLock, l.RUnlock, l.RLockTimeout}}
	for i, way := range ways {
		a[i].start(func() error {
			err := way.lock()
			if err == nil {
				way.unlock()
			}
			return err
		})
		await(t, "the actor to find no record", func() bool { return since(before).Unqueued == uint64(i+1) })
	}
	for _, way := range ways {
		if err := way.limit(2 * time.Millisecond); nilIf(err, ErrTimeout) != nil || err == nil {
			t.Errorf("with a limit: %v", err)
		}
	}
	time.Sleep(2 * short)
	a[2].unwrite(l)
	must(t, a[0].result())
	must(t, a[1].result())
}

// TestTryLockStorm: those who try a closed lock look first, and so none of them is in the
// way of the head, however many there are and wherever they stop.
func TestTryLockStorm(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	var taken atomic.Int64
	for range 16 {
		wg.Go(func() {
			for !over.Load() {
				if l.TryLock() {
					taken.Add(1)
					runtime.Gosched()
					l.Unlock()
				}
			}
		})
	}
	await(t, "the storm", func() bool { return taken.Load() > 0 })
	longest := time.Duration(0)
	for range briefly(50, 5) {
		start := time.Now()
		must(t, l.Lock())
		longest = max(longest, time.Since(start))
		l.Unlock()
	}
	over.Store(true)
	join(t, &wg)
	t.Logf("%d sections of others, the longest wait was %v", taken.Load(), longest)
}

// TestStates: a timeout says what the holder does, or that it has ended. Nobody else is
// taken for one that has ended with the lock held (G13).
func TestStates(t *testing.T) {
	setStallTimeout(t, short)
	l := newLock(t)
	look := func(want string) {
		t.Helper()
		goid.Fresh()
		var e *TimeoutError
		if err := l.LockTimeout(0); !errors.As(err, &e) || e.Wait.Holders[0].State != want {
			t.Errorf("got %v, want the holder's state %q", err, want)
		}
	}
	blocked := make(chan bool)
	held := make(chan bool)
	go func() {
		if err := l.Lock(); err != nil {
			t.Error(err)
		}
		held <- true
		<-blocked
		blocked <- true
	}() //rqvet:ignore leak it is what the test is about
	<-held
	await(t, "the holder to block", func() bool { return stateNow(l.owner()) == "chan receive" })
	look("chan receive")
	blocked <- true
	<-blocked
	await(t, "the holder to end", func() bool { return stateNow(l.owner()) == "ended" })
	// A look keeps others away for some milliseconds only, which a busy machine may need.
	without := fmt.Sprintf("held by goroutine %d, was", l.owner())
	await(t, "an error without a new look", func() bool {
		look("ended")
		return strings.Contains(l.LockTimeout(0).Error(), without)
	})

	// Nobody else is taken for the one that has ended.
	for range 200 {
		done := make(chan error)
		go func() { done <- l.LockTimeout(0) }()
		if err := <-done; errors.Is(err, ErrDeadlock) || err == nil {
			t.Fatalf("another goroutine was told %v", err)
		}
	}
	l.word.Owner.Store(asm.CurrentGoid())
	l.Unlock()
}

func stateNow(id uint64) string {
	goid.Fresh()
	state, _ := goid.State(id)
	return state
}

// TestStallBehind: a waiter behind one that has a limit of its own is told for how long the
// lock was granted to nobody, which may be less than it has waited itself.
func TestStallBehind(t *testing.T) {
	setStallTimeout(t, short)
	untilInTime(t, func() bool { return stallBehind(t) })
}

// untilInTime plays rounds until one was in time. In the others the machine has paused for so long
// that there was nothing to see.
func untilInTime(t *testing.T, round func() (inTime bool)) {
	t.Helper()
	for begun := time.Now(); !round(); {
		if time.Since(begun) > patience {
			stuck(t, "a round without a pause of the machine")
		}
	}
}

// stallBehind reports whether the lock was granted before the last waiter could take it for
// stalled. Else there was nothing to see.
func stallBehind(t *testing.T) (inTime bool) {
	l := newLock(t)
	a := newActors(t, 4)
	a[0].lock(l)
	patient := func() error { return l.LockTimeout(never) }
	a[1].waits(l, patient)
	a[2].waits(l, patient)
	begun := time.Now()
	a[3].waits(l, l.Lock)
	time.Sleep(short * 8 / 10)
	a[0].unlock(l)
	must(t, a[1].result())
	granted := time.Now()
	var e *TimeoutError
	if err := a[3].result(); !errors.As(err, &e) || !e.Stall {
		t.Fatalf("got %v", err)
	}
	inTime = granted.Sub(begun) < short
	if quiet := e.Wait.For; inTime && (quiet < short || quiet > time.Since(granted)+granted.Sub(begun)/2) {
		t.Errorf("says that the lock was granted to nobody for %v, and it was granted %v ago", quiet, time.Since(granted))
	}
	a[1].unlock(l)
	must(t, a[2].result())
	a[2].unlock(l)
	return inTime
}
