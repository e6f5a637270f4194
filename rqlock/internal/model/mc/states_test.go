package mc

import (
	"fmt"
	"strings"
	"testing"
)

// TestForgottenLiveVariable shows why marks are generated. T0 will store a value that it
// has read. If its marks leave the value out, states with different values are merged.
func TestForgottenLiveVariable(t *testing.T) {
	program := func(forgets bool) *Program {
		p := testProgram("forgetful", func() {
			At(1)
			v := loadCell(x, rlx)
			Forget()
			live := []uint64{v}
			if forgets {
				live = nil
			}
			At(2, live...)
			swapCell(x, 2, rlx) // from here on v is in T0's variable only
			Forget()
			At(3, live...)
			loadCell(z, rlx)
			At(4, live...)
			storeCell(y, v, rlx)
		}, func() {
			At(5)
			storeCell(x, 1, rlx)
		})
		p.Outcome = func() string { return fmt.Sprint(cells[y]) }
		return p
	}
	for _, model := range models {
		w := World{Memory: model, Marks: true}
		if r := w.Run(program(false), Exhaustive()); len(r.Outcomes) != 2 {
			t.Errorf("%v: outcomes %q, want two", r, outcomes(r))
		}
		if r := w.Run(program(true), Exhaustive()); len(r.Outcomes) != 1 {
			t.Errorf("%v: outcomes %q: the wrong mark made no difference", r, outcomes(r))
		}
		w.Marks = false
		if r := w.Run(program(true), Exhaustive()); len(r.Outcomes) != 2 {
			t.Errorf("%v: outcomes %q without marks, want two", r, outcomes(r))
		}
	}
}

// TestObserved: what a thread has observed is part of its state until a mark says
// otherwise, even if it is nowhere in memory.
func TestObserved(t *testing.T) {
	always := func() bool { return true }
	for _, test := range []struct {
		name  string
		learn func() uint64
		other func()
	}{
		{"LoadWord", func() uint64 { v := loadCell(x, rlx); swapCell(x, 2, rlx); return v }, func() { storeCell(x, 1, rlx) }},
		{"Update", func() uint64 { v := swapCell(x, 2, rlx); return v & 1 }, func() { storeCell(x, 1, rlx); storeCell(x, 2, seq) }},
		{"Choose", func() uint64 { return uint64(Choose(0, "one", 2)) }, nil},
		{"BlockUntil", func() uint64 { return b2u(BlockUntil(0, "either", always, 0)) }, nil},
		{"PauseUntil", func() uint64 {
			loadCell(x, rlx)
			v := b2u(PauseUntil(0, "z", func() bool { return cells[z] == 1 }))
			swapCell(x, 1, rlx)
			return v
		}, func() { storeCell(x, 1, seq); storeCell(z, 1, seq) }},
		{"Now", func() uint64 { loadCell(x, rlx); return uint64(Now()) }, func() { Sleep(0, 1) }},
		{"what a function has returned", func() (v uint64) {
			inFunction(1, func() {
				At(2)
				v = loadCell(x, rlx)
				At(3, v)
				swapCell(x, 2, rlx)
			})
			return v
		}, func() { storeCell(x, 1, rlx) }},
	} {
		p := testProgram(test.name, func() {
			At(1)
			v := test.learn()
			if test.other != nil {
				Block(0, "the other", func() bool { return cells[d] == 1 })
			}
			Forget()
			loadCell(d, seq) // without a mark, so that learn's value is still part of the state
			At(4, v)
			storeCell(y, v, rlx)
		})
		if test.other != nil {
			p.Threads = append(p.Threads, func() { test.other(); storeCell(d, 1, seq) })
		}
		p.Outcome = func() string { return fmt.Sprint(cells[y]) }
		for _, model := range models {
			for _, marks := range []bool{false, true} {
				w := World{Memory: model, Marks: marks, Ticks: []int64{1}, MaxTicks: 1}
				r := checkRun(t, w, p, Exhaustive(), "")
				if got := fmt.Sprint(outcomes(r)); got != "[0 1]" {
					t.Errorf("%v, marks %v: learns %s", r, marks, got)
				}
			}
		}
	}
}

