//go:build unix

package rqlock

import (
	"syscall"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/stall"
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

// TestIdle: waiters that are blocked cost nothing while nothing happens, be they the heads
// of their queues or behind (G14): 1,000 of them on 1,000 locks compute for less than 5 ms
// of a second, in which the watchdog wakes five times and nobody else does.
func TestIdle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector computes, too")
	}
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	// Where a wake-up is dear, as under an emulator, ten of them are the limit.
	naps := cpu(t, func() {
		for range 10 {
			time.Sleep(time.Second / 10)
		}
	})
	limit := max(5*time.Millisecond, naps*3/2)
	t.Logf("10 sleeps in a second compute for %v", naps)
	for _, c := range []struct{ locks, waiters int }{{1, 1}, {1, 100}, {1000, 1}} {
		setStallTimeout(t, never)
		locks := newLocks(t, c.locks)
		var actors []*actor
		for i := range locks {
			must(t, locks[i].Lock())
			for _, a := range newActors(t, c.waiters) {
				a.waits(&locks[i], locks[i].Lock)
				actors = append(actors, a)
			}
		}
		await(t, "the heads to sleep until they are woken", func() bool {
			return stall.Sleepers() == c.locks
		})
		used := time.Hour
		for tries := 0; used > limit && tries < 20; tries++ { // a busy machine makes each wake-up dearer, for a while
			used = min(used, cpu(t, func() { time.Sleep(time.Second) }))
		}
		if used > limit {
			t.Errorf("%d waiters on each of %d locks compute for %v in a second, want less than %v", c.waiters, c.locks, used, limit)
		} else {
			t.Logf("%d waiters on each of %d locks: %v", c.waiters, c.locks, used)
		}
		for i := range locks {
			locks[i].Unlock()
			getAll(t, &locks[i], actors[:c.waiters])
			actors = actors[c.waiters:]
		}
	}
}
