package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestContenders: all do what they are measured for, and a page comes of it.
func TestContenders(t *testing.T) {
	for _, g := range groups[:2] {
		for _, c := range g.build(rand.New(rand.NewPCG(1, 0))) {
			rs := c.measure(1)
			if len(rs) != len(c.of) || rs[0].ratio != 1 || rs[1].ns <= 0 {
				t.Errorf("%s, %s: %+v", g.title, c.what, rs)
			}
		}
	}
	for _, g := range groups[4:] {
		for _, c := range g.build(rand.New(rand.NewPCG(1, 0))) {
			for _, x := range c.of {
				if ops := x.turn(); ops <= 0 {
					t.Errorf("%s, %s, %s: %d operations", g.title, c.what, x.name, ops)
				}
			}
		}
	}
}

// TestMeasure: ratios are of the same round, and the first contender's is 1.
func TestMeasure(t *testing.T) {
	undone := 0
	busy := func(n int) func() int {
		return func() int {
			for i := range n {
				sink += byte(i)
			}
			return 1000
		}
	}
	c := comparison{"work", []contender{{"short", busy(1000), nil}, {"long", busy(100_000), func() { undone++ }}}}
	rs := c.measure(5)
	if rs[0].ratio != 1 || rs[1].ratio >= 1 || rs[1].ns <= rs[0].ns || undone != 6 {
		t.Errorf("%+v, undone %d times", rs, undone)
	}
	var b strings.Builder
	c.writeHead(&b)
	c.writeRow(&b, []result{{1, 1}, {200, 0.005}})
	if want := "\n| | short | long |\n|---|---|---|\n| work | 1 | 200 (0.01) |\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