// TestStateIsAll: T0 does one of two things, and forgets which. Only the second leads to
// the wanted outcome. The two differ in something other than T0's control state. The
// outcome is found only if that is part of the state.
func TestStateIsAll(t *testing.T) {
	after := func(c cell, f func()) func() {
		return func() {
			Block(0, "T0", func() bool { return cells[c] != 0 })
			f()
		}
	}
	show := func(v uint64) { storeCell(z, v+1, rlx) }
	// linger keeps old messages from being pruned.
	linger := func() { Block(0, "the end", func() bool { return cells[z] != 0 }) }
	for _, test := range []struct {
		name   string
		how    [2]func()
		then   func()
		others []func()
		want   string // an outcome, or a failure
		in     []Model
	}{
		{"value", [2]func(){
			func() { storeCell(x, 1, seq) },
			func() { storeCell(x, 2, seq) },
		}, nil, []func(){after(x, func() { show(swapCell(x, 3, rlx)) })}, "z=3", models},
		{"value in a buffer", [2]func(){
			func() { storeCell(x, 1, rlx) },
			func() { storeCell(x, 2, rlx) },
		}, nil, []func(){after(x, func() { show(swapCell(x, 3, rlx)) })}, "z=3", models},
		{"plain value", [2]func(){
			func() { writeCell(d, 1) },
			func() { writeCell(d, 2) },
		}, func() { swapCell(y, 1, rel) }, []func(){after(y, func() { swapCell(y, 2, acq); show(readCell(d)) })}, "z=3", models},
		{"that there was a write", [2]func(){
			func() { readCell(x); storeCell(y, 1, rlx) },
			func() { readCell(x); writeCell(d, 0); storeCell(y, 1, rlx) },
		}, nil, []func(){after(y, func() { readCell(d) })}, "data race", models},
		{"what a store has released", [2]func(){
			func() { writeCell(d, 1); swapCell(y, 1, rel) },
			func() { writeCell(d, 1); swapCell(y, 1, rlx) },
		}, nil, []func(){after(y, func() { swapCell(y, 2, acq); readCell(d) })}, "data race", models},
		{"what a thread has acquired", [2]func(){
			after(y, func() { swapCell(y, 1, acq); Forget() }),
			after(y, func() { swapCell(y, 1, rlx); Forget() }),
		}, func() { loadCell(x, rlx); readCell(d); show(0) }, []func(){func() { writeCell(d, 1); storeCell(y, 1, rel) }, linger}, "data race", models},
		{"view of a message", [2]func(){
			func() { storeCell(x, 1, rlx); storeCell(y, 1, rel) },
			func() { storeCell(x, 1, rlx); storeCell(y, 1, rlx) },
		}, nil, []func(){after(y, func() { swapCell(y, 2, acq); show(loadCell(x, rlx)) })}, "z=1", []Model{RA}},
		{"view of a thread", [2]func(){
			after(y, func() { swapCell(y, 1, acq); Forget() }),
			after(y, func() { swapCell(y, 1, rlx); Forget() }),
		}, func() { show(loadCell(x, rlx)) }, []func(){func() { storeCell(x, 1, rlx); storeCell(y, 1, rel) }, linger}, "z=1", []Model{RA}},
		{"what a store follows", [2]func(){
			func() { swapCell(y, 1, rlx) },
			func() { storeCell(y, 1, rlx) },
		}, nil, []func(){after(y, func() { storeCell(y, 2, rlx) })}, "y=1", []Model{RA}},
		{"what is published", [2]func(){
			func() { storeCell(x, 1, seq) },
			func() { storeCell(x, 1, rel) },
		}, nil, []func(){after(x, func() { show(loadCell(x, seq)) })}, "z=1", []Model{RA}},
		{"what is polled", [2]func(){
			func() { loadCell(x, rlx) },
			func() { loadCell(y, rlx) },
		}, func() { Pause(0) }, []func(){func() { storeCell(x, 1, rlx) }}, "stuck", models},
		{"whether woken", [2]func(){
			func() { Wake(0) },
			func() {},
		}, func() { Pause(0) }, nil, "stuck", models},
	} {
		p := testProgram(test.name, func() {
			At(1)
			test.how[Choose(0, "how", 2)]()
			At(2)
			if test.then != nil {
				test.then()
			}
		})
		p.Threads = append(p.Threads, test.others...)
		for _, model := range test.in {
			for _, s := range []Strategy{Stateless(), Exhaustive()} {
				r := World{Memory: model, Marks: true}.Run(p, s)
				l := litmus{weak: test.want}
				if failed := r.Failure != nil && strings.HasPrefix(r.Failure.Message, test.want); !failed && !l.shows(r) {
					t.Errorf("%v: outcomes %q, want %s", r, outcomes(r), test.want)
				}
			}
		}
	}
}

