package proc

import (
	"fmt"
	"runtime"
	"testing"
)

// A goroutine that is pinned stays on its processor.
func ExamplePin() {
	id := Pin()
	same := ID() == id
	Unpin()
	fmt.Println(same)
	// Output: true
}

// TestID: numbers are below GOMAXPROCS, on each goroutine and whatever GOMAXPROCS is.
func TestID(t *testing.T) {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	for _, procs := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(procs)
		ids := make(chan int)
		for range 4 * procs {
			go func() { ids <- ID() }()
		}
		for range 4 * procs {
			if id := <-ids; id < 0 || id >= procs {
				t.Errorf("processor %d of %d", id, procs)
			}
		}
	}
}

// TestPinned: pins nest, and nothing preempts the goroutine until the last is undone.
func TestPinned(t *testing.T) {
	id := Pin()
	Pin()
	Unpin()
	for range 1_000_000 {
		if now := ID(); now != id {
			t.Errorf("pinned to processor %d, now on %d", id, now)
			break
		}
	}
	Unpin()
}
