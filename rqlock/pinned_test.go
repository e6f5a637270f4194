package rqlock

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPinned holds the only processor for longer than a time slice (10 ms): a
// pinned section is not preempted, so the goroutine beside it does not run.
func TestPinned(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var l Mutex
	var turns atomic.Int64
	var over atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for !over.Load() {
			turns.Add(1)
			runtime.Gosched()
		}
	})
	for range 3 {
		if err := l.LockPinned(); err != nil {
			t.Fatal(err)
		}
		before := turns.Load()
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		}
		if n := turns.Load() - before; n != 0 {
			t.Errorf("another goroutine had %d turns during the section", n)
		}
		l.UnlockPinned()
		time.Sleep(time.Millisecond)
	}
	over.Store(true)
	done.Wait()
	if turns.Load() == 0 {
		t.Error("the other goroutine never ran")
	}
}

// TestPinnedFails checks that a failed LockPinned leaves the goroutine unpinned.
func TestPinnedFails(t *testing.T) {
	var l Mutex
	if err := l.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := l.LockPinned(); !errors.Is(err, ErrDeadlock) {
		t.Errorf("got %v", err)
	}
	time.Sleep(time.Millisecond) // crashes if pinned
	l.Unlock()
}