// TestPendingIsState: a thread's pending operation is part of its state.
func TestPendingIsState(t *testing.T) {
	for name, then := range map[string]func(c int){
		"access":   func(c int) { storeCell(cell(c), 1, rlx) },
		"deadline": func(c int) { BlockUntil(0, "the time", nil, int64(c)); storeCell(x, uint64(Clock()), rlx) },
	} {
		p := testProgram(name, func() {
			At(1)
			c := Choose(0, "which", 2)
			At(2)
			then(c)
		})
		for _, model := range models {
			w := World{Memory: model, Marks: true, Ticks: []int64{1}, TickWhenIdle: true}
			if r := checkRun(t, w, p, Exhaustive(), ""); len(r.Outcomes) != 2 {
				t.Errorf("%v: outcomes %q", r, outcomes(r))
			}
		}
	}
}

// TestGhostVar: a declared ghost variable is part of the state. If threat is not declared,
// states that differ in it are merged, and the failure is missed.
func TestGhostVar(t *testing.T) {
	threat := false
	program := func(declared bool) *Program {
		p := &Program{
			Name:  fmt.Sprint("ghost, declared ", declared),
			Setup: func() { threat = false; clear(cells[:]) },
			Threads: []func(){func() {
				At(1)
				if Choose(0, "good or bad", 2) == 1 {
					threat = true
				}
				At(2)
				loadCell(x, rlx)
				if threat {
					Fail("bad")
				}
			}},
		}
		if declared {
			p.Declare = func() { GhostVar("threat", func() uint64 { return b2u(threat) }) }
		}
		return p
	}
	w := World{Marks: true}
	checkRun(t, w, program(true), Exhaustive(), "T0: bad")
	checkRun(t, w, program(false), Exhaustive(), "")
}

// TestStateSet: the set tells states apart while it grows. The schedule to a state is the
// one that reached it first.
func TestStateSet(t *testing.T) {
	s := newStateSet()
	last := noState
	for i := range uint32(5000) {
		state, visited := s.add(uint64(i)<<32, last, choice(i%3)) // hashes that collide in the index
		if visited || state != i {
			t.Fatalf("state %d is state %d, visited before: %v", i, state, visited)
		}
		last = state
	}
	for i := range uint32(5000) {
		if state, visited := s.add(uint64(i)<<32, 0, 0); !visited || state != i {
			t.Fatalf("state %d is state %d, visited before: %v", i, state, visited)
		}
	}
	if got, want := s.scheduleTo(4).String(), "0.1 0.2 0 0.1 ~"; got != want {
		t.Errorf("schedule to state 4 is %s, want %s", got, want)
	}
	if s.trap() == nil {
		t.Error("no state is an end, but none is a trap")
	}
	s.end(4999)
	if trap := s.trap(); trap != nil {
		t.Errorf("the last state is an end, but %v is a trap", trap)
	}
}
