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
)

// TestNoStallAfterGrant: a head that has closed the lock gives up, and the owner unlocks
// and locks again. That grant is progress to the next head, though the owner is the same:
// it sees a stall only after the whole timeout.
func TestNoStallAfterGrant(t *testing.T) {
	setStallTimeout(t, never)
	for range briefly(5, 1) {
		l := newLock(t)
		l.SetStallTimeout(stall)
		a := newActors(t, 3)
		a[0].lock(l)
		a[1].waits(l, func() error { return l.LockTimeout(stall - stall/10) })
		await(t, "the head to close the lock", func() bool { return l.closed() })
		must(t, nilIf(a[1].result(), ErrTimeout))
		a[0].unlock(l)
		a[0].lock(l)
		start := time.Now()
		err := a[2].do(l.Lock)
		if took := time.Since(start); nilIf(err, ErrTimeout) != nil || took < stall {
			t.Errorf("%v after %v, want a stall after %v", err, took, stall)
		}
		a[0].unlock(l)
		l.SetStallTimeout(-1)
	}
}

// TestUnqueued: one for whom there is no record takes a free lock, keeps its limit, and
// sees no stall, for it cannot know (G10).
func TestUnqueued(t *testing.T) {
	setStallTimeout(t, stall)
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
	time.Sleep(2 * stall)
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
	setStallTimeout(t, stall)
	l := newLock(t)
	look := func(want string) {
		t.Helper()
		dumps.mu.Lock()
		dumps.next = time.Time{}
		dumps.mu.Unlock()
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
	await(t, "the holder to block", func() bool { return goroutineStateNow(l.owner()) == "chan receive" })
	look("chan receive")
	blocked <- true
	<-blocked
	await(t, "the holder to end", func() bool { return goroutineStateNow(l.owner()) == "ended" })
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

func goroutineStateNow(id uint64) string {
	dumps.mu.Lock()
	dumps.next = time.Time{}
	dumps.mu.Unlock()
	return goroutineState(id)
}
