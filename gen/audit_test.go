package main

import (
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// audits are the tables whose packages are audited, by name: those of the layouts, and one
// with operations of families that package asm has no row of.
var audits = func() map[string]engine.Table {
	all := map[string]engine.Table{"families": {
		Words: []engine.Word{{Name: "Odd", Bits: 32, Fields: []engine.Field{{Name: "middle", Shift: 5, Bits: 13}}}},
		Rows: []engine.Row{
			{Name: "Inc16", Op: engine.Inc, Width: 16, Order: engine.Release},
			{Name: "FetchSub64", Op: engine.FetchSub, Width: 64, Order: engine.AcqRel},
			{Name: "FetchXor32", Op: engine.FetchXor, Width: 32, Order: engine.Acquire},
			{Name: "AddMiddle", Op: engine.FetchAddField, Field: "middle", Order: engine.AcqRel},
			{Name: "Replace8", Op: engine.CmpxchgOld, Width: 8, Order: engine.AcqRel},
			{Name: "ReplaceMiddle", Op: engine.CmpxchgFieldOld, Field: "middle", Order: engine.Release},
			{Name: "Below64", Op: engine.AwaitLt, Width: 64, Order: engine.Acquire},
			{Name: "Take32", Op: engine.AwaitEqThenSet, Width: 32, Order: engine.Acquire},
			{Name: "Give64", Op: engine.AwaitGtMaskedThenSub, Width: 64, Order: engine.AcqRel},
			{Name: "Publish64", Op: engine.Store, Width: 64, Order: engine.SeqCst},
			{Name: "Publish8", Op: engine.Store, Width: 8, Order: engine.SeqCst},
			{Name: "Inspect8", Op: engine.Load, Width: 8, Order: engine.SeqCst},
			{Name: "Inspect32", Op: engine.Load, Width: 32, Order: engine.SeqCst},
			{Name: "Full", Op: engine.Fence, Order: engine.SeqCst},
			{Name: "Half", Op: engine.Fence, Order: engine.Acquire},
		},
	}}
	for _, l := range layouts {
		all[l.Layout] = table(l, nil)
	}
	return all
}()

// auditNames lists them in order.
func auditNames() []string { return slices.Sorted(maps.Keys(audits)) }

// TestAudit links the package of each table, with copies of its functions that have
// something wrong each, for each target. The audit must find nothing in the package,
// and in each copy the rule that the copy breaks (G8).
func TestAudit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	emptyModule(t, dir)
	assembly := map[string]map[string]string{} // by table and architecture
	for _, name := range auditNames() {
		assembly[name] = writePackage(t, dir, name)
	}
	writeMutants(t, dir, assembly)
	writeFile(t, filepath.Join(dir, "main.go"), auditMain())
	for _, a := range engine.Archs() {
		for _, build := range a.Machine.Builds {
			t.Run(build.Name, func(t *testing.T) {
				t.Parallel()
				audited{a.Machine, build, link(t, dir, build.Env)}.run(t)
			})
		}
	}
}

// audited is a program, and what it was built for.
type audited struct {
	arch  *machine.Arch
	build machine.Build
	file  *elf.File
}

func (a audited) run(t *testing.T) {
	for _, name := range auditNames() {
		t.Run(name, func(t *testing.T) {
			for _, finding := range a.findings(t, name, derived(t, name)) {
				t.Error(finding)
			}
		})
	}
	t.Run("absent", func(t *testing.T) {
		a.rejects(t, mutant{table: "narrow", row: "CPURelax"}, len(mutants))
	})
	for n, m := range mutants {
		if m.target == a.build.Name {
			t.Run(m.String(), func(t *testing.T) { a.rejects(t, m, n) })
		}
	}
}

// emptyModule writes a go.mod that requires what the package imports, in the version that
// this module has.
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

func (a audited) findings(t *testing.T, pkg string, rows []*spec.Row) []audit.Finding {
	t.Helper()
	all, err := audit.Check(a.arch, a.build, "example.com/mylock/"+pkg, rows, a.file)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rejects checks that the audit names the mutant, its machine and the rule.
func (a audited) rejects(t *testing.T, m mutant, n int) {
	r := m.rename(t, n)
	all := a.findings(t, "mutants", []*spec.Row{r})
	for _, finding := range all {
		s := finding.String()
		if strings.Count(s, "\n") == 0 && strings.HasPrefix(s, r.Name+" on "+arch(a.build.Name)) && strings.Contains(s, m.rule.String()+": ") &&
			finding.Rule == m.rule && (strings.Contains(s, " at 0x") == (finding.PC != 0)) {
			return
		}
	}
	t.Errorf("want a finding of rule %q, got %v", m.rule, all)
}

// writePackage generates the package of a table and returns its assembly.
func writePackage(t *testing.T, dir, pkg string) map[string]string {
	t.Helper()
	o := audits[pkg]
	o.Package, o.Archs = pkg, engine.Archs()
	files := mustRender(t, o)
	asm := map[string]string{}
	for name, src := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		writeInto(t, filepath.Join(dir, pkg), name, string(src))
		for _, a := range engine.Archs() {
			if strings.HasSuffix(name, "_"+a.Name+".s") {
				asm[a.Name] = string(src)
			}
		}
	}
	var keep strings.Builder
	for _, r := range o.Rows {
		fmt.Fprintf(&keep, "\t%s,\n", r.Name)
	}
	writeInto(t, filepath.Join(dir, pkg), "keep.go", "package "+pkg+"\n\nvar Keep = []any{\n"+keep.String()+"}\n")
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
	for _, name := range append(auditNames(), "mutants") {
		fmt.Fprintf(&imports, "import %q\n", "example.com/mylock/"+name)
		fmt.Fprintf(&uses, "\tfor _, f := range %s.Keep {\n\t\tprintln(f)\n\t}\n", name)
	}
	return "package main\n\n" + imports.String() + "\nfunc main() {\n" + uses.String() + "}\n"
}

