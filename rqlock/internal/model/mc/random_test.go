package mc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestRandomFinds: random executions find the bugs of the broken toys, whatever the
// seed, and none in the correct toys.
func TestRandomFinds(t *testing.T) {
	random := seed.Of(t)
	for _, model := range models {
		for _, seed := range []uint64{1, random} {
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

// TestExhaustiveFinds: so does an exhaustive search.
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

// TestRandomIsDeterministic: the seed determines an exploration, and different seeds make
// different ones.
func TestRandomIsDeterministic(t *testing.T) {
	strategies := map[string]func(seed uint64) Strategy{
		"walk": Walk,
		"pct":  func(seed uint64) Strategy { return PCT(seed, 3) },
	}
	for name, strategy := range strategies {
		results := map[string]bool{}
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
			results[first] = true
		}
		if len(results) == 1 {
			t.Errorf("%s: all seeds are the same", name)
		}
	}
}

// TestWalkReachesAll: random walks of a small program reach each of its outcomes.
func TestWalkReachesAll(t *testing.T) {
	if testing.Short() {
		t.Skip("2000 walks of each litmus test")
	}
	for i := range litmusTests {
		l := &litmusTests[i]
		for _, model := range models {
			if l.weak == "race" || !strings.Contains(l.shownBy, model.String()) {
				continue
			}
			if r := (World{Memory: model, MaxExecutions: 2000}).Run(l.program(), Walk(1)); !l.shows(r) {
				t.Errorf("%v: %s does not happen", r, l.weak)
			}
		}
	}
}

// TestPCTDepth: each additional depth allows one more preemption.
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
				t.Errorf("%v: %s happens: %v, want %v", r, test.weak, got, want)
			}
		}
	}
}
