package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// uncontendedRuns returns the runs of a lock's pairs.
func (r *Report) uncontendedRuns(lock, unit string) series {
	return r.Results.runs("uncontended", "", lock, unit)
}

// uncontendedRatio is the median of rqlock's ratios.
func (r *Report) uncontendedRatio(base string) float64 {
	return ratio(r.uncontendedRuns(rq, nsPerOp), r.uncontendedRuns(base, nsPerOp))
}

// uncontendedMinima is the ratio of the fastest batches of all runs.
func (r *Report) uncontendedMinima(lock, base string) float64 {
	return r.uncontendedRuns(lock, minNsPerOp).min() / r.uncontendedRuns(base, minNsPerOp).min()
}

func uncontendedTable(r *Report) table {
	t := table{
		title: "Lock and Unlock, uncontended: medians of the runs, and the fastest 10,000 pairs of all runs", left: 1,
		head: []string{"lock", "ns", r.intervalName(), "of mutex", "fastest", "of mutex's", "of empty calls"},
	}
	for _, name := range r.Results.locks("uncontended") {
		s := r.uncontendedRuns(name, nsPerOp)
		t.rows = append(t.rows, []string{name, fmt.Sprintf("%.2f", s.median()), s.span(),
			fraction(ratio(s, r.uncontendedRuns(mutex, nsPerOp))),
			fraction(r.uncontendedRuns(name, minNsPerOp).min()), fraction(r.uncontendedMinima(name, mutex)),
			fraction(ratio(s, r.uncontendedRuns(empty, nsPerOp)))})
	}
	t.notes = []string{
		ratioNote("rqlock/mutex", r.uncontendedRatio(mutex), uncontendedBar),
		ratioNote("rqlock/mutex, the fastest pairs", r.uncontendedMinima(rq, mutex), minimaBar),
		ratioNote("rqlock/empty calls", r.uncontendedRatio(empty), emptyBar) + "; empty calls: two of an assembly function that only returns",
		fmt.Sprintf("rqlock/floor %s; floor: one compare-and-exchange and one store, without a call", fraction(r.uncontendedRatio(least))),
	}
	return t
}

// Bars of rqlock's ratios.
const (
	uncontendedBar = 1.05 // pairs, by sync.Mutex's
	minimaBar      = 0.85 // the same, the fastest of each
	emptyBar       = 1.25 // pairs, by two empty calls
	gridBar        = 0.75 // geometric mean of the grid, by sync.Mutex
	gridCellBar    = 1.10 // no cell of it wholly above
	goCellBar      = 1.05 // no cell of Go's benchmarks wholly above
	waitBar        = 1    // p99.9 of the waits, by sync.Mutex's or sync.RWMutex's
)

// goBars are those of the geometric mean of Go's benchmarks at each GOMAXPROCS.
var goBars = map[int]float64{1: 0.95, 2: 0.85, 8: 0.85}

func ratioNote(what string, got, bar float64) string {
	return fmt.Sprintf("%s: %s (%s)", what, fraction(got), verdict(got, bar))
}

// intervalName is the head of a column of intervals. A few runs have a range only.
func (r *Report) intervalName() string {
	if r.Runs < 6 {
		return "range"
	}
	return "95 % interval"
}

// above returns the cells of a part in which the interval of rqlock's ratios lies wholly
// above the bar, and how many cells there are.
func (r *Report) above(part string, bar float64) (cells []string, of int) {
	for _, cell := range r.Results.cells(part) {
		s := r.ratios(part, cell, rq)
		if !measured(s) || field(cell, "g") == "1" {
			continue
		}
		of++
		if s.whollyAbove(bar) {
			cells = append(cells, cell)
		}
	}
	return cells, of
}

// baseOf is the lock that the others of a part are compared with.
func baseOf(part string) string {
	switch part {
	case "rwpairs", "rwgrid", "rwwait":
		return rwBase
	}
	return mutex
}

