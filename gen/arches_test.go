package main

import "testing"

// TestSpinChunk works out how long the longest stretch of assembly is on the
// slowest core: longer than 20 us, and garbage collection would wait for it.
func TestSpinChunk(t *testing.T) {
	worst := map[string]struct {
		cycles int // one spin
		mhz    int // slowest core in use with that many
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
