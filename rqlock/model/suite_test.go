package model

import (
	"flag"
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
