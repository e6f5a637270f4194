package mc

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestToyLocks: correct locks do not fail, whatever the memory.
func TestToyLocks(t *testing.T) {
	for _, toy := range toyLocks {
		for _, model := range models {
			for _, size := range [][2]int{{2, 2}, {3, 1}} {
				w := World{Memory: model, Marks: true}
				t.Log(checkRun(t, w, toy.program(size[0], size[1]), Exhaustive(), ""))
			}
		}
	}
}

// TestCacheAndMarks: neither the state cache nor the marks change the outcomes of correct
// locks, or whether a lock fails.
func TestCacheAndMarks(t *testing.T) {
	if testing.Short() {
		t.Skip("explores each toy several times; litmus and axiom tests compare the cache, too")
	}
	worlds := []struct {
		marks bool
		s     Strategy
	}{{false, Stateless()}, {false, Exhaustive()}, {true, Exhaustive()}}
	compare := func(name string, w World, p *Program, from int) {
		t.Helper()
		var first Result
		for i, c := range worlds[from:] {
			w.Marks = c.marks
			r := w.Run(p, c.s)
			switch {
			case i == 0:
				first = r
			case (r.Failure == nil) != (first.Failure == nil):
				t.Errorf("%s: %v, marks %v\nbut %v", name, r, c.marks, first)
			case r.Failure == nil && !slices.Equal(outcomes(r), outcomes(first)):
				t.Errorf("%s: %v, marks %v: %q\nbut %v: %q", name, r, c.marks, outcomes(r), first, outcomes(first))
			}
		}
	}
	for _, toy := range toyLocks {
		for _, model := range models {
			w := World{Memory: model}
			if toy != &mcs || model != TSO { // has two million executions
				compare("right", w, toy.program(2, 1), 0)
			}
			compare("right", w, toy.program(2, 2), 1)
			for prim, weaker := range toy.orders {
				for _, o := range weaker {
					w.Orders = map[string]Order{prim: o}
					compare(fmt.Sprint(prim, " ", o), w, toy.program(2, 1), 1)
				}
			}
		}
	}
}

// TestWeakenedToys: a toy with any of its orders weakened fails. Its list has every
// order that is stronger than relaxed.
func TestWeakenedToys(t *testing.T) {
	for _, toy := range toyLocks {
		for prim, weaker := range toy.orders {
			for _, o := range weaker {
				w := World{Memory: RA, Marks: true, Orders: map[string]Order{prim: o}, Verbatim: true}
				if r := w.Run(toy.program(2, 2), Exhaustive()); r.Failure == nil {
					t.Errorf("%v: %s is %v, and nothing is wrong", r, prim, o)
				}
			}
		}
		w := World{Memory: RA, Marks: true, Accesses: map[Access]Order{}}
		w.Run(toy.program(2, 1), Exhaustive())
		for a, o := range w.Accesses {
			if _, listed := toy.orders[a.Prim]; listed == (o == Relaxed) {
				t.Errorf("%s: %v is %v, and listed: %v", toy.name, a.Prim, o, listed)
			}
		}
	}
}

// TestWeaken: a single access can be weakened, too.
func TestWeaken(t *testing.T) {
	for site, want := range map[Site]string{siteTASUnlock: "data race on data", siteTAS: ""} {
		w := World{Memory: RA, Marks: true, Weaken: map[Access]Order{{site, "clear"}: Relaxed}}
		checkRun(t, w, testAndSet.program(2, 1), Exhaustive(), want)
	}
}

// TestDrop: a statement can be left out.
func TestDrop(t *testing.T) {
	p := testProgram("drop", func() {
		if !Dropped(7) {
			storeCell(x, 1, rlx)
		}
		if !Dropped(8) {
			storeCell(y, 1, rlx)
		}
	})
	for drop, want := range map[int32]string{0: "x=1 y=1", 7: "x=0 y=1", 8: "x=1 y=0"} {
		r := World{Drop: drop}.Run(p, Exhaustive())
		if got := outcomes(r); len(got) != 1 || !containsWords(got[0], want) {
			t.Errorf("without statement %d: %q, want %s", drop, got, want)
		}
	}
}

// TestDropEndsLoop: a loop that has no end without a statement, and makes no step, fails.
func TestDropEndsLoop(t *testing.T) {
	p := testProgram("loop", func() {
		storeCell(x, 1, rlx)
		for i := 0; i < 3; {
			if !Dropped(7) {
				i++
			}
		}
		storeCell(y, 1, rlx)
	})
	for _, s := range []Strategy{Exhaustive(), Stateless(), Walk(1), PCT(1, 3)} {
		checkRun(t, World{Drop: 7}, p, s, "no progress: T0 goes round and makes no step")
	}
}

// withFunctions registers sites of the toys' two functions.
func withFunctions(t *testing.T) {
	old := sites
	t.Cleanup(func() { sites = old })
	sites = nil
	RegisterSites(2, []SiteInfo{{Func: "lock"}, {Func: "unlock"}})
}

// TestAtomic: there are fewer states if a toy's unlock is atomic, with the same outcomes,
// as no thread can tell.
func TestAtomic(t *testing.T) {
	withFunctions(t)
	for _, toy := range []*lockToy{&ticket, &mcs} { // the third toy's unlock is a single access
		for _, model := range models {
			p := toy.program(3, 1)
			w := World{Memory: model, Marks: true}
			all := checkRun(t, w, p, Exhaustive(), "")
			w.Atomic = []string{"unlock"}
			some := checkRun(t, w, p, Exhaustive(), "")
			if some.States >= all.States {
				t.Errorf("%v: no fewer states than %v", some, all)
			}
			if a, b := outcomes(some), outcomes(all); !slices.Equal(a, b) {
				t.Errorf("%v: outcomes %q, and if interrupted %q", some, a, b)
			}
		}
	}
}

