package mutate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A function is one TEXT of an assembly file.
type function struct {
	name  string
	first int // line number of the TEXT directive
	lines []string
}

var textLine = regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)

// parse returns what stands before the first function of an assembly file, and the
// functions. The comment above a function is not a part of it.
func parse(src string) (prologue []string, fns []function) {
	lines := strings.Split(src, "\n")
	begin := len(lines)
	for n, line := range lines {
		if m := textLine.FindStringSubmatch(line); m != nil {
			begin = min(begin, n)
			fns = append(fns, function{name: m[1], first: n + 1})
		}
	}
	for k := range fns {
		end := len(lines)
		if k+1 < len(fns) {
			end = fns[k+1].first - 1
		}
		body := lines[fns[k].first-1 : end]
		for len(body) > 0 && !isCode(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
		fns[k].lines = body
	}
	return lines[:begin], fns
}

// isCode reports whether a line is neither empty nor a comment.
func isCode(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "//")
}

// code returns the lines of a function that the assembler does not ignore.
func (f *function) code() []string {
	return slices.DeleteFunc(slices.Clone(f.lines), func(line string) bool { return !isCode(line) })
}

// isInstruction reports whether a line is neither a label nor a directive.
func isInstruction(line string) bool {
	return isCode(line) && !strings.HasPrefix(line, "#") && !textLine.MatchString(line) && !labelLine.MatchString(line)
}

var labelLine = regexp.MustCompile(`^(\w+):$`)

// labels returns the labels of a function, and for each the instructions that follow, up to the
// one after which nothing follows. What is the same there is the same to jump to.
func (f *function) labels() map[string]string {
	all := map[string]string{}
	for n, line := range f.lines {
		m := labelLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, next := range f.lines[n:] {
			if isInstruction(next) {
				all[m[1]] += tidy(next) + "\n"
			}
			if ending.MatchString(next) {
				break
			}
		}
	}
	return all
}

var ending = regexp.MustCompile(`^\s+(RET|JMP|B)\b`)

// render writes the function under another name, and without comments.
func (f *function) render(name string) string {
	lines := f.code()
	lines[0] = strings.Replace(lines[0], "·"+f.name+"(SB)", "·"+name+"(SB)", 1)
	return strings.Join(lines, "\n") + "\n\n"
}

// blank has what is between the words of an instruction.
var blank = regexp.MustCompile(`[ \t]+`)

// tidy writes an instruction on one line, with single blanks.
func tidy(line string) string {
	if line = strings.TrimSpace(blank.ReplaceAllString(line, " ")); line == "" {
		return "(left out)"
	}
	return line
}

// A Mutant is a change to an emitted file. A patch may change several functions.
type Mutant struct {
	Package  *Package
	Arch     string
	File     string // relative to the top of the repository, or to that of a generated module
	Line     int    // the first that changes
	Old, New string
	changed  []function
	again    int // how many mutants of the same function, old and new come before it
}

// name is that of the functions, in the file's order.
func (m *Mutant) name() string {
	var all []string
	for _, f := range m.changed {
		all = append(all, f.name)
	}
	return strings.Join(all, ",")
}

func (m *Mutant) String() string { return fmt.Sprintf("%s:%d: %s => %s", m.File, m.Line, m.Old, m.New) }
