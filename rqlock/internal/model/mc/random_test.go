package mc

import (
	"fmt"
	"strings"
	"testing"
)

// TestRandomFinds: random executions find the bugs of the broken toys, whatever
// the seed, and never fault a right one.
func TestRandomFinds(t *testing.T) {
	seed := anySeed(t)
	for _, model := range models {
		for _, seed := range []uint64{1, seed} {
			for _, s := range []Strategy{Walk(seed), PCT(seed, 3)} {
				w := World{Memory: model, MaxExecutions: 20000}
				for _, toy := range brokenLocks {
					r := w.Run(toy.program(2, 2), s)
					if r.Failure == nil || !strings.Contains(r.Failure.Message, toy.failure) && !isRace(r) {
						t.Errorf("%v: want %q", r, toy.failure)
					}
				}
				w.MaxExecutions = 300
				for _, toy := range toyLocks {
					if r := w.Run(toy.program(2, 2), s); r.Failure != nil {
						t.Errorf("%v\n%s", r, r.Failure.Trace)
					}
				}
			}
		}
	}
}

// TestExhaustiveFinds is the measure for that.
func TestExhaustiveFinds(t *testing.T) {
	for _, model := range models {
		for _, toy := range brokenLocks {
			for _, marks := range []bool{false, true} {
				r := World{Memory: model, Marks: marks}.Run(toy.program(2, 2), Exhaustive())
				if r.Failure == nil || !strings.Contains(r.Failure.Message, toy.failure) && !isRace(r) {
					t.Errorf("%v: want %q", r, toy.failure)
				}
			}
		}
	}
}

// TestRandomIsDeterministic: a seed says all, and seeds differ.
func TestRandomIsDeterministic(t *testing.T) {
	strategies := map[string]func(seed uint64) Strategy{
		"walk": Walk,
		"pct":  func(seed uint64) Strategy { return PCT(seed, 3) },
	}
	for name, strategy := range strategies {
		seen := map[string]bool{}
		for seed := range uint64(5) {
			w := World{Memory: RA, Verbatim: true}
			run := func() string {
				r := w.Run(hastyMCS.program(2, 2), strategy(seed))
				if r.Failure == nil {
					t.Fatalf("%v: no failure", r)
				}
				return fmt.Sprint(r.Executions, r.Steps, r.MaxDepth, r.Outcomes, *r.Failure)
			}
			first := run()
			if again := run(); first != again {
				t.Errorf("%s, seed %d: first\n%s, then\n%s", name, seed, first, again)
			}
			seen[first] = true
		}
		if len(seen) == 1 {
			t.Errorf("%s: all seeds are the same", name)
		}
	}
}

// TestWalkSeesAll: there is no outcome of a small program that a walk cannot see.
func TestWalkSeesAll(t *testing.T) {
	for i := range litmusTests {
		l := &litmusTests[i]
		for _, model := range models {
			if l.weak == "race" || !strings.Contains(l.seen, model.String()) {
				continue
			}
			if r := (World{Memory: model, MaxExecutions: 2000}).Run(l.program(), Walk(1)); !l.shows(r) {
				t.Errorf("%v: %s is not seen", r, l.weak)
			}
		}
	}
}

// TestPCTDepth: each depth lets one more switch happen that no thread asked for.
func TestPCTDepth(t *testing.T) {
	add := func() {
		v := loadCell(x, rlx)
		storeCell(x, v+1, rlx)
	}
	lost := testProgram("lost addition", add, add)
	changing := (&litmus{name: "changes", threads: threads{
		{st(x, 1, rlx), st(x, 2, rlx)},
		{ld(x, rlx), ld(x, rlx)},
	}}).program()
	for _, test := range []struct {
		p     *Program
		weak  string
		depth int
	}{
		{lost, "x=1", 2},
		{changing, "r0=1 r1=2", 3},
	} {
		for depth := 1; depth <= 3; depth++ {
			r := World{}.Run(test.p, PCT(1, depth))
			l := litmus{weak: test.weak}
			if got, want := l.shows(r), depth >= test.depth; got != want {
				t.Errorf("%v: %s is seen: %v, want %v", r, test.weak, got, want)
			}
		}
	}
}
