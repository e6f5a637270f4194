package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/template"
)

const resultsFile = "results.json"

// readReports returns the results in the folders of dir, by the kinds of machine that these
// are named after.
func readReports(dir string) (map[string]*Report, error) {
	reports := map[string]*Report{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, pathless(err))
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name(), resultsFile)
		if !e.IsDir() {
			continue
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r := new(Report)
		if err == nil {
			err = json.Unmarshal(b, r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; remove it or its folder", path, pathless(err))
		}
		reports[e.Name()] = r
	}
	return reports, nil
}

// A figure is one of the main results.
type figure struct {
	what string
	of   func(*Report) float64
	show func(float64) string
	bar  float64 // upper bound, or NaN
}

var figures = []figure{
	{what: "an uncontended pair", of: func(r *Report) float64 { return r.uncontendedRatio(mutex) }, show: fraction, bar: uncontendedBar},
	{what: "the same, the fastest pairs", of: func(r *Report) float64 { return r.uncontendedMinima(rq, mutex) }, show: fraction, bar: minimaBar},
	{what: "an uncontended pair by two empty calls", of: func(r *Report) float64 { return r.uncontendedRatio(empty) }, show: fraction, bar: emptyBar},
	{what: "Go's own benchmarks, geometric mean at GOMAXPROCS 1", of: func(r *Report) float64 { return r.goMean(1, rq) }, show: fraction, bar: goBars[1]},
	{what: "the same at GOMAXPROCS 2", of: func(r *Report) float64 { return r.goMean(2, rq) }, show: fraction, bar: goBars[2]},
	{what: "the same at GOMAXPROCS 8", of: func(r *Report) float64 { return r.goMean(8, rq) }, show: fraction, bar: goBars[8]},
	{what: "their cells wholly above 1.05", of: func(r *Report) float64 { return r.numberAbove("gomutex", goCellBar) }, show: whole, bar: 0},
	{what: "2 to 4,096 goroutines (24 cells), geometric mean", of: (*Report).gridMean, show: fraction, bar: gridBar},
	{what: "their cells wholly above 1.10", of: func(r *Report) float64 { return r.numberAbove("grid", gridCellBar) }, show: whole, bar: 0},
	{what: "p99.9 of the wait, 16 goroutines", of: func(r *Report) float64 { return r.longWaitRatio("wait", fewCell, rq) }, show: fraction, bar: waitBar},
	{what: "fairness, slowest/fastest of 16 goroutines (1 is fair)", of: func(r *Report) float64 { return r.fairness(rq) }, show: fraction, bar: math.NaN()},
	{what: "unwinding a chain of 50 to 10,000 locks, slowest", of: func(r *Report) float64 { return r.worstWait("unwind-ns") }, show: fraction, bar: 3},
	{what: "hand-off of 1 to 1,000 unrelated locks, p99, slowest", of: func(r *Report) float64 { return r.worstWait("p99-ns") }, show: fraction, bar: 3},
	{what: "1,000 waiters asleep: % of a core", of: func(r *Report) float64 { return r.asleep("cpu-%") }, show: number, bar: 0.5},
	{what: "1,000 waiters asleep: wake-ups a second", of: func(r *Report) float64 { return r.asleep("wakeups/s") }, show: number, bar: 50},
	{what: "100,000 waiters at one lock, CPU time", of: func(r *Report) float64 { return r.worstWait("cpu-ns") }, show: fraction, bar: 3},
	{what: "self-deadlock, in uncontended pairs of sync.Mutex", of: func(r *Report) float64 { return r.failurePairs("self").median() }, show: number, bar: 300},
	{what: "cycle of two, in uncontended pairs of sync.Mutex", of: func(r *Report) float64 { return r.failurePairs("cycle2").median() }, show: number, bar: 2000},
	{what: "RWMutex: a pair of reads", of: func(r *Report) float64 { return r.rwPairRatios("read", rwBase).median() }, show: fraction, bar: pairCases[0].bar},
	{what: "RWMutex: the same, the fastest pairs", of: func(r *Report) float64 { return r.rwPairMinima("read", rq, rwBase) }, show: fraction, bar: pairCases[0].minima},
	{what: "RWMutex: the same by xsync.RBMutex's", of: func(r *Report) float64 { return r.rwPairRatios("read", peerRW).median() }, show: fraction, bar: pairCases[0].xsync},
	{what: "RWMutex: a pair of writes", of: func(r *Report) float64 { return r.rwPairRatios("write", rwBase).median() }, show: fraction, bar: pairCases[1].bar},
	{what: "RWMutex: reads by two goroutines", of: func(r *Report) float64 { return r.rwPairRatios("readers", rwBase).median() }, show: fraction, bar: pairCases[2].bar},
	{what: "RWMutex: the same by xsync.RBMutex's", of: func(r *Report) float64 { return r.rwPairRatios("readers", peerRW).median() }, show: fraction, bar: pairCases[2].xsync},
	{what: "RWMutex: 1 to 4,096 goroutines (40 cells), geometric mean", of: (*Report).rwGridMean, show: fraction, bar: rwGridBar},
	{what: "RWMutex: the worst cell of one goroutine", of: (*Report).rwWorstAlone, show: fraction, bar: rwAloneBar},
	{what: "RWMutex: other cells wholly above 1.15", of: func(r *Report) float64 { return r.numberAbove("rwgrid", rwCellBar) }, show: whole, bar: 0},
	{what: "RWMutex: p99.9 of a writer's wait, 16 readers", of: func(r *Report) float64 { return r.longWaitRatio("rwwait", rwWaitCell, rq) }, show: fraction, bar: waitBar},
	{what: "RWMutex: Lock while reading, by a self-deadlock of Mutex", of: func(r *Report) float64 { return r.rwFailureRatios("lock-reading").median() }, show: fraction, bar: rwFailureBar},
	{what: "RWMutex: RLock while writing, by a self-deadlock of Mutex", of: func(r *Report) float64 { return r.rwFailureRatios("rlock-writing").median() }, show: fraction, bar: rwFailureBar},
	{what: "RWMutex: cycle of two through readers, by Mutex's", of: func(r *Report) float64 { return r.rwFailureRatios("cycle2").median() }, show: fraction, bar: rwFailureBar},
}

