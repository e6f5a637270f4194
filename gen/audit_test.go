package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/spec"
)

// auditTargets has the builds whose machine code is audited.
var auditTargets = []struct {
	name   string
	target audit.Target
	env    []string
}{
	{"amd64", audit.Target{Arch: "amd64"}, []string{"GOARCH=amd64"}},
	{"arm64", audit.Target{Arch: "arm64"}, []string{"GOARCH=arm64", "GOARM64=v8.0"}},
	{"arm64 v8.1", audit.Target{Arch: "arm64", LSE: true}, []string{"GOARCH=arm64", "GOARM64=v8.1"}},
}

// TestAudit links the package of each layout, with copies of its functions that have
// something wrong each, for each target. The audit must find nothing in the package,
// and in each copy the rule that the copy breaks (G8).
func TestAudit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	emptyModule(t, dir)
	assembly := map[string]map[string]string{} // by layout and architecture
	for _, l := range layouts {
		assembly[l.Layout] = writePackage(t, dir, l)
	}
	writeMutants(t, dir, assembly)
	writeFile(t, filepath.Join(dir, "main.go"), auditMain())
	for _, target := range auditTargets {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			f := link(t, dir, target.env)
			for _, l := range layouts {
				t.Run(l.Layout, func(t *testing.T) {
					for _, finding := range findings(t, target.target, l.Layout, derived(t, l), f) {
						t.Error(finding)
					}
				})
			}
			t.Run("absent", func(t *testing.T) {
				rejects(t, target.target, mutant{layout: "narrow", row: "CPURelax"}, len(mutants), f)
			})
			for n, m := range mutants {
				if m.target == target.name {
					t.Run(m.String(), func(t *testing.T) {
						rejects(t, target.target, m, n, f)
					})
				}
			}
		})
	}
}

// emptyModule writes a go.mod that requires what the package imports on arm64, in
// the version that this module has.
func emptyModule(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), strings.Replace(string(src), "module "+module, "module example.com/mylock", 1))
	}
}

func findings(t *testing.T, target audit.Target, pkg string, rows []*spec.Row, f *elf.File) []audit.Finding {
	t.Helper()
	all, err := audit.Check(target, "example.com/mylock/"+pkg, rows, f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rejects checks that the audit names the mutant, its machine and the rule.
func rejects(t *testing.T, target audit.Target, m mutant, n int, f *elf.File) {
	r := m.rename(t, n)
	all := findings(t, target, "mutants", []*spec.Row{r}, f)
	for _, finding := range all {
		s := finding.String()
		if strings.Count(s, "\n") == 0 && strings.HasPrefix(s, r.Name+" on "+target.Arch) && strings.Contains(s, m.rule.String()+": ") &&
			finding.Rule == m.rule && (strings.Contains(s, " at 0x") == (finding.PC != 0)) {
			return
		}
	}
	t.Errorf("want a finding of rule %q, got %v", m.rule, all)
}

// writePackage generates the package of a layout and returns its assembly.
func writePackage(t *testing.T, dir string, l *engine.Word) map[string]string {
	t.Helper()
	o := table(l, engine.Archs())
	o.Package = l.Layout
	files := mustRender(t, o)
	asm := map[string]string{}
	for name, src := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		writeInto(t, filepath.Join(dir, l.Layout), name, string(src))
		for _, a := range engine.Archs() {
			if strings.HasSuffix(name, "_"+a.Name+".s") {
				asm[a.Name] = string(src)
			}
		}
	}
	var keep strings.Builder
	for _, r := range prims {
		fmt.Fprintf(&keep, "\t%s,\n", r.Name)
	}
	writeInto(t, filepath.Join(dir, l.Layout), "keep.go", "package "+l.Layout+"\n\nvar Keep = []any{\n"+keep.String()+"}\n")
	return asm
}

func writeInto(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, name), text)
}

// auditMain returns a program of which the linker drops no function.
func auditMain() string {
	var imports, uses strings.Builder
	for _, name := range append(layoutNames(), "mutants") {
		fmt.Fprintf(&imports, "import %q\n", "example.com/mylock/"+name)
		fmt.Fprintf(&uses, "\tfor _, f := range %s.Keep {\n\t\tprintln(f)\n\t}\n", name)
	}
	return "package main\n\n" + imports.String() + "\nfunc main() {\n" + uses.String() + "}\n"
}

