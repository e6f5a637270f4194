package wait

import (
	"runtime"
	"testing"
)

// TestRefresh: a change of GOMAXPROCS is noticed.
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
	}
}