// numberAbove counts the cells above the bar. It is NaN if there are none at all.
func (r *Report) numberAbove(part string, bar float64) float64 {
	cells, of := r.above(part, bar)
	if of == 0 {
		return math.NaN()
	}
	return float64(len(cells))
}

// gridMean is the geometric mean of rqlock's ratios to sync.Mutex in the contended cells.
func (r *Report) gridMean() float64 {
	var s series
	for _, cell := range r.Results.cells("grid") {
		if field(cell, "g") != "1" {
			s = append(s, r.cellRatios(cell).mutex)
		}
	}
	return geomeanOf(s)
}

// worstWait is the largest of the ratios to sync.Mutex in the cells that have the unit.
func (r *Report) worstWait(unit string) float64 {
	var s series
	for _, cell := range r.Results.cells("waits") {
		if r.waitRuns(cell, rq, unit) != nil {
			s = append(s, r.waitRatios(cell, unit).median())
		}
	}
	if !measured(s) {
		return math.NaN()
	}
	return slices.Max(s)
}

func (r *Report) asleep(unit string) float64 {
	return r.waitRuns(waitCell("asleep", 1000), rq, unit).median()
}

func whole(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprint(x)
}

var indexTemplate = template.Must(template.New("index").Parse(`# Locks, measured

Each kind of machine has a page with tables, plots and data. ` + "`make bench`" + ` measures on the machine
where it runs, writes the page of its kind, and this one.

| |{{range .Kinds}} [{{.}}]({{.}}/README.md) |{{end}} bar |
|---|{{range .Kinds}}---:|{{end}}---:|
{{range .Rows}}|{{range .}} {{.}} |{{end}}
{{end}}
Where nothing else is said, a figure is rqlock's time by sync.Mutex's in the same run, or
RWMutex's by sync.RWMutex's: below 1, rqlock is faster. A ! is beyond its bar, and a - was not
measured, as by an older rqbench.
`))

// index returns the page that lists the kinds of machine with their main figures.
func index(reports map[string]*Report) ([]byte, error) {
	data := struct {
		Kinds []string
		Rows  [][]string
	}{Kinds: slices.Sorted(maps.Keys(reports))}
	row := func(what, bar string, of func(*Report) string) {
		cells := []string{what}
		for _, k := range data.Kinds {
			cells = append(cells, of(reports[k]))
		}
		data.Rows = append(data.Rows, append(cells, bar))
	}
	row("processor", "", func(r *Report) string { return r.Machine.CPU })
	row("cores", "", func(r *Report) string { return fmt.Sprint(r.Machine.Cores) })
	row("Go", "", func(r *Report) string { return r.Machine.Go })
	row("measured", "", func(r *Report) string { return r.Machine.Date })
	for _, f := range figures {
		bar := "-"
		if !math.IsNaN(f.bar) {
			bar = strconv.FormatFloat(f.bar, 'g', -1, 64)
		}
		row(f.what, bar, func(r *Report) string {
			x := f.of(r)
			if x > f.bar {
				return f.show(x) + "!"
			}
			return f.show(x)
		})
	}
	var b bytes.Buffer
	err := indexTemplate.Execute(&b, data)
	return b.Bytes(), err
}
