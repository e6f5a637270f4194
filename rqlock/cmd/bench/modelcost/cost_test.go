package main

import (
	"math"
	"testing"
)

// TestCost: what rqlock costs stays about the same however many cores wait, and is
// about what qspin costs; locks that all spin on cost more with each core.
func TestCost(t *testing.T) {
	costs := map[string]map[int]float64{}
	for _, name := range CostLocks {
		costs[name] = map[int]float64{}
		for _, cores := range CostCores {
			if allSpin[name] && cores > 64 {
				break // takes long, and shows nothing new
			}
			c := Simulate(name, cores)
			costs[name][cores] = c.Transfers
			t.Logf("%-12s %4d cores: %7.2f transfers %9.0f ns", name, cores, c.Transfers, c.Time)
		}
	}
	product := 1.0
	for _, cores := range CostCores {
		ratio := costs["rqlock"][cores] / costs["qspin"][cores]
		t.Logf("%4d cores: %.2f of qspin", cores, ratio)
		product *= ratio
		for _, name := range []string{"ticket", "test-and-set"} {
			if got, ok := costs[name][cores]; ok && cores >= 16 && got < float64(cores)/2 {
				t.Errorf("%s on %d cores: %.1f transfers; the simulation must show that all of them spin", name, cores, got)
			}
		}
	}
	if on128, on1024 := costs["rqlock"][128], costs["rqlock"][1024]; on1024 > 1.3*on128 {
		t.Errorf("%.2f transfers on 128 cores, %.2f on 1024: that is not constant", on128, on1024)
	}
	mean := math.Pow(product, 1/float64(len(CostCores)))
	t.Logf("geometric mean: %.2f of qspin", mean)
	if mean > 1.5 { // a guard; the bar of 1.2, and how far it is kept, is in docs/model-cost.md
		t.Errorf("%.2f of qspin's transfers on average: more than it was", mean)
	}
}
