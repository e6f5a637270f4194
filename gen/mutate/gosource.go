package mutate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// GoConfig says which Go files are mutated, and by which tests.
type GoConfig struct {
	Root  string   // directory of the module
	Files []string // relative to that, with slashes
	Tests []GoTest
	// Survivors is the text of the page that names the mutants which nothing notices, see
	// parseSurvivors.
	Survivors string
	// Copies, if there is one, returns the files that are made of those with mutants, by name. It
	// gets their texts, by name.
	Copies func(texts map[string][]byte) (map[string][]byte, error)
}

// A GoTest is some tests of a package.
type GoTest struct {
	Dir, Pattern string
	Args         string // further arguments of the test program
	Own          bool   // only mutants of this package are tried: the tests see no others
}

// A goMutant is a Mutant by its number in the sources, which have all mutants in them.
type goMutant struct {
	Mutant
	id string
}

// An insertion is text that goes into a file. Of several in one place those that begin
// something longer come first, and those that end something shorter.
type insertion struct {
	at, span, number int // span is negative if it ends something
	text             string
}

// A goFile collects the mutants of a file.
type goFile struct {
	name    string
	src     []byte
	fset    *token.FileSet
	count   *int // of the mutants of all files
	inserts []insertion
	mutants []*goMutant

	function string // the one that is being mutated
}

// mutateGo returns a source with all mutants in it. The variable mutantNumber says which one is in
// force: conditions that are inverted, bounds that are one further or nearer, statements that
// are left out, and neighbours that are in the other order.
func mutateGo(name string, src []byte, count *int) (string, []*goMutant, error) {
	f := &goFile{name: name, src: src, fset: token.NewFileSet(), count: count}
	file, err := parser.ParseFile(f.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return "", nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f.function = functionName(n)
			return n.Body != nil
		case *ast.IfStmt:
			f.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.condition(n.Cond)
			}
		case *ast.BinaryExpr:
			f.bound(n)
		case *ast.BlockStmt:
			f.statements(n.List)
		case *ast.CaseClause:
			f.statements(n.Body)
		case *ast.CommClause:
			f.statements(n.Body)
		}
		return true
	})
	slices.SortStableFunc(f.inserts, func(a, b insertion) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		if (a.span < 0) != (b.span < 0) {
			return cmp.Compare(a.span, b.span) // what ends comes first
		}
		if a.span != b.span {
			return cmp.Compare(b.span, a.span) // the shorter ends first, the longer begins first
		}
		if a.span < 0 {
			return cmp.Compare(b.number, a.number)
		}
		return cmp.Compare(a.number, b.number)
	})
	var out strings.Builder
	done := 0
	for _, i := range f.inserts {
		out.Write(src[done:i.at])
		out.WriteString(i.text)
		done = i.at
	}
	out.Write(src[done:])
	return out.String(), f.mutants, nil
}

// functionName returns a function's name, with that of the receiver's type.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

func (f *goFile) text(from, to token.Pos) string { return string(f.src[f.offset(from):f.offset(to)]) }
func (f *goFile) offset(p token.Pos) int         { return f.fset.Position(p).Offset }

// add adds a mutant of what is between two positions. In before and after, # is its number.
func (f *goFile) add(from, to token.Pos, before, after, changed string) {
	*f.count++
	number := fmt.Sprint(*f.count)
	span := f.offset(to) - f.offset(from)
	f.inserts = append(f.inserts,
		insertion{f.offset(from), span, *f.count, strings.ReplaceAll(before, "#", number)},
		insertion{f.offset(to), -span, *f.count, strings.ReplaceAll(after, "#", number)})
	f.mutants = append(f.mutants, &goMutant{
		Mutant: Mutant{
			File: f.name, Line: f.fset.Position(from).Line, Old: short(f.text(from, to)), New: short(changed),
			changed: []function{{name: f.function}},
		},
		id: number,
	})
}