// TestAtomicEnds: other threads run before an atomic function, after it, and where it
// waits, but not between its other steps.
func TestAtomicEnds(t *testing.T) {
	withFunctions(t)
	set := func(cs ...cell) func() {
		return func() {
			for _, c := range cs {
				storeCell(c, 1, seq)
			}
		}
	}
	look := func() { // reads in the reverse order, to find a thread between its stores
		regs[0] = int(100*loadCell(z, seq) + 10*loadCell(y, seq) + loadCell(x, seq))
	}
	atomic := func(f func()) func() { return func() { inFunction(1, f) } }
	wait := func() { Block(0, "z", func() bool { return cells[z] == 1 }) }
	for _, test := range []struct {
		name    string
		threads []func()
		want    []string // outcomes that there must be
		never   []string
	}{
		{"not atomic", []func(){set(x, y), func() { regs[0] = int(10*loadCell(x, seq) + loadCell(y, seq)) }}, []string{"r0=0", "r0=1", "r0=10", "r0=11"}, nil},
		{"inside", []func(){atomic(set(x, y)), func() { inFunction(1, look) }}, []string{"r0=0", "r0=11"}, []string{"r0=1"}},
		{"before", []func(){func() { set(x)(); atomic(set(y))() }, atomic(look)}, []string{"r0=0", "r0=1", "r0=11"}, nil},
		{"after", []func(){func() { atomic(set(x))(); set(y)() }, atomic(look)}, []string{"r0=0", "r0=1", "r0=11"}, nil},
		{"between two", []func(){func() { atomic(set(x))(); atomic(set(y))() }, atomic(look)}, []string{"r0=0", "r0=1", "r0=11"}, nil},
		{"in two", []func(){atomic(func() { atomic(set(x))(); set(y)() }), atomic(look)}, []string{"r0=0", "r0=11"}, []string{"r0=1"}},
		{"where it waits", []func(){atomic(func() { set(x)(); wait(); set(y)() }), func() { atomic(look)(); set(z)() }}, []string{"r0=0", "r0=1"}, nil},
	} {
		for _, model := range models {
			for _, marks := range []bool{false, true} {
				w := World{Memory: model, Marks: marks, Atomic: []string{"lock"}}
				r := checkRun(t, w, testProgram(test.name, test.threads...), Exhaustive(), "")
				happens := func(words string) bool {
					return slices.ContainsFunc(outcomes(r), func(o string) bool { return containsWords(o, words) })
				}
				for _, want := range test.want {
					if !happens(want) {
						t.Errorf("%v: no %s in %q", r, want, outcomes(r))
					}
				}
				for _, never := range test.never {
					if happens(never) {
						t.Errorf("%v: %s in %q", r, never, outcomes(r))
					}
				}
			}
		}
	}
}

// TestTrapBehindAtomic: the schedule into a trap is complete, though the states inside of
// atomic functions are not in the cache.
func TestTrapBehindAtomic(t *testing.T) {
	withFunctions(t)
	insist := func(me, other cell) func() {
		return func() {
			for i := range uint64(2) {
				At(1, i)
				inFunction(1, func() {
					swapCell(z, 1, rlx)
					swapCell(z, 2, rlx)
					storeCell(me, 1, seq)
				})
				for At(2, i); loadCell(other, seq) == 1; At(2, i) {
				}
				At(3, i)
				inFunction(1, func() {
					swapCell(z, 3, rlx)
					storeCell(me, 0, seq)
				})
			}
		}
	}
	p := testProgram("insist", insist(x, y), insist(y, x))
	for _, model := range models {
		w := World{Memory: model, Marks: true, Atomic: []string{"lock"}}
		r := checkRun(t, w, p, Exhaustive(), "no progress")
		if r.Failure == nil {
			continue
		}
		if _, f, err := w.Replay(p, r.Failure.Schedule); err != nil || f == nil || *f != *r.Failure {
			t.Errorf("%v: %s is replayed as %v, %v", r, r.Failure.Schedule, f, err)
		}
	}
}

// TestLimits: an exploration ends when it reaches a limit, and is not complete then.
func TestLimits(t *testing.T) {
	p := mcs.program(3, 2)
	for _, test := range []struct {
		name string
		w    World
		s    Strategy
		most int64 // executions
	}{
		{"executions", World{MaxExecutions: 10}, Exhaustive(), 10},
		{"executions", World{MaxExecutions: 10}, Stateless(), 10},
		{"executions", World{MaxExecutions: 10}, Walk(1), 10},
		{"executions", World{MaxExecutions: 10}, PCT(1, 3), 10},
		{"states", World{MaxStates: 100}, Exhaustive(), 100},
		{"states", World{MaxStates: 100}, Walk(1), 10000}, // a walk does not count states
		{"time", World{MaxTime: time.Nanosecond}, Exhaustive(), 64},
		{"time", World{MaxTime: time.Nanosecond}, Stateless(), 64},
		{"time", World{MaxTime: time.Nanosecond}, Walk(1), 64},
	} {
		test.w.Marks = true
		r := test.w.Run(p, test.s)
		if r.Complete || r.Failure != nil || r.Executions > test.most || test.name == "executions" && r.Executions < test.most {
			t.Errorf("limit of %s: %v: want %d executions", test.name, r, test.most)
		}
	}
	r := World{Marks: true, MaxExecutions: 1_000_000}.Run(testAndSet.program(2, 1), Exhaustive())
	if !r.Complete {
		t.Errorf("%v: limit not reached, but not complete", r)
	}
}
