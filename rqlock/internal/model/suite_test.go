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
	tierName = flag.String("model.tier", "", "programs to explore whole: quick, usual, small, full (minutes) or long (hours); default usual, or quick with -short")
	only     = flag.String("model.only", "", "only programs with this `text` in their name")
	budget   = flag.Duration("model.budget", 0, "how long to explore all programs; each gets its share of what is left (0 = as long as it takes)")
	room     = flag.Int64("model.states", 100_000_000, "maximal number of states of a program; each takes some 80 bytes")
	replayed = flag.String("model.replay", "", "run this `schedule`, as a failure prints it, in the one program and memory of -model.only")
)

var tiers = map[string]tier{"quick": quick, "usual": usual, "small": small, "full": full, "long": long}

// chosenTier returns the tier that the flags ask for.
func chosenTier(t *testing.T) tier {
	switch limit, ok := tiers[*tierName]; {
	case ok:
		return limit
	case *tierName != "":
		t.Fatalf("-model.tier %s: want quick, usual, small, full or long", *tierName)
	case testing.Short():
		return quick
	}
	return usual
}

// deadline returns when to stop, in time to report before the test's deadline. It is the
// zero time if the test has none.
func deadline(t *testing.T) time.Time {
	if end, ok := t.Deadline(); ok {
		return end.Add(-5 * time.Second)
	}
	return time.Time{}
}

var memories = []mc.Model{mc.SC, mc.TSO, mc.RA}

// A setting is a program in a memory.
type setting struct {
	entry
	memory mc.Model
}

func (s setting) String() string { return s.name + "/" + s.memory.String() }

// settings returns all that -model.only selects.
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

// TestSuite explores every program of the tier whole. Only -model.budget makes it accept
// less. If the deadline or -model.states stops it, it fails.
func TestSuite(t *testing.T) {
	limit := chosenTier(t)
	chosen := slices.DeleteFunc(settings(), func(s setting) bool { return s.from(s.memory) > limit })
	end := time.Now().Add(*budget)
	for i, s := range chosen {
		t.Run(s.String(), func(t *testing.T) {
			w := s.world(s.memory)
			w.MaxTime, w.MaxStates = timeUntil(deadline(t)), *room
			if *budget > 0 {
				share := max(time.Second, time.Until(end)/time.Duration(len(chosen)-i))
				if w.MaxTime == 0 || share < w.MaxTime {
					w.MaxTime = share
				}
			}
			w.Progress = progress()
			r := w.Run(s.compile(), mc.Exhaustive())
			report(t, r)
			switch {
			case r.Failure != nil || r.Complete:
			case *budget > 0:
				t.Logf("explored in part")
			default:
				t.Errorf("not explored to its end: %v", r)
			}
		})
	}
}

// TestReplay shows the execution of a schedule that a failure has printed.
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

// report logs the result of an exploration, and fails the test if it failed.
func report(t *testing.T, r mc.Result) {
	t.Helper()
	t.Log(r)
	if r.Failure != nil {
		t.Errorf("%s\nschedule: %s\n%s", r.Failure.Message, r.Failure.Schedule, r.Failure.Trace)
	}
}

// TestSymmetry: threads that do the same are explored in one order of beginning. Programs
// have the same outcomes as without that. A thread that waits while it holds a lock is not
// the same as any other.
func TestSymmetry(t *testing.T) {
	same := map[string][]int{
		"2x2/queue": {-1, 0}, "limit/queue": {-1, -1, 1}, "barging": {-1, 0, -1}, "4x1/limits": {-1, 0, 1, 2},
		"ABBA": {-1, -1}, "in order": {-1, -1}, "cancel/two": {-1, -1, 1, -1},
	}
	for _, e := range suite {
		if want, ok := same[e.name]; ok {
			if got := e.compile().SameAs; !slices.Equal(got, want) {
				t.Errorf("%s: threads are the same as %v, want %v", e.name, got, want)
			}
			delete(same, e.name)
		}
		if e.name != "2x1" && (e.name != "2x2/queue" || chosenTier(t) < full) {
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
			t.Errorf("%s: outcomes %q, and without symmetry %q; %d and %d states", e.name, b, a, r[1].States, r[0].States)
		}
	}
	if len(same) > 0 {
		t.Errorf("no programs %v", same)
	}
}
