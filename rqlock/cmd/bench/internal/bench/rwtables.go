package bench

import (
	"fmt"
	"math"
	"slices"
)

// Bars of rqlock.RWMutex's ratios to sync.RWMutex. Those of pairs are in pairCases.
const (
	rwGridBar    = 0.8  // geometric mean of the grid
	rwAloneBar   = 1.35 // each cell of one goroutine
	rwCellBar    = 1.15 // no other cell wholly above
	rwFailureBar = 2    // errors, by rqlock.Mutex's
)

// peerRW is the lock that gives readers a token.
const peerRW = "xsync"

// rwPairRatios are rqlock's to another lock in a pairCase, round by round.
func (r *Report) rwPairRatios(name, base string) series {
	cell := pairCell(name)
	return r.Results.runs("rwpairs", cell, rq, nsPerOp).by(r.Results.runs("rwpairs", cell, base, nsPerOp))
}

// rwPairMinima is the ratio of the fastest batches of all runs.
func (r *Report) rwPairMinima(name, lock, base string) float64 {
	runs := func(lock string) series { return r.Results.runs("rwpairs", pairCell(name), lock, minNsPerOp) }
	return runs(lock).min() / runs(base).min()
}

func rwPairsTable(r *Report) table {
	t := table{
		title: "Reader-writer locks, ns per pair of calls: medians of the runs, and the fastest 10,000 pairs of all runs", left: 2,
		head: []string{"calls", "lock", "ns", r.intervalName(), "of rwmutex", r.intervalName(), "fastest", "of rwmutex's", "of empty calls"},
	}
	for _, p := range pairCases {
		for _, name := range r.Results.locks("rwpairs") {
			s := r.Results.runs("rwpairs", p.cell(), name, nsPerOp)
			if s == nil {
				continue
			}
			toBase := r.ratios("rwpairs", p.cell(), name)
			t.rows = append(t.rows, []string{p.what, name, fraction(s.median()), s.span(), fraction(toBase.median()), toBase.span(),
				fraction(r.Results.runs("rwpairs", p.cell(), name, minNsPerOp).min()), fraction(r.rwPairMinima(p.name, name, rwBase)),
				fraction(ratio(s, r.Results.runs("rwpairs", p.cell(), empty, nsPerOp)))})
		}
	}
	for _, p := range pairCases {
		t.notes = append(t.notes, ratioNote(p.what+": rqlock/rwmutex", r.rwPairRatios(p.name, rwBase).median(), p.bar))
		if !math.IsNaN(p.minima) {
			t.notes = append(t.notes, ratioNote(p.what+": rqlock/rwmutex, the fastest pairs", r.rwPairMinima(p.name, rq, rwBase), p.minima))
		}
		if !math.IsNaN(p.xsync) {
			t.notes = append(t.notes, ratioNote(p.what+": rqlock/xsync", r.rwPairRatios(p.name, peerRW).median(), p.xsync))
		}
	}
	return t
}

// rwRatios are rqlock's medians in the cells of the grid with one goroutine, and in the
// others.
func (r *Report) rwRatios(base string) (alone, others series) {
	for _, cell := range r.Results.cells("rwgrid") {
		runs := func(lock string) series { return r.Results.runs("rwgrid", cell, lock, nsPerOp) }
		if x := ratio(runs(rq), runs(base)); field(cell, "g") == "1" {
			alone = append(alone, x)
		} else {
			others = append(others, x)
		}
	}
	return alone, others
}

// rwGridMean is the geometric mean of all cells.
func (r *Report) rwGridMean() float64 { return geomeanOf(slices.Concat(r.rwRatios(rwBase))) }

// rwWorstAlone is the largest ratio of one goroutine.
func (r *Report) rwWorstAlone() float64 {
	alone, _ := r.rwRatios(rwBase)
	if !measured(alone) {
		return math.NaN()
	}
	return slices.Max(alone)
}

func rwGridTable(r *Report) table {
	locks := r.Results.locks("rwgrid")
	t := table{
		title: fmt.Sprintf("Reader-writer locks, GOMAXPROCS %d, ns per section: of 100, as many read as the column says", fewProcs),
		head:  slices.Concat([]string{"goroutines", "reads", "in"}, locks, []string{"/rwmutex", r.intervalName(), "/xsync"}),
	}
	for _, cell := range r.Results.cells("rwgrid") {
		row := []string{field(cell, "g"), field(cell, "reads"), field(cell, "in")}
		for _, name := range locks {
			row = append(row, number(r.Results.runs("rwgrid", cell, name, nsPerOp).median()))
		}
		s := r.ratios("rwgrid", cell, rq)
		mark := s.whollyAbove(rwCellBar)
		if field(cell, "g") == "1" {
			mark = s.median() > rwAloneBar
		}
		toXsync := ratio(r.Results.runs("rwgrid", cell, rq, nsPerOp), r.Results.runs("rwgrid", cell, peerRW, nsPerOp))
		t.rows = append(t.rows, append(row, marked(s.median(), mark), s.span(), fraction(toXsync)))
	}
	alone, others := r.rwRatios(rwBase)
	aloneX, othersX := r.rwRatios(peerRW)
	t.notes = []string{
		meanNote("rqlock/rwmutex", slices.Concat(alone, others), rwGridBar),
		plainNote("rqlock/rwmutex, more than one goroutine", others),
		ratioNote("rqlock/rwmutex, one goroutine, worst", r.rwWorstAlone(), rwAloneBar),
		r.aboveNote("rwgrid", rwCellBar),
		plainNote("rqlock/xsync", slices.Concat(aloneX, othersX)),
		"Ratios are medians of the rounds' ratios; ! is a cell over its bar, for more than one goroutine with its whole interval",
	}
	return t
}

func rwWaitTable(r *Report) table {
	t := r.waitTableOf("rwwait", rwWaitCell)
	t.title = fmt.Sprintf("Wait of a writer for a reader-writer lock with %d readers, sections %v, GOMAXPROCS %d", few, section, fewProcs)
	return t
}

// rwFailureRatios are rqlock.RWMutex's times to those of rqlock.Mutex.
func (r *Report) rwFailureRatios(name string) series { return r.rwFailureBy(name, rqMutex) }

func (r *Report) rwFailureBy(name, base string) series {
	cell := "case=" + name
	return r.Results.runs("rwfailure", cell, rq, nsPerOp).by(r.Results.runs("rwfailure", cell, base, nsPerOp))
}

func rwFailureTable(r *Report) table {
	t := table{
		title: "Time to the error of rqlock.RWMutex, of rqlock.Mutex for the like, and the former in uncontended pairs of sync.Mutex", left: 1,
		head: []string{"case", "RWMutex", "shortest", "Mutex", "shortest", "RWMutex/Mutex", r.intervalName(), "pairs"},
	}
	for _, f := range rwFailureCases {
		row := []string{f.what}
		for _, lock := range []string{rq, rqMutex} {
			row = append(row, duration(r.Results.runs("rwfailure", "case="+f.name, lock, nsPerOp).median()),
				duration(r.Results.runs("rwfailure", "case="+f.name, lock, minNsPerOp).min()))
		}
		s := r.rwFailureRatios(f.name)
		t.rows = append(t.rows, append(row, fraction(s.median()), s.span(), number(r.rwFailureBy(f.name, mutex).median())))
		t.notes = append(t.notes, ratioNote(f.what+": RWMutex/Mutex", s.median(), rwFailureBar))
	}
	return t
}
