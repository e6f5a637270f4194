package main

import (
	"bytes"
	"flag"
	"math"
	"os"
	"testing"
	"time"
)

var most = flag.Int("cores", 0, "simulate up to so many cores (default 32, or 16 with -short); make model simulates 1024")

// TestCost: rqlock's cost stays about the same with the number of cores, and is about
// qspin's. That of locks on which all waiters spin grows with each core.
func TestCost(t *testing.T) {
	limit, runs := *most, 1
	switch {
	case limit > 0:
		runs = queueRuns
	case testing.Short():
		limit = 16
	default:
		limit = 32
	}
	deadline, limited := t.Deadline()
	product, count := 1.0, 0
	last := map[string]float64{} // the transfers of each lock on the cores before
	for _, cores := range allCores {
		if cores > limit {
			break
		}
		if limited && time.Until(deadline) < 10*time.Second {
			if *most > 0 {
				t.Errorf("stopped by the deadline, before %d cores", cores)
			}
			break
		}
		now := map[string]float64{}
		for _, name := range allLocks {
			if allSpin[name] && cores > 64 {
				continue // takes long, and shows nothing new
			}
			c := simulate(name, cores, runs)
			now[name] = c.transfers
			t.Logf("%-12s %4d cores: %7.2f transfers %9.0f ns", name, cores, c.transfers, c.time)
			if allSpin[name] && cores >= 16 && c.transfers < float64(cores)/2 {
				t.Errorf("%s on %d cores: %.1f transfers; on this lock all waiters spin, so there must be more", name, cores, c.transfers)
			}
		}
		if now["rqlock"] > 3.2 {
			t.Errorf("%.2f transfers on %d cores, want at most 3.2", now["rqlock"], cores)
		}
		if cores > 256 && now["rqlock"] > 1.15*last["rqlock"] {
			t.Errorf("%.2f transfers on %d cores, %.2f on half of them: that is not constant", now["rqlock"], cores, last["rqlock"])
		}
		t.Logf("%4d cores: %.2f of qspin", cores, now["rqlock"]/now["qspin"])
		product *= now["rqlock"] / now["qspin"]
		count++
		last = now
	}
	mean := math.Pow(product, 1/float64(count))
	t.Logf("geometric mean: %.2f of qspin", mean)
	if mean > 1.5 { // the bar is 1.2, and docs/model-cost.md says how it is kept
		t.Errorf("%.2f of qspin's transfers on average: more than it was", mean)
	}
}

// TestReadCost: a read moves no line in the steady state, however many cores read, and a read of a
// lock with one counter moves two. With writes a read moves fewer than a line on few cores.
func TestReadCost(t *testing.T) {
	for _, cores := range []int{2, 8, 16, max(16, *most)} {
		ours, counter := simulateReads(readLocks[0], cores, 0), simulateReads(readLocks[1], cores, 0)
		t.Logf("%4d cores: %.3f lines a read, one counter %.2f", cores, ours.transfers, counter.transfers)
		if ours.transfers > 0.1 {
			t.Errorf("%.3f lines a read on %d cores, want none", ours.transfers, cores)
		}
		if counter.transfers < 0.9 {
			t.Errorf("%.2f lines a read with one counter on %d cores: there must be more", counter.transfers, cores)
		}
	}
	if c := simulateReads(readLocks[0], 16, 1000); c.transfers > 1 {
		t.Errorf("%.2f lines an acquisition on 16 cores, of which one in 1000 writes", c.transfers)
	}
}

// TestPage: the page has the text that the command would write.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/model-cost.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(page, []byte(text)) || !bytes.Contains(page, []byte(readsText)) {
		t.Error("docs/model-cost.md is stale: run make model-cost")
	}
	costs := map[string][]cost{}
	for i, name := range allLocks {
		for range allCores {
			costs[name] = append(costs[name], cost{float64(i + 1), 100})
		}
	}
	if _, err := plotOf(costs); err != nil {
		t.Error(err)
	}
	if got := table(costs); bytes.Count(got, []byte("\n")) != len(allCores)+2 {
		t.Errorf("the table is\n%s", got)
	}
}
