package rqlock

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkRW shows what a pair of calls takes beside sync.RWMutex, in the same run: minima and
// medians of many short rounds that take turns.
func BenchmarkRW(b *testing.B) {
	var l RWMutex
	var s sync.RWMutex
	const n = 3000
	alone := func(f func()) func() {
		return func() {
			for range n {
				f()
			}
		}
	}
	two := func(f func()) func() {
		return func() {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range n * 10 {
						f()
					}
				})
			}
			wg.Wait()
		}
	}
	read := func() {
		if l.RLock() == nil {
			l.RUnlock()
		}
	}
	write := func() {
		if l.Lock() == nil {
			l.Unlock()
		}
	}
	for _, c := range []struct {
		name       string
		ours, sync func()
		per        float64
	}{
		{"read", alone(read), alone(func() { s.RLock(); s.RUnlock() }), n},
		{"write", alone(write), alone(func() { s.Lock(); s.Unlock() }), n},
		{"read by two", two(read), two(func() { s.RLock(); s.RUnlock() }), n * 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, theirs []float64
			for b.Loop() {
				for i, f := range []func(){c.ours, c.sync} {
					start := time.Now()
					f()
					took := float64(time.Since(start)) / c.per
					if i == 0 {
						ours = append(ours, took)
					} else {
						theirs = append(theirs, took)
					}
				}
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			m := len(ours) / 2
			b.ReportMetric(ours[0], "min-ns")
			b.ReportMetric(ours[m], "med-ns")
			b.ReportMetric(ours[0]/theirs[0], "min-ratio")
			b.ReportMetric(ours[m]/theirs[m], "med-ratio")
		})
	}
}
