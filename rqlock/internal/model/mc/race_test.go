package mc

import (
	"fmt"
	"strings"
	"testing"
)

// accessesToD are instructions that access d.
var accessesToD = []struct {
	name          string
	in            instr
	plain, writes bool
}{
	{"read", rd(d), true, false},
	{"write", wr(d, 1), true, true},
	{"load", ld(d, rlx), false, false},
	{"store", st(d, 2, rlx), false, true},
	{"store part", stPart(d, 4, 4, rlx), false, true},
	{"exchange", xchg(d, 8, rlx), false, true},
	{"failed compare", cas(d, 99, 16, rlx), false, false},
}

// TestRaces: two accesses race if one of them is plain, one is a write, and nothing
// orders them. Here either may come first.
func TestRaces(t *testing.T) {
	for _, a := range accessesToD {
		for _, b := range accessesToD {
			conflict := (a.plain || b.plain) && (a.writes || b.writes)
			for _, test := range []struct {
				name    string
				ordered bool
				threads threads
			}{
				{"nothing", false, threads{{a.in}, {b.in}}},
				{"relaxed", false, threads{{a.in, st(y, 1, rlx)}, {ld(y, rlx), b.in}}},
				{"release, no condition", false, threads{{a.in, st(y, 1, rel)}, {ld(y, acq), b.in}}},
				{"release, acquire", true, threads{{a.in, st(y, 1, rel)}, {ld(y, acq), onlyIf(1), b.in}}},
				{"exchanges", true, threads{{a.in, xchg(y, 1, rel)}, {xchg(y, 2, acq), onlyIf(1), b.in}}},
				{"one thread", true, threads{{a.in, b.in}, {ld(x, rlx)}}},
			} {
				checkRace(t, fmt.Sprintf("%s, %s, %s", a.name, test.name, b.name), test.threads, conflict && !test.ordered)
			}
		}
	}
}

func checkRace(t *testing.T, name string, code threads, want bool, in ...Model) {
	t.Helper()
	if in == nil {
		in = models
	}
	for _, model := range in {
		for _, s := range []Strategy{Exhaustive(), Stateless()} {
			l := litmus{name: name, threads: code}
			r := World{Memory: model}.Run(l.program(), s)
			if isRace(r) != want || r.Failure != nil && !want {
				t.Errorf("%v: want a race: %v", r, want)
			}
		}
	}
}

// TestRacesInOrder: relaxed accesses that force an access to come second do not order
// it. The race detector records no atomic accesses, but under RA a store is known by its
// message. So a race of an atomic access with a later plain one is found only there.
func TestRacesInOrder(t *testing.T) {
	for _, a := range accessesToD {
		for _, b := range accessesToD {
			conflict := (a.plain || b.plain) && (a.writes || b.writes)
			for _, model := range models {
				remembered := a.plain || a.writes && model == RA
				name := fmt.Sprintf("%s, then %s", a.name, b.name)
				checkRace(t, name, threads{{a.in, st(y, 1, rlx)}, {ld(y, rlx), onlyIf(1), b.in}}, conflict && remembered, model)
				checkRace(t, name+", acquire only", threads{{a.in, st(y, 1, rlx)}, {ld(y, acq), onlyIf(1), b.in}}, conflict && remembered, model)
				checkRace(t, name+", release only", threads{{a.in, st(y, 1, rel)}, {ld(y, rlx), onlyIf(1), b.in}}, conflict && remembered, model)
			}
		}
	}
}

// TestRaceOfThree: two readers do not race. A writer must be ordered after both of them.
func TestRaceOfThree(t *testing.T) {
	reader := []instr{rd(d), st(y, 1, rel)}
	other := []instr{rd(d), st(z, 1, rel)}
	checkRace(t, "two readers", threads{{rd(d)}, {rd(d)}}, false)
	checkRace(t, "writer knows both", threads{reader, other, {ld(y, acq), onlyIf(1), ld(z, acq), onlyIf(1), wr(d, 1)}}, false)
	checkRace(t, "writer knows one", threads{reader, other, {ld(y, acq), onlyIf(1), ld(z, rlx), onlyIf(1), wr(d, 1)}}, true)
	checkRace(t, "writer knows the other", threads{reader, other, {ld(y, rlx), onlyIf(1), ld(z, acq), onlyIf(1), wr(d, 1)}}, true)
}

// TestRaceAgain: a thread that is ordered after an access of another thread is not
// ordered after that thread's next access, whether it synchronizes before or after that
// one happens.
func TestRaceAgain(t *testing.T) {
	wait := func(c cell, o Order) instr { return instr{do: await, on: c, o: o, v: 1} }
	for _, test := range []struct {
		twice  instr
		others []instr
	}{
		{wr(d, 1), []instr{rd(d), wr(d, 3), ld(d, rlx), st(d, 3, rlx)}},
		{rd(d), []instr{wr(d, 3), st(d, 3, rlx)}},
	} {
		for _, other := range test.others {
			name := fmt.Sprintf("%v twice, %v", test.twice, other)
			checkRace(t, name+", synchronizes before", threads{
				{test.twice, st(y, 1, rel), wait(x, rlx), test.twice, st(z, 1, rlx)},
				{wait(y, acq), st(x, 1, rlx), wait(z, rlx), other},
			}, true)
			checkRace(t, name+", synchronizes after", threads{
				{test.twice, st(y, 1, rel), ld(x, rlx), test.twice, st(z, 1, rlx)},
				{wait(z, rlx), wait(y, acq), other},
			}, true)
		}
	}
}

