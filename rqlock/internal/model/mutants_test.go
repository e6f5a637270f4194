package model

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

var (
	effort  = flag.Int64("model.mutants", 0, "`executions` of each program to look for each mutant (0 = as in make model, but some mutants only)")
	mutated = flag.String("model.mutant", "", "only mutants with this `text` in their name")
	listed  = flag.String("model.list", "", "`file` for a table of the mutants, and what has killed each")
	seed    = flag.Uint64("model.seed", rand.Uint64(), "seed of random walks")
)

// coverage collects the orderings of all accesses that programs make, and the
// statements that they reach.
func coverage() (accesses map[mc.Access]mc.Order, reached map[int32]bool) {
	accesses, reached = map[mc.Access]mc.Order{}, map[int32]bool{}
	for _, e := range suite {
		for _, w := range []mc.World{e.program.world(mc.SC), e.world(mc.SC)} { // a view has fewer steps, and so comes further
			w.MaxExecutions, w.Accesses, w.Reached = 300, accesses, reached
			w.Run(e.compile(), mc.Walk(1))
		}
	}
	maps.DeleteFunc(accesses, func(a mc.Access, _ mc.Order) bool { return a.Site == 0 })
	return accesses, reached
}

// someMutants is how many are tried in a short test.
const someMutants = 20

// TestMutants: every mutant is found out.
func TestMutants(t *testing.T) {
	t.Logf("-model.seed %d", *seed)
	ms := mutants(coverage())
	if *effort == 0 {
		rnd := rand.New(rand.NewPCG(*seed, 0))
		rnd.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
		ms = ms[:someMutants]
	}
	killed := 0
	var table strings.Builder
	for _, m := range ms {
		if !strings.Contains(m.name, *mutated) {
			continue
		}
		began := time.Now()
		r, ok := m.kill(*seed, cmp.Or(*effort, 20_000)) // a few are hard to kill
		if !ok {
			t.Errorf("SURVIVES %s (%v)", m.name, time.Since(began).Round(time.Second))
			continue
		}
		killed++
		fmt.Fprintf(&table, "| %s | %s, %v | %s |\n", strings.ReplaceAll(m.name, "|", "\\|"), r.Program, r.Memory, r.Failure.Message)
		t.Logf("killed %s\n    by %s %v %v: %s (%v)", m.name, r.Program, r.Memory, r.Strategy, r.Failure.Message, time.Since(began).Round(time.Millisecond))
	}
	t.Logf("%d of %d mutants killed", killed, len(ms))
	if *listed != "" {
		text := fmt.Sprintf(mutantsPage, killed, len(ms)) + table.String()
		if err := os.WriteFile(*listed, []byte(text), 0o666); err != nil {
			t.Error(err)
		}
	}
}

// mutantsPage begins the table.
const mutantsPage = `# The model: its mutants

Written by ` + "`make model-list`" + `. Each is the lock with one statement left out, one branch not taken, or one ordering weakened by a step, where the
name says. %d of %d were killed; for each, the first program in which it failed, and how: T0, T1 ... are threads, L0, L1 ... locks, w1, w2 ... records. Which
program comes first depends on the seed. Those excused are in harmless.go, each with its reason.

| mutant | program, memory | failure |
|---|---|---|
`

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
