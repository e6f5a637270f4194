package engine_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/spec"
)

// families is a table with every operation on every width, and on fields of every kind, in
// each of the orderings that the operation may have, or with few in one of them.
func families(few bool) engine.Table {
	x := engine.Table{
		Package: "families",
		Words: []engine.Word{
			{Name: "Narrow", Bits: 32, Fields: []engine.Field{{Name: "octet", Shift: 8, Bits: 8}, {Name: "half", Shift: 16, Bits: 16}, {Name: "bit", Shift: 3, Bits: 1}}},
			{Name: "Odd", Bits: 32, Fields: []engine.Field{{Name: "middle", Shift: 5, Bits: 13}, {Name: "top", Shift: 20, Bits: 12}, {Name: "bottom", Shift: 0, Bits: 3}}},
			{Name: "Whole", Bits: 32, Fields: []engine.Field{{Name: "all", Shift: 0, Bits: 32}}},
			{Name: "Wide", Bits: 64, Fields: []engine.Field{{Name: "upper", Shift: 32, Bits: 32}, {Name: "half", Shift: 16, Bits: 16}, {Name: "bit", Shift: 9, Bits: 1}}},
			{Name: "Long", Bits: 64, Fields: []engine.Field{{Name: "middle", Shift: 20, Bits: 35}, {Name: "top", Shift: 55, Bits: 9}, {Name: "bottom", Shift: 0, Bits: 7}}},
			{Name: "Full", Bits: 64, Fields: []engine.Field{{Name: "all", Shift: 0, Bits: 64}}},
		},
	}
	title := func(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
	for _, op := range spec.Ops() {
		name := ""
		for _, part := range strings.Split(string(op), "-") {
			name += title(part)
		}
		orders := op.Orders()
		if few && op != engine.Fence {
			orders = orders[len(x.Rows)%len(orders):][:1]
		}
		for _, order := range orders {
			suffix := strings.ReplaceAll(title(string(order)), "_", "")
			add := func(r engine.Row, object string) {
				r.Name, r.Op, r.Order = name+object+suffix, op, order
				x.Rows = append(x.Rows, r)
			}
			switch {
			case op == engine.CondLoad:
				add(engine.Row{Width: 32}, "32")
			case spec.Awaits[op].Is != "":
				add(engine.Row{Width: 32}, "32")
				add(engine.Row{Width: 64}, "64")
			case op.OnWidth():
				for _, width := range []int{8, 16, 32, 64} {
					add(engine.Row{Width: width}, map[int]string{8: "8", 16: "16", 32: "32", 64: "64"}[width])
				}
			case op.OnWord():
				if op == engine.StoreFields { // with bits of another field between them
					add(engine.Row{
						Word: "Odd", Set: []engine.Value{{Field: "top", Value: 5}, {Field: "bottom", Value: 2}},
						From: []engine.Value{{Field: "top", Value: 9}, {Field: "bottom", Value: 7}},
					}, "OddPair")
				}
				for _, w := range x.Words {
					for _, f := range w.Fields {
						r := engine.Row{Word: w.Name, Field: f.Name}
						if op == engine.StoreFields {
							r.Field, r.Set = "", []engine.Value{{Field: f.Name, Value: 0}}
							add(r, w.Name+title(f.Name)+"Clear")
							r.Set, r.From = []engine.Value{{Field: f.Name, Value: 1}}, []engine.Value{{Field: f.Name, Value: 0}}
						}
						add(r, w.Name+title(f.Name))
					}
				}
			case op == engine.Fence:
				add(engine.Row{}, "")
			case order == engine.NoAccess:
				x.Rows = append(x.Rows, engine.Row{Name: map[engine.Op]string{engine.CurrentG: "CurrentG", engine.CurrentGoid: "CurrentGoid"}[op], Op: op})
				if r := &x.Rows[len(x.Rows)-1]; r.Name == "" {
					r.Name = name
				}
			}
		}
	}
	return x
}

// full asks for all orderings and machines, which takes minutes.
var full = os.Getenv("RQLOCK_LONG") != ""

// module makes a module of a table's files.
func module(t *testing.T, table engine.Table) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.Replace(string(src), "module github.com/rqlock/rqlock", "module example.com/"+table.Package, 1))
	}
	table.Dir = dir
	files, err := table.Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, src := range files {
		write(t, "", path, string(src))
	}
	return dir
}

