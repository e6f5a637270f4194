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
		a[1].waits(l, func() error { return l.LockTimeout(short - short/10) })
		await(t, "the head to close the lock", func() bool { return queue.Closed(&l.word) })
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
	look("ended")
	if err := l.LockTimeout(0); !strings.Contains(err.Error(), fmt.Sprintf("held by goroutine %d, was", l.owner())) {
		t.Errorf("without a new look: %v", err)
	}

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
	if quiet := e.Wait.For; quiet < short || quiet > time.Since(granted)+granted.Sub(begun)/2 {
		t.Errorf("says that the lock was granted to nobody for %v, and it was granted %v ago", quiet, time.Since(granted))
	}
	a[1].unlock(l)
	must(t, a[2].result())
	a[2].unlock(l)
}
