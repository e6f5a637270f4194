package rqvet_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestOwn measures what the analyzer finds in programs that were written before it was made
// to find them. Of each set of wrong ones it must find nine in ten, and of the right ones
// nothing.
func TestOwn(t *testing.T) {
	t.Parallel()
	sets, err := filepath.Glob("testdata/own/*")
	if err != nil || len(sets) == 0 {
		t.Fatal(err, sets)
	}
	findings, position := analyze(t, rqvet.Analyzer, "testdata", false, "./own/...")
	for _, dir := range sets {
		set := filepath.Base(dir)
		all := readCases(t, filepath.Join(dir, set+".go"))
		hit := map[string]bool{}
		for _, d := range findings["rqvet.test/own/"+set] {
			p := position(d)
			name := all.at(p.Line)
			if hit[name] = true; strings.HasPrefix(set, "right") {
				t.Errorf("%s: %s: %s", name, p, d.Message)
			}
		}
		t.Logf("%s: %d of %d", set, len(hit), len(all))
		if strings.HasPrefix(set, "right") {
			continue
		}
		for _, c := range all {
			if !hit[c.name] {
				t.Logf("%s: not found: %s (line %d)", set, c.name, c.line)
			}
		}
		if 10*len(hit) < 9*len(all) {
			t.Errorf("%s: found %d of %d", set, len(hit), len(all))
		}
		if want := slices.Sorted(maps.Keys(hit)); want[0] == "" {
			t.Errorf("%s: a finding outside of all cases", set)
		}
	}
}

// programCase is a part of a file, from a comment "// case NAME" to the next.
type programCase struct {
	name string
	line int
}

type programCases []programCase

var caseComment = regexp.MustCompile(`(?m)^// case (.*)$`)

func readCases(t *testing.T, file string) programCases {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all programCases
	for _, m := range caseComment.FindAllStringSubmatchIndex(string(text), -1) {
		all = append(all, programCase{string(text[m[2]:m[3]]), 1 + strings.Count(string(text[:m[0]]), "\n")})
	}
	return all
}

// at is the name of the case that has a line.
func (all programCases) at(line int) string {
	i := sort.Search(len(all), func(i int) bool { return all[i].line > line })
	if i == 0 {
		return ""
	}
	return all[i-1].name
}
