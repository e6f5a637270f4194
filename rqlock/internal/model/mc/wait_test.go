package mc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// checkRun explores p, and checks that it fails with a message that begins with failure.
// If failure is "", it must not fail, and the exploration must be complete.
func checkRun(t *testing.T, w World, p *Program, s Strategy, failure string) Result {
	t.Helper()
	r := w.Run(p, s)
	switch {
	case r.Failure == nil && failure != "":
		t.Errorf("%v: want failure %q", r, failure)
	case r.Failure == nil && !r.Complete && s.kind == exhaustive:
		t.Errorf("%v: not complete", r)
	case r.Failure != nil && (failure == "" || !strings.HasPrefix(r.Failure.Message, failure)):
		t.Errorf("%v: want failure %q\n%s", r, failure, r.Failure.Trace)
	}
	return r
}

// registers returns the values of r0 in all outcomes.
func registers(r Result) (values []string) {
	for _, o := range outcomes(r) {
		for _, word := range strings.Fields(o) {
			if v, ok := strings.CutPrefix(word, "r0="); ok && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
	}
	slices.Sort(values)
	return values
}

// sleeper waits in T0 for x, which T1 sets. T0 says in y that it will sleep. If T1 reads
// that, it leaves a token in z.
func sleeper(recheck bool, o Order) *Program {
	return testProgram(fmt.Sprintf("sleeper, recheck %v, %v", recheck, o), func() {
		if loadCell(x, o) != 0 {
			return
		}
		storeCell(y, 1, o)
		if recheck && loadCell(x, o) != 0 {
			return
		}
		Block(0, "token", func() bool { return cells[z] != 0 })
	}, func() {
		storeCell(x, 1, o)
		if loadCell(y, o) != 0 {
			storeCell(z, 1, o)
		}
	})
}

// TestLostWakeup: a thread that sleeps for ever is stuck. To load x again before sleeping
// helps if neither thread's store can take effect after its load.
func TestLostWakeup(t *testing.T) {
	for _, test := range []struct {
		recheck bool
		o       Order
		stuck   string // in which models
	}{
		{false, SeqCst, "SC TSO RA"},
		{true, Relaxed, "TSO RA"},
		{true, AcqRel, "TSO RA"},
		{true, SeqCst, ""},
	} {
		for _, model := range models {
			want := ""
			if strings.Contains(test.stuck, model.String()) {
				want = "stuck: T0 waits for token"
			}
			for _, s := range []Strategy{Exhaustive(), Stateless()} {
				checkRun(t, World{Memory: model}, sleeper(test.recheck, test.o), s, want)
			}
		}
	}
}

// TestNoProgress: executions that cannot end are reported, because the cache has a trap
// or because of their length. Executions that may go on for ever, but can end, are not.
func TestNoProgress(t *testing.T) {
	at := func(site Site) Site { At(site); return site }
	raise := func(me, other cell, polite bool) func() {
		return func() {
			for {
				at(1)
				storeCell(me, 1, SeqCst)
				for {
					at(2)
					if loadCell(other, SeqCst) == 0 {
						at(3)
						storeCell(me, 0, SeqCst)
						return
					}
					if polite {
						break
					}
				}
				at(4)
				storeCell(me, 0, SeqCst)
			}
		}
	}
	set := func() { storeCell(x, 1, Relaxed) }
	spin := func(value uint64) func() {
		return func() {
			for at(1); loadCell(x, Acquire) != value; at(1) {
			}
		}
	}
	for _, test := range []struct {
		p    *Program
		want string
	}{
		{testProgram("spins for what comes", set, spin(1)), ""},
		{testProgram("spins for what does not come", set, spin(2)), "no progress"},
		{testProgram("both insist", raise(x, y, false), raise(y, x, false)), "no progress"},
		{testProgram("both may give way for ever", raise(x, y, true), raise(y, x, true)), ""},
	} {
		for _, model := range models {
			w := World{Memory: model, Marks: true}
			checkRun(t, w, test.p, Exhaustive(), test.want)
			// Without marks no state is visited twice, so only the length can tell.
			w.Marks, w.MaxSteps, w.MaxExecutions = false, 200, 100
			r := w.Run(test.p, Walk(1))
			if failed := r.Failure != nil; failed != (test.want != "") {
				t.Errorf("%v: want failure %q", r, test.want)
			}
		}
	}
}

// TestMaxSteps: a long execution does not fail if it ends when it is continued fairly.
// The exploration is not complete then.
func TestMaxSteps(t *testing.T) {
	p := testProgram("long", func() {
		for range 50 {
			swapCell(x, 1, Relaxed)
		}
	})
	for _, s := range []Strategy{Exhaustive(), Stateless(), Walk(1)} {
		r := World{MaxSteps: 30, MaxExecutions: 3}.Run(p, s)
		if r.Failure != nil || r.TooLong == 0 || r.Complete {
			t.Errorf("%v: want executions that are cut, and no failure", r)
		}
	}
	// A fair continuation runs all threads, and all alternatives of a Choose.
	for _, p := range []*Program{
		testProgram("spin", func() {
			for loadCell(x, acq) == 0 {
			}
		}, func() { storeCell(x, 1, rlx) }),
		testProgram("choose", func() {
			for Choose(0, "stay or go", 2) == 0 {
				loadCell(x, rlx)
			}
		}),
	} {
		for _, model := range models {
			r := World{Memory: model, MaxSteps: 30, MaxExecutions: 1}.Run(p, Stateless())
			if r.Failure != nil || r.TooLong != 1 {
				t.Errorf("%v: want one execution that is cut", r)
			}
		}
	}
	checkRun(t, World{MaxSteps: 51}, p, Exhaustive(), "")
	checkRun(t, World{MaxSteps: 20}, p, Exhaustive(), "no progress")
}

// TestFairClock: under a fair scheduler time passes for threads that poll, although each round of
// one has the other go on, so that never both wait.
func TestFairClock(t *testing.T) {
	until := func(c, other cell, deadline int64) func() {
		return func() {
			for Forget(); Now() < deadline; Pause(0) {
				swapCell(c, 1, SeqCst)
				loadCell(other, rlx)
			}
		}
	}
	for _, test := range []struct {
		deadline int64
		want     string
	}{
		{10 * (maxIdleTicks - 1), ""},
		{10 * (maxIdleTicks + 2), "no progress"}, // more than the ticks that there are
	} {
		p := testProgram("poll", until(x, y, test.deadline), until(y, x, test.deadline))
		for _, model := range models {
			w := World{Memory: model, Ticks: []int64{10}, MaxTicks: 1, TickWhenIdle: true, MaxSteps: 200, MaxExecutions: 20}
			r := w.Run(p, Walk(1))
			if failed := r.Failure != nil; failed != (test.want != "") || r.TooLong == 0 && !failed {
				t.Errorf("%v: want failure %q", r, test.want)
			}
		}
	}
}

// TestPause: a Pause ends only if something that was read can read differently.
func TestPause(t *testing.T) {
	poll := func(exit func() bool) func() {
		return func() {
			for Forget(); !exit(); Pause(0) {
			}
		}
	}
	set := func(c cell, o Order) func() { return func() { storeCell(c, 1, o) } }
	is := func(c cell, o Order) func() bool { return func() bool { return loadCell(c, o) == 1 } }
	for _, test := range []struct {
		p    *Program
		want string
	}{
		{testProgram("change", poll(is(x, rlx)), set(x, rlx)), ""},
		{testProgram("no change", poll(is(x, rlx))), "stuck: T0 waits for a change"},
		{testProgram("change of another", poll(is(x, rlx)), set(y, rlx)), "stuck: T0 waits for a change"},
		{testProgram("change back", poll(func() bool { regs[0] = int(loadCell(x, rlx)); return regs[0] == 1 }),
			func() { storeCell(x, 1, rlx); storeCell(x, 0, rlx) }), "stuck: T0 waits for a change"},
		{testProgram("lock by exchanges", poll(func() bool { return swapCell(x, 1, acq) == 0 }),
			func() { swapCell(x, 1, acq); storeCell(x, 0, rel) }), ""},
		{testProgram("exchanges of two", poll(func() bool { return swapCell(x, 1, ar) == 2 }),
			poll(func() bool { return swapCell(x, 1, ar) == 2 })), "stuck: T0 waits for a change"},
		// T0 reads the old x, acquires the new one by y, and reads it. T2 keeps the old one
		// from being pruned. The next round would read the new x at first.
		{testProgram("first read is of an old value", poll(func() bool {
			if loadCell(x, rlx) == 1 {
				return true
			}
			loadCell(y, acq)
			loadCell(x, rlx)
			return false
		}), func() { storeCell(x, 1, rlx); storeCell(y, 1, rel) }, set(z, rlx)), ""},
		// T0's own store to a part of x does not end its Pause, but T1's to the other does.
		{testProgram("store to a part", poll(func() bool {
			if loadCell(x, rlx)&2 != 0 {
				return true
			}
			StoreMasked(0, "store part", x.p(), 64, 1, 1, rlx)
			return false
		}), func() { StoreMasked(0, "store part", x.p(), 64, 2, 2, rlx) }), ""},
		{testProgram("store to a part is no read", poll(func() bool {
			if regs[0]++; regs[0] > 0 {
				Fail("polls again")
			}
			StoreMasked(0, "store part", x.p(), 64, 1, 1, rlx)
			return is(z, rlx)()
		}), func() { StoreMasked(0, "store part", x.p(), 64, 2, 2, rlx) }), "stuck: T0 waits for a change"},
	} {
		for _, model := range models {
			for _, s := range []Strategy{Exhaustive(), Stateless()} {
				checkRun(t, World{Memory: model}, test.p, s, test.want)
			}
		}
	}
}

// TestWake: a Wake ends the Pause that the thread is in, or its next one.
func TestWake(t *testing.T) {
	woken := false
	poll := func() {
		for !woken {
			Pause(0)
		}
	}
	for _, test := range []struct {
		name  string
		other func()
		want  string
	}{
		{"Wake", func() { loadCell(y, rlx); woken = true; Wake(0) }, ""},
		{"no Wake", func() { loadCell(y, rlx); woken = true }, "stuck"},
		{"Wake of another", func() { loadCell(y, rlx); woken = true; Wake(1) }, "stuck"},
	} {
		p := testProgram(test.name, poll, test.other)
		setup, declare := p.Setup, p.Declare
		p.Setup = func() { setup(); woken = false }
		p.Declare = func() { declare(); GhostVar("woken", func() uint64 { return b2u(woken) }) }
		for _, model := range models {
			for _, s := range []Strategy{Exhaustive(), Stateless()} {
				checkRun(t, World{Memory: model}, p, s, test.want)
			}
		}
	}
	// A Wake before the Pause ends it, unless the thread calls Forget in between.
	early := func(forgets bool) *Program {
		return testProgram(fmt.Sprint("early Wake, forgets ", forgets), func() {
			Wake(0)
			if forgets {
				Forget()
			}
			Pause(0)
		})
	}
	checkRun(t, World{}, early(false), Exhaustive(), "")
	checkRun(t, World{}, early(true), Exhaustive(), "stuck")
}

// TestPauseUntil: the condition ends the Pause, and so does a change.
func TestPauseUntil(t *testing.T) {
	wait := func() {
		loadCell(x, rlx)
		regs[0] = int(b2u(PauseUntil(0, "y", func() bool { return cells[y] == 1 })))
	}
	for _, test := range []struct {
		p    *Program
		want string
		r0   string
	}{
		{testProgram("condition", wait, func() { storeCell(y, 1, seq) }), "", "1"},
		{testProgram("change", wait, func() { storeCell(x, 1, seq) }), "stuck: T0 waits for y", ""}, // if T0 reads the new x
		{testProgram("condition or change", wait, func() { storeCell(x, 1, seq); storeCell(y, 1, seq) }), "", "0 1"},
	} {
		for _, model := range models {
			r := checkRun(t, World{Memory: model}, test.p, Exhaustive(), test.want)
			if got := strings.Join(registers(r), " "); test.want == "" && got != test.r0 {
				t.Errorf("%v: returns %q, want %q", r, got, test.r0)
			}
		}
	}
}

// TestClock: a thread waits for a time, for a condition, or for either.
func TestClock(t *testing.T) {
	wait := func(deadline int64) func() {
		return func() {
			regs[0] = int(b2u(BlockUntil(0, "x", func() bool { return cells[x] == 1 }, deadline)))
		}
	}
	set := func() { storeCell(x, 1, seq) }
	poll := func() { // until the time or the condition
		for Forget(); loadCell(x, seq) == 0; Pause(0) {
			if Now() >= 10 {
				regs[0] = 0
				return
			}
		}
		regs[0] = 1
	}
	ticks := World{Ticks: []int64{10}, MaxTicks: 1}
	short := World{Ticks: []int64{1, 3}, MaxTicks: 2}
	whenIdle := World{Ticks: []int64{1, 3}, TickWhenIdle: true}
	for _, test := range []struct {
		name       string
		w          World
		threads    []func()
		want       string
		r0         string
		outOfTicks bool
	}{
		{"condition or deadline", ticks, []func(){wait(10), set}, "", "0 1", false},
		{"deadline", ticks, []func(){wait(10)}, "", "0", false},
		{"condition, time stands still", World{}, []func(){wait(10), set}, "", "1", false},
		{"deadline, time stands still", World{}, []func(){wait(10)}, "stuck: T0 waits for x", "", false},
		{"deadline has passed", World{}, []func(){wait(0)}, "", "0", false},
		{"both at once", World{}, []func(){func() { set(); wait(0)() }}, "", "0 1", false},
		{"no deadline", ticks, []func(){wait(Never)}, "stuck: T0 waits for x", "", false},
		{"out of ticks", short, []func(){wait(10)}, "", "", true},
		{"out of ticks, or condition", short, []func(){wait(10), set}, "", "1", false},
		{"enough ticks", short, []func(){wait(6)}, "", "0", true}, // of the second kind, twice
		{"when idle", whenIdle, []func(){wait(10)}, "", "0", false},
		{"when idle, so not before the condition", whenIdle, []func(){wait(10), set}, "", "1", false},
		{"when idle, by the last kind of tick", whenIdle, []func(){func() { wait(10)(); regs[0] = int(Clock()) }}, "", "12", false},
		{"when idle, too often", whenIdle, []func(){wait(1000)}, "stuck: T0 waits for x", "", false},
		{"poll", ticks, []func(){poll, set}, "", "0 1", false},
		{"poll, deadline", ticks, []func(){poll}, "", "0", false},
		{"poll, when idle", whenIdle, []func(){poll}, "", "0", false},
		{"poll, out of ticks", short, []func(){poll}, "", "", true},
		{"sleep", ticks, []func(){func() { Sleep(0, 10); regs[0] = int(Now()) }}, "", "10", false},
		{"sleep, out of ticks", short, []func(){func() { Sleep(0, 7) }}, "", "", true},
		{"clock is for checks", ticks, []func(){func() { wait(10)(); regs[0] = int(Clock()) }}, "", "10", false},
	} {
		for _, model := range models {
			w := test.w
			w.Memory = model
			p := testProgram(test.name, test.threads...)
			r := checkRun(t, w, p, Exhaustive(), test.want)
			checkRun(t, w, p, Stateless(), test.want)
			if got := strings.Join(registers(r), " "); test.want == "" && got != test.r0 {
				t.Errorf("%v: r0 is %q, want %q", r, got, test.r0)
			}
			if got := r.OutOfTicks > 0; got != test.outOfTicks {
				t.Errorf("%v: %d executions ran out of ticks, want some: %v", r, r.OutOfTicks, test.outOfTicks)
			}
		}
	}
}

// TestChoose: each alternative is taken in some execution.
func TestChoose(t *testing.T) {
	p := testProgram("choose", func() {
		regs[0] = Choose(0, "one", 3)
		loadCell(x, rlx)
		regs[0] = 10*regs[0] + Choose(0, "two", 2)
	})
	for _, s := range []Strategy{Exhaustive(), Stateless(), Walk(1), PCT(1, 2)} {
		r := World{MaxExecutions: 200}.Run(p, s)
		if got := strings.Join(registers(r), " "); got != "0 1 10 11 20 21" || r.Failure != nil {
			t.Errorf("%v: chooses %v", r, got)
		}
	}
	checkRun(t, World{}, testProgram("no choice", func() { Choose(0, "none", 0) }), Exhaustive(), "Choose: none has 0 alternatives")
}

// TestFailures: each kind of failure is reported, with the thread.
func TestFailures(t *testing.T) {
	leftOver := 0
	for _, test := range []struct {
		name string
		p    Program
		want string
	}{
		{"Fail", Program{Threads: []func(){func() {}, func() { loadCell(x, rlx); Fail("%d bottles", 3) }}}, "T1: 3 bottles"},
		{"panic", Program{Threads: []func(){func() { loadCell(x, rlx); panic("oops") }}}, "T0 panics: oops"},
		{"panic at once", Program{Threads: []func(){func() { panic("oops") }}}, "T0 panics: oops"},
		{"Final", Program{Threads: []func(){func() {}}, Final: func() { Fail("bad end") }}, "bad end"},
		{"Setup", Program{Threads: []func(){func() {}}, Setup: func() { Fail("bad start") }}, "bad start"},
		{"width", Program{Threads: []func(){func() { loadCell(x, rlx); LoadWord(0, "load", x.p(), 32, rlx) }}}, "x is accessed as 64 bits and as 32"},
		{"not deterministic", Program{Threads: []func(){func() {
			loadCell(x, rlx)
			if leftOver++; leftOver == 1 {
				Fail("once")
			}
		}}}, "the program is not deterministic"},
	} {
		p := testProgram(test.name, test.p.Threads...)
		p.Final = test.p.Final
		if test.p.Setup != nil {
			p.Setup = test.p.Setup
		}
		for _, model := range models {
			leftOver = 0
			checkRun(t, World{Memory: model}, p, Exhaustive(), test.want)
		}
	}
}
