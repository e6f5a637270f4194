package mc

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unsafe"
)

// TestTrace: a trace shows the alternatives that were chosen.
func TestTrace(t *testing.T) {
	l := litmus{threads: threads{
		{st(x, 1, rlx), ld(x, rlx), stPart(y, 2, 2, rel), cas(z, 7, 8, seq)},
		{ld(x, acq), st(x, 70000, seq), xchg(z, 3, ar)},
	}}
	for _, test := range []struct {
		model    Model
		schedule string
		want     []string
	}{
		{SC, "0*4 1*3", []string{
			"T0 store(relaxed) x 0 -> 1",
			"T0 load(relaxed) x 1",
			"T0 store part(release) y 0 -> 2",
			"T0 compare(seq_cst) z 0, not stored",
			"T1 load(acquire) x 1",
			"T1 store(seq_cst) x 1 -> 0x11170",
			"T1 swap(acq_rel) z 0 -> 3",
		}},
		{TSO, "0*3 1 f0 0 1", []string{
			"T0 store(relaxed) x buffers 1",
			"T0 load(relaxed) x 1, from its store buffer",
			"T0 store part(release) y buffers 0x2 in 0x2",
			"T1 load(acquire) x 0",
			"T0 flushes x 0 -> 1",
			"T0 flushes y 0 -> 2",
			"T0 compare(seq_cst) z 0, not stored",
			"T1 flushes x 1 -> 0x11170",
			"T1 store(seq_cst) x 1 -> 0x11170",
		}},
		{RA, "1 1 0.1 0.1", []string{
			"T1 load(acquire) x 0",
			"T1 store(seq_cst) x 0 -> 0x11170",
			"T0 store(relaxed) x 1, goes before 0x11170",
			"T0 load(relaxed) x 1, 1 older than the newest",
		}},
	} {
		trace, _, err := World{Memory: test.model}.Replay(l.program(), test.schedule)
		if err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSpace(trace), "\n")
		for i, want := range test.want {
			if i >= len(lines) || plainLine(lines[i]) != want {
				t.Errorf("%v: line %d is not %q:\n%s", test.model, i+1, want, trace)
				break
			}
		}
	}
}

var numberAndPosition = regexp.MustCompile(`^ *[0-9]+ |\S+\.go:\d+ \S+`)

// plainLine removes the number of a line, and its position in the source.
func plainLine(line string) string {
	return strings.Join(strings.Fields(numberAndPosition.ReplaceAllString(line, " ")), " ")
}

// TestTracePositions: a line of a trace has the step's position in the source, by the
// table of sites or else by the stack.
func TestTracePositions(t *testing.T) {
	old := sites
	defer func() { sites = old }()
	sites = nil
	RegisterSites(1, []SiteInfo{{File: "dir/lock.go", Line: 7, Func: "take"}})
	p := testProgram("positions", func() {
		LoadWord(1, "load", x.p(), 64, rlx)
		LoadWord(0, "load", x.p(), 64, rlx)
		LoadWord(9, "load", x.p(), 64, rlx)
	})
	trace, _, err := World{FormatWord: func(name string, v uint64) string { return fmt.Sprintf("<%s %d>", name, v) }}.Replay(p, "0*3")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(trace), "\n") {
		if want := []string{" lock.go:7 take ", " trace_test.go:", " site 9 "}[i]; !strings.Contains(line, want) || !strings.Contains(line, "x <x 0>") {
			t.Errorf("line %q is not of%s", line, want)
		}
	}
}

// TestLongTrace: the middle of a long trace is left out.
func TestLongTrace(t *testing.T) {
	p := testProgram("long", func() {
		for i := range uint64(1000) {
			storeCell(x, i, rlx)
		}
		Fail("at last")
	})
	r := World{Verbatim: true}.Run(p, Exhaustive())
	lines := strings.Split(strings.TrimSpace(r.Failure.Trace), "\n")
	if n := len(lines); n < 100 || n > maxTrace+5 || !strings.Contains(r.Failure.Trace, "x 998 -> 999") || !strings.HasSuffix(lines[n-1], "T0: at last") {
		t.Errorf("%d lines:\n%s", n, r.Failure.Trace)
	}
}

// An object is allocated in an execution, and does not change.
type object struct {
	next *object
	cell cell // which the object's thread has written
}

