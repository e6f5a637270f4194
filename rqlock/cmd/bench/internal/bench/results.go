package bench

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// A Result is what one contender did in one situation, run by run. Runs with the same index
// were measured in the same round, so that their ratio is meaningful.
type Result struct {
	Part  string `json:"part"`
	Cell  string `json:"cell,omitempty"` // the situation: key=value/key=value
	Lock  string `json:"lock"`
	Unit  string `json:"unit"`
	Iters int    `json:"iters"` // operations that a run did
	Runs  series `json:"runs"`
}

// A Report is everything that a run of the program has measured.
type Report struct {
	Machine Machine       `json:"machine"`
	Runs    int           `json:"runs"`
	Time    time.Duration `json:"time_ns"`
	Locks   []string      `json:"locks"`
	Results Results       `json:"results"`
}

// Results are in the order in which they were measured.
type Results []Result

// runs returns the runs of one result, or nil.
func (rs Results) runs(part, cell, lock, unit string) series {
	for _, r := range rs {
		if r.Part == part && r.Cell == cell && r.Lock == lock && r.Unit == unit {
			return r.Runs
		}
	}
	return nil
}

// has reports whether the part was measured.
func (rs Results) has(part string) bool {
	return slices.ContainsFunc(rs, func(r Result) bool { return r.Part == part })
}

// locks returns the locks that were measured in the part, in order.
func (rs Results) locks(part string) []string {
	return rs.distinct(part, func(r Result) string { return r.Lock })
}

// cells returns the situations of the part, in order.
func (rs Results) cells(part string) []string {
	return rs.distinct(part, func(r Result) string { return r.Cell })
}

func (rs Results) distinct(part string, key func(Result) string) (keys []string) {
	for _, r := range rs {
		if r.Part == part && !slices.Contains(keys, key(r)) {
			keys = append(keys, key(r))
		}
	}
	return keys
}

// field returns the value of key in a cell's name.
func field(cell, key string) string {
	for f := range strings.SplitSeq(cell, "/") {
		if v, ok := strings.CutPrefix(f, key+"="); ok {
			return v
		}
	}
	return ""
}

// A series has the results of one contender, round by round.
type series []float64

// summary returns the median with its confidence interval. Like benchstat's, it assumes
// nothing about the distribution. It is NaN if nothing was measured.
func (s series) summary() benchmath.Summary {
	if len(s) == 0 {
		return benchmath.Summary{Center: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	}
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(s), &benchmath.DefaultThresholds), 0.95)
}

func (s series) median() float64 { return s.summary().Center }

// interval returns the 95 % confidence interval of the median, or the whole range if there
// are too few runs for one.
func (s series) interval() (lo, hi float64) {
	if sum := s.summary(); !math.IsInf(sum.Lo, 0) && !math.IsInf(sum.Hi, 0) {
		return sum.Lo, sum.Hi
	}
	return slices.Min(s), slices.Max(s)
}

// whollyAbove reports whether the interval lies above x.
func (s series) whollyAbove(x float64) bool {
	if !measured(s) {
		return false
	}
	lo, _ := s.interval()
	return lo > x
}

// min is NaN if nothing was measured.
func (s series) min() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Min(s)
}

// by returns the rounds' ratios, or nil if either series was not measured.
func (s series) by(base series) (rs series) {
	if len(s) != len(base) {
		return nil
	}
	for i := range s {
		rs = append(rs, s[i]/base[i])
	}
	return rs
}

// ratio is the median of the rounds' ratios.
func ratio(a, b series) float64 { return a.by(b).median() }

// geomean is the geometric mean.
func geomean(s series) float64 { return stats.GeoMean(s) }

// quantile returns the q-quantile of sorted samples.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// medianTime is the median of unsorted times.
func medianTime(ds []time.Duration) time.Duration {
	return quantile(slices.Sorted(slices.Values(ds)), 0.5)
}
