package model

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/model/internal/mc"
)

var (
	tierName = flag.String("model.tier", "short", "programs to explore: short (seconds), full (minutes) or long (hours)")
	only     = flag.String("model.only", "", "only programs with this `text` in their name")
	patience = flag.Duration("model.time", 0, "how long to explore each program at most (0 = to its end)")
)

var memories = []mc.Model{mc.SC, mc.TSO, mc.RA}

// each runs a test for every program of the tier, in every memory.
func each(t *testing.T, test func(t *testing.T, e entry, memory mc.Model)) {
	limit, ok := map[string]tier{"short": short, "full": full, "long": long}[*tierName]
	if !ok {
		t.Fatalf("-model.tier %s: want short, full or long", *tierName)
	}
	for _, e := range suite {
		for _, memory := range memories {
			if e.from(memory) <= limit && strings.Contains(e.name+"/"+memory.String(), *only) {
				t.Run(e.name+"/"+memory.String(), func(t *testing.T) { test(t, e, memory) })
			}
		}
	}
}

// TestSuite explores every program of the tier to its end.
func TestSuite(t *testing.T) {
	each(t, func(t *testing.T, e entry, memory mc.Model) {
		w := e.world(memory)
		w.MaxTime = *patience
		w.Progress = progress()
		report(t, w.Run(e.compile(), mc.Exhaustive()))
	})
}

// report fails a test by the failure of an exploration.
func report(t *testing.T, r mc.Result) {
	t.Helper()
	t.Log(r)
	if r.Failure != nil {
		t.Errorf("%s\nschedule: %s\n%s", r.Failure.Message, r.Failure.Schedule, r.Failure.Trace)
	}
}

// TestTwins: threads that do the same are explored in one order, and programs still
// end in the same ways; threads that wait for two locks are never taken for the same.
func TestTwins(t *testing.T) {
	twins := map[string][]int{
		"2x2/queue": {-1, 0}, "limit/queue": {-1, -1, 1}, "door": {-1, 0, -1}, "4x1/limits": {-1, 0, 1, 2},
		"ABBA": {-1, -1}, "in order": {-1, -1}, "cancel/two": {-1, -1, 1, -1},
	}
	for _, e := range suite {
		if want, ok := twins[e.name]; ok {
			if got := e.compile().Twins; !slices.Equal(got, want) {
				t.Errorf("%s: twins %v, want %v", e.name, got, want)
			}
			delete(twins, e.name)
		}
		if e.name != "2x1" && e.name != "2x2/queue" {
			continue
		}
		var r [2]mc.Result
		for i, symmetric := range []bool{false, true} {
			p, w := e.compile(), e.world(mc.SC)
			p.Outcome = outcome
			w.Symmetric, w.NoRaces = symmetric, false
			r[i] = w.Run(p, mc.Exhaustive())
			report(t, r[i])
		}
		if a, b := slices.Sorted(maps.Keys(r[0].Outcomes)), slices.Sorted(maps.Keys(r[1].Outcomes)); !slices.Equal(a, b) || r[1].States >= r[0].States {
			t.Errorf("%s ends in %q, and without symmetry in %q; %d and %d states", e.name, b, a, r[1].States, r[0].States)
		}
	}
	if len(twins) > 0 {
		t.Errorf("no programs %v", twins)
	}
}
