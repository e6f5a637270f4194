package model

import (
	"flag"
	"testing"

	"github.com/rqlock/rqlock/rqlock/model/internal/mc"
)

var walks = flag.Int64("model.walks", 300, "random executions of each program, in each memory and way")

// TestWalks takes every program through random executions, with nothing hidden:
// uniform ones, and ones with priorities (PCT).
func TestWalks(t *testing.T) {
	t.Logf("-model.seed %d", *seed)
	for _, e := range suite {
		for _, memory := range memories {
			for _, s := range []mc.Strategy{mc.Walk(*seed), mc.PCT(*seed, 3), mc.PCT(*seed, 8)} {
				w := e.program.world(memory)
				w.MaxExecutions = *walks
				if r := w.Run(e.compile(), s); r.Failure != nil {
					report(t, r)
				}
			}
		}
	}
}
