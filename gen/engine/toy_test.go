package engine_test

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// toy is a small architecture, of which nothing but this value knows. It is loong64, which
// the toolchain can assemble and vet. It has two bodies of Pause, between which a flag
// chooses.
func toy() *engine.Arch {
	instruction := func(f *emit.Func, opcode string, operands ...string) {
		i := &ir.Instruction{Opcode: opcode, IsTerminal: opcode == "RET"}
		for _, o := range operands {
			i.Operands = append(i.Operands, operand.LabelRef(o)) // printed as it is
		}
		f.Add(i, nil)
	}
	end := func(f *emit.Func) { instruction(f, "RET") }
	return &engine.Arch{
		Name: "loong64", SpinChunk: 100, Return: end,
		Variants: []emit.Variant{{Name: "loong64+new", Selector: "isNew"}, {Name: "loong64+old"}},
		Flags:    []emit.Flag{{Name: "hasNew", CPU: "Initialized", Selects: []string{"loong64+new"}, Doc: []string{"hasNew: the new body."}}},
		Helpers: []emit.Helper{{Name: "isNew", Sig: "func() (yes bool)", Doc: []string{"isNew tells."}, Emit: func(f *emit.Func) {
			instruction(f, "MOVBU", "·hasNew(SB)", "R4")
			instruction(f, "MOVB", "R4", "yes+0(FP)")
			end(f)
		}}},
		BodiesTest: "// {{.Header}}\n\n//go:build {{.Constraint}}\n\npackage {{.Pkg}}\n\nfunc bodies() []body { return nil }\n",
		Bodies: func(opcodes []string) []emit.Body {
			if i := slices.Index(opcodes, "DBAR"); i > 0 {
				return []emit.Body{{Name: "old", Opcodes: opcodes[:i]}, {Name: "new", Opcodes: opcodes[i:]}}
			}
			return nil
		},
		Inlines: func(r *engine.Row) bool { return r.Op == engine.Cmpxchg && r.Width >= 32 },
		Emitters: map[engine.Op]emit.Emitter{
			engine.Load: func(f *emit.Func, r *engine.Row) {
				width := map[int]string{8: "BU", 16: "HU", 32: "WU"}[r.Width]
				instruction(f, "MOVV", "p+0(FP)", "R4")
				instruction(f, "MOV"+cmp.Or(width, "V"), "(R4)", "R5")
				instruction(f, "MOV"+cmp.Or(strings.TrimSuffix(width, "U"), "V"), "R5", "v+8(FP)")
				end(f)
			},
			engine.Relax: func(f *emit.Func, _ *engine.Row) {
				instruction(f, "MOVBU", "·hasNew(SB)", "R4")
				instruction(f, "BNE", "R4", "new")
				end(f)
				f.Label("new")
				instruction(f, "DBAR", "$16")
				end(f)
			},
		},
		Compile: pass.Concat(pass.Func(pass.IncludeTextFlagHeader)),
		Machine: &machine.Arch{
			Decode: decodeToy, G: 22, Zero: 0, Reserved: map[machine.Reg]string{3: "SP"}, Relax: []machine.Class{machine.Pause},
			Args:   []machine.Reg{4, 5, 6, 7},
			Flags:  map[string]string{".hasNew": "new"},
			Kinds:  []machine.Kind{{Name: "loong64 that is old", Has: map[string]bool{"new": false}}, {Name: "loong64 that is new", Has: map[string]bool{"new": true}}},
			Builds: []machine.Build{{Name: "loong64", Env: []string{"GOARCH=loong64"}}},
		},
	}
}

