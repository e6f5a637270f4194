package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
)

// toy is a small architecture, of which nothing but this value knows. It is riscv64, which
// the toolchain can assemble and vet.
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
		Name: "riscv64", SpinChunk: 100, Variants: []string{"riscv64"}, Return: end,
		Inlines: func(r *engine.Row) bool { return r.Op == engine.Cmpxchg && r.Width >= 32 },
		Emitters: map[engine.Op]emit.Emitter{
			engine.Load: func(f *emit.Func, r *engine.Row) {
				width := map[int]string{8: "BU", 16: "HU", 32: "WU"}[r.Width]
				instruction(f, "MOV", "p+0(FP)", "X5")
				instruction(f, "MOV"+width, "(X5)", "X6")
				instruction(f, "MOV"+strings.TrimSuffix(width, "U"), "X6", "v+8(FP)")
				end(f)
			},
			engine.Relax: func(f *emit.Func, _ *engine.Row) { end(f) },
		},
		Compile: pass.Concat(pass.Func(pass.IncludeTextFlagHeader)),
	}
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
	for _, arch := range []string{"riscv64", "amd64", "arm64"} {
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "go", "vet", ".")
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "go", "test", "-c", "-o", os.DevNull, ".")
	}
	for name, want := range map[string]string{
		"zprims_riscv64.s": "TEXT ·loadRelaxed8(SB), NOSPLIT, $0-9\n\tMOV p+0(FP), X5\n\tMOVBU (X5), X6\n", "zprims_riscv64.go": "atomic.CompareAndSwapUint32",
		"zprims_portable.go": "!(amd64 || riscv64)", "zprims.go": `"riscv64" or "portable"`, "zprimitives.md": "| riscv64 | `MOVBU RET` |",
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
}

// TestMissingPieces checks that all emitters that an architecture lacks are named at once.
func TestMissingPieces(t *testing.T) {
	x := toyTable()
	x.Rows = append(x.Rows, engine.Row{Name: "Swap", Op: engine.Xchg, Width: 8, Order: engine.Relaxed}, engine.Row{Name: "Ticks", Op: engine.CycleCount})
	want := "[row Swap: riscv64 has no emitter for operation xchg row Ticks: riscv64 has no emitter for operation cycle-count]"
	if errs := fmt.Sprint(x.Validate()); errs != want {
		t.Errorf("%s, want %s", errs, want)
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
