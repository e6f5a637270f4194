package attributes

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

func setName(l *asm.Owned, name string) { Change(l, func(a *Attributes) { a.Name = name }) }

// TestForget: what was set for a lock goes with it.
func TestForget(t *testing.T) {
	before := Number()
	const n = 1000
	for range n {
		setName(new(asm.Owned), "short-lived")
	}
	for start := time.Now(); Number() >= before+n/2; {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%d locks are still known", Number()-before)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// TestTakenBack: each of many locks has its own name, and may give it back.
func TestTakenBack(t *testing.T) {
	locks := make([]asm.Owned, 1000)
	before := Number()
	for round := range 3 {
		for i := range locks {
			setName(&locks[i], fmt.Sprint("lock ", i, round))
		}
		for i := range locks {
			if got, want := Of(&locks[i]).Name, fmt.Sprint("lock ", i, round); got != want {
				t.Fatalf("lock %d is called %q, want %q", i, got, want)
			}
		}
		for i := range locks {
			setName(&locks[i], "")
		}
		if n := Number(); n > before { // others may go meanwhile
			t.Fatalf("%d locks have attributes, %d had some before", n, before)
		}
	}
}