// decodeToy reads what loads, returns and branches.
func decodeToy(code []byte, pc uint64) machine.Inst {
	w := binary.LittleEndian.Uint32(code)
	d, j, disp := machine.Reg(w&31), machine.Reg(w>>5&31), int64(int32(w<<10)>>20)
	i := machine.Inst{PC: pc, Size: 4, Status: machine.NoReg, Text: fmt.Sprintf("%#08x", w)}
	at := machine.Mem{Base: j, Disp: disp}
	if j == 3 {
		at = machine.Mem{Region: machine.ViaStack, Disp: disp}
	}
	bits := 8 << (w >> 22 & 3)
	switch {
	case w>>22 >= 0xa0 && w>>22 <= 0xa3, w>>22 >= 0xa8 && w>>22 <= 0xaa: // LD.B to LD.D, LD.BU to LD.WU
		i.Class, i.Bits, i.Mem, i.Sets, i.Result = machine.Load, bits, at, []machine.Reg{d}, machine.Operand{Kind: machine.Loaded}
	case w>>22 >= 0xa4 && w>>22 <= 0xa7: // ST.B to ST.D
		i.Class, i.Bits, i.Mem, i.Data = machine.Store, bits, at, machine.Operand{Kind: machine.FromReg, Reg: d}
	case w == 0x4c000020:
		i.Class = machine.Ret
	case w>>25 == 0x0d: // PCALAU12I
		i.Class, i.Sets = machine.Compute, []machine.Reg{d}
		i.Result = machine.Operand{Kind: machine.Constant, N: (int64(pc) + int64(int32(w<<7)>>12)<<12) &^ 0xfff}
	case w>>26 == 0x11: // BNEZ
		i.Class, i.Target = machine.Branch, pc+uint64(int64(int32(w&31<<16|w>>10&0xffff)<<11>>11)*4)
		i.Test = &machine.Test{Reg: j, Bit: -1, Nonzero: true}
	case w>>15 == 0x70e4: // DBAR
		i.Class, i.Needs = machine.Pause, "new"
	}
	return i
}

func toyTable() engine.Table {
	return engine.Table{
		Package: "toy", Archs: []*engine.Arch{engine.AMD64, toy()},
		Rows: []engine.Row{
			{Name: "LoadRelaxed8", Op: engine.Load, Width: 8, Order: engine.Relaxed},
			{Name: "LoadRelaxed64", Op: engine.Load, Width: 64, Order: engine.Relaxed},
			{Name: "Try", Op: engine.Cmpxchg, Width: 32, Order: engine.Acquire},
			{Name: "Pause", Op: engine.Relax},
		},
	}
}

// TestToyArchitecture adds an architecture that is in no folder here. It is assembled, and
// all machines but these two have the portable twin.
func TestToyArchitecture(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the toolchain")
	}
	t.Parallel()
	dir := module(t, toyTable())
	for _, arch := range []string{"loong64", "amd64", "arm64"} {
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "go", "vet", ".")
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "go", "test", "-c", "-o", os.DevNull, ".")
	}
	for name, want := range map[string]string{
		"zprims_loong64.s":         "TEXT ·loadRelaxed8(SB), NOSPLIT, $0-9\n\tMOVV p+0(FP), R4\n\tMOVBU (R4), R5\n",
		"zprims_loong64.go":        "atomic.CompareAndSwapUint32",
		"zprims_portable.go":       "!(amd64 || loong64)",
		"zprims.go":                `"loong64+new", "loong64+old" or "portable"`,
		"zprimitives.md":           "| loong64 | `MOVBU RET` |",
		"zvariant_test.go":         "!loong64",
		"zvariant_loong64_test.go": "func bodies()",
	} {
		if src, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(src), want) {
			t.Errorf("%s does not have %s: %v\n%s", name, want, err, src)
		}
	}
	for _, name := range []string{"zprims_arm64.s", "zprims_arm64.go", "zvariant_arm64_test.go"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	var list strings.Builder
	if engine.Run(toyTable(), []string{"-list"}, &list, &list); !strings.Contains(list.String(), "loong64 new") {
		t.Errorf("no second body of Pause in\n%s", &list)
	}
}

