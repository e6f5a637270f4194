package bench

import (
	"fmt"
	"strings"
	"testing"
)

// scaled returns the sample with rqlock's times multiplied in one part.
func scaled(part string, by float64) *Report {
	r := sample()
	for _, res := range r.Results {
		if res.Part == part && res.Lock == rq {
			for i := range res.Runs {
				res.Runs[i] *= by
			}
		}
	}
	return r
}

// TestBars: a fast lock keeps all bars of a part, and a slow one misses them.
func TestBars(t *testing.T) {
	for _, c := range []struct {
		part       string
		table      func(*Report) table
		fast, slow float64
		bars       int
	}{
		{"uncontended", uncontendedTable, 0.5, 2, 3},
		{"gomutex", goMutexTable, 0.5, 2, 4},
		{"grid", gridTable, 0.5, 2, 4},
		{"failure", failureTable, 0.5, 1000, 3},
		{"waits", sleepersTable, 0.5, 1e5, 1},
		{"rwpairs", rwPairsTable, 0.3, 3, 6},
		{"rwgrid", rwGridTable, 0.5, 2, 3},
		{"rwwait", rwWaitTable, 0.5, 2, 1},
		{"rwfailure", rwFailureTable, 0.5, 2, 3},
	} {
		for by, want := range map[float64]string{c.fast: keptWord, c.slow: missedWord} {
			notes := strings.Join(c.table(scaled(c.part, by)).notes, "\n")
			other := keptWord
			if want == keptWord {
				other = missedWord
			}
			if strings.Count(notes, want) != c.bars || strings.Contains(notes, other) {
				t.Errorf("%s, times %v: want %d bars %s:\n%s", c.part, by, c.bars, want, notes)
			}
		}
	}
}

// TestBarsAtEdge: each bar of the new parts is where it is meant to be.
func TestBarsAtEdge(t *testing.T) {
	ratio := func(part, cell, unit string, x float64, notes func(*Report) table) string {
		r := &Report{Runs: 10}
		for lock, v := range map[string]float64{rq: x, mutex: 1, rwBase: 1, peerRW: 1, rqMutex: 1} {
			s := make(series, r.Runs)
			for i := range s {
				s[i] = v
			}
			r.Results = append(r.Results, Result{part, cell, lock, unit, 1, s})
		}
		t := notes(r)
		for _, row := range t.rows {
			t.notes = append(t.notes, row[len(row)-1])
		}
		return strings.Join(t.notes, "\n")
	}
	for _, c := range []struct {
		part, cell, unit string
		table            func(*Report) table
		bar              float64
		says             string // before the verdict
	}{
		{"uncontended", "", nsPerOp, uncontendedTable, 1.05, "rqlock/mutex: %.2f (bar 1.05: "},
		{"uncontended", "", minNsPerOp, uncontendedTable, 0.85, "fastest pairs: %.2f (bar 0.85: "},
		{"gomutex", situationCell(1, "Work"), nsPerOp, goMutexTable, 0.95, "GOMAXPROCS 1: %.2f (bar 0.95: "},
		{"gomutex", situationCell(2, "Work"), nsPerOp, goMutexTable, 0.85, "GOMAXPROCS 2: %.2f (bar 0.85: "},
		{"gomutex", situationCell(8, "Work"), nsPerOp, goMutexTable, 0.85, "GOMAXPROCS 8: %.2f (bar 0.85: "},
		{"failure", "case=self", nsPerOp, failureTable, 300, "self, in pairs: bar 300.00: "},
		{"failure", "case=cycle2", nsPerOp, failureTable, 2000, "cycle2, in pairs: bar 2000.00: "},
		{"waits", waitCell("chain", 50), "unwind-ns", sleepersTable, 3, "3.00: "},
		{"waits", waitCell("handoff", 10), "p99-ns", sleepersTable, 3, "3.00: "},
		{"waits", waitCell("crowd", 100_000), "cpu-ns", sleepersTable, 3, "3.00: "},
		{"waits", waitCell("asleep", 1000), "cpu-%", sleepersTable, 0.5, "0.50: "},
		{"waits", waitCell("asleep", 1000), "wakeups/s", sleepersTable, 50, "50.0: "},
		{"rwpairs", pairCell("read"), nsPerOp, rwPairsTable, 1.25, "RUnlock: rqlock/rwmutex: %.2f (bar 1.25: "},
		{"rwpairs", pairCell("read"), minNsPerOp, rwPairsTable, 1, "RUnlock: rqlock/rwmutex, the fastest pairs: %.2f (bar 1.00: "},
		{"rwpairs", pairCell("read"), nsPerOp, rwPairsTable, 1.2, "RUnlock: rqlock/xsync: %.2f (bar 1.20: "},
		{"rwpairs", pairCell("write"), nsPerOp, rwPairsTable, 0.6, "Unlock: rqlock/rwmutex: %.2f (bar 0.60: "},
		{"rwpairs", pairCell("readers"), nsPerOp, rwPairsTable, 0.35, "goroutines: rqlock/rwmutex: %.2f (bar 0.35: "},
		{"rwpairs", pairCell("readers"), nsPerOp, rwPairsTable, 1.2, "goroutines: rqlock/xsync: %.2f (bar 1.20: "},
		{"rwgrid", rwGrid()[0].String(), nsPerOp, rwGridTable, 1.35, "one goroutine, worst: %.2f (bar 1.35: "},
		{"rwgrid", rwGrid()[10].String(), nsPerOp, rwGridTable, 0.8, "geometric mean %.2f (bar 0.80: "},
		{"rwwait", rwWaitCell, longUnit, rwWaitTable, 1, "p99.9: %.2f (bar 1.00: "},
		{"rwfailure", "case=lock-reading", nsPerOp, rwFailureTable, 2, "Lock while reading: RWMutex/Mutex: %.2f (bar 2.00: "},
		{"rwfailure", "case=rlock-writing", nsPerOp, rwFailureTable, 2, "RLock while writing: RWMutex/Mutex: %.2f (bar 2.00: "},
		{"rwfailure", "case=cycle2", nsPerOp, rwFailureTable, 2, "through readers: RWMutex/Mutex: %.2f (bar 2.00: "},
	} {
		for x, word := range map[float64]string{c.bar * 0.99: keptWord, c.bar * 1.01: missedWord} {
			says := c.says + word
			if strings.Contains(says, "%") {
				says = fmt.Sprintf(says, x)
			}
			if got := ratio(c.part, c.cell, c.unit, x, c.table); !strings.Contains(got, says) {
				t.Errorf("%s %s %s: %v is not %q:\n%s", c.part, c.cell, c.unit, x, says, got)
			}
		}
	}
}

