package mc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

var models = []Model{SC, TSO, RA}

// A litmus test is a few short threads, and an outcome that the order of their
// accesses may or may not let happen.
type litmus struct {
	name    string
	threads [][]instr
	weak    string // part of an outcome, or "race"
	shownBy string // models in which it happens
	note    string // how machines differ from RA
}

// An instr is an instruction of a litmus test.
type instr struct {
	do      action
	on      cell
	o       Order
	v, mask uint64
	old     uint64 // of a compare
}

type action uint8

const (
	load  action = iota
	await        // loads until one returns v
	store
	swap    // of the part that the mask covers
	compare // and swap
	get     // a plain read
	put     // a plain write
	when    // ends the thread unless the value that it read last is v
)

// reads reports whether the instruction reads into the thread's next register.
func (in instr) reads() bool {
	return in.loads() || in.do == swap || in.do == compare || in.do == get
}

func (in instr) loads() bool { return in.do == load || in.do == await }

type cell int

const (
	x cell = iota
	y
	z
	d // usually for plain accesses
)

const (
	rlx = Relaxed
	acq = Acquire
	rel = Release
	ar  = AcqRel
	seq = SeqCst
	all = ^uint64(0)
)

func ld(c cell, o Order) instr                     { return instr{do: load, on: c, o: o} }
func st(c cell, v uint64, o Order) instr           { return instr{store, c, o, v, all, 0} }
func stPart(c cell, mask, v uint64, o Order) instr { return instr{store, c, o, v, mask, 0} }
func xchg(c cell, v uint64, o Order) instr         { return instr{swap, c, o, v, all, 0} }
func xchgPart(c cell, mask, v uint64, o Order) instr {
	return instr{swap, c, o, v, mask, 0}
}
func cas(c cell, old, v uint64, o Order) instr { return instr{compare, c, o, v, all, old} }
func rd(c cell) instr                          { return instr{do: get, on: c} }
func wr(c cell, v uint64) instr                { return instr{do: put, on: c, v: v, mask: all} }
func onlyIf(v uint64) instr                    { return instr{do: when, v: v} }

type threads = [][]instr

