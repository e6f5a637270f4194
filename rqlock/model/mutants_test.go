package model

import (
	"flag"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/model/internal/mc"
)

var (
	effort  = flag.Int64("model.mutants", 0, "`executions` of each program to look for each mutant (0 = no mutants)")
	spare   = flag.Bool("model.spare", false, "list the orderings that are stronger than needed")
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
	t.Logf("-model.seed %d", *seed)
	ms := mutants(coverage())
	killed := 0
	for _, m := range ms {
		if !strings.Contains(m.name, *mutated) {
			continue
		}
		began := time.Now()
		r, ok := m.kill(*seed, *effort)
		if !ok {
			t.Errorf("SURVIVES %s (%v)", m.name, time.Since(began).Round(time.Second))
			continue
		}
		killed++
		t.Logf("killed %s\n    by %s %v %v: %s (%v)", m.name, r.Program, r.Memory, r.Strategy, r.Failure.Message, time.Since(began).Round(time.Millisecond))
	}
	t.Logf("%d of %d mutants killed", killed, len(ms))
}

// TestSpareOrderings lists the orderings of sync/atomic's accesses that nothing
// here needs: it has only the strongest.
func TestSpareOrderings(t *testing.T) {
	if !*spare {
		t.Skip("takes long, and cannot fail: see -model.spare")
	}
	accesses, _ := coverage()
	for _, m := range optional(accesses) {
		if r, ok := m.kill(*seed, 0); ok {
			t.Logf("needed: %s\n    or else %s %v %v: %s", m.name, r.Program, r.Memory, r.Strategy, r.Failure.Message)
		} else {
			t.Logf("spare: %s", m.name)
		}
	}
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
