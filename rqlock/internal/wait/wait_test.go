package wait

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// A poller yields a few times. Then it sleeps, twice as long each time, up to a limit.
func ExampleBackoff() {
	var b Backoff
	for range 8 {
		fmt.Println(b.Next())
	}
	// Output:
	// 0s
	// 0s
	// 0s
	// 0s
	// 20µs
	// 40µs
	// 80µs
	// 160µs
}

// TestBackoff: the sleeps never shrink. One is Long, and they stay at the longest.
func TestBackoff(t *testing.T) {
	var b Backoff
	var last time.Duration
	long := false
	for range 40 {
		d := b.Next()
		if d < last || d > longest {
			t.Errorf("a sleep of %v after one of %v", d, last)
		}
		long = long || d == Long
		last = d
	}
	if !long || last != longest {
		t.Errorf("a sleep of Long: %v; the last sleep is %v, want %v", long, last, longest)
	}
	if b.Pauses() != 0 {
		t.Errorf("a poller that sleeps spins for %d PAUSEs as well", b.Pauses())
	}
}

// TestPauses: each spin of one acquisition is longer than the one before.
func TestPauses(t *testing.T) {
	for i := range tries - 1 {
		if Pauses(i+1) <= Pauses(i) {
			t.Errorf("%d PAUSEs before try %d, %d before the next", Pauses(i), i, Pauses(i+1))
		}
	}
	Relax(Pauses(0))
}

// TestRefresh: Refresh notices a change of GOMAXPROCS. On one processor nobody spins.
func TestRefresh(t *testing.T) {
	old := runtime.GOMAXPROCS(0)
	now := processors.known.Load()
	defer func() {
		runtime.GOMAXPROCS(old)
		Refresh(now + 1<<40)
	}()
	for _, n := range []int{1, 2, 1} {
		runtime.GOMAXPROCS(n)
		now += 1 << 30
		Refresh(now)
		if got := Tries(); (got == 1) != (n == 1) {
			t.Errorf("%d tries on %d processors", got, n)
		}
		if got := new(Backoff).Pauses(); (got == 0) != (n == 1) {
			t.Errorf("a poller spins for %d PAUSEs on %d processors", got, n)
		}
	}
}