// ratios are those of a lock to the part's base in a cell, round by round.
func (r *Report) ratios(part, cell, lock string) series {
	return r.Results.runs(part, cell, lock, nsPerOp).by(r.Results.runs(part, cell, baseOf(part), nsPerOp))
}

// aboveNote says which cells lie above their bar.
func (r *Report) aboveNote(part string, bar float64) string {
	what := fmt.Sprintf("rqlock/%s: cells with an interval wholly above %.2f", baseOf(part), bar)
	cells, of := r.above(part, bar)
	switch {
	case of == 0:
		return what + ": not measured"
	case len(cells) == 0:
		return fmt.Sprintf("%s: none of %d (kept)", what, of)
	}
	return fmt.Sprintf("%s: %d of %d (MISSED): %s", what, len(cells), of, strings.Join(cells, ", "))
}

func goMutexTable(r *Report) table {
	t := table{title: "Package sync's own benchmarks of its mutex, written anew: ns per turn, the shortest run, and ratios to mutex with their " + r.intervalName() + "s", left: 2}
	var others []string
	for _, name := range r.Results.locks("gomutex") {
		if name != rq && name != mutex {
			others = append(others, name)
		}
	}
	t.head = slices.Concat([]string{"procs", "situation", "rqlock", "min", "mutex", "min", "rqlock/mutex", r.intervalName()}, others)
	for _, procs := range situationProcs {
		cells := slices.DeleteFunc(r.Results.cells("gomutex"), func(c string) bool { return field(c, "procs") != strconv.Itoa(procs) })
		if len(cells) == 0 {
			continue
		}
		mean := []string{strconv.Itoa(procs), "geomean", "", "", "", "", fraction(r.goMean(procs, rq)), ""}
		for _, name := range others {
			mean = append(mean, fraction(r.goMean(procs, name)))
		}
		for _, cell := range cells {
			row := []string{field(cell, "procs"), field(cell, "bench")}
			for _, name := range []string{rq, mutex} {
				s := r.Results.runs("gomutex", cell, name, nsPerOp)
				row = append(row, number(s.median()), number(s.min()))
			}
			s := r.ratios("gomutex", cell, rq)
			row = append(row, marked(s.median(), s.whollyAbove(goCellBar)), s.span())
			for _, name := range others {
				s := r.ratios("gomutex", cell, name)
				row = append(row, withSpan(s))
			}
			t.rows = append(t.rows, row)
		}
		t.rows = append(t.rows, mean)
		t.notes = append(t.notes, ratioNote(fmt.Sprintf("rqlock/mutex, geometric mean at GOMAXPROCS %d", procs), r.goMean(procs, rq), goBars[procs]))
	}
	t.notes = append(t.notes, r.aboveNote("gomutex", goCellBar),
		"Ratios are medians of the rounds' ratios; ! is a cell whose interval lies wholly above its bar")
	return t
}

// goMean is the geometric mean of a lock's ratios in Go's benchmarks at one GOMAXPROCS.
func (r *Report) goMean(procs int, lock string) float64 {
	var s series
	for _, cell := range r.Results.cells("gomutex") {
		if field(cell, "procs") == strconv.Itoa(procs) {
			s = append(s, r.ratios("gomutex", cell, lock).median())
		}
	}
	return geomeanOf(s)
}

// cellRatios are rqlock's in one cell of the grid.
type cellRatios struct {
	mutex, qspin, peer, best float64
	bestName                 string // the fastest lock that is not of this project
}

func (r *Report) cellRatios(cell string) cellRatios {
	runs := func(lock string) series { return r.Results.runs("grid", cell, lock, nsPerOp) }
	c := cellRatios{ratio(runs(rq), runs(mutex)), ratio(runs(rq), runs(qs)), ratio(runs(rq), runs(peer)), math.NaN(), "-"}
	least := math.Inf(1)
	for _, name := range r.Results.locks("grid") {
		if m := runs(name).median(); name != rq && name != qs && m < least {
			least, c.bestName = m, name
			c.best = ratio(runs(rq), runs(name))
		}
	}
	return c
}