// TestToyAudit audits it. A machine that lacks what the new body needs must not run that.
func TestToyAudit(t *testing.T) {
	if testing.Short() {
		t.Skip("links a program")
	}
	t.Parallel()
	table := toyTable()
	dir := module(t, table)
	write(t, dir, "main/main.go", "package main\n\nimport \"example.com/toy\"\n\nfunc main() {\n\ttoy.Pause()\n\ttoy.LoadRelaxed8(new(uint8))\n\ttoy.LoadRelaxed64(new(uint64))\n}\n")
	audited := func() []audit.Finding {
		bin, a := filepath.Join(t.TempDir(), "audited"), toy().Machine
		tool(t, dir, append(slices.Clone(a.Builds[0].Env), "GOOS=linux", "CGO_ENABLED=0", "go", "build", "-o", bin, "./main")...)
		f, err := elf.Open(bin)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := table.Derived()
		if err != nil {
			t.Fatal(err)
		}
		rows = slices.DeleteFunc(rows, func(r *engine.Row) bool { return r.Op == engine.Cmpxchg })
		findings, err := audit.Check(a, a.Builds[0], "example.com/toy", rows, f)
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	// The old body has no hint.
	if got := fmt.Sprint(audited()); got != "[Pause on loong64 that is old: missing: no spin hint]" {
		t.Errorf("findings %s", got)
	}
	src, err := os.ReadFile(filepath.Join(dir, "zprims_loong64.s"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "zprims_loong64.s", strings.NewReplacer("BNE R4, new\n\tRET", "BNE R4, new", "MOVBU (R4)", "MOVHU (R4)").Replace(string(src)))
	got := fmt.Sprint(audited())
	for _, want := range []string{"Pause on loong64 that is old at", "dispatch: new where the machine has none", "width: 16 bits of p, want 8"} {
		if !strings.Contains(got, want) {
			t.Errorf("findings %s, want %s", got, want)
		}
	}
}

// TestCurrentGEverywhere checks that a table without architectures has the stub of every
// GOARCH that Go has.
func TestCurrentGEverywhere(t *testing.T) {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	x := engine.Table{Package: "p", Archs: []*engine.Arch{}, Rows: []engine.Row{{Name: "CurrentG", Op: engine.CurrentG}}}
	files, err := x.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range strings.Fields(string(out)) {
		_, goarch, _ := strings.Cut(pair, "/")
		if files["zcurrentg_"+goarch+".s"] == nil {
			t.Errorf("no stub for %s", goarch)
		}
	}
}

// TestMissingPieces checks that all emitters that an architecture lacks are named at once.
func TestMissingPieces(t *testing.T) {
	x := toyTable()
	x.Rows = append(x.Rows, engine.Row{Name: "Swap", Op: engine.Xchg, Width: 8, Order: engine.Relaxed}, engine.Row{Name: "Ticks", Op: engine.CycleCount})
	want := "[row Swap: loong64 has no emitter for operation xchg row Ticks: loong64 has no emitter for operation cycle-count]"
	if errs := fmt.Sprint(x.Validate()); errs != want {
		t.Errorf("%s, want %s", errs, want)
	}
}

// missing lists what an operation lacks: what Validate says of a table that has a row of it,
// and what the tests need.
func missing(op engine.Op) (all []string) {
	for _, err := range (engine.Table{Package: "p", Rows: []engine.Row{{Name: "New", Op: op}}}).Validate() {
		if err := err.Error(); strings.HasPrefix(err, "operation ") || strings.Contains(err, " has no emitter ") {
			all = append(all, err)
		}
	}
	if o := op.Get(); (o.Reads || o.Writes) && !audit.Knows(op) {
		all = append(all, fmt.Sprintf("operation %s: the audit does not know its accesses (wants.go)", op))
	}
	return all
}

// TestOperations lists in one run all that is missing for any operation.
func TestOperations(t *testing.T) {
	for _, op := range spec.Ops() {
		for _, piece := range missing(op) {
			t.Error(piece)
		}
	}
}

// TestNewOperation adds an operation of which nobody has said or done anything, and checks
// that TestOperations names all missing pieces at once.
func TestNewOperation(t *testing.T) {
	spec.Register(spec.Operation{Op: "swap-halves", Reads: true, Writes: true})
	defer spec.Unregister("swap-halves")
	want := []string{
		"operation swap-halves has no signature (Sig)",
		"operation swap-halves has no orderings (Orders)",
		"operation swap-halves has no documentation (Does)",
		"operation swap-halves has no portable twin (Twin)",
		"operation swap-halves has no oracle or test of its results (Oracle, Test)",
		"operation swap-halves has no torture test (Torture)",
		"operation swap-halves has no edges for the race detector (Race)",
	}
	for _, a := range engine.Archs() {
		want = append(want, "row New: "+a.Name+" has no emitter for operation swap-halves")
	}
	want = append(want, "operation swap-halves: the audit does not know its accesses (wants.go)")
	if have := missing("swap-halves"); !slices.Equal(have, want) {
		t.Errorf("%q, want %q", have, want)
	}
}

// TestNoArchitecture generates a package without assembly.
func TestNoArchitecture(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the toolchain")
	}
	t.Parallel()
	x := families(true)
	x.Archs = []*engine.Arch{}
	dir := module(t, x)
	for _, arch := range []string{"amd64", "arm64", "386"} {
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "go", "vet", ".")
	}
}