// TestWhollyAbove: a cell misses its bar only if the whole interval does.
func TestWhollyAbove(t *testing.T) {
	for _, c := range []struct {
		s    series
		want bool
	}{
		{nil, false},
		{series{1.06}, true},
		{series{1.04, 1.2}, false},
		{series{1.06, 1.2, 1.1}, true},
		{series{0.9, 1.1, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2}, true},  // one run of ten is outside of the interval
		{series{0.9, 0.9, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2}, false}, // two are not
	} {
		if got := c.s.whollyAbove(1.05); got != c.want {
			lo, hi := 0.0, 0.0
			if len(c.s) > 0 {
				lo, hi = c.s.interval()
			}
			t.Errorf("%v, interval %v to %v: %v", c.s, lo, hi, got)
		}
	}
	cell := situationCell(2, "Slack")
	for _, c := range []struct {
		part, cell string
		table      func(*Report) table
		bar        float64
		of, skip   int // skip: columns at the end that have other bars
	}{
		{"gomutex", cell, goMutexTable, 1.05, 21, 0},
		{"grid", grid()[3].String(), gridTable, 1.10, 24, 4},
		{"rwgrid", rwGrid()[11].String(), rwGridTable, 1.15, 32, 0},
	} {
		for _, by := range []float64{0.99, 1.01} {
			r := sample()
			theirs := r.Results.runs(c.part, c.cell, baseOf(c.part), nsPerOp)
			for i := range theirs {
				r.Results.runs(c.part, c.cell, rq, nsPerOp)[i] = theirs[i] * c.bar * by
			}
			want := fmt.Sprintf("wholly above %.2f: none of %d (%s)", c.bar, c.of, keptWord)
			if by > 1 {
				want = fmt.Sprintf("wholly above %.2f: 1 of %d (%s): %s", c.bar, c.of, missedWord, c.cell)
			}
			tb := c.table(r)
			marks := 0
			for _, row := range tb.rows {
				marks += strings.Count(strings.Join(row[:len(row)-c.skip], " "), "!")
			}
			if notes := strings.Join(tb.notes, "\n"); !strings.Contains(notes, want) || (marks > 0) != (by > 1) {
				t.Errorf("%s: no %q, or %d marks:\n%s", c.part, want, marks, notes)
			}
		}
	}
}

// TestFewPairs: with fewer pairs than the bars ask for, the table says so.
func TestFewPairs(t *testing.T) {
	r := sample()
	r.Runs = enoughPairs - 1
	few := sleepersTable(r).notes
	r.Runs = enoughPairs
	if enough := sleepersTable(r).notes; len(few) != len(enough)+1 || !strings.Contains(few[len(few)-1], "at least 7") {
		t.Errorf("%q, %q", few, enough)
	}
}

// TestUnmeasured: what was not measured keeps no bar.
func TestUnmeasured(t *testing.T) {
	r := sample()
	for i := range r.Results {
		if r.Results[i].Lock == mutex {
			r.Results[i].Lock = "other"
		}
	}
	for name, table := range map[string]func(*Report) table{"gomutex": goMutexTable, "failure": failureTable, "waits": sleepersTable} {
		tb := table(r)
		notes := strings.Join(tb.notes, "\n")
		if !strings.Contains(notes, unmeasured) {
			t.Errorf("%s:\n%s", name, notes)
		}
		var text strings.Builder
		tb.text(&text)
		if strings.Contains(text.String(), "NaN") {
			t.Errorf("%s:\n%s", name, text.String())
		}
	}
}