// TestRaceReport: a report names the variable, both threads and what they did.
func TestRaceReport(t *testing.T) {
	for _, test := range []struct {
		threads threads
		want    string
	}{
		{threads{{wr(d, 1)}, {rd(d)}}, "data race on d: T1 reads it, and nothing orders that after T0 wrote it"},
		{threads{{rd(d)}, {wr(d, 1)}}, "data race on d: T1 writes it, and nothing orders that after T0 read it"},
	} {
		for _, model := range models {
			r := World{Memory: model, Verbatim: true}.Run((&litmus{threads: test.threads}).program(), Exhaustive())
			if r.Failure == nil || withoutPositions(r.Failure.Message) != test.want {
				t.Errorf("%v: want %q", r, test.want)
			}
		}
	}
}

// withoutPositions removes the positions of the accesses from a message.
func withoutPositions(message string) string {
	var words []string
	for _, w := range strings.Fields(message) {
		position := strings.Contains(w, ".go:")
		if strings.HasSuffix(w, ",") && len(words) > 0 && (position || strings.Contains(w, "Cell")) {
			words[len(words)-1] += ","
			continue
		}
		if !position {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// TestPlainThenAtomic: an atomic access reads what a plain access wrote before, and the
// reverse, also under a model that keeps old values.
func TestPlainThenAtomic(t *testing.T) {
	for _, test := range []struct {
		name    string
		threads threads
		want    string // in every outcome
	}{
		{"load", threads{{wr(d, 1), ld(d, rlx)}}, "r0=1"},
		{"exchange", threads{{wr(d, 1), xchg(d, 2, rlx)}}, "r0=1 d=2"},
		{"store to a part", threads{{wr(d, 1), stPart(d, 2, 2, rlx)}}, "d=3"},
		{"atomic before, too", threads{{st(d, 1, rlx), wr(d, 2), ld(d, rlx)}}, "r0=2"},
		{"twice", threads{{wr(d, 1), ld(d, rlx), wr(d, 2), ld(d, rlx)}}, "r0=1 r1=2"},
		{"back", threads{{st(d, 1, rlx), rd(d)}}, "r0=1"},
		{"of another thread", threads{{wr(d, 1), st(y, 1, rel)}, {ld(y, acq), onlyIf(1), ld(d, rlx)}}, "r0=1 r1=1"},
	} {
		for _, model := range models {
			for _, s := range []Strategy{Exhaustive(), Stateless()} {
				r := World{Memory: model}.Run((&litmus{name: test.name, threads: test.threads}).program(), s)
				for outcome := range r.Outcomes {
					if early := len(test.threads) > 1 && containsWords(outcome, "r0=0"); !early && !containsWords(outcome, test.want) {
						t.Errorf("%v: got %s, want %s", r, outcome, test.want)
					}
				}
				if r.Failure != nil || len(test.threads) == 1 && len(r.Outcomes) != 1 {
					t.Errorf("%v: outcomes %q", r, outcomes(r))
				}
			}
		}
	}
}

// TestManyPlainWrites: a thread may make any number of plain writes.
func TestManyPlainWrites(t *testing.T) {
	p := testProgram("many writes", func() {
		storeCell(d, 1, rlx)
		for i := range uint64(600) {
			writeCell(d, i)
		}
		storeCell(y, 1, rel)
		regs[0] = int(loadCell(d, rlx))
	}, func() {
		if loadCell(y, acq) == 1 {
			regs[1] = int(readCell(d))
		}
	})
	for _, model := range models {
		for _, s := range []Strategy{Exhaustive(), Stateless()} {
			r := checkRun(t, World{Memory: model}, p, s, "")
			for outcome := range r.Outcomes {
				if !containsWords(outcome, "r0=599 d=599") || strings.Contains(outcome, "r1=") && !containsWords(outcome, "r1=599") {
					t.Errorf("%v: %s", r, outcome)
				}
			}
		}
	}
}

// TestTooMany: a program that exceeds the explorer's limits fails.
func TestTooMany(t *testing.T) {
	var words [2000]uint64
	at := func(i int) *uint64 { return &words[i] }
	p := testProgram("many variables", func() {
		for i := range maxLocations + 1 {
			LoadWord(0, "load", w64(at(i)), 64, rlx)
		}
	})
	checkRun(t, World{}, p, Exhaustive(), "more than 256 shared variables")
	var many []func()
	for range 10 {
		many = append(many, func() {})
	}
	many[0] = func() {
		for i := range 200 {
			PlainRead(0, w64(at(i)), 64)
		}
	}
	checkRun(t, World{}, testProgram("many plain variables", many...), Exhaustive(), "more than 93 plain variables")
}
