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

// TestCopied: what is explored is what is there.
func TestCopied(t *testing.T) {
	for _, sources := range []map[string]string{lock.Sources, qspin.Sources} {
		for _, name := range slices.Sorted(maps.Keys(sources)) {
			src, err := os.ReadFile(filepath.Join("..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(src)); got != sources[name] {
				t.Errorf("%s has changed since the model copied it: run make generate", name)
			}
		}
	}
}

// TestMarks: the generated marks hide no states. With them and without, where a
// thread's state is all that it has seen, programs end in the same ways and
// mutants fail.
func TestMarks(t *testing.T) {
	for _, e := range suite {
		if !slices.Contains([]string{"2x1", "try", "AA", "cancel/lone tail"}, e.name) {
			continue
		}
		for _, memory := range memories {
			var ends [2]map[string]int64
			var states [2]int64
			for i, marks := range []bool{true, false} {
				p, w := e.compile(), e.world(memory)
				p.Outcome = outcome
				w.Marks = marks
				w.MaxStates = 400_000
				r := w.Run(p, mc.Exhaustive())
				report(t, r)
				if !r.Complete {
					t.Logf("%s %v: too large without marks", e.name, memory)
					ends[i] = nil
					continue
				}
				ends[i], states[i] = r.Outcomes, r.States
			}
			if ends[0] == nil || ends[1] == nil {
				continue
			}
			if a, b := slices.Sorted(maps.Keys(ends[0])), slices.Sorted(maps.Keys(ends[1])); !slices.Equal(a, b) {
				t.Errorf("%s %v: with marks it ends in %q, without in %q", e.name, memory, a, b)
			}
			if states[0] > states[1] {
				t.Errorf("%s %v: %d states with marks, %d without", e.name, memory, states[0], states[1])
			}
		}
	}
}
