package golang

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// rowOf returns a small row for each operation. The real table need not have it.
func rowOf(op spec.Op) *spec.Row {
	r := map[spec.Op]*spec.Row{
		spec.Load:         {Name: "LoadAcquire8", Width: 8, Order: spec.Acquire},
		spec.Store:        {Name: "StoreRelease64", Width: 64, Order: spec.Release},
		spec.Xchg:         {Name: "Xchg16AcqRel", Width: 16, Order: spec.AcqRel},
		spec.Cmpxchg:      {Name: "TryCmpxchgAcqRel16", Width: 16, Order: spec.AcqRel},
		spec.CmpxchgOld:   {Name: "CmpxchgAcqRel16", Width: 16, Order: spec.AcqRel},
		spec.XchgField:    {Name: "XchgPendingRelaxed", Field: "pending", Order: spec.Relaxed},
		spec.CmpxchgField: {Name: "TryCmpxchgTailAcquire", Field: "tail", Order: spec.Acquire},
		spec.FetchSetBit:  {Name: "FetchSetLockedRelease", Field: "locked", Order: spec.Release},
		spec.StoreFields:  {Name: "SetLockedRelaxed", Set: []spec.Value{{Field: "locked", Value: 3}}, Order: spec.Relaxed},
		spec.CondLoad:     {Name: "CondLoadAcquire32", Width: 32, Order: spec.Acquire},
		spec.Relax:        {Name: "CPURelax"},
		spec.CycleCount:   {Name: "CycleCount"},
		spec.CurrentG:     {Name: "CurrentG"},
		spec.CurrentGoid:  {Name: "CurrentGoid"},
	}[op]
	if r == nil {
		name := ""
		for _, part := range strings.Split(string(op), "-") {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		r = &spec.Row{Name: name, Order: op.Orders()[0]}
		switch {
		case op.OnField():
			r.Field = "tail"
		case spec.Awaits[op].Is != "":
			r.Width = 64
		case op.OnWidth():
			r.Width = 8
		}
	}
	r.Op = op
	return r
}

// gappy is a word with bits that no field has.
var gappy = &spec.Word{
	Name: "Word", Layout: "gappy", Bits: 32, Owner: true,
	Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 17, Bits: 1}, {Name: "tail", Shift: 20, Bits: 10}},
	Doc:    "For tests.",
}

func config(ops ...spec.Op) *Config {
	c := &Config{Pkg: "p", Words: []*spec.Word{gappy}, Archs: []*emit.Arch{
		{Name: "s390x", SpinChunk: 7, Variants: []emit.Variant{{Name: "s390x"}}},
		{Name: "riscv64", SpinChunk: 9, Variants: []emit.Variant{{Name: "new", Selector: "isNew"}, {Name: "old"}},
			Flags:   []emit.Flag{{Name: "hasNew", CPU: "RISCV64.HasC", Doc: []string{"hasNew: it has."}}},
			Helpers: []emit.Helper{{Name: "isNew", Sig: "func() (yes bool)", Doc: []string{"isNew tells."}}}},
	}}
	var rows []*spec.Row
	for _, op := range ops {
		rows = append(rows, rowOf(op))
	}
	c.Rows, _ = spec.Derive(rows, gappy) // which may lack a row that another one needs
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

var everyOp = spec.Ops()

// TestEveryOperation renders operations, widths, fields and layouts, also those that
// the real table does not have. They must compile as the portable twin, and come out
// the same each time.
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
	dir := t.TempDir()
	files["go.mod"] = []byte("module example.com/p\n\ngo 1.25.0\n")
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tags := range []string{"-tags=", "-tags=purego"} {
		vet := exec.Command("go", "vet", tags, ".")
		vet.Dir = dir
		vet.Env = append(os.Environ(), "GOWORK=off")
		if out, err := vet.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", vet, err, out)
		}
	}
	want := strings.Join([]string{
		"//\t 31    30 29      20 19    18        17 16      8 7      0",
		"//\t+--------+----------+--------+---------+---------+--------+",
		"//\t| unused |   tail   | unused | pending | unused  | locked |",
		"//\t+--------+----------+--------+---------+---------+--------+",
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
		{op: "fetch-add", edges: "call"},
		{op: spec.LockFast, edges: "call if-ok acquire"},
		{op: spec.UnlockFast, edges: "if-owner release call"},
		{op: spec.LockOwned, edges: "call if-ok acquire"},
		{op: spec.UnlockOwned, edges: "if-owner release call"},
		{op: spec.ReadLock, edges: "call if-granted acquire"},
		{op: spec.ReadUnlock, edges: "if-reader release-readers call"},
		{op: spec.WriteLock, edges: "call unless-refused acquire acquire-readers"},
		{op: spec.WriteUnlock, edges: "if-owner release call"},
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
				"raceAcquire(": "acquire", "raceAcquireWord(": "acquire", "v = atomic.LoadUint32(p)\n\t}": "acquire", "raceReleaseMerge(": "release", "raceReleaseMergeWide(": "release", r.Impl() + "(": "call",
				"&& ok {": "if-ok", "raceOwns(&w.Owner) {": "if-owner", "raceOwnsID(&w.Owner) {": "if-owner",
				"raceReads(w, t) {": "if-reader", "rest == ReadGranted {": "if-granted", "rest != WriteRefused {": "unless-refused",
				"raceAcquireWord(unsafe.Pointer(&w.Readers": "acquire-readers", "raceReleaseMerge(unsafe.Pointer(&w.Readers": "release-readers",
			}
			pattern := regexp.MustCompile(`v = atomic.LoadUint32\(p\)\n\t}|(?:raceAcquire|raceAcquireWord|raceReleaseMerge|raceReleaseMergeWide)\((?:unsafe.Pointer\(&w.Readers)?|&& ok {|raceOwns(?:ID)?\(&w.Owner\) {|` +
				`raceReads\(w, t\) {|rest [!=]= \w+ {|\b` + r.Impl() + `\(`)
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
	spec.Register(spec.Operation{Op: "juggle", Sig: "func()", Twin: "{{.Balls}}"})
	defer spec.Unregister("juggle")
	unknown := config(spec.CurrentG, spec.Relax)
	unknown.Rows[1].Op = "juggle"
	for _, tt := range []struct {
		c    *Config
		want string
	}{
		{inlined, "row FetchSetLockedRelease: sync/atomic cannot stand in for operation fetch-set-bit on riscv64"},
		{unknown, "row CPURelax: the portable twin: template: juggle:1:2: executing \"juggle\" at <.Balls>: can't evaluate field Balls in type golang.about"},
	} {
		_, err := renderSources(tt.c)
		if err == nil || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

// TestGroupImports checks that the standard library is in a group of its own.
func TestGroupImports(t *testing.T) {
	src := "import (\n\t\"fmt\"\n\t\"golang.org/x/sys/cpu\"\n\t\"sync/atomic\"\n)\n\nvar x = 1\n"
	want := "import (\n\t\"fmt\"\n\t\"sync/atomic\"\n\n\t\"golang.org/x/sys/cpu\"\n)\n\nvar x = 1\n"
	if have := string(groupImports([]byte(src))); have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
}
