package golang

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// testRows has a row for each operation, and the peers that torture tests need.
func testRows() []*spec.Row {
	locked := func(v uint64) []spec.Value { return []spec.Value{{Field: "locked", Value: v}} }
	claim := []spec.Value{{Field: "locked", Value: 1}, {Field: "pending", Value: 0}}
	waits := []spec.Value{{Field: "locked", Value: 0}, {Field: "pending", Value: 1}}
	rows := []*spec.Row{
		{Name: "LoadAcquire16", Op: spec.Load, Width: 16, Order: spec.Acquire},
		{Name: "LoadRelaxed64", Op: spec.Load, Width: 64, Order: spec.Relaxed},
		{Name: "StoreRelease16", Op: spec.Store, Width: 16, Order: spec.Release},
		{Name: "StoreRelaxed64", Op: spec.Store, Width: 64, Order: spec.Relaxed},
		{Name: "Xchg16AcqRel", Op: spec.Xchg, Width: 16, Order: spec.AcqRel},
		{Name: "CmpxchgRelease64", Op: spec.Cmpxchg, Width: 64, Order: spec.Release},
		{Name: "TryCmpxchgAcquire64", Op: spec.Cmpxchg, Width: 64, Order: spec.Acquire},
		{Name: "CmpxchgOld8", Op: spec.CmpxchgOld, Width: 8, Order: spec.SeqCst},
		{Name: "XchgTailAcqRel", Op: spec.XchgField, Field: "tail", Order: spec.AcqRel},
		{Name: "CmpxchgTailRelaxed", Op: spec.CmpxchgField, Field: "tail", Order: spec.Relaxed},
		{Name: "CmpxchgTailOld", Op: spec.CmpxchgFieldOld, Field: "tail", Order: spec.Acquire},
		{Name: "FetchSetPendingAcquire", Op: spec.FetchSetBit, Field: "pending", Order: spec.Acquire},
		{Name: "ClaimRelaxed", Op: spec.StoreFields, Set: claim, From: waits, Order: spec.Relaxed},
		{Name: "UnlockRelease", Op: spec.StoreFields, Set: locked(0), Order: spec.Release},
		{Name: "CondLoadAcquire32", Op: spec.CondLoad, Width: 32, Order: spec.Acquire},
		{Name: "LockFast", Op: spec.LockFast, Order: spec.Acquire},
		{Name: "UnlockFast", Op: spec.UnlockFast, Order: spec.Release},
		{Name: "CPURelax", Op: spec.Relax},
		{Name: "CycleCount", Op: spec.CycleCount},
		{Name: "CurrentG", Op: spec.CurrentG},
		{Name: "CurrentGoid", Op: spec.CurrentGoid},
		{Name: "LockOwned", Op: spec.LockOwned, Order: spec.Acquire},
		{Name: "UnlockOwned", Op: spec.UnlockOwned, Order: spec.Release},
		{Name: "ReadLock", Op: spec.ReadLock, Order: spec.AcqRel},
		{Name: "ReadUnlock", Op: spec.ReadUnlock, Order: spec.Release},
		{Name: "WriteLock", Op: spec.WriteLock, Order: spec.AcqRel},
		{Name: "WriteUnlock", Op: spec.WriteUnlock, Order: spec.Release},
	}
	for i, op := range slices.Sorted(maps.Keys(spec.Updates)) {
		r := &spec.Row{Name: fmt.Sprint("Update", i), Op: op, Order: spec.AcqRel}
		if op.OnField() {
			r.Field = "tail"
		} else {
			r.Width = 8 << (i % 4)
		}
		rows = append(rows, r)
	}
	for i, op := range slices.Sorted(maps.Keys(spec.Awaits)) {
		if op != spec.CondLoad {
			rows = append(rows, &spec.Row{Name: fmt.Sprint("Await", i), Op: op, Width: 32 << (i % 2), Order: spec.Acquire})
		}
	}
	return rows
}

func testConfig() *Config {
	c := &Config{
		Pkg: "mylock",
		Words: []*spec.Word{{
			Name: "Word", Layout: "wide", Bits: 32, Owner: true,
			Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 1}, {Name: "tail", Shift: 9, Bits: 23}},
		}},
		Archs: []*emit.Arch{{Name: "amd64", Variants: []emit.Variant{{Name: "amd64"}}}, {
			Name: "arm64", Variants: []emit.Variant{{Name: "arm64+lse", Selector: "lsePath"}, {Name: "arm64+llsc"}}, BodiesTest: "// {{.Header}}\n\npackage {{.Pkg}}\n",
		}},
	}
	var err error
	if c.Rows, err = spec.Derive(testRows(), c.Words...); err != nil {
		panic(err)
	}
	return c
}

