package bench

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// series has the results of one contender, round by round.
type series []float64

// paired measures each of the contenders once per round, and starts each round
// with another one. What else the machine does then falls on all of them, and
// ratios of results of the same round cancel it.
func paired(what string, rounds int, cs []contender, measure func(contender) float64) map[string]series {
	results := map[string]series{}
	for r := range rounds {
		progress("%s, round %d of %d", what, r+1, rounds)
		for i := range cs {
			c := cs[(r+i)%len(cs)]
			results[c.name] = append(results[c.name], measure(c))
		}
	}
	progress("")
	return results
}

func median[T ~int64 | ~float64](s []T) T {
	s = slices.Sorted(slices.Values(s))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ratio is the median of the rounds' ratios.
func ratio(a, b series) float64 {
	rs := make(series, len(a))
	for i := range a {
		rs[i] = a[i] / b[i]
	}
	return median(rs)
}

// geomean is the geometric mean.
func geomean(s series) float64 {
	sum := 0.0
	for _, x := range s {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(s)))
}

// verdict says whether a result keeps its bar.
func verdict(got, bar float64) string {
	if got <= bar {
		return fmt.Sprintf("bar %.2f: kept", bar)
	}
	return fmt.Sprintf("bar %.2f: MISSED", bar)
}

// terminal: somebody is watching.
var terminal = func() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}()

// progress shows a line that the next one replaces; an empty one clears it.
func progress(format string, args ...any) {
	if terminal {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

// perOp is the time of each of n operations, in ns.
func perOp(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / float64(n) }
