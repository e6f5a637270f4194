package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestContenders: each contender does what it is measured for.
func TestContenders(t *testing.T) {
	shorter = 100
	defer func() { shorter = 1 }()
	rnd := seed.Rand(t)
	for _, g := range slices.Concat(groups, gallery) {
		for _, c := range g.build(rnd) {
			for _, x := range c.of {
				if x.number != nil {
					if n := x.number(); n <= 0 {
						t.Errorf("%s, %s, %s: %v", g.title, c.what, x.name, n)
					}
				} else if ops := x.turn(); ops <= 0 {
					t.Errorf("%s, %s, %s: %d operations", g.title, c.what, x.name, ops)
				}
				if x.undo != nil {
					x.undo()
				}
			}
		}
	}
}

// TestMeasure: a ratio is ours/theirs of the same round, and each turn is undone once.
func TestMeasure(t *testing.T) {
	now := time.Now()
	timeNow = func() time.Time { return now }
	defer func() { timeNow = time.Now }()
	undone, round := 0, 0
	takes := func(d time.Duration) func() int {
		return func() int {
			now = now.Add(time.Duration(round) * d)
			return 10
		}
	}
	next := takes(100)
	c := comparison{"work", []contender{
		{name: "ours", turn: func() int { round++; return next() }},
		{name: "theirs", turn: takes(400), undo: func() { undone++ }},
	}}
	rs := c.measure(1)
	if rs[0] != (result{20, 1}) || rs[1] != (result{80, 0.25}) || undone != 2 {
		t.Errorf("%+v, undone %d times", rs, undone)
	}
	var b strings.Builder
	c.writeHead(&b)
	c.writeRow(&b, []result{{1, 1}, {200, 0.005}})
	if want := "\n| | ours | theirs |\n|---|---|---|\n| work | 1 | 200 (0.01) |\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
