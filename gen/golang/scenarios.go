package golang

import (
	"strings"

	"github.com/dave/jennifer/jen"
)

// A Scenario is a torture test of the lock. It says what each worker does, round
// after round.
type Scenario struct {
	Name, Doc string
	Busted    bool   // runs the broken lock, and must find out
	Workers   int    // goroutines
	Locks     int    // locks that they share
	Depth     int    // locks that a worker takes in a round
	Path      string // which: "same", "ring", "up" or "random"

	LimitMicros int  // LockTimeout with up to that limit, us (0 = Lock)
	StallMillis int  // stall timeout, ms (0 = the default)
	Hogs        int  // one round in so many holds its lock for twice the stall timeout
	Yields      bool // sections yield

	Must, May string // kinds of failure that must happen, and that may
}

// ScenarioFile renders the torture tests of package rqlock; their runner is
// written by hand.
func ScenarioFile(c *Config, scenarios []Scenario) (map[string][]byte, error) {
	f := c.newFile("")
	for _, s := range scenarios {
		explain(f, "TestTorture"+s.Name+" "+s.Doc)
		runner := "tortureLock"
		if s.Busted {
			runner = "tortureBusted"
		}
		f.Add(testFunc("TestTorture"+s.Name, "t", "T").Block(
			jen.Id(runner).Call(jen.Id("t"), jen.Id("scenario").ValuesFunc(s.fields)),
		))
	}
	return file("ztorture_test.go", f)
}

// fields emits the fields that are not zero.
func (s Scenario) fields(g *jen.Group) {
	number := func(name string, n int) {
		if n != 0 {
			g.Id(name).Op(":").Lit(n)
		}
	}
	text := func(name, v string) {
		if v != "" {
			g.Id(name).Op(":").Lit(v)
		}
	}
	number("workers", s.Workers)
	number("locks", s.Locks)
	number("depth", s.Depth)
	text("path", s.Path)
	number("limitMicros", s.LimitMicros)
	number("stallMillis", s.StallMillis)
	number("hogs", s.Hogs)
	if s.Yields {
		g.Id("yields").Op(":").True()
	}
	text("must", s.Must)
	text("may", strings.TrimSpace(s.May+" "+s.Must))
}
