package mc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// failing has a program for each kind of failure.
func failing(model Model) []struct {
	p *Program
	w World
} {
	weak := World{Memory: model, Orders: map[string]Order{"hand": Relaxed, "wait": Relaxed}}
	clock := World{Memory: model, Ticks: []int64{1, 5}, MaxTicks: 3}
	spin := testProgram("spin", func() {
		loadCell(y, rlx)
		for loadCell(x, acq) != 2 {
		}
	}, func() { storeCell(x, uint64(Choose(0, "value", 2)), rlx) })
	late := testProgram("late", func() {
		BlockUntil(0, "x", nil, 5)
		if loadCell(y, rlx) == 0 {
			Fail("too late: %d", Now())
		}
	}, func() { storeCell(y, 1, rlx) })
	choose := testProgram("choose", func() {
		for i := range 3 {
			if Choose(0, "left or right", 2) != i%2 {
				return
			}
			loadCell(x, rlx)
		}
		panic("lost")
	}, func() { storeCell(x, 1, rlx) })
	return []struct {
		p *Program
		w World
	}{
		{testThenSet.program(2, 2), World{Memory: model}},
		{hastyMCS.program(2, 2), World{Memory: model}},
		{mcs.program(2, 2), weak},
		{sleeper(false, SeqCst), World{Memory: model}},
		{spin, World{Memory: model, MaxSteps: 100}},
		{late, clock},
		{choose, World{Memory: model}},
	}
}

// TestReplay: the schedule of a failure leads to it again, step by step.
func TestReplay(t *testing.T) {
	for _, model := range models {
		for _, f := range failing(model) {
			for _, s := range []Strategy{Exhaustive(), Stateless(), Walk(1), PCT(1, 3)} {
				for _, verbatim := range []bool{false, true} {
					f.w.Verbatim = verbatim
					r := f.w.Run(f.p, s)
					if r.Failure == nil {
						t.Errorf("%v: does not fail", r)
						continue
					}
					trace, again, err := f.w.Replay(f.p, r.Failure.Schedule)
					switch {
					case err != nil:
						t.Errorf("%v: %v\n%s", r, err, r.Failure.Schedule)
					case again == nil || *again != *r.Failure || trace != r.Failure.Trace:
						t.Errorf("%v\n%s: is replayed as\n%v", r, r.Failure.Schedule, again)
					}
				}
			}
		}
	}
}

// TestReplayOfAll: each execution can be replayed, also those of a correct program.
func TestReplayOfAll(t *testing.T) {
	rnd := seed.Rand(t)
	for _, model := range models {
		w := World{Memory: model}
		p := mcs.program(2, 2)
		x := &explorer{m: newMachine(w, p), r: Result{Outcomes: map[string]int64{}}}
		for range 50 {
			var taken []choice
			if ok, _ := x.take(func(o []choice) choice { return o[rnd.IntN(len(o))] }, &taken); !ok {
				t.Fatal(x.m.failure)
			}
			x.leave()
			schedule := schedule{steps: taken}.String()
			outcome := p.Outcome()
			trace, f, err := w.Replay(p, schedule)
			if err != nil || f != nil || p.Outcome() != outcome {
				t.Errorf("%v %s: %v, %v, outcome %s, want %s", model, schedule, f, err, p.Outcome(), outcome)
			}
			if n := strings.Count(trace, "\n"); n < len(taken) {
				t.Errorf("%v %s: %d steps have a trace of %d lines", model, schedule, len(taken), n)
			}
		}
		x.m.close()
	}
}

// TestReplayInOtherWorld: a schedule belongs to a program in a world.
func TestReplayInOtherWorld(t *testing.T) {
	l := litmus{threads: threads{{st(x, 1, rlx), st(y, 1, rlx)}, {ld(y, rlx), ld(x, rlx), onlyIf(0), xchg(z, 1, rlx)}}}
	schedule := "0 0 1 1.1 1"
	if trace, f, err := (World{Memory: RA}).Replay(l.program(), schedule); err != nil || f != nil || !strings.Contains(trace, "1 older than the newest") {
		t.Errorf("%v, %v\n%s", f, err, trace)
	}
	if _, _, err := (World{Memory: SC}).Replay(l.program(), schedule); err == nil || err.Error() != "schedule: step 4, 1.1, cannot happen then" {
		t.Error(err)
	}
}

