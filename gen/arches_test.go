package main

import "testing"

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
	for _, a := range arches {
		w, ok := worst[a.Backend.Arch]
		if !ok {
			t.Errorf("%s: no figures for a spin", a.Backend.Arch)
			continue
		}
		if ns := a.SpinChunk * w.cycles * 1000 / w.mhz; ns > 20_000 {
			t.Errorf("%s: a chunk of %d spins takes up to %d ns", a.Backend.Arch, a.SpinChunk, ns)
		}
	}
}
