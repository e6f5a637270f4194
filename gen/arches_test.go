package main

import (
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
)

// TestSpinChunk computes how long a chunk of a conditional load takes on the slowest
// core. Garbage collection waits for a chunk, so it may take no more than 20 us.
func TestSpinChunk(t *testing.T) {
	for _, a := range engine.Archs() {
		if ns := a.SpinChunk * a.SpinTime; ns == 0 || ns > 20_000 {
			t.Errorf("%s: a chunk of %d spins takes up to %d ns", a.Name, a.SpinChunk, ns)
		}
	}
}
