package rqlock

import (
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/bridge"
)

// TestSame: two errors are of one deadlock if their cycles are of the same goroutines and locks,
// and all but the caller are in the same wait.
func TestSame(t *testing.T) {
	cycle := func(change func(c []Wait)) error {
		c := []Wait{
			{Goroutine: 1, Lock: LockInfo{Addr: 16}, epoch: 1},
			{Goroutine: 2, Lock: LockInfo{Addr: 32}, epoch: 2},
			{Goroutine: 3, Lock: LockInfo{Addr: 48}, epoch: 3},
		}
		change(c)
		return &DeadlockError{Cycle: c}
	}
	first := cycle(func([]Wait) {})
	for name, c := range map[string]struct {
		change func(c []Wait)
		same   bool
	}{
		"nothing":            {func([]Wait) {}, true},
		"the caller's wait":  {func(c []Wait) { c[0].epoch = 9 }, true},
		"another one's wait": {func(c []Wait) { c[2].epoch = 9 }, false},
		"a goroutine":        {func(c []Wait) { c[1].Goroutine = 9 }, false},
		"a lock":             {func(c []Wait) { c[0].Lock.Addr = 64 }, false},
	} {
		if got := bridge.Same(first, cycle(c.change)); got != c.same {
			t.Errorf("with another %s: same %v, want %v", name, got, c.same)
		}
	}
	if bridge.Same(first, &DeadlockError{Cycle: first.(*DeadlockError).Cycle[:2]}) {
		t.Error("a shorter cycle is the same")
	}
	if bridge.Same(first, &TimeoutError{}) || bridge.Same(&TimeoutError{}, first) {
		t.Error("a timeout is a deadlock")
	}
}