// TestBadSchedules: a text that is no schedule of the program gives an error of one line.
func TestBadSchedules(t *testing.T) {
	p := testProgram("short", func() { storeCell(x, 1, rlx) }, func() { loadCell(x, rlx) })
	for _, text := range []string{
		"x", "-1", "+0", "1.", ".1", "0.0.0", "0x1", "32", "0.256", "99999999999999999999",
		"f", "fx", "f32", "f0.1", "t", "t-1", "t256", "0*", "0*0", "0*-1", "0*x", "0*2*2", "0*9999999999", "*", "*2",
		"~ 0", "0,1", "0;1", "0\x00", "٣",
		"2", "31", "0.1", "f0", "t0", "0 0", "0*2", "0 1 1", "1*1000000",
	} {
		for _, model := range models {
			w := World{Memory: model}
			_, f, err := w.Replay(p, text)
			short, merr := w.Minimise(p, text)
			for _, err := range []error{err, merr} {
				if err == nil || !strings.HasPrefix(err.Error(), "schedule: ") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%q: error %v", text, err)
				}
			}
			if f != nil || short != "" {
				t.Errorf("%q: %v, %q", text, f, short)
			}
		}
	}
	// A prefix of a schedule is one. The execution is left unfinished.
	for _, text := range []string{"", "0", "1 0", "~", "1 ~"} {
		if _, f, err := (World{}).Replay(p, text); f != nil || err != nil {
			t.Errorf("%q: %v, %v", text, f, err)
		}
		if _, err := (World{}).Minimise(p, text); err == nil || err.Error() != "schedule: it does not fail" {
			t.Errorf("%q: minimised: %v", text, err)
		}
	}
}

// TestRandomSchedules: Replay does not panic, whatever the text, and a schedule that is
// parsed and printed is the same schedule.
func TestRandomSchedules(t *testing.T) {
	rnd := seed.Rand(t)
	words := strings.Split("0 1 2 f0 f1 t0 t1 0.1 1.1 1.2 0*2 1*3 f0*2 ~ * . f t 7 x", " ")
	p := hastyMCS.program(2, 1)
	good := 0
	for range 1500 {
		var some []string
		for range rnd.IntN(6) {
			some = append(some, words[rnd.IntN(len(words))])
		}
		text := strings.Join(some, " ")
		for _, model := range models {
			(World{Memory: model, Ticks: []int64{1}}).Replay(p, text)
		}
		s, err := parseSchedule(text)
		if err != nil {
			continue
		}
		good++
		if again, err := parseSchedule(s.String()); err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
			t.Errorf("%q is printed as %q: %v", text, s, err)
		}
	}
	if good < 100 {
		t.Errorf("only %d were schedules", good)
	}
}

// TestMinimise: a minimised schedule fails in the same way as the original one, is not
// longer, and is not made shorter by minimising it again.
func TestMinimise(t *testing.T) {
	for _, model := range models {
		var before, after int
		for _, f := range failing(model) {
			for seed := range uint64(5) {
				f.w.Verbatim = true
				long := f.w.Run(f.p, Walk(seed)).Failure
				if long == nil {
					t.Fatalf("%s %v: does not fail", f.p.Name, model)
				}
				short, err := f.w.Minimise(f.p, long.Schedule)
				if err != nil {
					t.Fatalf("%s %v: %v\n%s", f.p.Name, model, err, long.Schedule)
				}
				_, got, err := f.w.Replay(f.p, short)
				if err != nil || got == nil || kindOf(got.Message) != kindOf(long.Message) {
					t.Errorf("%s %v: %s fails with %q\nminimised: %s, %v, %v", f.p.Name, model, long.Schedule, long.Message, short, got, err)
					continue
				}
				a, _ := parseSchedule(long.Schedule)
				b, _ := parseSchedule(short)
				before, after = before+len(a.steps), after+len(b.steps)
				if len(b.steps) > len(a.steps) || !a.fair && cost(b.steps) > cost(a.steps) {
					t.Errorf("%s %v: %s is no better than %s", f.p.Name, model, short, long.Schedule)
				}
				if again, _ := f.w.Minimise(f.p, short); again != short {
					t.Errorf("%s %v: %s, and then %s", f.p.Name, model, short, again)
				}
			}
		}
		if 10*after > 9*before {
			t.Errorf("%v: %d steps, minimised %d", model, before, after)
		}
		t.Logf("%v: %d steps, minimised %d", model, before, after)
	}
}

// TestMinimal: the schedule of a failure has no step that is not needed.
func TestMinimal(t *testing.T) {
	p := testProgram("needs one switch", func() {
		for range 5 {
			loadCell(y, rlx)
		}
		storeCell(x, 1, rlx)
		for range 5 {
			loadCell(y, rlx)
		}
	}, func() {
		loadCell(z, rlx)
		if loadCell(x, rlx) == 1 {
			Fail("x is set")
		}
	})
	for model, want := range map[Model]string{SC: "0*6 1*2", TSO: "0*6 f0 1*2", RA: "0*6 1*2"} {
		r := World{Memory: model}.Run(p, Walk(3))
		if r.Failure == nil || r.Failure.Schedule != want {
			t.Errorf("%v: schedule %q, want %q", r, r.Failure.Schedule, want)
		}
	}
}

// TestMinimiseMoves: minimising swaps blocks of steps.
func TestMinimiseMoves(t *testing.T) {
	p := testProgram("three", func() {
		storeCell(x, 1, seq)
		storeCell(y, 1, seq)
	}, func() {
		storeCell(z, 1, seq)
	}, func() {
		if loadCell(y, seq) == 1 && loadCell(z, seq) == 1 {
			Fail("all is set")
		}
	})
	for _, model := range models {
		got, err := World{Memory: model}.Minimise(p, "0 1 0 2*2")
		if want := "1 0*2 2*2"; got != want || err != nil {
			t.Errorf("%v: %s, %v, want %s", model, got, err, want)
		}
	}
}