// testFiles renders the tests alone.
func testFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, emit := range tests {
		some, err := emit(c)
		if err != nil {
			return nil, err
		}
		maps.Copy(files, some)
	}
	return files, nil
}

func mustRender(t *testing.T, c *Config) map[string][]byte {
	t.Helper()
	files, err := testFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// calls returns the functions of a file whose name starts with prefix, and
// the identifiers that each uses.
func calls(t *testing.T, src []byte, prefix string) map[string]map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]map[string]bool{}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(fn.Name.Name, prefix) {
			continue
		}
		ids := map[string]bool{}
		ast.Inspect(fn, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				ids[id.Name] = true
			}
			return true
		})
		used[fn.Name.Name] = ids
	}
	return used
}

// TestEveryRowIsTested checks that each row is compared with its twin, has a torture
// test if it shares memory, and a benchmark against its rivals.
func TestEveryRowIsTested(t *testing.T) {
	c := testConfig()
	files := mustRender(t, c)
	fuzz := calls(t, files["zprims_test.go"], "")
	torture := calls(t, files["ztorture_test.go"], "TestTorture")
	bench := calls(t, files["zbench_test.go"], "Benchmark")
	for _, r := range c.Rows {
		shares := r.Shares()
		test := "Test" + r.Name
		if shares {
			test = "Fuzz" + r.Name
		}
		if !fuzz[test][r.Name] || !fuzz[test][r.Impl()+"Portable"] {
			t.Errorf("%s does not compare %s with its twin", test, r.Name)
		}
		if b := bench["Benchmark"+r.Name]; !b[r.Name] || !b[r.Impl()+"Portable"] || r.Atomic != "" && !b[r.Atomic] {
			t.Errorf("%s is not measured against its rivals", r.Name)
		}
		tortured := slices.ContainsFunc(slices.Collect(maps.Values(torture)), func(ids map[string]bool) bool { return ids[r.Name] })
		if shares && !tortured {
			t.Errorf("%s is not put to torture", r.Name)
		}
	}
}

// TestHeaders checks that every test file names its generator and the right package.
func TestHeaders(t *testing.T) {
	for name, src := range mustRender(t, testConfig()) {
		if !bytes.HasPrefix(src, []byte("// "+emit.Header("")+"\n\n")) {
			t.Errorf("%s: does not start with the header", name)
		}
		if !bytes.Contains(src, []byte("\npackage mylock\n")) {
			t.Errorf("%s: not in package mylock", name)
		}
		if !strings.HasPrefix(name, "z") || !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s: name", name)
		}
	}
}

// TestDeterministic checks that the same rows give the same bytes.
func TestDeterministic(t *testing.T) {
	once, again := mustRender(t, testConfig()), mustRender(t, testConfig())
	if !maps.EqualFunc(once, again, bytes.Equal) {
		t.Error("two renderings differ")
	}
}

// TestVariantConstraint checks that exactly one file says which bodies a build has.
func TestVariantConstraint(t *testing.T) {
	c := testConfig()
	files := mustRender(t, c)
	if files["zvariant_arm64_test.go"] == nil || !bytes.Contains(files["zvariant_test.go"], []byte("//go:build "+emit.Portable+" || !arm64\n")) {
		t.Errorf("arm64 and the others do not exclude each other:\n%s", files["zvariant_test.go"])
	}
	c.Archs = c.Archs[:1]
	files = mustRender(t, c)
	if files["zvariant_arm64_test.go"] != nil || bytes.Contains(files["zvariant_test.go"], []byte("//go:build")) {
		t.Errorf("without arm64, one file must serve all:\n%s", files["zvariant_test.go"])
	}
}

// TestErrors checks that the error for a row that cannot be tested names the row.
func TestErrors(t *testing.T) {
	spec.Register(spec.Operation{Op: "swap-halves", Oracle: "return nil", Harness: "circus"})
	defer spec.Unregister("swap-halves")
	for _, test := range []struct {
		name, want string
		change     func(c *Config)
	}{
		{"unknown harness", `row New: no harness "circus" for its oracle`, func(c *Config) {
			c.Rows = append(c.Rows, &spec.Row{Name: "New", Op: "swap-halves"})
		}},
		{"variants without template", `architecture riscv64 has 2 variants and no template that tests them all`, func(c *Config) {
			c.Archs = append(c.Archs, &emit.Arch{Name: "riscv64", Variants: []emit.Variant{{Name: "a"}, {Name: "b"}}})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig()
			test.change(c)
			_, err := testFiles(c)
			if got := fmt.Sprint(err); !strings.HasPrefix(got, test.want) {
				t.Errorf("error %q, want %q", got, test.want)
			}
		})
	}
}
