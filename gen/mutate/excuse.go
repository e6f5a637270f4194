package mutate

import (
	"fmt"
	"path"
	"strings"
)

// An excuse says why mutants are equivalent to the original.
type excuse struct {
	line           int
	file, function string // patterns, as package path has them
	old, new       string
	reason         string
}

// parseExcuses reads lines of the form
//
//	FILE FUNCTION: OLD => NEW # REASON
//
// FILE and FUNCTION may be patterns. Each line must match a mutant, and no more than one in
// twenty of all may be matched.
func parseExcuses(text string, all []*Mutant) (excuses []*excuse, err error) {
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rest, reason, _ := strings.Cut(line, " # ")
		e := newExcuse(n+1, rest, strings.TrimSpace(reason))
		if e.reason == "" || e.new == "" {
			return nil, fmt.Errorf("excuses: line %d: want FILE FUNCTION: OLD => NEW # REASON", e.line)
		}
		excuses = append(excuses, e)
	}
	matched, err := matching(excuses, all)
	if err == nil && matched*share > len(all) {
		err = fmt.Errorf("excuses: %d of %d mutants, more than one in %d", matched, len(all), share)
	}
	return excuses, err
}

// parseSurvivors reads a page in Markdown with lines of the form
//
//	FILE FUNCTION: OLD => NEW
//
// in blocks of code. The headings above them are the reasons. Each line must match a mutant.
func parseSurvivors(page string, all []*Mutant) (excuses []*excuse, err error) {
	heading, code := "", false
	for n, line := range strings.Split(page, "\n") {
		if text, ok := strings.CutPrefix(line, "## "); ok && !code {
			heading = text
		}
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		if !code {
			continue
		}
		e := newExcuse(n+1, line, heading)
		if e.reason == "" || e.new == "" {
			return nil, fmt.Errorf("survivors: line %d: want FILE FUNCTION: OLD => NEW, below a heading", e.line)
		}
		excuses = append(excuses, e)
	}
	_, err = matching(excuses, all)
	return excuses, err
}

// newExcuse parses FILE FUNCTION: OLD => NEW.
func newExcuse(line int, text, reason string) *excuse {
	e := &excuse{line: line, reason: reason}
	where, change, _ := strings.Cut(text, ": ")
	e.file, e.function, _ = strings.Cut(where, " ")
	e.old, e.new, _ = strings.Cut(change, " => ")
	return e
}

// matching returns how many mutants are excused. It fails if an excuse matches none.
func matching(excuses []*excuse, all []*Mutant) (n int, err error) {
	matched := map[*Mutant]bool{}
	for _, e := range excuses {
		found := false
		for _, m := range all {
			if e.matches(m) {
				matched[m], found = true, true
			}
		}
		if !found {
			return 0, fmt.Errorf("excuses: line %d matches no mutant: %s %s: %s => %s", e.line, e.file, e.function, e.old, e.new)
		}
	}
	return len(matched), nil
}

func (e *excuse) matches(m *Mutant) bool {
	file, _ := path.Match(e.file, m.File)
	function, _ := path.Match(e.function, m.name())
	return file && function && e.old == m.Old && e.new == m.New
}

// excused returns the reason why a mutant is excused, or "".
func (r *runner) excused(m *Mutant) string {
	for _, e := range r.excuses {
		if e.matches(m) {
			return e.reason
		}
	}
	return ""
}