func gridTable(r *Report) table {
	locks := r.Results.locks("grid")
	t := table{title: "Contended, ns per round: lock, section, unlock, pause", left: 0}
	t.head = slices.Concat([]string{"procs", "goroutines", "in", "out"}, locks, []string{"/mutex", "/qspin", "/go-deadlock", "/best", "best"})
	var toMutex, toQspin, toPeer, toBest series
	for _, cell := range r.Results.cells("grid") {
		row := []string{field(cell, "procs"), field(cell, "g"), field(cell, "in"), field(cell, "out")}
		for _, name := range locks {
			row = append(row, number(r.Results.runs("grid", cell, name, nsPerOp).median()))
		}
		c := r.cellRatios(cell)
		t.rows = append(t.rows, append(row, marked(c.mutex, r.ratios("grid", cell, rq).whollyAbove(gridCellBar)), over(c.qspin, 1.10), fraction(c.peer), fraction(c.best), c.bestName))
		if field(cell, "g") != "1" {
			toMutex, toQspin, toPeer, toBest = append(toMutex, c.mutex), append(toQspin, c.qspin), append(toPeer, c.peer), append(toBest, c.best)
		}
	}
	t.notes = []string{
		meanNote("rqlock/mutex", toMutex, gridBar),
		r.aboveNote("grid", gridCellBar),
		barNote("rqlock/qspin", toQspin, 1.03, 1.10),
		plainNote("rqlock/go-deadlock", toPeer),
		plainNote("rqlock/best of the others", toBest),
		"Ratios are medians of the rounds' ratios; ! is a cell over its bar; 1 goroutine is not part of the summary",
	}
	return t
}

// barNote summarizes ratios that have bars for their mean and their worst.
func barNote(what string, s series, mean, worst float64) string {
	if !measured(s) {
		return what + ": not measured"
	}
	return fmt.Sprintf("%s: geometric mean %.2f (%s), worst %.2f (%s)",
		what, geomean(s), verdict(geomean(s), mean), slices.Max(s), verdict(slices.Max(s), worst))
}

func meanNote(what string, s series, bar float64) string {
	if !measured(s) {
		return what + ": not measured"
	}
	return fmt.Sprintf("%s: geometric mean %.2f (%s), worst %.2f", what, geomean(s), verdict(geomean(s), bar), slices.Max(s))
}

func plainNote(what string, s series) string {
	if !measured(s) {
		return what + ": not measured"
	}
	return fmt.Sprintf("%s: geometric mean %.2f, worst %.2f", what, geomean(s), slices.Max(s))
}

func measured(s series) bool { return len(s) > 0 && !slices.ContainsFunc(s, math.IsNaN) }

func waitTable(r *Report) table {
	t := r.waitTableOf("wait", fewCell)
	t.title = fmt.Sprintf("Wait for the lock, %d goroutines, section %v, GOMAXPROCS %d", few, section, fewProcs)
	return t
}

// waitTableOf is the table, without its title, of a part that measures waits.
func (r *Report) waitTableOf(part, cell string) table {
	base := baseOf(part)
	t := table{left: 1, head: []string{"lock", "median", "p99", "p99.9", "longest", "p99.9 of " + base + "'s"}}
	for _, name := range r.Results.locks(part) {
		row := []string{name}
		for _, unit := range []string{"p50-ns", "p99-ns", longUnit, "max-ns"} {
			row = append(row, duration(r.Results.runs(part, cell, name, unit).median()))
		}
		t.rows = append(t.rows, append(row, fraction(r.longWaitRatio(part, cell, name))))
	}
	t.notes = []string{ratioNote("rqlock/"+base+", p99.9", r.longWaitRatio(part, cell, rq), waitBar)}
	return t
}

