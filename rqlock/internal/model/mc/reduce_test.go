package mc

import (
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestSymmetric: of executions that differ in the numbers of threads that are the same,
// one is run. Renaming those threads in its outcomes gives the outcomes of the others.
// Bugs are still found.
func TestSymmetric(t *testing.T) {
	for _, toy := range toyLocks {
		for _, model := range models {
			p := toy.program(3, 1)
			p.SameAs = []int{-1, 0, 1}
			w := World{Memory: model, Marks: true}
			all := checkRun(t, w, p, Exhaustive(), "")
			w.Symmetric = true
			some := checkRun(t, w, p, Exhaustive(), "")
			if some.States >= all.States {
				t.Errorf("%v: no fewer states than %v", some, all)
			}
			renamed := map[string]bool{}
			for _, o := range outcomes(some) {
				for _, names := range []string{"123", "132", "213", "231", "312", "321"} {
					renamed[strings.Map(func(r rune) rune { return rune(names[r-'1']) }, o)] = true
				}
			}
			for _, o := range outcomes(all) {
				if !renamed[o] {
					t.Errorf("%v: no outcome is %s after renaming", some, o)
				}
			}
			if model != RA {
				continue
			}
			for prim, weaker := range toy.orders {
				w.Orders = map[string]Order{prim: weaker[len(weaker)-1]}
				w.Verbatim = true
				p := toy.program(2, 2)
				p.SameAs = []int{-1, 0}
				if r := w.Run(p, Exhaustive()); r.Failure == nil {
					t.Errorf("%v: %s is %v, and nothing is wrong", r, prim, w.Orders[prim])
				}
			}
		}
	}
	for _, broken := range brokenLocks {
		p := broken.program(3, 1)
		p.SameAs = []int{-1, 0, 1}
		r := World{Marks: true, Symmetric: true, NoRaces: true}.Run(p, Exhaustive())
		if r.Failure == nil || !strings.Contains(r.Failure.Message, broken.failure) {
			t.Errorf("%v: want %q", r, broken.failure)
		}
	}
}

// TestNoRaces: without the race detector there are fewer states with the same outcomes,
// and no races.
func TestNoRaces(t *testing.T) {
	tell := func() {
		PlainWrite(1, unsafe.Pointer(&regs[0]), 64)
		storeCell(y, 1, rel)
		At(1)
		storeCell(z, 1, rlx)
	}
	for _, model := range models {
		p := testProgram("tell", tell, func() { storeCell(y, 1, rlx); At(2); storeCell(z, 1, rlx) })
		w := World{Memory: model, Marks: true}
		all := checkRun(t, w, p, Exhaustive(), "")
		w.NoRaces = true
		some := checkRun(t, w, p, Exhaustive(), "")
		if some.States > all.States || model == SC && some.States == all.States || !slices.Equal(outcomes(some), outcomes(all)) {
			t.Errorf("%v: want fewer states than %v, and the same outcomes", some, all)
		}
	}
	write := func() { PlainWrite(1, unsafe.Pointer(&cells[x]), 64) }
	for _, off := range []bool{false, true} {
		want := map[bool]string{false: "data race"}[off]
		checkRun(t, World{NoRaces: off}, testProgram("race", write, write), Exhaustive(), want)
	}
}

// TestDead: the value of a dead variable is not part of the state. To read it, by a load,
// a read-modify-write or a plain access, is a failure.
func TestDead(t *testing.T) {
	program := func(threads ...func()) (p *Program, inUse *bool) {
		inUse = new(bool)
		p = testProgram("dead", threads...)
		declare := p.Declare
		p.Declare = func() {
			if declare != nil {
				declare()
			}
			Dead(unsafe.Pointer(&cells[x]), func() bool { return !*inUse })
		}
		return p, inUse
	}
	store := func(v uint64) func() {
		return func() {
			storeCell(x, v, rlx)
			At(1)
			storeCell(y, 1, rlx)
			At(2)
			storeCell(y, 2, rlx)
		}
	}
	for _, model := range []Model{SC, TSO} {
		w := World{Memory: model, Marks: true}
		p, inUse := program(store(1), store(2))
		some := checkRun(t, w, p, Exhaustive(), "")
		*inUse = true
		all := checkRun(t, w, p, Exhaustive(), "")
		if some.States >= all.States {
			t.Errorf("%v: no fewer states than in use: %v", some, all)
		}
	}
	for name, read := range map[string]func(){
		"load":   func() { loadCell(x, rlx) },
		"update": func() { swapCell(x, 1, rlx) },
		"part":   func() { StoreMasked(1, "store", x.p(), 64, 0xff, 1, Relaxed) },
		"plain":  func() { PlainRead(1, unsafe.Pointer(&cells[x]), 64) },
	} {
		for _, model := range models {
			p, inUse := program(read)
			checkRun(t, World{Memory: model}, p, Exhaustive(), "T0 reads ")
			*inUse = true
			if r := (World{Memory: model}).Run(p, Exhaustive()); r.Failure != nil {
				t.Errorf("%s, in use: %v", name, r)
			}
		}
	}
}

// TestDeadPointer: the same holds for a pointer that is exchanged.
func TestDeadPointer(t *testing.T) {
	var p unsafe.Pointer
	program := testProgram("dead pointer", func() { SwapPtr(1, "swap", unsafe.Pointer(&p), nil, Relaxed) })
	program.Declare = func() { Dead(unsafe.Pointer(&p), func() bool { return true }) }
	checkRun(t, World{}, program, Exhaustive(), "T0 reads ")
}

// TestDeadWatched: a store to a dead variable ends the Pause of a thread that read the
// variable before it was dead, even if the store does not change the value. The value is
// not part of the state.
func TestDeadWatched(t *testing.T) {
	inUse := true
	p := testProgram("watched", func() {
		loadCell(x, rlx)
		Pause(1)
	}, func() {
		storeCell(y, 1, rlx)
		inUse = false
		storeCell(x, 0, rlx) // the value that it had
	})
	p.Declare = func() { Dead(unsafe.Pointer(&cells[x]), func() bool { return !inUse }) }
	setup := p.Setup
	p.Setup = func() { setup(); inUse = true }
	w := World{}
	if _, f, err := w.Replay(p, "0 1 1 0"); err != nil || f != nil {
		t.Errorf("%v, %v", f, err)
	}
}

// TestSteps: steps that goesOn begins are counted as all others.
func TestSteps(t *testing.T) {
	three := func() {
		for range 3 {
			storeCell(x, 1, rlx)
		}
	}
	r := checkRun(t, World{}, testProgram("steps", three, three), Stateless(), "")
	if r.Executions != 20 || r.Steps != 6*20 || r.MaxDepth != 6 {
		t.Errorf("%v: want 20 executions of 6 steps", r)
	}
}

// TestHashOfMessages: the hash tells the kinds of messages apart.
func TestHashOfMessages(t *testing.T) {
	hash := func(msgs ...message) uint64 {
		m := &machine{}
		return (&ra{m: m}).hashOf(&location{bits: 64, msgs: msgs})
	}
	plain := func(v uint64) message { return message{v: v} }
	rmw := func(v uint64) message { return message{v: v, rmw: true} }
	a := hash(plain(0), rmw(1), plain(2), plain(1), rmw(2))
	b := hash(plain(0), rmw(1), rmw(2), plain(2), plain(1))
	if a == b {
		t.Error("two lists of messages have the same hash")
	}
}
