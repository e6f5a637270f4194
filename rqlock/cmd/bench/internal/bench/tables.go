package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

func uncontendedTable(r *Report) table {
	runs := func(lock string) series { return r.Results.runs("uncontended", "", lock, nsPerOp) }
	t := table{title: "Lock and Unlock, uncontended", left: 1, head: []string{"lock", "ns", "95 % interval", "of mutex"}}
	for _, name := range r.Results.locks("uncontended") {
		s := runs(name)
		t.rows = append(t.rows, []string{name, fmt.Sprintf("%.2f", s.median()), spread(s), fraction(ratio(s, runs(mutex)))})
	}
	toMutex, toFloor := ratio(runs(rq), runs(mutex)), ratio(runs(rq), runs("floor"))
	t.notes = []string{
		fmt.Sprintf("rqlock/mutex %s (%s)", fraction(toMutex), verdict(toMutex, 0.75)),
		fmt.Sprintf("rqlock/floor %s (%s); floor: one compare-and-exchange and one store", fraction(toFloor), verdict(toFloor, 1.35)),
	}
	return t
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
		t.rows = append(t.rows, append(row, over(c.mutex, 1.15), over(c.qspin, 1.10), fraction(c.peer), fraction(c.best), c.bestName))
		if field(cell, "g") != "1" {
			toMutex, toQspin, toPeer, toBest = append(toMutex, c.mutex), append(toQspin, c.qspin), append(toPeer, c.peer), append(toBest, c.best)
		}
	}
	t.notes = []string{
		barNote("rqlock/mutex", toMutex, 0.95, 1.15),
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

func plainNote(what string, s series) string {
	if !measured(s) {
		return what + ": not measured"
	}
	return fmt.Sprintf("%s: geometric mean %.2f, worst %.2f", what, geomean(s), slices.Max(s))
}

func measured(s series) bool { return len(s) > 0 && !slices.ContainsFunc(s, math.IsNaN) }

func waitTable(r *Report) table {
	cell := r.Results.cells("wait")[0]
	runs := func(lock, unit string) series { return r.Results.runs("wait", cell, lock, unit) }
	t := table{
		title: fmt.Sprintf("Wait for the lock, %d goroutines, section %v, GOMAXPROCS %d", few, section, fewProcs), left: 1,
		head: []string{"lock", "median", "p99", "p99.9", "longest", "p99.9 of mutex's"},
	}
	for _, name := range r.Results.locks("wait") {
		row := []string{name}
		for _, unit := range []string{"p50-ns", "p99-ns", "p99.9-ns", "max-ns"} {
			row = append(row, duration(runs(name, unit).median()))
		}
		t.rows = append(t.rows, append(row, fraction(ratio(runs(name, "p99.9-ns"), runs(mutex, "p99.9-ns")))))
	}
	got := ratio(runs(rq, "p99.9-ns"), runs(mutex, "p99.9-ns"))
	t.notes = []string{fmt.Sprintf("rqlock/mutex, p99.9: %s (%s)", fraction(got), verdict(got, 1))}
	return t
}

func fairnessTable(r *Report) table {
	cell := r.Results.cells("fairness")[0]
	t := table{
		title: fmt.Sprintf("Fairness: acquisitions of the slowest by those of the fastest of %d goroutines (1 is fair)", few), left: 1,
		head: []string{"lock", "median", "rounds"},
	}
	for _, name := range r.Results.locks("fairness") {
		s := r.Results.runs("fairness", cell, name, evenness)
		t.rows = append(t.rows, []string{name, fraction(s.median()), fmt.Sprintf("%.2f", s)})
	}
	got, bar := r.Results.runs("fairness", cell, rq, evenness).median(), r.Results.runs("fairness", cell, mutex, evenness).median()
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

func failureTable(r *Report) table {
	t := table{title: "Time to the error (others hang)", left: 1, head: []string{"case", "time"}}
	making := r.Results.runs("failure", makingCell, rq, nsPerOp).median()
	for _, f := range failureCases {
		got := r.Results.runs("failure", "case="+f.name, rq, nsPerOp).median()
		bar, what := float64(f.bar), ""
		if f.name == "self" {
			bar += making
			what = fmt.Sprintf(", with %s for making the error", duration(making))
		}
		t.rows = append(t.rows, []string{f.name, duration(got)})
		t.notes = append(t.notes, fmt.Sprintf("%s, in us: %s%s", f.name, verdict(got/1e3, bar/1e3), what))
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