// runFamilies leaves out of all families what nothing new would be run for: an ordering decides
// which instructions access memory, and not where a field is or what a wait compares. So rows have
// each ordering where they are on one field that machines can access by itself and on one that
// they cannot, or wait for equality; and one ordering elsewhere. The audit reads all.
func runFamilies() engine.Table {
	x, once := families(false), map[string]bool{}
	for _, r := range families(true).Rows {
		once[r.Name] = true
	}
	x.Rows = slices.DeleteFunc(x.Rows, func(r engine.Row) bool {
		field := r.Field
		if len(r.Set) > 0 {
			field = r.Set[0].Field
		}
		elsewhere := field != "" && r.Word+" "+field != "Narrow octet" && r.Word+" "+field != "Long middle"
		return !once[r.Name] && (elsewhere || spec.Awaits[r.Op].Then != "" && !strings.HasPrefix(string(r.Op), "await-eq"))
	})
	return x
}

// TestFamilies has every operation, width and kind of field. It reads the machine code of each
// in each ordering, and runs the fuzz and torture tests on the machines that it can.
func TestFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("builds large tests")
	}
	t.Parallel()
	few := module(t, families(true))
	for _, a := range engine.Archs() {
		tool(t, few, "GOARCH="+a.Name, "go", "vet", "./...")
	}
	dir, audited := few, families(true)
	if full {
		tool(t, few, "go", "vet", "-tags=purego", "./...")
		dir, audited = module(t, runFamilies()), families(false)
	}
	for _, dir := range []string{few, dir} {
		for _, name := range []string{"zbench_test.go", "zbench_asm_test.go"} {
			os.Remove(filepath.Join(dir, name)) // nobody runs them
		}
	}
	t.Run("audit", func(t *testing.T) {
		t.Parallel()
		auditFamilies(t, audited)
	})
	t.Run("native", func(t *testing.T) {
		t.Parallel()
		runTests(t, dir, nil, nil, "-test.run=Fuzz|Torture|Constants|Await|Fence|Inline")
	})
	if full {
		t.Run("portable", func(t *testing.T) {
			t.Parallel()
			// Twins have no orderings. Alone they are compared with plain arithmetic by the native
			// tests.
			runTests(t, few, []string{"GOFLAGS=-trimpath -tags=purego"}, nil, "-test.run=Torture")
		})
	}
	if qemu, err := exec.LookPath("qemu-aarch64-static"); err == nil && runtime.GOARCH == "amd64" {
		t.Run("arm64", func(t *testing.T) {
			t.Parallel()
			arm64 := []string{"GOARCH=arm64", "CGO_ENABLED=0"}
			runTests(t, dir, arm64, [][]string{{qemu, "-cpu", "max"}}, "-test.run=Fuzz")
			if full { // where the other bodies cannot run
				runTests(t, few, arm64, [][]string{{qemu, "-cpu", "cortex-a57"}}, "-test.run=Fuzz")
			}
		})
	}
	if qemu, err := exec.LookPath("qemu-riscv64-static"); err == nil && exec.Command(qemu, "-cpu", withExtensions, "-version").Run() == nil {
		t.Run("riscv64", func(t *testing.T) {
			t.Parallel()
			// The emulator has extensions that it does not report.
			riscv64 := []string{"GOARCH=riscv64", "CGO_ENABLED=0"}
			runTests(t, few, riscv64, [][]string{{"RQLOCK_VARIANT=riscv64+zabha", qemu, "-cpu", withExtensions}}, "-test.run=Fuzz")
			if full {
				runTests(t, dir, riscv64, [][]string{{"RQLOCK_VARIANT=riscv64+base", qemu, "-cpu", "rv64"}}, "-test.run=Fuzz")
			}
		})
	}
}

