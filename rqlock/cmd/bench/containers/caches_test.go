package main

import (
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestHitRates: a cache of hashtab has not more than one hit in a hundred calls less than
// otter.
func TestHitRates(t *testing.T) {
	number := seed.Of(t)
	if testing.Short() {
		shorter = 4
		defer func() { shorter = 1 }()
	}
	for _, c := range cacheCases() {
		ours, theirs := c.hits(number, ofLRU), c.hits(number, ofOtter)
		for n := 1.0; ours < theirs-1 && n < 10; n++ { // much of a short run is chance: more are averaged
			next := number + uint64(n)
			ours, theirs = (n*ours+c.hits(next, ofLRU))/(n+1), (n*theirs+c.hits(next, ofOtter))/(n+1)
		}
		t.Logf("%v: %.1f %% of hits, otter %.1f %%", c, ours, theirs)
		if ours < theirs-1 {
			t.Errorf("%v: %.1f %% of hits, otter has %.1f %%", c, ours, theirs)
		}
	}
}
