package bench

import (
	"math"
	"testing"
	"time"
)

// The benchmarks measure one situation after the other; for ratios on a busy
// machine the program's turns are better.

func BenchmarkUncontended(b *testing.B) {
	b.Run("lock=floor", func(b *testing.B) { new(floor).pairs(b.N) })
	for _, c := range contenders {
		b.Run("lock="+c.name, func(b *testing.B) {
			l := c.new()
			b.ReportAllocs()
			b.ResetTimer()
			l.pairs(b.N)
		})
	}
}

func BenchmarkContended(b *testing.B) {
	for _, c := range grid() {
		for _, k := range contenders {
			b.Run("lock="+k.name+"/"+c.String(), func(b *testing.B) {
				n := max(b.N/c.g, 1)
				b.ReportMetric(perOp(c.run(k.new(), n), n*c.g), "ns/op")
			})
		}
	}
}

func BenchmarkWait(b *testing.B) {
	for _, c := range contenders {
		b.Run("lock="+c.name, func(b *testing.B) {
			var mid, long []time.Duration
			for range b.N {
				s := waits(c.new(), 100*time.Millisecond)
				mid, long = append(mid, quantile(s, 0.5)), append(long, quantile(s, 0.999))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(mid)), "p50-ns")
			b.ReportMetric(float64(median(long)), "p99.9-ns")
		})
	}
}

func BenchmarkFairness(b *testing.B) {
	for _, c := range contenders {
		b.Run("lock="+c.name, func(b *testing.B) {
			var s series
			for range b.N {
				s = append(s, fairness(c.new(), *fairTime))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(s), "slowest/fastest")
		})
	}
}

func BenchmarkFailure(b *testing.B) {
	for _, f := range failureCases {
		b.Run(f.name, func(b *testing.B) {
			ds := make([]time.Duration, b.N)
			for i := range ds {
				ds[i] = f.measure()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(ds)), "median-ns")
		})
	}
}

// TestContenders checks that all methods of each contender lock it.
func TestContenders(t *testing.T) {
	for _, c := range contenders {
		l := c.new()
		n := 0
		crowd(4, func(int) {
			for range 1000 {
				l.Lock()
				n++
				l.Unlock()
			}
		})
		if n != 4000 {
			t.Errorf("%s: %d of 4000 sections", c.name, n)
		}
		for name, f := range map[string]func(){"pairs": func() { l.pairs(1) }, "rounds": func() { l.rounds(1, 0, 0) }} {
			l.Lock()
			done := make(chan struct{})
			go func() { f(); close(done) }()
			select {
			case <-done:
				t.Errorf("%s: %s went on while the lock was held", c.name, name)
			case <-time.After(20 * time.Millisecond):
			}
			l.Unlock()
			<-done
		}
	}
}

// TestWork checks the calibration: work must not be shorter than it says.
func TestWork(t *testing.T) {
	const want = 20 * time.Millisecond
	best := time.Hour
	for range 5 {
		start := time.Now()
		work(spins(want))
		best = min(best, time.Since(start))
	}
	if best < want*8/10 {
		t.Errorf("%v of work took %v", want, best)
	}
}

func TestStatistics(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"median of 3", median(series{3, 1, 2}), 2},
		{"median of 4", median(series{4, 1, 3, 2}), 2.5},
		{"ratio by rounds", ratio(series{2, 20, 6}, series{1, 10, 2}), 2},
		{"geometric mean", geomean(series{2, 8}), 4},
		{"quantile", float64(quantile([]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9)), 10},
		{"quantile of all", float64(quantile([]time.Duration{1, 2}, 1)), 2},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestPaired checks that each round measures each contender once, and that no
// contender is always the first.
func TestPaired(t *testing.T) {
	var order []string
	res := paired("test", len(contenders), contenders, func(c contender) float64 {
		order = append(order, c.name)
		return float64(len(order))
	})
	first := map[string]bool{}
	for r := range contenders {
		first[order[r*len(contenders)]] = true
	}
	for _, c := range contenders {
		if len(res[c.name]) != len(contenders) || !first[c.name] {
			t.Errorf("%s: %d results, first in a round: %v", c.name, len(res[c.name]), first[c.name])
		}
	}
}