// short writes source on one line, without its comments.
func short(src string) string {
	var code strings.Builder
	for line := range strings.Lines(src) {
		line, _, _ = strings.Cut(line, "// ")
		code.WriteString(line + " ")
	}
	line := strings.Join(strings.Fields(code.String()), " ")
	if len(line) > 80 {
		line = line[:77] + "..."
	}
	return line
}

// condition inverts a condition, and each part of it.
func (f *goFile) condition(e ast.Expr) {
	f.add(e.Pos(), e.End(), "((", ") != (mutantNumber == #))", "!("+f.text(e.Pos(), e.End())+")")
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.LAND || b.Op == token.LOR) {
		f.condition(b.X)
		f.condition(b.Y)
	}
}

// bound moves a bound by one. Both sides are computed twice, so they must not do anything.
func (f *goFile) bound(b *ast.BinaryExpr) {
	to, ok := map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}[b.Op]
	if !ok || !quiet(b.X) || !quiet(b.Y) {
		return
	}
	x, y := f.text(b.X.Pos(), b.X.End()), f.text(b.Y.Pos(), b.Y.End())
	equal := fmt.Sprintf("mutantNumber == # && (%s) == (%s)", x, y)
	changed := x + " " + to + " " + y
	if len(to) == 2 {
		f.add(b.Pos(), b.End(), "(", " || "+equal+")", changed)
	} else {
		f.add(b.Pos(), b.End(), "(", " && !("+equal+"))", changed)
	}
}

// quiet reports whether an expression calls nothing.
func quiet(e ast.Expr) bool {
	calls := false
	ast.Inspect(e, func(n ast.Node) bool {
		if _, ok := n.(*ast.CallExpr); ok {
			calls = true
		}
		return !calls
	})
	return !calls
}

// statements leaves out each statement that may be missing, and exchanges neighbours.
func (f *goFile) statements(list []ast.Stmt) {
	last := -2 // the statement that has changed places
	for n, s := range list {
		if !optional(s) {
			continue
		}
		f.add(s.Pos(), s.End(), "if mutantNumber != # {\n", "\n}", "(left out)")
		if n+1 < len(list) && optional(list[n+1]) && last != n {
			next := list[n+1]
			first, second := f.text(s.Pos(), s.End()), f.text(next.Pos(), next.End())
			f.add(s.Pos(), next.End(), "if mutantNumber == # {\n"+second+"\n"+first+"\n} else {\n", "\n}", second+"; "+first)
			last = n + 1
		}
	}
}

// optional reports whether a function can be compiled without a statement.
func optional(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		return !ok || name.Name != "panic" && name.Name != "throw"
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		return true
	}
	return false
}

// numberOf is a file of each package with mutants.
const numberOf = `package %s

import (
	"os"
	"strconv"
)

// mutantNumber is that of the mutant in force.
var mutantNumber, _ = strconv.Atoi(os.Getenv("` + env + `"))
`

// RunGo is Run for Go files.
func RunGo(cfg GoConfig, args []string, stdout, stderr io.Writer) int {
	return command(args, stdout, stderr, cfg.run)
}

