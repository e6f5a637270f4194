package model

import (
	"flag"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

var walks = flag.Int64("model.walks", 0, "random executions of each program, in each memory and with each strategy (default 60, or 10 with -short)")

// TestWalks takes every program through random executions, with the race detector and with
// every access as a step: uniform ones, and ones with priorities (PCT).
func TestWalks(t *testing.T) {
	seed, count, stop := seed.Of(t), *walks, deadline(t)
	switch {
	case count > 0:
	case testing.Short():
		count = 10
	default:
		count = 60
	}
	var executions, steps int64
	start := time.Now()
	for i, e := range suite {
		for _, memory := range memories {
			for _, s := range []mc.Strategy{mc.Walk(seed), mc.PCT(seed, 3), mc.PCT(seed, 8)} {
				w := e.program.world(memory)
				w.MaxExecutions, w.MaxTime = count, timeUntil(stop)
				w.Progress = progress()
				r := w.Run(e.compile(), s)
				if r.Failure != nil {
					report(t, r)
				}
				executions, steps = executions+r.Executions, steps+r.Steps
			}
		}
		if !stop.IsZero() && time.Now().After(stop) {
			t.Logf("stopped by the deadline, after %d of %d programs", i+1, len(suite))
			break
		}
	}
	d := time.Since(start)
	t.Logf("%d programs, %d memories, 3 strategies: %d executions, %d steps, %.1f s, %.2f M steps/s",
		len(suite), len(memories), executions, steps, d.Seconds(), float64(steps)/d.Seconds()/1e6)
}
