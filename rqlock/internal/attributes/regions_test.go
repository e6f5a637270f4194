package attributes

import (
	"runtime"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

type element struct {
	_ uint64
	l asm.Owned
	_ [3]uint64
}

// TestNameEach: the locks of an array are named by their index, unless they have names of their
// own, and nothing is left when it is garbage.
func TestNameEach(t *testing.T) {
	before := regions.n.Load()
	for range 10 {
		array, other := make([]element, 5000), make([]element, 10)
		NameEach(array, "table")
		NameEach(array[:0], "none")
		for _, i := range []int{0, 1, 2500, 4999} {
			if got, want := NameOf(&array[i].l), map[int]string{0: "table[0]", 1: "table[1]", 2500: "table[2500]", 4999: "table[4999]"}[i]; got != want {
				t.Errorf("element %d is %q, want %q", i, got, want)
			}
		}
		Change(&array[7].l, func(a *Attributes) { a.Name = "own" })
		if got := NameOf(&array[7].l); got != "own" {
			t.Errorf("a name of its own is %q", got)
		}
		Change(&array[7].l, func(a *Attributes) { a.Name = "" })
		if got := NameOf(&other[0].l); got != "" {
			t.Errorf("another array's is %q", got)
		}
		// Until the cleanup runs, the addresses of what is garbage may be another array's.
		here := regions.of[Addr(&array[0].l)>>pageShift]
		r := here[len(here)-1]
		alive := r.alive
		r.alive = func() bool { return false }
		if got := NameOf(&array[0].l); got != "" {
			t.Errorf("what is no more gave the name %q", got)
		}
		r.alive = alive
		runtime.KeepAlive(array)
	}
	for start := time.Now(); regions.n.Load() != before || len(regions.of) != 0 && before == 0; runtime.GC() {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%d regions are left, on %d pages", regions.n.Load()-before, len(regions.of))
		}
	}
}
