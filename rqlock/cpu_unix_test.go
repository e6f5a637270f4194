//go:build unix

package rqlock

import (
	"syscall"
	"testing"
	"time"
)

// cpu returns the time that f has this process compute.
func cpu(t *testing.T, f func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var r syscall.Rusage
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}

// TestIdle: a waiter that is blocked for a second computes for less than 10 ms
// of it (G10), be it the head of the queue or behind.
func TestIdle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector computes, too")
	}
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	// Where a wake-up is dear, as under an emulator, 45 of them are the limit.
	naps := cpu(t, func() {
		for range 45 {
			time.Sleep(time.Second / 45)
		}
	})
	limit := max(10*time.Millisecond, naps*3/2)
	t.Logf("45 sleeps in a second compute for %v", naps)
	for _, n := range []int{1, 2, 100} {
		setStallTimeout(t, never)
		l := newLock(t)
		must(t, l.Lock())
		actors := newActors(t, n)
		for _, a := range actors {
			a.waits(l, l.Lock)
		}
		time.Sleep(10 * time.Millisecond)
		used := time.Hour
		for tries := 0; used > limit && tries < 20; tries++ { // a busy machine makes each wake-up dearer, for a while
			used = min(used, cpu(t, func() { time.Sleep(time.Second) }))
		}
		if used > limit {
			t.Errorf("%d waiters compute for %v in a second, want less than %v", n, used, limit)
		} else {
			t.Logf("%d waiters: %v", n, used)
		}
		l.Unlock()
		getAll(t, l, actors)
	}
}
