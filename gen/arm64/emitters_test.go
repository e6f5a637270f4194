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
var layouts = []*spec.Word{
	{
		Name: "Word", Layout: "narrow", Bits: 32, Owner: true,
		Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 8}, {Name: "tail", Shift: 16, Bits: 16}},
	},
	{
		Name: "Word", Layout: "wide", Bits: 32, Owner: true,
		Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 1}, {Name: "tail", Shift: 9, Bits: 23}},
	},
}

// big is a word of 64 bits, in each of the layouts.
var big = []*spec.Word{
	{Name: "Big", Bits: 64, Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 8}, {Name: "tail", Shift: 32, Bits: 32}}},
	{Name: "Big", Bits: 64, Fields: []spec.Field{{Name: "locked", Shift: 1, Bits: 8}, {Name: "pending", Shift: 9, Bits: 3}, {Name: "tail", Shift: 30, Bits: 34}}},
}

var orderNames = map[spec.Order]string{spec.Relaxed: "Relaxed", spec.Acquire: "Acquire", spec.Release: "Release", spec.AcqRel: "AcqRel", spec.SeqCst: "SeqCst"}

// everyRow returns a row for each operation, width, field and ordering that a table
// may have. The ordering is appended to their names.
func everyRow(t *testing.T, l int) []*spec.Row {
	t.Helper()
	var rows []*spec.Row
	row := func(r spec.Row) {
		for _, o := range r.Op.Orders() {
			r := r
			r.Order = o
			r.Name += orderNames[o]
			rows = append(rows, &r)
		}
	}
	names := map[spec.Op]string{spec.FetchSetBit: "FetchSet", spec.LockFast: "Lock", spec.UnlockFast: "Unlock", spec.ReadLock: "Read", spec.ReadUnlock: "ReadEnd", spec.WriteLock: "Write", spec.WriteUnlock: "WriteEnd"}
	for _, op := range spec.Ops() {
		name := names[op]
		if name == "" {
			for _, part := range strings.Split(string(op), "-") {
				if part != "field" && (part != "g" || op == spec.CurrentG) {
					name += strings.ToUpper(part[:1]) + part[1:]
				}
			}
		}
		for _, word := range []*spec.Word{layouts[l], big[l]} {
			prefix := strings.TrimPrefix(word.Name, "Word")
			for _, field := range word.Fields {
				title := prefix + strings.ToUpper(field.Name[:1]) + field.Name[1:]
				if op.OnField() {
					row(spec.Row{Name: name + title, Op: op, Word: word.Name, Field: field.Name})
				}
				if op == spec.StoreFields {
					row(spec.Row{Name: "Clear" + title, Op: op, Word: word.Name, Set: []spec.Value{{Field: field.Name, Value: 0}}})
					row(spec.Row{Name: "Flip" + title, Op: op, Word: word.Name, Set: []spec.Value{{Field: field.Name, Value: 1}}, From: []spec.Value{{Field: field.Name, Value: 0}}})
				}
			}
			if op == spec.StoreFields {
				row(spec.Row{
					Name: prefix + "PendingToLocked", Op: op, Word: word.Name,
					Set:  []spec.Value{{Field: "locked", Value: 1}, {Field: "pending", Value: 0}},
					From: []spec.Value{{Field: "locked", Value: 0}, {Field: "pending", Value: 1}},
				})
			}
		}
		switch {
		case op == spec.CondLoad:
			row(spec.Row{Name: name, Op: op, Width: 32})
		case spec.Awaits[op].Is != "":
			row(spec.Row{Name: name + "32", Op: op, Width: 32})
			row(spec.Row{Name: name + "64", Op: op, Width: 64})
		case op.OnWidth():
			for _, w := range []int{8, 16, 32, 64} {
				row(spec.Row{Name: fmt.Sprint(name, w), Op: op, Width: w})
			}
		case op == spec.LockFast, op == spec.UnlockFast:
			row(spec.Row{Name: name, Op: op, Word: "Word"})
		case !op.OnWord():
			row(spec.Row{Name: name, Op: op})
		}
	}
	derived, err := spec.Derive(rows, layouts[l], big[l])
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

func TestEveryOperation(t *testing.T) {
	tested := map[spec.Op]bool{}
	for _, r := range everyRow(t, 0) {
		tested[r.Op] = true
	}
	for _, op := range spec.Ops() {
		if Arch.Emitters[op] == nil || !tested[op] {
			t.Errorf("operation %s: emitter %v, tested %v", op, Arch.Emitters[op] != nil, tested[op])
		}
	}
}

// TestFinish checks that directives are at the beginning of their lines, and that the
// label of the LL/SC body is right below the one that begins it.
func TestFinish(t *testing.T) {
	src, _, err := Arch.Assemble(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := `
TEXT ·lsePath(SB), NOSPLIT, $0-1
#ifndef GOARM64_LSE
	MOVBU ·hasLSE+0(SB), R0
	CBZW R0, llsc
#endif
	MOVD $0x01, R0
	MOVB R0, lse+0(FP)
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
	for n, l := range layouts {
		for _, version := range []string{"v8.0", "v8.1"} {
			t.Run(l.Layout+"/"+version, func(t *testing.T) {
				if testing.Short() && version != "v8.0" || l != layouts[1] && os.Getenv("RQLOCK_LONG") == "" {
					t.Skip("runs the toolchain")
				}
				t.Parallel()
				rows := everyRow(t, n)
				src, _, err := Arch.Assemble(rows, "")
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
		waits := strings.HasPrefix(fn, "condLoad") || strings.HasPrefix(fn, "await")
		switch {
		case waits && strings.Contains(fn, "Then") && !lseOnly:
			if loads != 2 || stores != 1 {
				t.Errorf("%s: %d exclusive loads and %d stores, want 2 and 1", fn, loads, stores)
			}
		case waits:
			if loads != 1 || stores != 0 {
				t.Errorf("%s: %d exclusive loads and %d stores, want 1 and 0", fn, loads, stores)
			}
		case lseOnly:
			if loads != 0 || stores != 0 {
				t.Errorf("%s: %d exclusive loads and %d stores in a build for LSE", fn, loads, stores)
			}
		case strings.HasPrefix(fn, "xchg"), strings.HasPrefix(fn, "cmpxchg"), strings.HasPrefix(fn, "fetch"), fn == "lockAcquire", fn == "lockOwnedAcquire", fn == "readAcqRel", fn == "writeAcqRel":
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
	for _, h := range Arch.AllHelpers() {
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
	if len(object) < len(everyRow(t, 0)) {
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
	for n, l := range layouts {
		src, _, err := Arch.Assemble(everyRow(t, n), "")
		if err != nil {
			t.Fatal(err)
		}
		for fn, opcodes := range sharedAccesses(src) {
			accesses[l.Layout+" "+fn] = strings.Join(opcodes, " ")
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
