package model

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

var (
	effort  = flag.Int64("model.mutants", 0, "try all mutants, each with at most so many `executions` of each program and strategy")
	mutated = flag.String("model.mutant", "", "only mutants with this `text` in their name")
	others  = flag.Bool("model.others", false, "instead, try those of RWMutex that need not die")
	listed  = flag.String("model.list", "", "`file` for a table of the mutants, and what has killed each")
)

// coverage collects the orderings of all accesses that programs make, and the statements
// that they reach.
var coverage = sync.OnceValues(func() (accesses map[mc.Access]mc.Order, reached map[int32]bool) {
	accesses, reached = map[mc.Access]mc.Order{}, map[int32]bool{}
	for _, e := range suite {
		its := covered{map[mc.Access]mc.Order{}, map[int32]bool{}}
		// Executions in which functions are one step have fewer steps, and get further.
		for _, w := range []mc.World{e.program.world(mc.SC), e.world(mc.SC)} {
			w.MaxExecutions, w.Accesses, w.Reached = 300, its.accesses, its.reached
			w.Run(e.compile(), mc.Walk(1))
		}
		maps.DeleteFunc(its.accesses, func(a mc.Access, _ mc.Order) bool { return a.Site == 0 })
		maps.Copy(accesses, its.accesses)
		maps.Copy(reached, its.reached)
		coveredBy[e.name] = its
	}
	return accesses, reached
})

// again is how often a mutant that has survived is tried with other random numbers.
const again = 3

// TestMutants: every mutant fails in some program.
func TestMutants(t *testing.T) {
	if *effort == 0 {
		t.Skip("no -model.mutants; make model tries all mutants, TestChecks some")
	}
	seed, stop := seed.Of(t), deadline(t)
	ms := mutants(coverage())
	if *others {
		ms = otherMutants(coverage())
	}
	killed := 0
	var table strings.Builder
	for i, m := range ms {
		if !strings.Contains(m.name, *mutated) {
			continue
		}
		began := time.Now()
		r, ok := m.kill(seed, *effort, stop)
		for more := range again { // few schedules show it
			if !ok {
				r, ok = m.kill(seed+1+uint64(more), *effort, stop)
			}
		}
		if !ok && !stop.IsZero() && time.Now().After(stop) {
			t.Errorf("stopped by the deadline, after %d of %d mutants", i, len(ms))
			break
		}
		if !ok {
			t.Errorf("SURVIVES %s (%v)", m.name, time.Since(began).Round(time.Second))
			continue
		}
		killed++
		fmt.Fprintf(&table, "| %s | %s, %v | %s |\n", cellText(m.name), r.Program, r.Memory, cellText(r.Failure.Message))
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

func cellText(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// mutantsPage is the head of docs/model-mutants.md.
const mutantsPage = `# The model: its mutants

` + "`make model-list`" + ` has written this page. A mutant is the lock with one statement left
out, one branch not taken, or one ordering weakened by a step. Its name says where. %d of %d
were killed. The table has for each the first program in which it failed, and how. T0, T1
... are threads, L0, L1 ... locks, and w1, w2 ... waiter records. Which program comes first
depends on the seed. The mutants that are excused are in harmless.go, each with its reason.
Of RWMutex the table has the mutants that rwmutants.go names, and not those of which nobody has
found out yet whether they do harm.

| mutant | program, memory | failure |
|---|---|---|
`

// TestMutantsPage: the page has the head that the generator would write.
func TestMutantsPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/model-mutants.md")
	if err != nil {
		t.Fatal(err)
	}
	numbers := strings.NewReplacer("0", "", "1", "", "2", "", "3", "", "4", "", "5", "", "6", "", "7", "", "8", "", "9", "", "%d", "")
	if want := numbers.Replace(mutantsPage); !strings.HasPrefix(numbers.Replace(string(page)), want) {
		t.Error("docs/model-mutants.md is stale: run make model-list")
	}
}

// otherMutants lists those of RWMutex that need not die, and that no reason excuses.
func otherMutants(accesses map[mc.Access]mc.Order, reached map[int32]bool) (ms []mutant) {
	for _, m := range append(dropped(reached), weakened(accesses)...) {
		if _, excused := harmless[m.name]; m.ofReader() && !excused && !m.tooStrong() && !m.must() {
			ms = append(ms, m)
		}
	}
	return ms
}

// TestHarmless: each mutant that is excused or needed exists.
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
	for _, name := range slices.Concat(needed, readerMutants) {
		if !names[name] {
			t.Errorf("there is no mutant %q", name)
		}
	}
}