// link builds the program for a target.
func link(t *testing.T, dir string, env []string) *elf.File {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "audited")
	line := append(slices.Clone(env), "GOOS=linux", "CGO_ENABLED=0", "go", "build", "-o", bin, ".")
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
	target, table, row string
	// The assembly has new instead of old. One blank stands for any run of blanks.
	// If old is "", new is the body of a Go function in place of the assembly.
	old, new string
	rule     audit.Rule // which it breaks
}

func (m mutant) String() string {
	return strings.ReplaceAll(m.table+" "+m.row+": "+m.old+" -> "+m.new, "\n", "; ")
}

// rename returns the row under the mutant's own name.
func (m mutant) rename(t *testing.T, n int) *spec.Row {
	t.Helper()
	for _, r := range derived(t, m.table) {
		if r.Name == m.row {
			r.Name = fmt.Sprintf("M%03d%s", n, r.Name)
			return r
		}
	}
	if r, ok := rowOf(nil, archOf(arch(m.target)), m.row); ok { // chooses between bodies
		r.Name = fmt.Sprintf("M%03d%s", n, r.Name)
		return &r
	}
	t.Fatalf("no row %s", m.row)
	return nil
}

// derived returns the rows of a table.
func derived(t *testing.T, table string) []*spec.Row {
	t.Helper()
	rows, err := audits[table].Derived()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// arch is the GOARCH of a build.
func arch(build string) string { return strings.Fields(build)[0] }

// writeMutants writes a package with all mutants.
func writeMutants(t *testing.T, dir string, assembly map[string]map[string]string) {
	t.Helper()
	pkg := filepath.Join(dir, "mutants")
	for _, a := range engine.Archs() {
		asm := &strings.Builder{}
		decls, keep := &strings.Builder{}, &strings.Builder{}
		asm.WriteString("#include \"textflag.h\"\n\nTEXT ·aside(SB), NOSPLIT, $0\n\tRET\n\n")
		for n, m := range mutants {
			if arch(m.target) != a.Name {
				continue
			}
			r := m.rename(t, n)
			name := r.Impl()
			if m.old == "" {
				name = r.Name
				fmt.Fprintf(decls, "func %s%s {\n%s\n}\n\n", name, strings.TrimPrefix(r.Sig, "func"), m.new)
			} else {
				fmt.Fprintf(decls, "func %s%s\n\n", name, strings.TrimPrefix(r.Sig, "func"))
				asm.WriteString(m.mutate(t, assembly[m.table][a.Name], name))
			}
			fmt.Fprintf(keep, "\t%s,\n", name)
		}
		writeInto(t, pkg, "mutants_"+a.Name+".s", asm.String())
		writeInto(t, pkg, "mutants_"+a.Name+".go", "package mutants\n\n"+decls.String()+flags(a)+"var Keep = []any{\n"+keep.String()+"}\n")
	}
	writeInto(t, pkg, "flags.go", "package mutants\n\nimport \"example.com/mylock/narrow\"\n\n"+
		"type (\n\tWord = narrow.Word\n\tOwned = narrow.Owned\n\tRWOwned = narrow.RWOwned\n\tReaderTable = narrow.ReaderTable\n)\n\nvar unrelated bool\n")
}

// flags declares what the assembly reads.
func flags(a *engine.Arch) string {
	var all strings.Builder
	for _, f := range a.Flags {
		fmt.Fprintf(&all, "var %s bool\n\n", f.Name)
	}
	return all.String()
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

// TestMutantsCoverTable checks that each operation of these tables has a mutant on each
// architecture, and each rule of the audit has one anywhere.
func TestMutantsCoverTable(t *testing.T) {
	have := map[any]bool{audit.RuleSymbol: true} // TestAudit's absent row
	for n, m := range mutants {
		have[m.rule] = true
		have[arch(m.target)+" "+string(m.rename(t, n).Op)] = true
	}
	for _, rule := range audit.Rules() {
		if !have[rule] {
			t.Errorf("no mutant breaks rule %q", rule)
		}
	}
	for _, r := range append(slices.Clone(prims), audits["families"].Rows...) {
		for _, a := range engine.Archs() {
			if !have[a.Name+" "+string(r.Op)] {
				t.Errorf("no mutant of operation %s on %s", r.Op, a.Name)
				have[a.Name+" "+string(r.Op)] = true
			}
		}
	}
}
