package golang

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// module is the generated package, in a module of its own, with the probe.
type module struct{ dir string }

// generate runs the whole generator: these tests are about the real table.
func generate(t *testing.T, flags ...string) module {
	t.Helper()
	m := module{t.TempDir()}
	args := append([]string{"run", "..", "-out", m.dir, "-pkg", "mylock"}, flags...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	m.write(t, "go.mod", regexp.MustCompile(`(?m)^module .*`).ReplaceAll(read(t, "../../go.mod"), []byte("module example.com/mylock")))
	m.write(t, "go.sum", read(t, "../../go.sum"))
	m.write(t, "probe/main.go", read(t, "testdata/probe/main.go"))
	return m
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (m module) write(t *testing.T, name string, content []byte) {
	t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// command prepares a command in the module; env entries come first, as in a shell.
func (m module) command(line ...string) *exec.Cmd {
	n := slices.IndexFunc(line, func(s string) bool { return !strings.Contains(s, "=") || strings.HasPrefix(s, "-") })
	cmd := exec.Command(line[n], line[n+1:]...)
	cmd.Dir = m.dir
	cmd.Env = slices.Concat(os.Environ(), []string{"GOWORK=off"}, line[:n])
	return cmd
}

func (m module) run(t *testing.T, line ...string) string {
	t.Helper()
	out, err := m.command(line...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// TestPackage vets the generated package in every kind of build that has
// assembly or refuses it, and probes those that this machine runs.
func TestPackage(t *testing.T) {
	for _, layout := range []string{"narrow", "wide"} {
		t.Run(layout, func(t *testing.T) {
			m := generate(t, "-layout", layout)
			if out := m.run(t, "gofmt", "-l", "."); out != "" {
				t.Errorf("not in gofmt's form: %s", out)
			}
			for _, arch := range []string{"amd64", "arm64"} {
				m.run(t, "GOARCH="+arch, "go", "vet", "./...")
				m.run(t, "GOARCH="+arch, "go", "vet", "-tags=purego", "./...")
			}
			m.run(t, "go", "run", "./probe")
			m.run(t, "PROBE_VARIANT=portable", "go", "run", "-tags=purego", "./probe")
			probe := filepath.Join(t.TempDir(), "probe")
			m.run(t, "GOARCH=arm64", "CGO_ENABLED=0", "go", "build", "-o", probe, "./probe")
			if line := emulate(t, "arm64", probe); line != nil {
				m.run(t, line...)
			}
		})
	}
}

// TestRaceDetector has the detector watch the probe: it must see the edges
// that there are, and none that are not. It also checks unsafe pointers.
func TestRaceDetector(t *testing.T) {
	m := generate(t)
	for _, tags := range []string{"-tags=", "-tags=purego"} {
		m.run(t, "go", "vet", "-race", tags, "./...")
		m.run(t, "go", "run", "-race", tags, "./probe")
		out, err := m.command("go", "run", "-race", tags, "./probe", "race").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("WARNING: DATA RACE")) {
			t.Errorf("%s: race not found: %v\n%s", tags, err, out)
		}
	}
}

// TestInlining checks that a public function costs its implementation and no
// more; of a conditional load, the first look.
func TestInlining(t *testing.T) {
	m := generate(t)
	public := regexp.MustCompile(`(?m)^func ([A-Z]\w*)`).FindAllSubmatch(read(t, filepath.Join(m.dir, "zprims.go")), -1)
	for _, arch := range []string{"amd64", "arm64"} {
		out := m.run(t, "GOARCH="+arch, "go", "build", "-gcflags=-m", ".")
		for _, match := range public {
			name := string(match[1])
			inlined := strings.Contains(out, "can inline "+name+"\n")
			if !inlined {
				t.Errorf("%s: %s is not inlined", arch, name)
			}
		}
	}
}

// TestStackChecks reads the compiled conditional loads: between two stretches
// of assembly there must be a stack check, where the scheduler comes in.
func TestStackChecks(t *testing.T) {
	m := generate(t)
	for _, arch := range []string{"amd64", "arm64"} {
		out := m.run(t, "GOARCH="+arch, "go", "build", "-gcflags=-S", ".")
		for _, name := range []string{"ondLoadAcquire32", "ondLoadRelaxed32"} {
			outer, chunk, assembly := "c"+name+"Wait", "c"+name+"Chunk", "c"+name
			for _, tt := range []struct {
				caller, callee string
				want           bool
			}{
				{outer, "runtime.morestack_noctxt", true},
				{outer, "example.com/mylock." + chunk, true},
				{outer, "example.com/mylock." + assembly, false},
				{chunk, "runtime.morestack_noctxt", true},
				{chunk, "example.com/mylock." + assembly, true},
			} {
				if hasCall(out, tt.caller, tt.callee) != tt.want {
					t.Errorf("%s: %s calls %s: want %v", arch, tt.caller, tt.callee, tt.want)
				}
			}
		}
	}
}

// hasCall reports whether the compiler's listing has a call in the function.
func hasCall(listing, caller, callee string) bool {
	_, code, _ := strings.Cut(listing, "\nexample.com/mylock."+caller+" STEXT ")
	code, _, _ = strings.Cut(code, " STEXT ")
	return strings.Contains(code, "\tCALL\t"+callee+"(SB)")
}

// platforms returns one GOOS for each GOARCH that Go has: linux, if it can.
func platforms(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, pair := range strings.Fields(string(out)) {
		goos, goarch, _ := strings.Cut(pair, "/")
		if of[goarch] == "" || goos == "linux" {
			of[goarch] = goos
		}
	}
	return of
}

// TestCurrentGStubs checks that the table of stubs knows every GOARCH.
func TestCurrentGStubs(t *testing.T) {
	want := slices.Sorted(maps.Keys(platforms(t)))
	if have := slices.Sorted(maps.Keys(currentGStubs)); !slices.Equal(have, want) {
		t.Errorf("stubs for %v, go tool dist list has %v", have, want)
	}
}

// emulators run what this machine does not. An empty command means that the
// machine does.
var emulators = map[string][]string{
	"386":      {},
	"amd64":    {},
	"arm":      {"qemu-arm-static"},
	"arm64":    {"qemu-aarch64-static"},
	"loong64":  {"qemu-loongarch64-static"},
	"mips":     {"qemu-mips-static"},
	"mipsle":   {"qemu-mipsel-static"},
	"mips64":   {"qemu-mips64-static"},
	"mips64le": {"qemu-mips64el-static"},
	"ppc64":    {"qemu-ppc64-static"},
	"ppc64le":  {"qemu-ppc64le-static"},
	"riscv64":  {"qemu-riscv64-static"},
	"s390x":    {"qemu-s390x-static"},
	"wasm":     {"node", filepath.Join("lib", "wasm", "wasm_exec_node.js")}, // in GOROOT
}

// TestEveryGOARCH vets and builds the package wherever Go runs, and runs the
// probe where there is an emulator: CurrentG is the runtime's on all of them.
func TestEveryGOARCH(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library for every GOARCH")
	}
	all := generate(t)
	amd64, arm64 := generate(t, "-arch", "amd64"), generate(t, "-arch", "arm64")
	for goarch, goos := range platforms(t) {
		t.Run(goarch, func(t *testing.T) {
			m := all
			switch goarch { // has an emitter folder: try the stub instead
			case "amd64":
				m = arm64
			case "arm64":
				m = amd64
			}
			target := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"}
			m.run(t, append(target, "go", "vet", "./...")...)
			probe := filepath.Join(t.TempDir(), "probe")
			m.run(t, append(target, "go", "build", "-o", probe, "./probe")...)
			if line := emulate(t, goarch, probe); line != nil {
				m.run(t, append([]string{"PROBE_VARIANT=portable"}, line...)...)
			}
		})
	}
}

// emulate returns the command that runs the program here, or nil if there is none.
func emulate(t *testing.T, goarch, program string) []string {
	t.Helper()
	line, ok := emulators[goarch]
	if !ok {
		t.Errorf("no entry for %s in emulators", goarch)
		return nil
	}
	line = append(slices.Clone(line), program)
	if _, err := exec.LookPath(line[0]); err != nil {
		t.Logf("not run: %v", err)
		return nil
	}
	if goarch == "wasm" {
		goroot, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		line[1] = filepath.Join(strings.TrimSpace(string(goroot)), line[1])
	}
	return line
}

// rowOf returns a small row for each operation; the real table need not have them.
func rowOf(op spec.Op) *spec.Row {
	locked := []spec.FieldValue{{Field: "locked", Value: 3}}
	r := map[spec.Op]*spec.Row{
		spec.Load:         {Name: "LoadAcquire8", Width: 8, Order: spec.Acquire, Sig: "func(p *uint8) (v uint8)"},
		spec.Store:        {Name: "StoreRelease64", Width: 64, Order: spec.Release, Sig: "func(p *uint64, v uint64)"},
		spec.Xchg:         {Name: "Xchg16AcqRel", Width: 16, Order: spec.AcqRel, Sig: "func(p *uint16, new uint16) (old uint16)"},
		spec.Cmpxchg:      {Name: "TryCmpxchgAcqRel16", Width: 16, Order: spec.AcqRel, Sig: "func(p *uint16, old uint16, new uint16) (ok bool)"},
		spec.XchgField:    {Name: "XchgPendingRelaxed", Field: "pending", Order: spec.Relaxed, Sig: "func(val *uint32, new uint32) (old uint32)"},
		spec.CmpxchgField: {Name: "TryCmpxchgTailAcquire", Field: "tail", Order: spec.Acquire, Sig: "func(val *uint32, old uint32, new uint32) (ok bool)"},
		spec.FetchSetBit:  {Name: "FetchSetLockedRelease", Field: "locked", Order: spec.Release, Sig: "func(val *uint32) (old uint32)"},
		spec.StoreFields:  {Name: "SetLockedRelaxed", Set: locked, Order: spec.Relaxed, Sig: "func(val *uint32)"},
		spec.CondLoad:     {Name: "CondLoadAcquire32", Width: 32, Order: spec.Acquire, Sig: "func(p *uint32, mask uint32, want uint32, spins uint32) (v uint32)"},
		spec.Relax:        {Name: "CPURelax", Order: spec.NoAccess, Sig: "func()"},
		spec.CycleCount:   {Name: "CycleCount", Order: spec.NoAccess, Sig: "func() (ticks uint64)"},
		spec.CurrentG:     {Name: "CurrentG", Order: spec.NoAccess, Sig: "func() (gp uintptr)"},
		spec.LockFast:     {Name: "LockFast", Order: spec.Acquire, Sig: "func(w *Word) (ok bool)"},
		spec.UnlockFast:   {Name: "UnlockFast", Order: spec.Release, Sig: "func(w *Word) (ok bool)"},
	}[op]
	r.Op, r.Does = op, r.Name+" does."
	return r
}

// gappy is a layout with bits that no field has.
var gappy = &spec.Layout{
	Name:    "gappy",
	Locked:  spec.Field{Name: "locked", Shift: 8, Bits: 8},
	Pending: spec.Field{Name: "pending", Shift: 17, Bits: 1},
	Tail:    spec.Field{Name: "tail", Shift: 20, Bits: 10},
	Doc:     "For tests.",
}

func config(ops ...spec.Op) *Config {
	c := &Config{Pkg: "p", Layout: gappy, Archs: []Arch{
		{Name: "s390x", SpinChunk: 7, Variants: []string{"s390x"}},
		{Name: "riscv64", SpinChunk: 9, Variants: []string{"new", "old"}, Selector: "isNew",
			Flags:   []Flag{{Name: "hasNew", CPU: "RISCV64.HasC", Doc: []string{"hasNew: it has."}}},
			Helpers: []emit.Helper{{Name: "isNew", Sig: "func() (yes bool)", Doc: []string{"isNew tells."}}}},
	}}
	for _, op := range ops {
		c.Rows = append(c.Rows, rowOf(op))
	}
	return c
}

func renderSources(c *Config) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, emit := range sources {
		files, err := emit(c)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}

var everyOp = slices.Sorted(maps.Keys(twins))

// TestEveryOperation renders operations, widths, fields and layouts that the
// table does not have yet; they must compile as the portable twin, and come
// out the same each time.
func TestEveryOperation(t *testing.T) {
	c := config(everyOp...)
	files, err := renderSources(c)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := renderSources(c)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(files, again, bytes.Equal) {
			t.Fatal("renders differ")
		}
	}
	m := module{t.TempDir()}
	m.write(t, "go.mod", []byte("module example.com/p\n\ngo 1.26.0\n"))
	for name, src := range files {
		m.write(t, name, src)
	}
	m.run(t, "go", "vet", ".")
	m.run(t, "go", "vet", "-tags=purego", ".")
	want := strings.Join([]string{
		"//\t 31    30 29      20 19    18        17       16 15     8 7      0",
		"//\t+--------+----------+--------+---------+--------+--------+--------+",
		"//\t| unused |   tail   | unused | pending | unused | locked | unused |",
		"//\t+--------+----------+--------+---------+--------+--------+--------+",
	}, "\n")
	if !bytes.Contains(files["zlayout.go"], []byte(want)) {
		t.Errorf("the picture is wrong:\n%s", files["zlayout.go"])
	}
	for _, line := range []string{
		"replaceBits(val, LockedMask, 3*LockedVal)",
		"tryReplaceBits(word, 0xffff<<shift, uint32(old)<<shift, uint32(new)<<shift)",
	} {
		if !bytes.Contains(files["zportable.go"], []byte(line)) {
			t.Errorf("zportable.go does not have %s", line)
		}
	}
	for _, line := range []string{"\tif isNew() {\n\t\treturn \"new\"\n\t}\n\treturn \"old\"\n", "// isNew tells.\nfunc isNew() (yes bool)\n"} {
		if !bytes.Contains(files["zprims_riscv64.go"], []byte(line)) {
			t.Errorf("zprims_riscv64.go does not have\n%s", line)
		}
	}
}

// TestRaceEdges checks which edges the public functions announce.
func TestRaceEdges(t *testing.T) {
	for _, tt := range []struct {
		op     spec.Op
		inline []string
		edges  string // conditions and calls, in order
	}{
		{op: spec.Load, edges: "call acquire"},
		{op: spec.Store, edges: "release call"},
		{op: spec.Xchg, edges: "release call acquire"},
		{op: spec.Cmpxchg, edges: "release call if-ok acquire"},
		{op: spec.Xchg, inline: []string{"s390x"}, edges: "release call acquire"}, // not on riscv64
		{op: spec.Xchg, inline: []string{"s390x", "riscv64"}, edges: "call"},
		{op: spec.XchgField, edges: "call"},
		{op: spec.CondLoad, edges: "call acquire"},
		{op: spec.LockFast, edges: "call if-ok acquire"},
		{op: spec.UnlockFast, edges: "if-owner release call"},
	} {
		t.Run(fmt.Sprint(tt.op, tt.inline), func(t *testing.T) {
			c := config(tt.op)
			r := c.Rows[0]
			r.Inline = tt.inline
			files, err := apiFile(c)
			if err != nil {
				t.Fatal(err)
			}
			var edges []string
			words := map[string]string{
				"raceAcquire(": "acquire", "raceReleaseMerge(": "release", r.Impl() + "(": "call",
				"&& ok {": "if-ok", "raceOwns(&w.Owner) {": "if-owner",
			}
			pattern := regexp.MustCompile(`raceAcquire\(|raceReleaseMerge\(|&& ok {|raceOwns\(&w.Owner\) {|\b` + r.Impl() + `\(`)
			for _, word := range pattern.FindAllString(string(files["zprims.go"]), -1) {
				edges = append(edges, words[word])
			}
			if have := strings.Join(edges, " "); have != tt.edges {
				t.Errorf("%s, want %s in\n%s", have, tt.edges, files["zprims.go"])
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	inlined := config(spec.CurrentG, spec.FetchSetBit)
	inlined.Rows[1].Atomic, inlined.Rows[1].Inline = "OrUint32", []string{"riscv64"}
	unknown := config(spec.CurrentG, spec.Relax)
	unknown.Rows[1].Op = "juggle"
	field := config(spec.CurrentG, spec.StoreFields)
	field.Rows[1].Set = []spec.FieldValue{{Field: "colour"}}
	for _, tt := range []struct {
		c    *Config
		want string
	}{
		{inlined, "row FetchSetLockedRelease: sync/atomic cannot stand in for operation fetch-set-bit on riscv64"},
		{unknown, "row CPURelax: the portable twin does not know operation juggle"},
		{field, `row SetLockedRelaxed: field "colour" is not in layout gappy`},
		{config(spec.LockFast), "no row for operation current-g: the portable twin needs it"},
	} {
		_, err := renderSources(tt.c)
		if err == nil || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

// TestGroupImports: the standard library first, whatever the alphabet says.
func TestGroupImports(t *testing.T) {
	src := "import (\n\t\"fmt\"\n\t\"golang.org/x/sys/cpu\"\n\t\"sync/atomic\"\n)\n\nvar x = 1\n"
	want := "import (\n\t\"fmt\"\n\t\"sync/atomic\"\n\n\t\"golang.org/x/sys/cpu\"\n)\n\nvar x = 1\n"
	if have := string(groupImports([]byte(src))); have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
}
