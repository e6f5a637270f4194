package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A part is a set of measurements.
type part struct {
	name  string
	steps func(*session) int // of the progress bar
	run   func(*session) Results
	table func(*Report) table
}

// parts of the report, in order.
var parts = []part{
	{"uncontended", func(s *session) int { return s.runs * (len(bounds) + len(s.locks)) }, (*session).uncontended, uncontendedTable},
	{"gomutex", func(s *session) int { return s.runs * len(s.locks) * s.wanted(situationCells()) }, (*session).goMutex, goMutexTable},
	{"grid", func(s *session) int { return s.runs * len(s.locks) * len(s.cells()) }, (*session).contended, gridTable},
	{"wait", func(s *session) int { return s.runs * len(s.locks) }, (*session).longWaits, waitTable},
	{"fairness", func(s *session) int { return s.fairRuns() * len(s.locks) }, (*session).fair, fairnessTable},
	{"failure", (*session).failureSteps, (*session).failures, failureTable},
	{"memory", func(s *session) int { return len(s.locks) }, (*session).memory, memoryTable},
	{"kernel", func(s *session) int { return s.runs * len(s.kernelLocks()) * len(kernelCells()) }, (*session).kernel, kernelTable},
	{"waits", func(s *session) int { return s.runs * len(s.waitLocks()) * s.wanted(waitCells()) }, (*session).sleepers, sleepersTable},
	{"rwpairs", (*session).rwPairSteps, (*session).rwPairs, rwPairsTable},
	{"rwgrid", func(s *session) int { return s.runs * len(s.shared()) * len(s.rwCells()) }, (*session).rwContended, rwGridTable},
	{"rwwait", func(s *session) int { return s.runs * len(s.shared()) }, (*session).rwWaits, rwWaitTable},
	{"rwfailure", (*session).rwFailureSteps, (*session).rwFailures, rwFailureTable},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// bounds are not locks. They show how near a lock can come to doing nothing.
var bounds = []contender{
	{name: empty, new: func() lock { return new(emptyCalls) }},
	{name: least, new: func() lock { return new(floor) }},
}

// uncontended measures Lock and Unlock by a single goroutine.
func (s *session) uncontended() Results {
	return s.paired("uncontended", "", s.runs, slices.Concat(bounds, s.locks), s.pairs)
}

// pairs measures pairs of Lock and Unlock in batches. The fastest batch is a result of its
// own, as whatever else the machine does disturbs it the least.
func (s *session) pairs(c contender) outcome { return s.batches(10_000, c.new().pairs) }

// batches measures operations that f does as many of as it is told.
func (s *session) batches(batch int, f func(n int)) outcome {
	f(1) // allocates what is allocated once
	ops, fastest := 0, time.Duration(math.MaxInt64)
	start := time.Now()
	for last := start; last.Sub(start) < s.time; ops += batch {
		f(batch)
		now := time.Now()
		fastest = min(fastest, now.Sub(last))
		last = now
	}
	o := perOp(time.Since(start), ops)
	o.values = append(o.values, value{minNsPerOp, float64(fastest.Nanoseconds()) / float64(batch)})
	return o
}

// wants reports whether the command line asks for the cell.
func (s *session) wants(cell string) bool { return strings.Contains(cell, s.cell) }

// wanted counts the cells that the command line asks for.
func (s *session) wanted(cells []string) (n int) {
	for _, c := range cells {
		if s.wants(c) {
			n++
		}
	}
	return n
}

// cells returns the cells that the command line asks for: those of the grid, and those that
// the plots need besides.
func (s *session) cells() (cells []cell) {
	for _, c := range append(grid(), alone()...) {
		if s.wants(c.String()) {
			cells = append(cells, c)
		}
	}
	return cells
}

// contended measures the grid.
func (s *session) contended() (rs Results) {
	for _, c := range s.cells() {
		n := map[string]int{}
		for _, k := range s.locks {
			n[k.name] = c.calibrate(k, s.time)
		}
		rs = append(rs, s.paired("grid", c.String(), s.runs, s.locks, func(k contender) outcome {
			return perOp(c.run(k.new(), n[k.name]), n[k.name]*c.g)
		})...)
	}
	return rs
}

// quantiles are those of the curve of waits. They get denser towards the longest.
var quantiles = func() (qs []float64) {
	for _, tail := range []float64{1, 0.1, 0.01, 1e-3, 1e-4} {
		for _, x := range []float64{1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15} {
			qs = append(qs, 1-tail*x)
		}
	}
	return append(qs, 1-1e-5, 1-1e-6)
}()

// longWaits measures how long acquisitions wait.
func (s *session) longWaits() Results {
	return s.waitQuantiles("wait", fewCell, s.locks, func(c contender) []time.Duration { return waits(c.new(), 10*s.time) })
}

// waitQuantiles measures waits, which it gets sorted. Some quantiles are results of the part.
// All of them together are the part that is its curve.
func (s *session) waitQuantiles(part, cell string, cs []contender, waits func(contender) []time.Duration) Results {
	rs := s.paired(part, cell, s.runs, cs, func(c contender) outcome {
		ds := waits(c)
		at := func(q float64) float64 { return float64(quantile(ds, q).Nanoseconds()) }
		o := outcome{len(ds), []value{{"p50-ns", at(0.5)}, {"p99-ns", at(0.99)}, {"p99.9-ns", at(0.999)}, {"max-ns", at(1)}}}
		for _, q := range quantiles {
			o.values = append(o.values, value{curveUnit(q), at(q)})
		}
		return o
	})
	for i := range rs {
		if strings.HasPrefix(rs[i].Unit, "q=") {
			rs[i].Part, rs[i].Cell, rs[i].Unit = curves[part], rs[i].Cell+"/"+rs[i].Unit, "ns"
		}
	}
	return rs
}

// curve and rwCurve are the parts that have the distributions of waits.
const curve, rwCurve = "curve", "rwcurve"

var curves = map[string]string{"wait": curve, "rwwait": rwCurve}

// curveUnit is the unit of a quantile before it becomes a result of the part "curve".
func curveUnit(q float64) string { return fmt.Sprintf("q=%.7g", q) }

// fairRuns is the number of runs that measure fairness. They are few as they are long.
func (s *session) fairRuns() int { return min(s.runs, 3) }

// fair measures how evenly the goroutines acquire the locks.
func (s *session) fair() Results {
	return s.paired("fairness", fewCell, s.fairRuns(), s.locks, func(c contender) outcome { return fairness(c.new(), s.fairTime) })
}

// failureSteps is 0 unless rqlock is measured, as no other lock returns errors.
func (s *session) failureSteps() int {
	if !slices.Contains(names(s.locks), rq) {
		return 0
	}
	return s.runs * len(failureCases) * 2
}

// failures measures how soon rqlock returns errors, in turns with uncontended pairs of
// sync.Mutex, whose time is the unit of the bars.
func (s *session) failures() (rs Results) {
	if s.failureSteps() == 0 {
		return nil
	}
	for _, f := range failureCases {
		f.measure() // allocates what is allocated once
		rs = append(rs, s.paired("failure", "case="+f.name, s.runs, named(rq, mutex), func(c contender) outcome {
			if c.name == mutex {
				return s.pairs(c)
			}
			return median(f.times, f.measure)
		})...)
	}
	return rs
}

// median measures something several times. The outcome is the median, and the shortest.
func median(times int, measure func() time.Duration) outcome {
	ds := make([]time.Duration, times)
	for i := range ds {
		ds[i] = measure()
	}
	return outcome{times, []value{
		{nsPerOp, float64(medianTime(ds).Nanoseconds())},
		{minNsPerOp, float64(slices.Min(ds).Nanoseconds())},
	}}
}

// memory measures sizes and allocations.
func (s *session) memory() Results {
	const n = 100_000
	return s.paired("memory", "", 1, s.locks, func(c contender) outcome {
		return outcome{n, []value{{"B", float64(c.size)}, {"allocs/op", float64(contendedAllocs(c.new(), n)) / n}}}
	})
}