// longUnit is the unit of the wait that one in a thousand exceeds.
const longUnit = "p99.9-ns"

// longWaitRatio is that of a lock's long waits to those of the part's base.
func (r *Report) longWaitRatio(part, cell, lock string) float64 {
	return ratio(r.Results.runs(part, cell, lock, longUnit), r.Results.runs(part, cell, baseOf(part), longUnit))
}

func (r *Report) fairness(lock string) float64 {
	return r.Results.runs("fairness", fewCell, lock, evenness).median()
}

func fairnessTable(r *Report) table {
	t := table{
		title: fmt.Sprintf("Fairness: acquisitions of the slowest by those of the fastest of %d goroutines (1 is fair)", few), left: 1,
		head: []string{"lock", "median", "rounds"},
	}
	for _, name := range r.Results.locks("fairness") {
		s := r.Results.runs("fairness", fewCell, name, evenness)
		t.rows = append(t.rows, []string{name, fraction(s.median()), fmt.Sprintf("%.2f", s)})
	}
	got, bar := r.fairness(rq), r.fairness(mutex)
	word := "kept"
	switch {
	case math.IsNaN(got + bar):
		word = "not measured"
	case got < bar:
		word = "MISSED"
	}
	t.notes = []string{fmt.Sprintf("rqlock %s, mutex %s (bar: no less: %s)", fraction(got), fraction(bar), word)}
	return t
}

// failurePairs is the time to an error, in uncontended pairs of sync.Mutex of the same round.
func (r *Report) failurePairs(name string) series {
	return r.ratios("failure", "case="+name, rq)
}

func failureTable(r *Report) table {
	t := table{
		title: "Time to the error (others hang), and the same in uncontended pairs of sync.Mutex in the same round", left: 1,
		head: []string{"case", "time", "shortest", "pairs", r.intervalName()},
	}
	for _, f := range failureCases {
		got := r.Results.runs("failure", "case="+f.name, rq, nsPerOp).median()
		pairs := r.failurePairs(f.name)
		t.rows = append(t.rows, []string{f.name, duration(got), duration(r.Results.runs("failure", "case="+f.name, rq, minNsPerOp).min()),
			number(pairs.median()), pairs.span()})
		if f.pairs > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s, in pairs: %s", f.name, verdict(pairs.median(), f.pairs)))
		}
		if f.time > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s, in us: %s", f.name, verdict(got/1e3, float64(f.time)/1e3)))
		}
	}
	return t
}

// waitRuns returns the runs of a lock in a waitCase.
func (r *Report) waitRuns(cell, lock, unit string) series {
	return r.Results.runs("waits", cell, lock, unit)
}

// waitRatios are rqlock's to sync.Mutex, round by round.
func (r *Report) waitRatios(cell, unit string) series {
	return r.waitRuns(cell, rq, unit).by(r.waitRuns(cell, mutex, unit))
}

// enoughPairs is how many rounds the bars of the waits are medians of, at least.
const enoughPairs = 7

func sleepersTable(r *Report) table {
	t := table{
		title: "Sleeping and waking: chains of held locks, hand-offs of unrelated locks, and many waiters", left: 1,
		head: []string{"what", "n", "rqlock", "min", "mutex", "min", "rqlock/mutex", r.intervalName(), "bar"},
	}
	verdicts := map[string]int{}
	for _, u := range waitUnits {
		for _, cell := range r.Results.cells("waits") {
			ours, theirs := r.waitRuns(cell, rq, u.unit), r.waitRuns(cell, mutex, u.unit)
			if len(ours)+len(theirs) == 0 {
				continue // another case
			}
			row := []string{u.what, field(cell, "n"), u.show(ours.median()), u.show(ours.min()), u.show(theirs.median()), u.show(theirs.min())}
			ratios := r.waitRatios(cell, u.unit)
			got, bar := ratios.median(), u.ratio
			if u.absolute > 0 {
				got, bar, ratios = ours.median(), u.absolute, nil // mutex may have 0
			}
			row = append(row, fraction(ratios.median()), ratios.span())
			if bar == 0 {
				t.rows = append(t.rows, append(row, "-"))
				continue
			}
			v := kept(got, bar)
			verdicts[v]++
			t.rows = append(t.rows, append(row, fmt.Sprintf("%s: %s", number(bar), v)))
		}
	}
	for _, v := range []string{keptWord, missedWord, unmeasured} {
		if n := verdicts[v]; n > 0 {
			t.notes = append(t.notes, fmt.Sprintf("bars: %d %s", n, v))
		}
	}
	t.notes = append(t.notes, "The bars of what waiters use while they sleep are of rqlock's own figures, the others of rqlock/mutex")
	if r.Runs < enoughPairs {
		t.notes = append(t.notes, fmt.Sprintf("The bars are for medians of at least %d pairs of runs, and these are of %d", enoughPairs, r.Runs))
	}
	return t
}

