package torture

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestTorture uses each package from few goroutines, and from more than there are processors.
func TestTorture(t *testing.T) {
	seed := Seed(t)
	for _, name := range slices.Sorted(maps.Keys(All)) {
		for _, n := range []int{2, 4*runtime.GOMAXPROCS(0) + 1} {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				r := Run{Seed: seed, Goroutines: n, Time: 300 * time.Millisecond, Patience: 30 * time.Second}
				if testing.Short() {
					r.Time /= 6
				}
				if err := All[name](r); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
