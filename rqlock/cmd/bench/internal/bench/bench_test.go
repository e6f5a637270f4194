package bench

import (
	"slices"
	"testing"
	"time"
)

// The benchmarks measure the locks one after the other. On a machine that does other work,
// the ratios of rqbench are better, in which the locks take turns.

func BenchmarkUncontended(b *testing.B) {
	for _, c := range slices.Concat(bounds, contenders()) {
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
		for _, k := range contenders() {
			b.Run("lock="+k.name+"/"+c.String(), func(b *testing.B) {
				n := max(b.N/c.g, 1)
				b.ReportMetric(perOp(c.run(k.new(), n), n*c.g).values[0].v, nsPerOp)
			})
		}
	}
}

func BenchmarkWait(b *testing.B) {
	for _, c := range contenders() {
		b.Run("lock="+c.name, func(b *testing.B) {
			var mid, long []time.Duration
			for range b.N {
				s := waits(c.new(), 100*time.Millisecond)
				mid, long = append(mid, quantile(s, 0.5)), append(long, quantile(s, 0.999))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(medianTime(mid)), "p50-ns")
			b.ReportMetric(float64(medianTime(long)), "p99.9-ns")
		})
	}
}

func BenchmarkFairness(b *testing.B) {
	for _, c := range contenders() {
		b.Run("lock="+c.name, func(b *testing.B) {
			var s series
			for range b.N {
				s = append(s, fairness(c.new(), time.Second).values[0].v)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(s.median(), evenness)
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
			b.ReportMetric(float64(medianTime(ds)), "median-ns")
		})
	}
}
