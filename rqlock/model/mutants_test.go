package model

import (
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/model/internal/mc"
)

var (
	effort  = flag.Int64("model.mutants", 0, "`executions` of each program to look for each mutant (0 = a few mutants only)")
	mutated = flag.String("model.mutant", "", "only mutants with this `text` in their name")
	seed    = flag.Uint64("model.seed", rand.Uint64(), "seed of random walks")
)

// coverage collects the orderings of all accesses that programs make, and the
// statements that they reach.
func coverage() (accesses map[mc.Access]mc.Order, reached map[int32]bool) {
	accesses, reached = map[mc.Access]mc.Order{}, map[int32]bool{}
	for _, e := range suite {
		w := e.world(mc.SC)
		w.MaxExecutions, w.Accesses, w.Reached = 300, accesses, reached
		w.Run(e.compile(), mc.Walk(1))
	}
	maps.DeleteFunc(accesses, func(a mc.Access, _ mc.Order) bool { return a.Site == 0 })
	return accesses, reached
}

// TestMutants: every mutant is found out.
func TestMutants(t *testing.T) {
	if *effort == 0 {
		t.Skip("takes minutes: see make model")
	}
	killed, tried, stronger := 0, 0, 0
	for _, m := range mutants(coverage()) {
		if !strings.Contains(m.name, *mutated) {
			continue
		}
		tried++
		began := time.Now()
		r, ok := m.kill(*seed, *effort)
		if ok {
			killed++
			t.Logf("killed   %-100s %s %v %v: %s (%v)", m.name, r.Program, r.Memory, r.Strategy, r.Failure.Message, time.Since(began).Round(time.Millisecond))
		} else if m.stronger() && !slices.Contains(needed, m.name) {
			stronger++
			t.Logf("stronger than needed: %s (%v)", m.name, time.Since(began).Round(time.Second))
		} else {
			t.Errorf("SURVIVES %s (%v)", m.name, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d of %d mutants killed; %d are orderings of sync/atomic that are stronger than needed", killed, tried, stronger)
}

// TestHarmless: what is excused exists.
func TestHarmless(t *testing.T) {
	accesses, reached := coverage()
	names := map[string]bool{}
	for _, m := range append(dropped(reached), weakened(accesses)...) {
		names[m.name] = true
	}
	for name := range harmless {
		if !names[name] {
			t.Errorf("there is no mutant %q", name)
		}
	}
	for _, name := range needed {
		if !names[name] {
			t.Errorf("there is no mutant %q", name)
		}
	}
}
