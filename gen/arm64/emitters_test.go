package arm64

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/spec"
)

// In the first layout each field is a byte or halfword of its own, in the second
// they are bits of the word.
var layouts = []*spec.Layout{
	{
		Name:    "narrow",
		Locked:  spec.Field{Name: "locked", Shift: 0, Bits: 8},
		Pending: spec.Field{Name: "pending", Shift: 8, Bits: 8},
		Tail:    spec.Field{Name: "tail", Shift: 16, Bits: 16},
	},
	{
		Name:    "wide",
		Locked:  spec.Field{Name: "locked", Shift: 0, Bits: 8},
		Pending: spec.Field{Name: "pending", Shift: 8, Bits: 1},
		Tail:    spec.Field{Name: "tail", Shift: 9, Bits: 23},
	},
}

var (
	loadOrders  = []spec.Order{spec.Relaxed, spec.Acquire}
	storeOrders = []spec.Order{spec.Relaxed, spec.Release}
	rmwOrders   = []spec.Order{spec.Relaxed, spec.Acquire, spec.Release, spec.AcqRel}
	orderNames  = map[spec.Order]string{spec.Relaxed: "Relaxed", spec.Acquire: "Acquire", spec.Release: "Release", spec.AcqRel: "AcqRel"}
)

// everyRow returns a row for each operation, width, field and ordering that a table
// may have. The ordering is appended to their names.
func everyRow() []*spec.Row {
	var rows []*spec.Row
	row := func(r spec.Row, orders ...spec.Order) {
		for _, o := range orders {
			r := r
			r.Order = o
			r.Name += orderNames[o]
			r.Does = r.Name + " is a test."
			rows = append(rows, &r)
		}
	}
	for _, w := range []int{8, 16, 32, 64} {
		row(spec.Row{Name: fmt.Sprintf("Load%d", w), Op: spec.Load, Width: w, Sig: sized("func(p *W) (v W)", w)}, loadOrders...)
		row(spec.Row{Name: fmt.Sprintf("Store%d", w), Op: spec.Store, Width: w, Sig: sized("func(p *W, v W)", w)}, storeOrders...)
		row(spec.Row{Name: fmt.Sprintf("Xchg%d", w), Op: spec.Xchg, Width: w, Sig: sized("func(p *W, new W) (old W)", w)}, rmwOrders...)
		row(spec.Row{Name: fmt.Sprintf("Cmpxchg%d", w), Op: spec.Cmpxchg, Width: w, Sig: sized("func(p *W, old W, new W) (ok bool)", w)}, rmwOrders...)
	}
	for _, field := range []string{"locked", "pending", "tail"} {
		title := strings.ToUpper(field[:1]) + field[1:]
		row(spec.Row{Name: "Xchg" + title, Op: spec.XchgField, Field: field, Sig: "func(val *uint32, new uint32) (old uint32)"}, rmwOrders...)
		row(spec.Row{Name: "Cmpxchg" + title, Op: spec.CmpxchgField, Field: field, Sig: "func(val *uint32, old uint32, new uint32) (ok bool)"}, rmwOrders...)
		row(spec.Row{Name: "FetchSet" + title, Op: spec.FetchSetBit, Field: field, Sig: "func(val *uint32) (old uint32)"}, rmwOrders...)
		row(spec.Row{Name: "Clear" + title, Op: spec.StoreFields, Set: []spec.FieldValue{{Field: field, Value: 0}}, Sig: "func(val *uint32)"}, storeOrders...)
		row(spec.Row{
			Name: "Flip" + title, Op: spec.StoreFields, Sig: "func(val *uint32)",
			Set:  []spec.FieldValue{{Field: field, Value: 1}},
			From: []spec.FieldValue{{Field: field, Value: 0}},
		}, storeOrders...)
	}
	row(spec.Row{
		Name: "PendingToLocked", Op: spec.StoreFields, Sig: "func(val *uint32)",
		Set:  []spec.FieldValue{{Field: "locked", Value: 1}, {Field: "pending", Value: 0}},
		From: []spec.FieldValue{{Field: "locked", Value: 0}, {Field: "pending", Value: 1}},
	}, storeOrders...)
	row(spec.Row{Name: "CondLoad", Op: spec.CondLoad, Width: 32, Sig: "func(p *uint32, mask uint32, want uint32, spins uint32) (v uint32)"}, loadOrders...)
	row(spec.Row{Name: "Relax", Op: spec.Relax, Sig: "func()"}, spec.NoAccess)
	row(spec.Row{Name: "CycleCount", Op: spec.CycleCount, Sig: "func() (ticks uint64)"}, spec.NoAccess)
	row(spec.Row{Name: "CurrentG", Op: spec.CurrentG, Sig: "func() (gp uintptr)"}, spec.NoAccess)
	row(spec.Row{Name: "Lock", Op: spec.LockFast, Sig: "func(w *Word) (ok bool)"}, spec.Acquire)
	row(spec.Row{Name: "Unlock", Op: spec.UnlockFast, Sig: "func(w *Word) (ok bool)"}, spec.Release)
	row(spec.Row{Name: "CurrentGoid", Op: spec.CurrentGoid, Sig: "func() (id uint64)"}, spec.NoAccess)
	row(spec.Row{Name: "LockOwned", Op: spec.LockOwned, Sig: "func(w *Owned) (ok bool)"}, spec.Acquire)
	row(spec.Row{Name: "UnlockOwned", Op: spec.UnlockOwned, Sig: "func(w *Owned) (rest uint32)"}, spec.Release)
	row(spec.Row{Name: "Read", Op: spec.ReadLock, Sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)"}, spec.AcqRel)
	row(spec.Row{Name: "ReadEnd", Op: spec.ReadUnlock, Sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)"}, spec.Release)
	row(spec.Row{Name: "Write", Op: spec.WriteLock, Sig: "func(w *RWOwned) (rest uint32)"}, spec.AcqRel)
	row(spec.Row{Name: "WriteEnd", Op: spec.WriteUnlock, Sig: "func(w *RWOwned) (rest uint32)"}, spec.Release)
	return rows
}

// sized replaces W in a signature by the unsigned integer of the width.
func sized(sig string, width int) string {
	return strings.ReplaceAll(sig, "W", fmt.Sprintf("uint%d", width))
}

func TestEveryOperation(t *testing.T) {
	tested := map[spec.Op]bool{}
	for _, r := range everyRow() {
		tested[r.Op] = true
	}
	for _, op := range spec.Ops() {
		if Backend.Emitters[op] == nil || !tested[op] {
			t.Errorf("operation %s: emitter %v, tested %v", op, Backend.Emitters[op] != nil, tested[op])
		}
	}
}

// TestFinish checks that directives are at the beginning of their lines, and that the
// label of the LL/SC body is right below the one that begins it.
func TestFinish(t *testing.T) {
	src, _, err := Backend.Assemble(nil, layouts[0])
	if err != nil {
		t.Fatal(err)
	}
	want := `
TEXT ·lsePath(SB), NOSPLIT, $0-1
#ifndef GOARM64_LSE
	MOVBU ·hasLSE+0(SB), R0
	CBZW  R0, llsc
#endif
	MOVD  $0x01, R0
	MOVB  R0, lse+0(FP)
	RET

#ifndef GOARM64_LSE
llsc:
	MOVB ZR, lse+0(FP)
	RET
#endif
`
	if !strings.HasSuffix(string(src), want) {
		t.Errorf("the assembly ends with:\n%s\nwant:\n%s", src[max(0, len(src)-len(want)):], want)
	}
}

// TestAssembles lets the toolchain vet and build everything, with LL/SC bodies and
// without.
func TestAssembles(t *testing.T) {
	for _, l := range layouts {
		for _, version := range []string{"v8.0", "v8.1"} {
			t.Run(l.Name+"/"+version, func(t *testing.T) {
				if testing.Short() && (l != layouts[1] || version != "v8.0") {
					t.Skip("runs the toolchain")
				}
				t.Parallel()
				rows := everyRow()
				if err := spec.Validate(rows, l); err != nil {
					t.Fatal(err)
				}
				src, _, err := Backend.Assemble(rows, l)
				if err != nil {
					t.Fatal(err)
				}
				dir := writePackage(t, rows, src)
				goTool(t, dir, version, "vet", ".")
				checkObject(t, assembled(t, dir, version), version == "v8.1")
			})
		}
	}
}

// checkObject checks that an object for LSE has no store-exclusive, and has a
// load-exclusive in the wait loops only, where it arms the monitor.
func checkObject(t *testing.T, object map[string][]uint32, lseOnly bool) {
	for fn, code := range object {
		loads, stores := exclusives(code)
		_, waits := strings.CutPrefix(fn, "condLoad")
		switch {
		case waits:
			if loads != 1 || stores != 0 {
				t.Errorf("%s: %d exclusive loads and %d stores, want 1 and 0", fn, loads, stores)
			}
		case lseOnly:
			if loads != 0 || stores != 0 {
				t.Errorf("%s: %d exclusive loads and %d stores in a build for LSE", fn, loads, stores)
			}
		case strings.HasPrefix(fn, "xchg"), strings.HasPrefix(fn, "cmpxchg"), strings.HasPrefix(fn, "fetchSet"), fn == "lockAcquire", fn == "lockOwnedAcquire", fn == "readAcqRel", fn == "writeAcqRel":
			if loads != 1 || stores != 1 {
				t.Errorf("%s: %d exclusive loads and %d stores, want 1 and 1", fn, loads, stores)
			}
		}
	}
}

// exclusives counts instructions of the encoding class "load/store exclusive
// register".
func exclusives(code []uint32) (loads, stores int) {
	for _, w := range code {
		switch w & 0x3fe00000 {
		case 0x08400000:
			loads++
		case 0x08000000:
			stores++
		}
	}
	return loads, stores
}

// writePackage makes a module with the assembly and its Go declarations.
func writePackage(t *testing.T, rows []*spec.Row, src []byte) string {
	var decls bytes.Buffer
	decls.WriteString("package p\n\nvar hasLSE, hasEventStream bool\n\ntype Word struct {\n\tVal, Aux uint32\n\tOwner uintptr\n}\n\ntype Owned struct {\n\tOwner uint64\n\tTail, Sleeper uint32\n}\n\ntype RWOwned struct{}\n\ntype ReaderTable struct{}\n\n")
	for _, h := range Backend.Helpers {
		fmt.Fprintf(&decls, "func %s%s\n", h.Name, strings.TrimPrefix(h.Sig, "func"))
	}
	for _, r := range rows {
		fmt.Fprintf(&decls, "func %s%s\n", r.Impl(), strings.TrimPrefix(r.Sig, "func"))
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"go.mod":    []byte("module p\n\ngo 1.25\n"),
		"p.go":      decls.Bytes(),
		"p_arm64.s": src,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// assembled builds the package and returns the machine code of each function.
func assembled(t *testing.T, dir, version string) map[string][]uint32 {
	goTool(t, dir, version, "build", "-o", "p.a", ".")
	// The archive's other member has the wrappers that the compiler makes.
	goTool(t, dir, version, "tool", "pack", "x", "p.a", "p_arm64.o")
	object := map[string][]uint32{}
	fn := ""
	for _, line := range strings.Split(goTool(t, dir, version, "tool", "objdump", "p_arm64.o"), "\n") {
		if m := textLine.FindStringSubmatch(line); m != nil {
			fn = m[1]
		}
		if m := codeLine.FindStringSubmatch(line); m != nil {
			w, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			object[fn] = append(object[fn], uint32(w))
		}
	}
	if len(object) < len(everyRow()) {
		t.Fatalf("%d functions in the object", len(object))
	}
	return object
}

var (
	textLine = regexp.MustCompile(`^TEXT p\.(\w+)`)
	codeLine = regexp.MustCompile(`^  \S+\t+0x[0-9a-f]+\t+([0-9a-f]{8})\t`)
)

func goTool(t *testing.T, dir, version string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "GOARM64="+version, "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestOrdering spells out which instructions have each ordering. On an emulator that
// orders everything, a test that runs them would not notice if they had not.
func TestOrdering(t *testing.T) {
	accesses := map[string]string{}
	for _, l := range layouts {
		src, _, err := Backend.Assemble(everyRow(), l)
		if err != nil {
			t.Fatal(err)
		}
		for fn, opcodes := range sharedAccesses(src) {
			accesses[l.Name+" "+fn] = strings.Join(opcodes, " ")
		}
	}
	for _, tt := range []struct {
		layout, name string
		want         string // every access through a pointer
	}{
		{"narrow", "load8Relaxed", "MOVBU"},
		{"narrow", "load16Relaxed", "MOVHU"},
		{"narrow", "load32Relaxed", "MOVWU"},
		{"narrow", "load64Relaxed", "MOVD"},
		{"narrow", "load8Acquire", "LDARB"},
		{"narrow", "load16Acquire", "LDARH"},
		{"narrow", "load32Acquire", "LDARW"},
		{"narrow", "load64Acquire", "LDAR"},
		{"narrow", "store8Relaxed", "MOVB"},
		{"narrow", "store64Relaxed", "MOVD"},
		{"narrow", "store8Release", "STLRB"},
		{"narrow", "store16Release", "STLRH"},
		{"narrow", "store32Release", "STLRW"},
		{"narrow", "store64Release", "STLR"},

		{"narrow", "xchg32Relaxed", "SWPW LDXRW STXRW"},
		{"narrow", "xchg32Acquire", "SWPAW LDAXRW STXRW"},
		{"narrow", "xchg32Release", "SWPLW LDXRW STLXRW"},
		{"narrow", "xchg32AcqRel", "SWPALW LDAXRW STLXRW"},
		{"narrow", "xchg8AcqRel", "SWPALB LDAXRB STLXRB"},
		{"narrow", "xchg64AcqRel", "SWPALD LDAXR STLXR"},
		{"narrow", "cmpxchg32Acquire", "CASAW LDAXRW STXRW"},
		{"narrow", "cmpxchg64Release", "CASLD LDXR STLXR"},
		{"narrow", "cmpxchg16Relaxed", "CASH LDXRH STXRH"},
		{"narrow", "cmpxchg16Acquire", "CASALH LDAXRH STXRH"},
		{"narrow", "cmpxchg8Release", "CASALB LDXRB STLXRB"},

		{"narrow", "xchgTailAcqRel", "SWPALH LDAXRH STLXRH"},
		{"narrow", "cmpxchgTailRelaxed", "CASH LDXRH STXRH"},
		{"narrow", "clearPendingRelaxed", "MOVB"},
		{"narrow", "clearLockedRelease", "STLRB"},
		{"narrow", "pendingToLockedRelaxed", "MOVH"},
		{"narrow", "pendingToLockedRelease", "STLRH"},
		{"wide", "xchgTailAcqRel", "MOVWU CASALW LDAXRW STLXRW"},
		{"wide", "cmpxchgTailRelease", "MOVWU CASLW LDXRW STLXRW"},
		{"wide", "clearPendingRelaxed", "LDCLRW LDXRW STXRW"},
		{"wide", "clearPendingRelease", "LDCLRLW LDXRW STLXRW"},
		{"wide", "clearLockedRelease", "STLRB"},
		{"wide", "pendingToLockedRelaxed", "LDEORW LDXRW STXRW"},
		{"wide", "pendingToLockedRelease", "LDEORLW LDXRW STLXRW"},
		{"wide", "fetchSetPendingAcquire", "LDORAW LDAXRW STXRW"},

		{"narrow", "lockAcquire", "SWPAB MOVBU MOVD STLRB LDAXRB STXRB MOVBU MOVD STLRB"},
		{"narrow", "unlockRelease", "PRFM MOVD MOVD STLRB"},
		{"narrow", "lockOwnedAcquire", "MOVBU CASAD LDAXR STXR"},
		{"narrow", "unlockOwnedRelease", "MOVD STLR LDARW"},
		{"narrow", "readAcqRel", "MOVD MOVD CASALD STLR LDAR LDARW LDAXR STLXR STLR LDAR LDARW"},
		{"narrow", "readEndRelease", "MOVD MOVD MOVD MOVD MOVD STLR LDARW"},
		{"narrow", "writeAcqRel", "MOVBU CASALD LDARW LDAXR STLXR LDARW"},
		{"narrow", "writeEndRelease", "MOVD MOVWU STLR LDARW LDARW"},
		{"narrow", "condLoadAcquire", "LDARW LDAXRW LDARW"},
		{"narrow", "condLoadRelaxed", "MOVWU LDXRW MOVWU"},
	} {
		if got := accesses[tt.layout+" "+tt.name]; got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.layout, tt.name, got, tt.want)
		}
	}
}

// sharedAccesses returns the opcodes of each function that access memory
// through a pointer.
func sharedAccesses(src []byte) map[string][]string {
	byFunc := map[string][]string{}
	fn := ""
	for _, line := range strings.Split(string(src), "\n") {
		if name, ok := strings.CutPrefix(line, "TEXT ·"); ok {
			fn, _, _ = strings.Cut(name, "(")
		} else if m := pointerAccess.FindStringSubmatch(line); m != nil {
			byFunc[fn] = append(byFunc[fn], m[1])
		}
	}
	return byFunc
}

var pointerAccess = regexp.MustCompile(`^\t(\w+).*\(R\d+\)`)

// TestSleep checks that a sleep in WFE lasts 20 us at most, apart from the time to
// the next timer event.
func TestSleep(t *testing.T) {
	if us := 1_000_000 / sleepsPerSecond; us > 20 {
		t.Errorf("a sleep is %d us long", us)
	}
}