func memoryTable(r *Report) table {
	t := table{title: "Memory: bytes of a lock, and allocations per contended acquisition", left: 1, head: []string{"lock", "bytes", "allocations"}}
	for _, name := range r.Results.locks("memory") {
		size := r.Results.runs("memory", "", name, "B").median()
		allocs := r.Results.runs("memory", "", name, "allocs/op").median()
		t.rows = append(t.rows, []string{name, strconv.Itoa(int(size)), fmt.Sprintf("%.4f", allocs)})
	}
	return t
}

// kernelRatio returns rqlock's throughput divided by qspin's.
func (r *Report) kernelRatio(bench string, threads int) float64 {
	runs := func(lock string) series { return r.Results.runs("kernel", kernelCell(bench, threads), lock, opsPerS) }
	return ratio(runs(rq), runs(qs))
}

func (r *Report) kernelRatios(bench string) (s series) {
	for _, n := range kernelThreads {
		s = append(s, r.kernelRatio(bench, n))
	}
	return s
}

func kernelTable(r *Report) table {
	t := table{
		title: "The kernel's benchmarks in user space, thousand operations a second, and ratios resilient/plain: here, and published for the kernel",
		left:  1, head: []string{"benchmark", "threads", "rqlock", "qspin", "here", "kernel x86", "kernel arm64"},
	}
	for _, b := range kernelBenches {
		x86, arm64 := publishedTable(b.name, "x86"), publishedTable(b.name, "arm64")
		for _, n := range kernelThreads {
			ops := func(lock string) string {
				return number(r.Results.runs("kernel", kernelCell(b.name, n), lock, opsPerS).median() / 1e3)
			}
			t.rows = append(t.rows, []string{b.name, strconv.Itoa(n), ops(rq), ops(qs),
				fraction(r.kernelRatio(b.name, n)), fraction(x86.at(n)), fraction(arm64.at(n))})
		}
		t.rows = append(t.rows, []string{b.name, "geomean", "", "",
			fraction(geomeanOf(r.kernelRatios(b.name))), fraction(x86.geomean), fraction(arm64.geomean)})
	}
	t.notes = []string{
		"The same: what each operation locks and in which order, locktorture's distribution of holds, operations counted in a fixed time, the resilient lock beside the plain one of the same design",
		fmt.Sprintf("Not the same: goroutines on %d cores, which block and are preempted, instead of threads on as many CPUs", r.Machine.Cores),
		"Not the same: a bitmap and a list under the locks instead of files, and no system calls around them, so more of the time is locking",
		"Not the same: runs of a fraction of a second instead of many, with locktorture's long holds shortened in proportion, and without its pauses of all threads",
		"The kernel's geometric means are over its whole tables, up to 192 threads (x86) and 256 (arm64)",
	}
	return t
}

// geomeanOf is NaN if something was not measured.
func geomeanOf(s series) float64 {
	if !measured(s) {
		return math.NaN()
	}
	return geomean(s)
}