// The reads of all threads are numbered from 0 on, in program order and thread after
// thread. Read n stores its value in register rn. x, y, z and d are the values at the end.
var litmusTests = []litmus{
	// Message passing.
	{"MP", threads{{st(x, 1, rlx), st(y, 1, rel)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=0", "", ""},
	{"MP/relaxed store", threads{{st(x, 1, rlx), st(y, 1, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=0", "RA", ""},
	{"MP/relaxed load", threads{{st(x, 1, rlx), st(y, 1, rel)}, {ld(y, rlx), ld(x, rlx)}}, "r0=1 r1=0", "RA", ""},
	{"MP/acquire store", threads{{st(x, 1, rlx), xchg(y, 1, acq)}, {ld(y, acq), ld(x, rlx)}}, "r1=1 r2=0", "RA", ""},
	{"MP/release load", threads{{st(x, 1, rlx), st(y, 1, rel)}, {xchg(y, 2, rel), ld(x, rlx)}}, "r0=1 r1=0", "RA", ""},
	{"MP/exchanges", threads{{st(x, 1, rlx), xchg(y, 1, rel)}, {xchg(y, 2, acq), ld(x, rlx)}}, "r1=1 r2=0", "", ""},
	{"MP/failed compare", threads{{st(x, 1, rlx), st(y, 1, rel)}, {cas(y, 7, 8, seq), ld(x, rlx)}}, "r0=1 r1=0", "RA", "Go's sync/atomic orders it even then"},
	{"MP/other order", threads{{st(x, 1, rlx), st(y, 1, seq)}, {ld(x, seq), ld(y, seq)}}, "r0=0 r1=1", "SC TSO RA", ""},
	{"MP/late store", threads{{st(x, 1, rlx), st(y, 1, rel)}, {st(x, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=2 x=1", "", ""},
	{"ISA2", threads{{st(x, 1, rlx), st(y, 1, rel)}, {ld(y, acq), st(z, 1, rel)}, {ld(z, acq), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "", ""},

	// Release sequences.
	{"release sequence", threads{{st(x, 1, rlx), st(y, 1, rel)}, {xchg(y, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=2 r2=0", "", ""},
	{"release sequence/two releases", threads{{st(x, 1, rlx), st(y, 1, rel)}, {xchg(y, 2, rel)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=2 r2=0", "", ""},
	{"release sequence/same value", threads{{st(x, 1, rlx), xchg(y, 1, rel)}, {st(y, 1, rlx)}, {xchg(y, 2, acq), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "", ""},
	{"release sequence/part", threads{{st(x, 1, rlx), stPart(y, 1, 1, rel)}, {stPart(y, 2, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=3 r1=0", "", ""},
	{"release sequence/not begun", threads{{st(x, 1, rlx), st(y, 1, rlx)}, {xchg(y, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=2 r2=0", "RA", ""},
	{"release sequence/other's store", threads{{st(x, 1, rlx), st(y, 1, rel)}, {ld(y, rlx), st(y, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=2 r2=0", "RA", "arm64 forbids it"},
	{"release sequence/own store", threads{{st(x, 1, rlx), st(y, 1, rel), st(y, 2, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=2 r1=0", "RA", "arm64 forbids it, and C++ did until 2020"},

	// Store buffering.
	{"SB", threads{{st(x, 1, rlx), ld(y, rlx)}, {st(y, 1, rlx), ld(x, rlx)}}, "r0=0 r1=0", "TSO RA", ""},
	{"SB/release, acquire", threads{{st(x, 1, rel), ld(y, acq)}, {st(y, 1, rel), ld(x, acq)}}, "r0=0 r1=0", "TSO RA", "on arm64 only if the load is LDAPR"},
	{"SB/seq_cst", threads{{st(x, 1, seq), ld(y, seq)}, {st(y, 1, seq), ld(x, seq)}}, "r0=0 r1=0", "", ""},
	{"SB/seq_cst, acquire", threads{{st(x, 1, seq), ld(y, acq)}, {st(y, 1, seq), ld(x, acq)}}, "r0=0 r1=0", "RA", "on arm64 only if the load is LDAPR"},
	{"SB/release, seq_cst", threads{{st(x, 1, rel), ld(y, seq)}, {st(y, 1, rel), ld(x, seq)}}, "r0=0 r1=0", "TSO RA", "arm64 forbids it: STLR, LDAR"},
	{"SB/one seq_cst", threads{{st(x, 1, seq), ld(y, seq)}, {st(y, 1, rlx), ld(x, rlx)}}, "r0=0 r1=0", "TSO RA", ""},
	{"SB/exchange", threads{{xchg(x, 1, rlx), ld(y, rlx)}, {xchg(y, 1, rlx), ld(x, rlx)}}, "r1=0 r3=0", "RA", ""},
	{"SB/exchange acq_rel", threads{{xchg(x, 1, ar), ld(y, acq)}, {xchg(y, 1, ar), ld(x, acq)}}, "r1=0 r3=0", "RA", "arm64 forbids it: SWPAL"},
	{"SB/exchange seq_cst", threads{{xchg(x, 1, seq), ld(y, seq)}, {xchg(y, 1, seq), ld(x, seq)}}, "r1=0 r3=0", "", ""},
	{"SB/exchange seq_cst, relaxed", threads{{xchg(x, 1, seq), ld(y, rlx)}, {xchg(y, 1, seq), ld(x, rlx)}}, "r1=0 r3=0", "", ""},
	{"SB/store seq_cst, relaxed", threads{{st(x, 1, seq), ld(y, rlx)}, {st(y, 1, seq), ld(x, rlx)}}, "r0=0 r1=0", "RA", ""},
	{"SB/behind seq_cst", threads{{st(x, 1, rlx), st(y, 1, seq), ld(z, seq)}, {xchg(z, 1, seq), ld(x, rlx)}}, "r0=0 r2=0", "", ""},
	{"SB/behind seq_cst, acquire", threads{{st(x, 1, rlx), st(y, 1, seq), ld(z, acq)}, {xchg(z, 1, seq), ld(x, rlx)}}, "r0=0 r2=0", "RA", "on arm64 only if the load is LDAPR"},
	{"SB/behind seq_cst, store", threads{{st(x, 1, rlx), st(y, 1, seq), ld(z, seq)}, {st(z, 1, seq), ld(x, rlx)}}, "r0=0 r1=0", "RA", ""},
	{"SB/late store", threads{{st(x, 1, seq), ld(z, seq)}, {st(x, 2, rlx)}, {xchg(z, 1, seq), ld(x, seq)}}, "r0=0 r2=2 x=1", "", ""},
	{"SB/exchange of the same", threads{{st(x, 1, rlx), xchg(y, 1, rel)}, {xchg(y, 1, seq), ld(z, seq)}, {xchg(z, 1, seq), ld(x, rlx)}}, "r1=1 r2=0 r4=0", "", ""},
	{"SB/exchange after a store", threads{{st(x, 1, rlx), xchg(z, 1, rlx), ld(y, rlx)}, {st(y, 1, rlx), xchg(z, 2, rlx), ld(x, rlx)}}, "r1=0 r3=0", "RA", ""},
	{"SB/failed compare", threads{{st(x, 1, rlx), cas(z, 7, 8, seq), ld(y, rlx)}, {st(y, 1, rlx), cas(z, 7, 8, seq), ld(x, rlx)}}, "r1=0 r3=0", "RA", ""},
	{"SB/part", threads{{stPart(x, 1, 1, rel), ld(y, acq)}, {stPart(y, 1, 1, rel), ld(x, acq)}}, "r0=0 r1=0", "TSO RA", "on arm64 only if the load is LDAPR"},
	{"SB/own store", threads{{st(x, 1, rlx), ld(x, rlx), ld(y, rlx)}, {st(y, 1, rlx), ld(y, rlx), ld(x, rlx)}}, "r0=1 r1=0 r2=1 r3=0", "TSO RA", ""},
	{"R", threads{{st(x, 1, rel), st(y, 1, rel)}, {st(y, 2, rel), ld(x, acq)}}, "r0=0 y=2", "TSO RA", "on arm64 only if the load is LDAPR"},
	{"R/seq_cst", threads{{st(x, 1, seq), st(y, 1, seq)}, {st(y, 2, seq), ld(x, seq)}}, "r0=0 y=2", "", ""},
	{"R/exchange", threads{{st(x, 1, rel), st(y, 1, rel)}, {xchg(y, 2, acq), ld(x, rlx)}}, "r1=0 y=2 r0=1", "", ""},

	// Stores that overtake.
	{"2+2W", threads{{st(x, 1, rlx), st(y, 2, rlx)}, {st(y, 1, rlx), st(x, 2, rlx)}}, "x=1 y=1", "RA", ""},
	{"2+2W/release", threads{{st(x, 1, rel), st(y, 2, rel)}, {st(y, 1, rel), st(x, 2, rel)}}, "x=1 y=1", "RA", "arm64 forbids it"},
	{"2+2W/seq_cst", threads{{st(x, 1, seq), st(y, 2, seq)}, {st(y, 1, seq), st(x, 2, seq)}}, "x=1 y=1", "", ""},
	{"2+2W/exchange", threads{{xchg(x, 1, rlx), xchg(y, 2, rlx)}, {xchg(y, 1, rlx), xchg(x, 2, rlx)}}, "x=1 y=1", "", "cannot show it: exchanges of one variable take turns"},
	{"S", threads{{st(x, 2, rlx), st(y, 1, rel)}, {ld(y, acq), st(x, 1, rlx)}}, "r0=1 x=2", "", ""},
	{"S/relaxed store", threads{{st(x, 2, rlx), st(y, 1, rlx)}, {ld(y, acq), st(x, 1, rlx)}}, "r0=1 x=2", "RA", ""},
	{"S/relaxed load", threads{{st(x, 2, rlx), st(y, 1, rel)}, {ld(y, rlx), st(x, 1, rlx)}}, "r0=1 x=2", "RA", ""},
	{"S/exchange", threads{{st(x, 2, rlx), st(y, 1, rlx)}, {ld(y, rlx), xchg(x, 1, rlx)}}, "r0=1 r1=0 x=2", "RA", ""},

	// Load buffering.
	{"LB", threads{{ld(x, rlx), st(y, 1, rlx)}, {ld(y, rlx), st(x, 1, rlx)}}, "r0=1 r1=1", "", "cannot show it: C11 and arm64 allow it"},
	{"LB/release, acquire", threads{{ld(x, acq), st(y, 1, rel)}, {ld(y, acq), st(x, 1, rel)}}, "r0=1 r1=1", "", ""},

	// Stores that reach some threads earlier than others.
	{"IRIW", threads{{st(x, 1, rel)}, {st(y, 1, rel)}, {ld(x, acq), ld(y, acq)}, {ld(y, acq), ld(x, acq)}}, "r0=1 r1=0 r2=1 r3=0", "RA", "arm64 forbids it"},
	{"IRIW/seq_cst", threads{{st(x, 1, seq)}, {st(y, 1, seq)}, {ld(x, seq), ld(y, seq)}, {ld(y, seq), ld(x, seq)}}, "r0=1 r1=0 r2=1 r3=0", "", ""},
	{"IRIW/seq_cst loads", threads{{st(x, 1, rel)}, {st(y, 1, rel)}, {ld(x, seq), ld(y, seq)}, {ld(y, seq), ld(x, seq)}}, "r0=1 r1=0 r2=1 r3=0", "RA", "arm64 forbids it"},
	{"RWC", threads{{st(x, 1, rel)}, {ld(x, acq), ld(y, acq)}, {st(y, 1, rel), ld(x, acq)}}, "r0=1 r1=0 r2=0", "TSO RA", "on arm64 only if the load is LDAPR"},
	{"RWC/seq_cst", threads{{st(x, 1, seq)}, {ld(x, seq), ld(y, seq)}, {st(y, 1, seq), ld(x, seq)}}, "r0=1 r1=0 r2=0", "", ""},
	{"WRC", threads{{st(x, 1, rlx)}, {ld(x, rlx), st(y, 1, rel)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "", ""},
	{"WRC/acquire", threads{{st(x, 1, rel)}, {ld(x, acq), st(y, 1, rel)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "", ""},
	{"WRC/relaxed store", threads{{st(x, 1, rel)}, {ld(x, acq), st(y, 1, rlx)}, {ld(y, acq), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "RA", "arm64 forbids it"},
	{"WRC/relaxed load", threads{{st(x, 1, rel)}, {ld(x, acq), st(y, 1, rel)}, {ld(y, rlx), ld(x, rlx)}}, "r0=1 r1=1 r2=0", "RA", ""},

	// Coherence: none of this may happen in any model.
	{"CoRR", threads{{st(x, 1, rlx)}, {ld(x, rlx), ld(x, rlx)}}, "r0=1 r1=0", "", ""},
	{"CoRR/two readers", threads{{st(x, 1, rlx)}, {st(x, 2, rlx)}, {ld(x, rlx), ld(x, rlx)}, {ld(x, rlx), ld(x, rlx)}}, "r0=1 r1=2 r2=2 r3=1", "", ""},
	{"CoWW", threads{{st(x, 1, rlx), st(x, 2, rlx)}}, "x=1", "", ""},
	{"CoWW/two loads", threads{{st(x, 1, rlx), st(x, 2, rlx)}, {ld(x, rlx), ld(x, rlx)}}, "r0=2 r1=1", "", ""},
	{"CoRW", threads{{ld(x, rlx), st(x, 1, rlx)}, {st(x, 2, rlx)}}, "r0=2 x=2", "", ""},
	{"CoRW/own", threads{{ld(x, rlx), st(x, 1, rlx)}}, "r0=1", "", ""},
	{"CoWR", threads{{st(x, 1, rlx), ld(x, rlx)}, {st(x, 2, rlx)}}, "r0=0", "", ""},
	{"CoWR/older", threads{{st(x, 1, rlx), ld(x, rlx)}, {st(x, 2, rlx)}}, "r0=2 x=1", "", ""},

	// A read-modify-write is one step.
	{"two exchanges", threads{{xchg(x, 1, rlx)}, {xchg(x, 2, rlx)}}, "r0=0 r1=0", "", ""},
	{"two compares", threads{{cas(x, 0, 1, rlx)}, {cas(x, 0, 2, rlx)}}, "r0=0 r1=0", "", ""},
	{"exchange and store", threads{{xchg(x, 2, rlx)}, {st(x, 1, rlx)}, {ld(x, rlx), ld(x, rlx)}}, "r0=0 r1=1 r2=2", "", ""},
	{"exchange and late store", threads{{xchg(x, 2, rlx)}, {st(x, 1, rlx)}}, "r0=0 x=1", "SC TSO RA", ""},

	// Parts of a word: neither store is lost.
	{"part and exchange/low", threads{{stPart(x, 0xff, 1, rel)}, {xchgPart(x, 0xff00, 0x100, rlx)}}, "x=256", "", ""},
	{"part and exchange/high", threads{{stPart(x, 0xff, 1, rel)}, {xchgPart(x, 0xff00, 0x100, rlx)}}, "x=1", "", ""},
	{"part and part/low", threads{{stPart(x, 0xff, 1, rlx)}, {stPart(x, 0xff00, 0x100, rlx)}}, "x=256", "", ""},
	{"part and part/high", threads{{stPart(x, 0xff, 1, rlx)}, {stPart(x, 0xff00, 0x100, rlx)}}, "x=1", "", ""},
	{"part/own", threads{{stPart(x, 0xff, 1, rlx), ld(x, rlx)}, {xchgPart(x, 0xff00, 0x100, rlx)}}, "r0=0", "", ""},
	{"part/both", threads{{stPart(x, 0xff, 1, rlx), ld(x, rlx)}, {xchgPart(x, 0xff00, 0x100, rlx)}}, "r0=257", "SC TSO RA", ""},
	{"part/acquires nothing", threads{{st(y, 1, rlx), stPart(x, 1, 1, rel)}, {ld(x, rlx), onlyIf(1), stPart(x, 2, 2, seq), ld(y, rlx)}}, "r0=1 r1=0", "RA", ""},

	// Plain data: a race exactly if nothing orders the accesses.
	{"data", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, acq), onlyIf(1), rd(d)}}, "race", "", ""},
	{"data/write", threads{{rd(d), st(y, 1, rel)}, {ld(y, acq), onlyIf(1), wr(d, 1)}}, "race", "", ""},
	{"data/relaxed store", threads{{wr(d, 1), st(y, 1, rlx)}, {ld(y, acq), onlyIf(1), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/relaxed load", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, rlx), onlyIf(1), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/no condition", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, acq), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/exchanges", threads{{wr(d, 1), xchg(y, 1, rel)}, {xchg(y, 2, acq), onlyIf(1), rd(d)}}, "race", "", ""},
	{"data/failed compare", threads{{wr(d, 1), st(y, 1, rel)}, {cas(y, 7, 8, seq), onlyIf(1), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/release sequence", threads{{wr(d, 1), st(y, 1, rel)}, {xchg(y, 2, rlx), onlyIf(1)}, {ld(y, acq), onlyIf(2), rd(d)}}, "race", "SC TSO RA", "the exchange may come first"},
	{"data/release sequence, begun", threads{{wr(d, 1), st(y, 1, rel)}, {cas(y, 1, 2, rlx)}, {ld(y, acq), onlyIf(2), rd(d)}}, "race", "", ""},
	{"data/release sequence, broken", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, rlx), onlyIf(1), st(y, 2, rlx)}, {ld(y, acq), onlyIf(2), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/release sequence, part", threads{{wr(d, 1), stPart(y, 1, 1, rel)}, {stPart(y, 2, 2, rlx)}, {ld(y, acq), onlyIf(3), rd(d)}}, "race", "", ""},
	{"data/lost in a store", threads{{wr(d, 1), st(y, 1, rel)}, {st(y, 2, rel)}, {ld(y, acq), onlyIf(2), rd(d)}}, "race", "SC TSO RA", ""},
	{"data/chain", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, acq), onlyIf(1), st(z, 1, rel)}, {ld(z, acq), onlyIf(1), wr(d, 2)}}, "race", "", ""},
	{"data/broken chain", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, rlx), onlyIf(1), st(z, 1, rel)}, {ld(z, acq), onlyIf(1), wr(d, 2)}}, "race", "SC TSO RA", ""},
}

// The cells and registers of the litmus test that runs.
var (
	cells [4]uint64
	regs  [16]int // -1: not read
)

func (c cell) p() unsafe.Pointer { return unsafe.Pointer(&cells[c]) }
func (c cell) String() string    { return "xyzd"[c : c+1] }

func (l *litmus) program() *Program { return l.compile(false) }

// compile makes the program. If it is marked, it says by At what it will still use, and
// keeps only the value that each thread reads last.
func (l *litmus) compile(marked bool) *Program {
	p := testProgram(l.name)
	next := 0
	for _, code := range l.threads {
		first := next
		p.Threads = append(p.Threads, func() { run(code, first, marked) })
		next += countReads(code)
	}
	return p
}

// testProgram returns a program of the cells and registers.
func testProgram(name string, threads ...func()) *Program {
	return &Program{
		Name:    name,
		Threads: threads,
		Declare: func() {
			for c := range cell(len(cells)) {
				Name(c.p(), c.String())
			}
			GhostVar("registers", func() uint64 { // as a thread that has ended has no state
				var h uint64
				for _, v := range regs {
					h = mix(h, uint64(v))
				}
				return h
			})
		},
		Setup: func() {
			clear(cells[:])
			for i := range regs {
				regs[i] = -1
			}
		},
		Outcome: func() string { return outcome(regs[:], cells[:]) },
	}
}

func loadCell(c cell, o Order) uint64     { return LoadWord(0, "load", c.p(), 64, o) }
func storeCell(c cell, v uint64, o Order) { StoreWord(0, "store", c.p(), 64, v, o) }
func swapCell(c cell, v uint64, o Order) uint64 {
	return Update(0, "swap", c.p(), 64, o, func(uint64) (uint64, bool) { return v, true })
}

func readCell(c cell) uint64 {
	PlainRead(0, c.p(), 64)
	return cells[c]
}

func writeCell(c cell, v uint64) {
	PlainWrite(0, c.p(), 64)
	cells[c] = v
}

func countReads(code []instr) (n int) {
	for _, in := range code {
		if in.reads() {
			n++
		}
	}
	return n
}

// outcome lists the values of the registers that have one, and of the cells.
func outcome(regs []int, cells []uint64) string {
	var words []string
	for i, v := range regs {
		if v >= 0 {
			words = append(words, fmt.Sprintf("r%d=%d", i, v))
		}
	}
	for c, v := range cells {
		words = append(words, fmt.Sprintf("%v=%d", cell(c), v))
	}
	return strings.Join(words, " ")
}

// run is a thread of a litmus test. Its registers begin with number reg.
func run(code []instr, reg int, marked bool) {
	var last uint64
	for i, in := range code {
		p := in.on.p()
		if marked {
			markInstr(in, 2*i+1, last)
		}
		switch in.do {
		case load:
			last = loadCell(in.on, in.o)
		case await:
			for Forget(); ; Pause(0) {
				if marked {
					At(Site(2*i + 1))
				}
				if last = loadCell(in.on, in.o); last == in.v {
					break
				}
				if marked {
					At(Site(2*i + 2))
				}
			}
		case store:
			if in.mask == all {
				storeCell(in.on, in.v, in.o)
			} else {
				StoreMasked(0, "store part", p, 64, in.mask, in.v, in.o)
			}
		case swap:
			last = Update(0, "swap", p, 64, in.o, func(old uint64) (uint64, bool) { return old&^in.mask | in.v, true })
		case compare:
			last = Update(0, "compare", p, 64, in.o, func(old uint64) (uint64, bool) { return in.v, old == in.old })
		case get:
			last = readCell(in.on)
		case put:
			writeCell(in.on, in.v)
		case when:
			if last != in.v {
				return
			}
		}
		if in.reads() {
			if !marked || countReads(code[i+1:]) == 0 {
				regs[reg] = int(last)
			}
			reg++
		}
	}
}

// markInstr is the mark before an instruction. Only a condition uses the value that was
// read last.
func markInstr(in instr, site int, last uint64) {
	Forget()
	if in.do == when {
		At(Site(site), last)
	} else {
		At(Site(site))
	}
}

// shows reports whether the weak outcome or the race has happened.
func (l *litmus) shows(r Result) bool {
	if l.weak == "race" {
		return isRace(r)
	}
	for outcome := range r.Outcomes {
		if containsWords(outcome, l.weak) {
			return true
		}
	}
	return false
}

func isRace(r Result) bool {
	return r.Failure != nil && strings.HasPrefix(r.Failure.Message, "data race on")
}

func containsWords(text, words string) bool {
	have := strings.Fields(text)
	for _, w := range strings.Fields(words) {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// outcomes returns the outcomes in order.
func outcomes(r Result) []string { return slices.Sorted(maps.Keys(r.Outcomes)) }

// TestLitmus: the weak outcome happens in exactly the models that the table says, and
// the state cache hides no outcome.
func TestLitmus(t *testing.T) {
	for i := range litmusTests {
		l := &litmusTests[i]
		for _, model := range models {
			t.Run(l.name+"/"+model.String(), func(t *testing.T) {
				r := World{Memory: model}.Run(l.program(), Exhaustive())
				if want := strings.Contains(l.shownBy, model.String()); l.shows(r) != want {
					t.Errorf("%s happens: %v, want %v %s; outcomes %q, %v", l.weak, !want, want, l.note, outcomes(r), r)
				}
				switch {
				case r.Failure != nil && l.weak != "race":
					t.Error(r)
				case r.Failure == nil && !r.Complete:
					t.Error("not complete:", r)
				}
				every := World{Memory: model}.Run(l.program(), Stateless())
				if a, b := outcomes(r), outcomes(every); r.Failure == nil && !slices.Equal(a, b) || (r.Failure == nil) != (every.Failure == nil) {
					t.Errorf("with the cache %q, %v\nwithout %q, %v", a, r, b, every)
				}
			})
		}
	}
}
