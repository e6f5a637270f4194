package mutate

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// patched returns the mutant that a unified diff of one emitted file makes.
func (cfg *Config) patched(name string) (*Mutant, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("-patch: %w", err)
	}
	m, err := cfg.patch(string(text))
	if err != nil {
		return nil, fmt.Errorf("-patch: %s: %w", name, err)
	}
	return m, nil
}

var newFile = regexp.MustCompile(`(?m)^\+\+\+ (?:b/)?([^\t\n]+)`)

func (cfg *Config) patch(diff string) (*Mutant, error) {
	files := newFile.FindAllStringSubmatch(diff, -1)
	if len(files) != 1 {
		return nil, fmt.Errorf("a diff of %d files, want one", len(files))
	}
	file := filepath.Clean(strings.TrimRight(files[0][1], "\r"))
	for _, p := range cfg.Packages {
		emitted, err := cfg.files(p)
		if err != nil {
			return nil, err
		}
		if p.Name != "" || !slices.Contains(emitted, file) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(p.Root, file))
		if err != nil {
			return nil, err
		}
		m, err := compare(string(src), diff)
		if err != nil {
			return nil, err
		}
		m.Package, m.Arch, m.File = p, archOf(file), file
		return m, nil
	}
	return nil, fmt.Errorf("%s is no emitted file", file)
}

// compare applies a diff to a file and finds the functions that change.
func compare(src, diff string) (*Mutant, error) {
	lines, first, err := apply(strings.Split(src, "\n"), strings.Split(diff, "\n"))
	if err != nil {
		return nil, err
	}
	before, old := parse(src)
	after, changed := parse(strings.Join(lines, "\n"))
	if len(old) != len(changed) || !sameCode(before, after) {
		return nil, fmt.Errorf("changes something else than instructions of functions")
	}
	m := &Mutant{Line: first, Old: "(as it is)", New: "(patched)"}
	for k := range old {
		if old[k].name != changed[k].name {
			return nil, fmt.Errorf("changes the functions' names")
		}
		a, b := old[k].code(), changed[k].code()
		if slices.Equal(a, b) {
			continue
		}
		if m.changed = append(m.changed, changed[k]); len(m.changed) == 1 {
			m.Old, m.New = difference(a, b)
		}
	}
	return m, nil
}

func sameCode(a, b []string) bool {
	x, y := function{lines: a}, function{lines: b}
	return slices.Equal(x.code(), y.code())
}

// difference returns what is between the common beginning and end of two texts.
func difference(a, b []string) (from, to string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	join := func(lines []string) string {
		all := slices.Clone(lines)
		for n := range all {
			all[n] = tidy(all[n])
		}
		if len(all) == 0 {
			return tidy("")
		}
		return strings.Join(all, "; ")
	}
	return join(a), join(b)
}

var hunk = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@`)

// apply applies the hunks of a unified diff, whose context must be that of the file. It also
// returns the number of the first line that changes.
func apply(src, diff []string) (result []string, first int, err error) {
	at, inHunk := 0, false // lines of src that are done
	for _, line := range diff {
		line = strings.TrimSuffix(line, "\r")
		if m := hunk.FindStringSubmatch(line); m != nil {
			begin, _ := strconv.Atoi(m[1])
			if begin = max(begin-1, 0); begin < at || begin > len(src) {
				return nil, 0, fmt.Errorf("no line %s in the file", m[1])
			}
			result, at, inHunk = append(result, src[at:begin]...), begin, true
			continue
		}
		if line == "" { // an editor has dropped the blank of an empty line
			line = " "
		}
		if !inHunk || strings.HasPrefix(line, `\`) || line == " " && (at >= len(src) || src[at] != "") {
			continue
		}
		text := line[1:]
		if line[0] != '+' && (at >= len(src) || src[at] != text) {
			return nil, 0, fmt.Errorf("does not apply at line %d", at+1)
		}
		switch line[0] {
		case ' ':
			result = append(result, text)
			at++
		case '-':
			at++
		case '+':
			result = append(result, text)
		default:
			return nil, 0, fmt.Errorf("not a line of a unified diff: %q", line)
		}
		if line[0] != ' ' && first == 0 {
			first = max(at, 1)
		}
	}
	if first == 0 {
		return nil, 0, fmt.Errorf("changes nothing")
	}
	return append(result, src[at:]...), first, nil
}
