package model

import (
	"flag"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

var walks = flag.Int64("model.walks", 300, "random executions of each program, in each memory and way")

// TestWalks takes every program through random executions, with nothing hidden:
// uniform ones, and ones with priorities (PCT).
func TestWalks(t *testing.T) {
	t.Logf("-model.seed %d", *seed)
	var executions, steps int64
	start := time.Now()
	for _, e := range suite {
		for _, memory := range memories {
			for _, s := range []mc.Strategy{mc.Walk(*seed), mc.PCT(*seed, 3), mc.PCT(*seed, 8)} {
				w := e.program.world(memory)
				w.MaxExecutions = *walks
				w.Progress = progress()
				r := w.Run(e.compile(), s)
				if r.Failure != nil {
					report(t, r)
				}
				executions, steps = executions+r.Executions, steps+r.Steps
			}
		}
	}
	d := time.Since(start)
	t.Logf("%d programs in %d memories, each in 3 ways: %d executions, %d steps, %.1f s, %.2f M steps/s",
		len(suite), len(memories), executions, steps, d.Seconds(), float64(steps)/d.Seconds()/1e6)
}