var root, leaf *object

// TestPointers: states tell pointers apart by the variable that they point to, not by its
// address. A load of a pointer acquires as that of a word.
func TestPointers(t *testing.T) {
	var fixed [2]object
	fresh := true
	p := &Program{
		Name:    "pointers",
		Declare: func() { Name(unsafe.Pointer(&root), "root"); Name(unsafe.Pointer(&leaf), "leaf") },
		Setup:   func() { root, leaf = nil, nil; clear(cells[:]) },
		Outcome: func() string { return fmt.Sprint(root != nil, root == leaf) },
	}
	push := func() {
		me := cell(Self())
		writeCell(me, 1)
		for {
			old := LoadPtr(0, "load", unsafe.Pointer(&root), Relaxed)
			o := &object{}
			if !fresh {
				o = &fixed[me]
			}
			*o = object{(*object)(old), me}
			if CasPtr(0, "push", unsafe.Pointer(&root), old, unsafe.Pointer(o), Release) {
				return
			}
		}
	}
	pop := func() {
		o := (*object)(LoadPtr(0, "pop", unsafe.Pointer(&root), Acquire))
		if o == nil {
			return
		}
		if readCell(o.cell) == 0 {
			Fail("not yet written")
		}
		StorePtr(0, "leaf", unsafe.Pointer(&leaf), unsafe.Pointer(o), Relaxed)
		if SwapPtr(0, "swap", unsafe.Pointer(&leaf), unsafe.Pointer(o), Relaxed) != unsafe.Pointer(o) {
			Fail("swap returns another")
		}
	}
	p.Threads = []func(){push, push, pop}
	for _, model := range models {
		w := World{Memory: model}
		first := checkRun(t, w, p, Exhaustive(), "")
		if got := strings.Join(outcomes(first), ", "); got != "true false, true true" {
			t.Errorf("%v: outcomes %s", first, got)
		}
		fresh = false
		if again := w.Run(p, Exhaustive()); again.States != first.States {
			t.Errorf("%v\n%v if objects always have the same addresses", first, again)
		}
		fresh = true
		w.Orders = map[string]Order{"pop": Relaxed}
		checkRun(t, w, p, Exhaustive(), "data race")
		w.Orders = map[string]Order{"push": Relaxed}
		checkRun(t, w, p, Exhaustive(), "data race")
	}
}

// TestPointerHashes: two objects that a thread allocates in the same state have different
// hashes. The hashes are the same in all executions.
func TestPointerHashes(t *testing.T) {
	var hashes [][3]uint64
	p := testProgram("two objects", func() {
		ps := &cur.ptrs
		hash := func(p unsafe.Pointer) uint64 { return ps.hash[ps.intern(p, cur.self)] }
		hashes = append(hashes, [3]uint64{hash(unsafe.Pointer(new(object))), hash(unsafe.Pointer(new(object))), hash(x.p())})
		Choose(0, "again", 2)
	})
	checkRun(t, World{}, p, Stateless(), "")
	if len(hashes) != 2 || hashes[0] != hashes[1] {
		t.Errorf("hashes differ between executions: %x", hashes)
	}
	if h := hashes[0]; h[0] == h[1] || h[0] == h[2] || h[1] == h[2] {
		t.Errorf("objects have the same hash: %x", h)
	}
}

// TestTruncated: a location keeps a limited number of messages, and the result says when
// a message that could be read was dropped.
func TestTruncated(t *testing.T) {
	program := func(stores uint64) *Program {
		return testProgram(fmt.Sprint(stores, " stores"), func() {
			for i := range stores {
				storeCell(x, i+1, rlx)
			}
		}, func() { regs[0] = int(loadCell(x, rlx)) })
	}
	for _, test := range []struct {
		model     Model
		stores    uint64
		truncated bool
		values    int // number of values that the load can return
	}{
		{RA, 31, false, 32},
		{RA, 40, true, 41},
		{SC, 40, false, 41},
		{TSO, 40, false, 41},
	} {
		r := checkRun(t, World{Memory: test.model}, program(test.stores), Exhaustive(), "")
		if r.Truncated > 0 != test.truncated || len(registers(r)) != test.values {
			t.Errorf("%v: %d values, truncated %d", r, len(registers(r)), r.Truncated)
		}
	}
}
