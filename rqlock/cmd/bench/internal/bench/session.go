package bench

import (
	"fmt"
	"runtime"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A session has what the measurements need of the command line.
type session struct {
	runs           int           // paired rounds
	time, fairTime time.Duration // lengths of a run
	cell           string        // text in the names of cells
	locks          []contender
	bar            *progressbar.ProgressBar
}

// step shows what is measured next.
func (s *session) step(format string, args ...any) {
	s.bar.Describe(fmt.Sprintf(format, args...))
	s.bar.Add(1)
}

// An outcome is what one run has measured.
type outcome struct {
	iters  int
	values []value
}

type value struct {
	unit string
	v    float64
}

// paired measures each contender once in a round, and begins each round with another one.
// Whatever else the machine does meanwhile disturbs all of them alike, and cancels in the
// ratios of the same round.
func (s *session) paired(part, cell string, rounds int, cs []contender, measure func(contender) outcome) Results {
	outcomes := map[string][]outcome{}
	for r := range rounds {
		for i := range cs {
			c := cs[(r+i)%len(cs)]
			s.step("%s %s %s", part, cell, c.name)
			runtime.GC() // so that no contender pays for another one's garbage
			outcomes[c.name] = append(outcomes[c.name], measure(c))
		}
	}
	return collect(part, cell, names(cs), outcomes)
}

// collect turns outcomes into results, one for each contender and unit.
func collect(part, cell string, locks []string, outcomes map[string][]outcome) (rs Results) {
	for _, name := range locks {
		for i, v := range outcomes[name][0].values {
			r := Result{Part: part, Cell: cell, Lock: name, Unit: v.unit, Iters: outcomes[name][0].iters}
			for _, o := range outcomes[name] {
				r.Runs = append(r.Runs, o.values[i].v)
			}
			rs = append(rs, r)
		}
	}
	return rs
}

// perOp returns the time of each of n operations.
func perOp(d time.Duration, n int) outcome {
	return outcome{n, []value{{nsPerOp, float64(d.Nanoseconds()) / float64(n)}}}
}

// Units of results.
const (
	nsPerOp    = "ns/op"
	minNsPerOp = "min-ns/op"
	opsPerS    = "ops/s"
	evenness   = "slowest/fastest"
)
