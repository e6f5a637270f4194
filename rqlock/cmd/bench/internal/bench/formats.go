package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/perf/benchfmt"
)

// json returns the whole report.
func (r *Report) json() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "\t")
	return append(b, '\n'), err
}

// csv returns a line for each run.
func (r *Report) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"part", "cell", "lock", "unit", "iterations", "run", "value"})
	for _, res := range r.Results {
		for i, v := range res.Runs {
			w.Write([]string{res.Part, res.Cell, res.Lock, res.Unit, strconv.Itoa(res.Iters), strconv.Itoa(i + 1), strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// benchNames are the names of the parts in the format of go test -bench. Distributions of
// waits have none, and are left out there.
var benchNames = map[string]string{
	"uncontended": "Uncontended",
	"gomutex":     "GoMutex",
	"grid":        "Contended",
	"wait":        "Wait",
	"fairness":    "Fairness",
	"failure":     "Failure",
	"memory":      "Memory",
	"kernel":      "Kernel",
	"waits":       "Waits",
	"rwpairs":     "RWPairs",
	"rwgrid":      "RWContended",
	"rwwait":      "RWWait",
	"rwfailure":   "RWFailure",
}

// benchstat returns a line for each run, as go test -bench -count prints them. benchstat
// -col /lock compares the locks.
func (r *Report) benchstat() ([]byte, error) {
	var b bytes.Buffer
	w := benchfmt.NewWriter(&b)
	for rest := r.Results; len(rest) > 0; {
		n := rest.together()
		for run := range rest[0].Runs {
			if err := w.Write(r.benchLine(rest[:n], run)); err != nil {
				return nil, err
			}
		}
		rest = rest[n:]
		for len(rest) > 0 && benchNames[rest[0].Part] == "" {
			rest = rest[1:]
		}
	}
	return b.Bytes(), nil
}

// together returns how many of the first results are of the same measurement. They differ
// in their units.
func (rs Results) together() int {
	n := 1
	for n < len(rs) && rs[n].Part == rs[0].Part && rs[n].Cell == rs[0].Cell && rs[n].Lock == rs[0].Lock {
		n++
	}
	return n
}

// benchLine returns the line of one run of a measurement.
func (r *Report) benchLine(rs Results, run int) *benchfmt.Result {
	name := benchNames[rs[0].Part]
	if rs[0].Cell != "" {
		name += "/" + rs[0].Cell
	}
	name += "/lock=" + rs[0].Lock
	if procs := benchProcs(rs[0], r.Machine.Procs); procs != "1" {
		name += "-" + procs // as go test does
	}
	line := &benchfmt.Result{Name: benchfmt.Name(name), Iters: rs[0].Iters}
	for _, c := range [][2]string{
		{"goos", runtime.GOOS}, {"goarch", runtime.GOARCH}, {"pkg", "github.com/rqlock/rqlock/rqlock/cmd/bench/rqbench"}, {"cpu", r.Machine.CPU},
	} {
		if c[1] != "" {
			line.Config = append(line.Config, benchfmt.Config{Key: c[0], Value: []byte(c[1]), File: true})
		}
	}
	for _, res := range rs {
		line.Values = append(line.Values, benchfmt.Value{Value: res.Runs[run], Unit: res.Unit})
	}
	return line
}

// benchProcs is GOMAXPROCS of a measurement.
func benchProcs(r Result, procs int) string {
	switch r.Part {
	case "gomutex", "grid", "wait", "fairness", "rwpairs", "rwgrid", "rwwait":
		return field(r.Cell, "procs")
	case "memory":
		return strconv.Itoa(fewProcs)
	}
	return fmt.Sprint(procs)
}
