package main

import (
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
)

// TestSpinChunk computes how long a chunk of a conditional load takes on the slowest
// core. Garbage collection waits for a chunk, so it may take no more than 20 us.
func TestSpinChunk(t *testing.T) {
	worst := map[string]struct {
		cycles int // of one spin
		mhz    int // of the slowest core that needs so many
	}{
		"amd64": {140, 2000}, // PAUSE since Skylake
		"arm64": {50, 2000},  // ISB
	}
	for _, a := range engine.Archs() {
		w, ok := worst[a.Name]
		if !ok {
			t.Errorf("%s: no figures for a spin", a.Name)
			continue
		}
		if ns := a.SpinChunk * w.cycles * 1000 / w.mhz; ns > 20_000 {
			t.Errorf("%s: a chunk of %d spins takes up to %d ns", a.Name, a.SpinChunk, ns)
		}
	}
}