// link builds the program for a target.
func link(t *testing.T, dir string, env []string) *elf.File {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "audited")
	line := append(slices.Clone(env), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=", "go", "build", "-o", bin, ".")
	if out, err := command(t, dir, line...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A mutant is a primitive with something wrong. On a machine with a strong memory
// order no test might notice.
type mutant struct {
	target, layout, row string
	// The assembly has new instead of old. One blank stands for any run of blanks.
	// If old is "", new is the body of a Go function in place of the assembly.
	old, new string
	rule     audit.Rule // which it breaks
}

func (m mutant) String() string {
	return strings.ReplaceAll(m.layout+" "+m.row+": "+m.old+" -> "+m.new, "\n", "; ")
}

// rename returns the row under the mutant's own name.
func (m mutant) rename(t *testing.T, n int) *spec.Row {
	t.Helper()
	l, err := findLayout(m.layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range derived(t, l) {
		if r.Name == m.row {
			r.Name = fmt.Sprintf("M%03d%s", n, r.Name)
			return r
		}
	}
	t.Fatalf("no row %s", m.row)
	return nil
}

// derived returns the rows of a layout.
func derived(t *testing.T, l *engine.Word) []*spec.Row {
	t.Helper()
	rows, err := table(l, nil).Derived()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// arch is the GOARCH that the mutant is for.
func (m mutant) arch() string { return strings.Fields(m.target)[0] }

// writeMutants writes a package with all mutants.
func writeMutants(t *testing.T, dir string, assembly map[string]map[string]string) {
	t.Helper()
	pkg := filepath.Join(dir, "mutants")
	for _, a := range engine.Archs() {
		arch := a.Name
		asm := &strings.Builder{}
		decls, keep := &strings.Builder{}, &strings.Builder{}
		asm.WriteString("#include \"textflag.h\"\n\nTEXT ·aside(SB), NOSPLIT, $0\n\tRET\n\n")
		for n, m := range mutants {
			if m.arch() != arch {
				continue
			}
			r := m.rename(t, n)
			name := r.Impl()
			if m.old == "" {
				name = r.Name
				fmt.Fprintf(decls, "func %s%s {\n%s\n}\n\n", name, strings.TrimPrefix(r.Sig, "func"), m.new)
			} else {
				fmt.Fprintf(decls, "func %s%s\n\n", name, strings.TrimPrefix(r.Sig, "func"))
				asm.WriteString(m.mutate(t, assembly[m.layout][arch], name))
			}
			fmt.Fprintf(keep, "\t%s,\n", name)
		}
		writeInto(t, pkg, "mutants_"+arch+".s", asm.String())
		writeInto(t, pkg, "mutants_"+arch+".go", "package mutants\n\n"+decls.String()+"var Keep = []any{\n"+keep.String()+"}\n")
	}
	writeInto(t, pkg, "flags.go", "package mutants\n\nimport \"example.com/mylock/narrow\"\n\n"+
		"type (\n\tWord = narrow.Word\n\tOwned = narrow.Owned\n\tRWOwned = narrow.RWOwned\n\tReaderTable = narrow.ReaderTable\n)\n\nvar hasLSE, hasEventStream, unrelated bool\n")
}

var (
	blanks     = regexp.MustCompile(`[ \t]+`)
	emptyLines = regexp.MustCompile(`(?m)^\s*(//.*)?$\n?`)
)

// mutate cuts the row's function out of the file, changes and renames it.
func (m mutant) mutate(t *testing.T, file, name string) string {
	t.Helper()
	impl := (&spec.Row{Name: m.row}).Impl()
	_, fn, ok := strings.Cut(file, "TEXT ·"+impl+"(SB)")
	if !ok {
		t.Fatalf("%s: no function %s in the assembly", m, impl)
	}
	fn, _, _ = strings.Cut(fn, "\nTEXT ")
	fn = strings.ReplaceAll(blanks.ReplaceAllString(fn, " "), "\n ", "\n")
	fn = emptyLines.ReplaceAllString(fn, "")
	changed := strings.Replace(fn, m.old, m.new, 1)
	if changed == fn {
		t.Fatalf("%s: does not apply to\n%s", m, fn)
	}
	return "TEXT ·" + name + "(SB)" + changed + "\n"
}

// TestMutantsCoverTable checks that each operation has a mutant on each
// architecture, and each rule of the audit has one anywhere.
func TestMutantsCoverTable(t *testing.T) {
	have := map[any]bool{audit.RuleSymbol: true} // TestAudit's absent row
	for n, m := range mutants {
		have[m.rule] = true
		have[m.arch()+" "+string(m.rename(t, n).Op)] = true
	}
	for _, rule := range audit.Rules() {
		if !have[rule] {
			t.Errorf("no mutant breaks rule %q", rule)
		}
	}
	for _, r := range prims {
		for _, a := range engine.Archs() {
			if !have[a.Name+" "+string(r.Op)] {
				t.Errorf("no mutant of operation %s on %s", r.Op, a.Name)
				have[a.Name+" "+string(r.Op)] = true
			}
		}
	}
}
