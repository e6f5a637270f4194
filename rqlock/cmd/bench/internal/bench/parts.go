package bench

import (
	"fmt"
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
	{"uncontended", func(s *session) int { return s.runs * (len(s.locks) + 1) }, (*session).uncontended, uncontendedTable},
	{"grid", func(s *session) int { return s.runs * len(s.locks) * len(s.cells()) }, (*session).contended, gridTable},
	{"wait", func(s *session) int { return s.runs * len(s.locks) }, (*session).longWaits, waitTable},
	{"fairness", func(s *session) int { return s.fairRuns() * len(s.locks) }, (*session).fair, fairnessTable},
	{"failure", (*session).failureSteps, (*session).failures, failureTable},
	{"memory", func(s *session) int { return len(s.locks) }, (*session).memory, memoryTable},
	{"kernel", func(s *session) int { return s.runs * len(s.kernelLocks()) * len(kernelCells()) }, (*session).kernel, kernelTable},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// uncontended measures Lock and Unlock by a single goroutine.
func (s *session) uncontended() Results {
	const batch = 10_000
	cs := append([]contender{{name: "floor", new: func() lock { return new(floor) }}}, s.locks...)
	return s.paired("uncontended", "", s.runs, cs, func(c contender) outcome {
		l := c.new()
		l.pairs(1) // allocates what is allocated once
		ops := 0
		start := time.Now()
		for time.Since(start) < s.time {
			l.pairs(batch)
			ops += batch
		}
		return perOp(time.Since(start), ops)
	})
}

// cells returns the cells that the command line asks for: those of the grid, and those that
// the plots need besides.
func (s *session) cells() (cells []cell) {
	for _, c := range append(grid(), alone()...) {
		if strings.Contains(c.String(), s.cell) {
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

// longWaits measures how long acquisitions wait. Some quantiles are results of the part
// "wait". All of them together are the part "curve".
func (s *session) longWaits() Results {
	cell := cell{fewProcs, few, section, 0}.String()
	rs := s.paired("wait", cell, s.runs, s.locks, func(c contender) outcome {
		ds := waits(c.new(), 10*s.time)
		at := func(q float64) float64 { return float64(quantile(ds, q).Nanoseconds()) }
		o := outcome{len(ds), []value{{"p50-ns", at(0.5)}, {"p99-ns", at(0.99)}, {"p99.9-ns", at(0.999)}, {"max-ns", at(1)}}}
		for _, q := range quantiles {
			o.values = append(o.values, value{curveUnit(q), at(q)})
		}
		return o
	})
	for i := range rs {
		if strings.HasPrefix(rs[i].Unit, "q=") {
			rs[i].Part, rs[i].Cell, rs[i].Unit = curve, rs[i].Cell+"/"+rs[i].Unit, "ns"
		}
	}
	return rs
}

// curve is the part that has the distribution of waits.
const curve = "curve"

// curveUnit is the unit of a quantile before it becomes a result of the part "curve".
func curveUnit(q float64) string { return fmt.Sprintf("q=%.7g", q) }

// fairRuns is the number of runs that measure fairness. They are few as they are long.
func (s *session) fairRuns() int { return min(s.runs, 3) }

// fair measures how evenly the goroutines acquire the locks.
func (s *session) fair() Results {
	cell := cell{fewProcs, few, section, 0}.String()
	return s.paired("fairness", cell, s.fairRuns(), s.locks, func(c contender) outcome { return fairness(c.new(), s.fairTime) })
}

// failureSteps is 0 unless rqlock is measured, as no other lock returns errors.
func (s *session) failureSteps() int {
	if !slices.Contains(names(s.locks), rq) {
		return 0
	}
	return len(failureCases)
}

// failures measures how soon rqlock returns errors.
func (s *session) failures() (rs Results) {
	if s.failureSteps() == 0 {
		return nil
	}
	for _, f := range failureCases {
		s.step("failure %s", f.name)
		rs = append(rs, s.repeated("case="+f.name, f.times, f.measure))
	}
	return append(rs, s.repeated(makingCell, failureCases[0].times, makingTime))
}

// repeated measures something several times in each run. The result of a run is the median.
func (s *session) repeated(cell string, times int, measure func() time.Duration) Result {
	measure() // allocates what is allocated once
	r := Result{Part: "failure", Cell: cell, Lock: rq, Unit: nsPerOp, Iters: times}
	for range s.runs {
		ds := make([]time.Duration, times)
		for i := range ds {
			ds[i] = measure()
		}
		r.Runs = append(r.Runs, float64(medianTime(ds).Nanoseconds()))
	}
	return r
}

// memory measures sizes and allocations.
func (s *session) memory() Results {
	const n = 100_000
	return s.paired("memory", "", 1, s.locks, func(c contender) outcome {
		return outcome{n, []value{{"B", float64(c.size)}, {"allocs/op", float64(contendedAllocs(c.new(), n)) / n}}}
	})
}