// withExtensions is a processor that QEMU has from version 9 on.
const withExtensions = "rv64,zacas=on,zabha=on,zawrs=on"

// runTests builds the tests once, and runs them by each of the commands, or by themselves.
func runTests(t *testing.T, dir string, env []string, by [][]string, args ...string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "families.test")
	tool(t, dir, append(slices.Clone(env), "go", "test", "-vet=off", "-c", "-o", binary, ".")...)
	if by == nil {
		by = [][]string{nil}
	}
	for _, command := range by {
		tool(t, dir, slices.Concat(command, []string{binary, "-test.short", "-torture.time=1ms"}, args)...)
	}
}

// TestFences leaves the fence out, or weakens it, and checks that the generated test finds
// that. Only amd64's full fence shows on the machine that runs this: it needs no others, and
// an emulator of arm64 reorders nothing. Those are audited by TestFamilies.
func TestFences(t *testing.T) {
	if testing.Short() || runtime.GOARCH != "amd64" || runtime.NumCPU() < 2 {
		t.Skip("builds tests for amd64, which need two processors")
	}
	t.Parallel()
	dir := module(t, engine.Table{Package: "fences", Rows: []engine.Row{{Name: "Full", Op: engine.Fence, Order: engine.SeqCst}, {Name: "Both", Op: engine.Fence, Order: engine.AcqRel}}})
	path := filepath.Join(dir, "zprims_amd64.s")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const addition = "ADDL $0x00, -8(SP)"
	const fence = "LOCK\n\t" + addition
	if !strings.Contains(string(src), fence) {
		t.Fatalf("no %q in\n%s", fence, src)
	}
	for _, instead := range []string{fence, addition, "SFENCE", "LFENCE", "NOP"} {
		write(t, dir, "zprims_amd64.s", strings.Replace(string(src), fence, instead, 1))
		count := "-count=30" // whether two sides meet differs from run to run
		if instead == fence {
			count = "-count=1"
		}
		tests := exec.Command("go", "test", "-vet=off", count, "-failfast", "-run", "^Test(Full|Both)$", ".", "-args", "-torture.time=50ms")
		tests.Dir, tests.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, err := tests.CombinedOutput()
		if found := strings.Contains(string(out), "forbidden outcome of a seq_cst fence"); found == (instead == fence) || found == (err == nil) {
			t.Errorf("%s: %v\n%s", instead, err, out)
		}
	}
}

// auditFamilies reads the machine code of all rows, for each kind of machine.
func auditFamilies(t *testing.T, table engine.Table) {
	rows, err := table.Derived()
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, table)
	var keep strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&keep, "\t%s,\n", r.Name)
	}
	write(t, dir, "keep.go", "package families\n\nvar Keep = []any{\n"+keep.String()+"}\n")
	write(t, dir, "main/main.go", "package main\n\nimport \"example.com/families\"\n\nfunc main() {\n\tfor _, f := range families.Keep {\n\t\tprintln(f)\n\t}\n}\n")
	for _, a := range engine.Archs() {
		for _, build := range a.Machine.Builds {
			bin := filepath.Join(t.TempDir(), "audited")
			tool(t, dir, append(slices.Clone(build.Env), "GOOS=linux", "CGO_ENABLED=0", "go", "build", "-o", bin, "./main")...)
			f, err := elf.Open(bin)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			findings, err := audit.Check(a.Machine, build, "example.com/families", rows, f)
			if err != nil {
				t.Fatal(err)
			}
			for i, finding := range findings {
				if i == 20 {
					t.Fatalf("and %d more", len(findings)-i)
				}
				t.Error(finding)
			}
		}
	}
}