func (cfg *GoConfig) run(ctx context.Context, o *options, stdout, stderr io.Writer) (alive int, err error) {
	if o.patch != "" {
		return 0, errors.New("-patch is for assembly")
	}
	dir, err := os.MkdirTemp("", "rqlock-mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	overlay, all, err := cfg.write(dir)
	if err != nil {
		return 0, err
	}
	mutants, byMutant := []*Mutant{}, map[*Mutant]*goMutant{}
	for _, m := range all {
		mutants, byMutant[&m.Mutant] = append(mutants, &m.Mutant), m
	}
	excuses, err := parseSurvivors(cfg.Survivors, mutants)
	if err != nil {
		return 0, err
	}
	chosen := o.choose(mutants, stdout)
	if o.list {
		return 0, nil
	}
	known, err := openState(o.state)
	if err != nil {
		return 0, err
	}
	defer known.close()
	r := &runner{slots: make(chan bool, o.workers), state: known, excuses: excuses, stdout: stdout, stderr: stderr, total: len(chosen)}
	tests, err := cfg.build(ctx, r, dir, overlay)
	if err != nil {
		return 0, err
	}
	err = each(ctx, o.workers, chosen, func(ctx context.Context, m *Mutant) error {
		if why := r.excused(m); why != "" {
			r.report(m, excused, why)
			return nil
		}
		v, by, err := cfg.judge(ctx, r, tests, byMutant[m])
		if err == nil {
			r.report(m, v, by)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return r.finish(len(chosen)), nil
}

// write writes the files with all mutants, and what go build takes for -overlay.
func (cfg *GoConfig) write(dir string) (overlay string, all []*goMutant, err error) {
	texts, count := map[string][]byte{}, 0
	for _, name := range cfg.Files {
		src, err := os.ReadFile(filepath.Join(cfg.Root, name))
		if err != nil {
			return "", nil, err
		}
		text, mutants, err := mutateGo(name, src, &count)
		if err != nil {
			return "", nil, err
		}
		all = append(all, mutants...)
		clause := packageClause.FindString(text)
		number := fmt.Sprintf(numberOf, strings.TrimSpace(strings.TrimPrefix(clause, "package ")))
		texts[name], texts[path.Join(path.Dir(name), "zmutants.go")] = []byte(text), []byte(number)
	}
	if cfg.Copies != nil {
		copies, err := cfg.Copies(texts)
		if err != nil {
			return "", nil, err
		}
		maps.Copy(texts, copies)
	}
	replace := map[string]string{}
	for name, text := range texts {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		replace[filepath.Join(cfg.Root, filepath.FromSlash(name))] = to
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", nil, err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, all, errors.Join(err, os.WriteFile(overlay, text, 0o600))
}

// build builds the test programs, one for each of cfg.Tests.
func (cfg *GoConfig) build(ctx context.Context, r *runner, dir, overlay string) (programs []*program, err error) {
	built := map[string]string{}
	for _, t := range cfg.Tests {
		if built[t.Dir] == "" {
			bin := filepath.Join(dir, fmt.Sprintf("tests%d", len(built)))
			cmd := goCommand(ctx, cfg.Root, "go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", bin, "./"+t.Dir)
			if out, err := r.output(cmd); err != nil {
				return nil, fmt.Errorf("go test -c ./%s: %w\n%s", t.Dir, err, out)
			}
			built[t.Dir] = bin
		}
		p := r.newProgram(built[t.Dir], filepath.Join(cfg.Root, t.Dir), []Machine{{}})
		p.args = strings.Fields(t.Args)
		programs = append(programs, p)
	}
	return programs, nil
}

// judge runs the tests of the mutant's own package, and then the others.
func (cfg *GoConfig) judge(ctx context.Context, r *runner, programs []*program, m *goMutant) (verdict, string, error) {
	own := path.Dir(m.File)
	for i, t := range cfg.Tests {
		if t.Own && t.Dir != own {
			continue
		}
		p := programs[i]
		hash, err := hashOf(p.bin)
		if err != nil {
			return 0, "", err
		}
		key := strings.Join(slices.Concat([]string{hash, t.Pattern}, p.args, []string{m.id}), " ")
		v, by, err := r.state.remember(key, func() (verdict, string, error) {
			by, err := p.killAgain(ctx, t.Pattern, m.id)
			if by == "" {
				return survived, "tests", err
			}
			return killed, by + " of " + t.Dir, err
		})
		if err != nil || v == killed {
			return v, by, err
		}
	}
	return survived, "tests", nil
}

// killAgain is kill, but a test must fail once more alone: tests that measure time may fail
// without a mutant, on a machine with other work.
func (p *program) killAgain(ctx context.Context, pattern, id string) (by string, err error) {
	for range attempts {
		if by, err = p.kill(ctx, pattern, id); by == "" || err != nil {
			return by, err
		}
		test, ok := strings.CutPrefix(by, "test ")
		if !ok {
			return by, nil
		}
		if by, err = p.kill(ctx, "^"+test+"$", id); by != "" || err != nil {
			return by, err
		}
	}
	return "", nil
}
