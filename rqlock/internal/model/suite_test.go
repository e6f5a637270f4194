package model

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

var (
	tierName = flag.String("model.tier", "short", "programs to explore: short (seconds), full (minutes) or long (hours)")
	only     = flag.String("model.only", "", "only programs with this `text` in their name")
	patience = flag.Duration("model.time", 0, "how long to explore each program at most (0 = to its end)")
	budget   = flag.Duration("model.budget", 0, "how long to explore all programs; each gets its share of what is left (0 = as long as it takes)")
	room     = flag.Int64("model.states", 100_000_000, "how many states of a program at most: each takes some 80 bytes")
	replayed = flag.String("model.replay", "", "run this `schedule`, as a failure prints it, in the one program and memory of -model.only")
)

var memories = []mc.Model{mc.SC, mc.TSO, mc.RA}

// A setting is a program in a memory.
type setting struct {
	entry
	memory mc.Model
}

func (s setting) String() string { return s.name + "/" + s.memory.String() }

// settings returns all that -model.only names.
func settings() (all []setting) {
	for _, e := range suite {
		for _, memory := range memories {
			if s := (setting{e, memory}); strings.Contains(s.String(), *only) {
				all = append(all, s)
			}
		}
	}
	return all
}

// TestSuite explores every program of the tier to its end, or as far as the flags allow.
func TestSuite(t *testing.T) {
	limit, ok := map[string]tier{"short": short, "full": full, "long": long}[*tierName]
	if !ok {
		t.Fatalf("-model.tier %s: want short, full or long", *tierName)
	}
	chosen := slices.DeleteFunc(settings(), func(s setting) bool { return s.from(s.memory) > limit })
	end := time.Now().Add(*budget)
	for i, s := range chosen {
		t.Run(s.String(), func(t *testing.T) {
			w := s.world(s.memory)
			w.MaxTime, w.MaxStates = *patience, *room
			if *budget > 0 {
				w.MaxTime = max(time.Second, time.Until(end)/time.Duration(len(chosen)-i))
			}
			w.Progress = progress()
			r := w.Run(s.compile(), mc.Exhaustive())
			report(t, r)
			if w.MaxTime == 0 && r.Failure == nil && !r.Complete {
				t.Errorf("not explored to its end: %v", r)
			}
		})
	}
}

// TestReplay shows an execution that has been printed.
func TestReplay(t *testing.T) {
	if *replayed == "" {
		t.Skip("no -model.replay")
	}
	for _, s := range settings() {
		trace, failure, err := s.world(s.memory).Replay(s.compile(), *replayed)
		if err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		t.Logf("%v, failed: %v\n%s", s, failure != nil, trace)
	}
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
