package mutate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Table says how the instructions of an architecture are mutated.
type Table struct {
	// Words has what an opcode, or a word among the operands, is replaced by: the
	// inverted condition or its neighbour, another width, a weaker or stronger ordering,
	// another operation.
	Words map[string][]string
	// Accesses has more words for instructions that access memory: other widths.
	Accesses map[string][]string
	// Registers has registers of one kind in each line, separated by blanks. A register
	// is replaced by the next one of its kind in the function.
	Registers []string
	// Builds lists the builds of the architecture. The tests run in the first one.
	Builds []Build
	// Machines lists what runs the tests, if this machine does not.
	Machines []Machine
}

// A Machine is the beginning of a command line, whose first element may be several names
// separated by "|", and what the environment has besides.
type Machine struct{ Line, Env []string }

// A Build is one way to assemble a file.
type Build struct {
	Env     []string // besides GOARCH
	Defines []string // macros that go build then defines
}

// Tables has the table of each architecture.
var Tables = map[string]*Table{"amd64": amd64Table, "arm64": arm64Table, "riscv64": riscv64Table}

// mutations lists the mutants of a function: each line left out, each word of an
// instruction replaced, one at a time.
func (t *Table) mutations(f function) (all []Mutant) {
	for n, line := range f.lines {
		if !isInstruction(line) {
			continue
		}
		seen := map[string]bool{line: true}
		for _, changed := range append([]string{""}, t.replacements(f, line)...) {
			if seen[changed] {
				continue
			}
			seen[changed] = true
			g := f
			g.lines = slices.Clone(f.lines)
			g.lines[n] = changed
			all = append(all, Mutant{Line: f.first + n, Old: tidy(line), New: tidy(changed), changed: []function{g}})
		}
	}
	return all
}

// replaceable matches what mutants replace in an instruction.
var replaceable = regexp.MustCompile(`·?\w+[+-]\d+\((?:FP|SB)\)|·\w+\(SB\)|\$0x[0-9a-f]+|\$\d+|\b\d+\(\w+\)|\b[A-Za-z_]\w*`)

// replacements returns the lines that may stand for a line.
func (t *Table) replacements(f function, line string) (all []string) {
	code, _, _ := strings.Cut(line, " // ") // the name of an instruction that the assembler lacks
	for _, at := range replaceable.FindAllStringIndex(code, -1) {
		word := line[at[0]:at[1]]
		alternatives := t.alternatives(f, word)
		if strings.Contains(line, "(") {
			alternatives = append(alternatives, t.Accesses[word]...)
		}
		for _, w := range alternatives {
			all = append(all, line[:at[0]]+w+line[at[1]:])
		}
	}
	return all
}

var (
	immediate = regexp.MustCompile(`^\$(0x)?([0-9a-f]+)$`)
	indexed   = regexp.MustCompile(`^(\d+)\((\w+)\)$`)
	variable  = regexp.MustCompile(`^(·\w+)\+(\d+)\(SB\)$`)
)

// alternatives returns what may stand for one token.
func (t *Table) alternatives(f function, word string) (all []string) {
	if m := immediate.FindStringSubmatch(word); m != nil {
		return t.immediates(m)
	}
	if m := indexed.FindStringSubmatch(word); m != nil {
		n, _ := strconv.Atoi(m[1])
		for _, n := range []int{n + 1, n ^ 8, 0} {
			all = append(all, fmt.Sprintf("%d(%s)", n, m[2]))
		}
		for _, r := range t.register(f, m[2]) {
			all = append(all, fmt.Sprintf("%s(%s)", m[1], r))
		}
		return all
	}
	if m := variable.FindStringSubmatch(word); m != nil {
		n, _ := strconv.Atoi(m[2])
		return []string{fmt.Sprintf("%s+%d(SB)", m[1], n^8)}
	}
	labels := f.labels()
	if _, ok := labels[word]; ok {
		for _, l := range slices.Sorted(maps.Keys(labels)) {
			if labels[l] != labels[word] {
				all = append(all, l)
			}
		}
		return all
	}
	return append(slices.Clone(t.Words[word]), t.register(f, word)...)
}

// immediates returns the neighbours of a number, its half and its double.
func (t *Table) immediates(m []string) (all []string) {
	base, digits := 10, 1
	if m[1] != "" {
		base, digits = 16, len(m[2])
	}
	n, err := strconv.ParseUint(m[2], base, 64)
	if err != nil {
		return nil
	}
	for _, n := range []uint64{n + 1, n - 1, n / 2, n * 2} {
		if n != ^uint64(0) {
			all = append(all, "$"+m[1]+fmt.Sprintf(map[int]string{10: "%d", 16: "%0*x"}[base], arguments(base, digits, n)...))
		}
	}
	return all
}

func arguments(base, digits int, n uint64) []any {
	if base == 16 {
		return []any{digits, n}
	}
	return []any{n}
}

// register returns the next register of the same kind in the function.
func (t *Table) register(f function, word string) []string {
	for _, line := range t.Registers {
		kind := strings.Fields(line)
		if !slices.Contains(kind, word) {
			continue
		}
		var used []string
		for _, r := range kind {
			if r == word || slices.ContainsFunc(f.code(), regexp.MustCompile(`\b`+r+`\b`).MatchString) {
				used = append(used, r)
			}
		}
		if len(used) > 1 {
			return []string{used[(slices.Index(used, word)+1)%len(used)]}
		}
	}
	return nil
}

// replace makes a table's words from lines "from: to to".
func replace(lines string) map[string][]string {
	words := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		from, to, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		words[from] = append(words[from], strings.Fields(to)...)
	}
	return words
}
