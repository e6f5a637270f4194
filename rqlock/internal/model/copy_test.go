package model

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/qspin"
)

// TestCopied: the copies are of the sources as they are now.
func TestCopied(t *testing.T) {
	for _, sources := range []map[string]string{lock.Sources, qspin.Sources} {
		for _, name := range slices.Sorted(maps.Keys(sources)) {
			src, err := os.ReadFile(filepath.Join("..", "..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(src)); got != sources[name] {
				t.Errorf("%s has changed since gen copied it for the model: run make generate", name)
			}
		}
	}
}

// TestMarks: the generated marks hide no states. Without them, a thread's state is the
// history of all that it has observed. Programs have the same outcomes then.
func TestMarks(t *testing.T) {
	from := map[string]tier{"2x1": quick, "AA": usual, "cancel/lone tail": usual, "try": full}
	for _, e := range suite {
		if tier, ok := from[e.name]; !ok || tier > chosenTier(t) {
			continue
		}
		for _, memory := range memories {
			explore := func(marks bool) (outcomes []string, states int64) {
				p, w := e.compile(), e.world(memory)
				p.Outcome = outcome
				w.Marks, w.MaxTime = marks, timeUntil(deadline(t))
				r := w.Run(p, mc.Exhaustive())
				report(t, r)
				if r.Failure == nil && !r.Complete {
					t.Errorf("not explored to its end: %v", r)
				}
				return slices.Sorted(maps.Keys(r.Outcomes)), r.States
			}
			with, states := explore(true)
			without, more := explore(false)
			if !slices.Equal(with, without) {
				t.Errorf("%s %v: outcomes %q with marks, %q without", e.name, memory, with, without)
			}
			if states > more {
				t.Errorf("%s %v: %d states with marks, %d without", e.name, memory, states, more)
			}
		}
	}
}
