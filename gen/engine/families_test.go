package engine_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// TestFamilies runs the fuzz and torture tests of every operation, width and kind of field.
func TestFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("builds large tests")
	}
	t.Parallel()
	dir := module(t, families(!full))
	tool(t, dir, "go", "vet", ".")
	tool(t, dir, "GOARCH=arm64", "go", "vet", ".")
	const quick = "-torture.time=1ms"
	tool(t, dir, "go", "test", "-short", "-count=1", "-run", "Fuzz|Torture|Constants|Await|Fence", ".", "-args", quick)
	if full {
		tool(t, dir, "go", "test", "-short", "-count=1", "-run", "Fuzz|Torture", "-tags=purego", ".", "-args", quick)
	}
	if qemu, err := exec.LookPath("qemu-aarch64-static"); err == nil && runtime.GOARCH == "amd64" {
		for i, cpu := range []string{"max", "cortex-a57"} {
			if i > 0 && !full {
				continue // the first one runs all bodies
			}
			tool(t, dir, "GOARCH=arm64", "CGO_ENABLED=0", "go", "test", "-short", "-count=1", "-run", "Fuzz", "-exec", qemu+" -cpu "+cpu, ".", "-args", quick)
		}
	}
}

// TestFamiliesAudit reads the machine code of every operation, width, kind of field and
// ordering, for each kind of machine.
func TestFamiliesAudit(t *testing.T) {
	if testing.Short() {
		t.Skip("links a large program for each target")
	}
	t.Parallel()
	table := families(!full)
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
	for _, target := range []struct {
		audit.Target
		env string
	}{{audit.Target{Arch: "amd64"}, "GOAMD64=v1"}, {audit.Target{Arch: "arm64"}, "GOARM64=v8.0"}, {audit.Target{Arch: "arm64", LSE: true}, "GOARM64=v8.1"}} {
		bin := filepath.Join(t.TempDir(), "audited")
		tool(t, dir, "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+target.Arch, target.env, "go", "build", "-o", bin, "./main")
		f, err := elf.Open(bin)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		findings, err := audit.Check(target.Target, "example.com/families", rows, f)
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
