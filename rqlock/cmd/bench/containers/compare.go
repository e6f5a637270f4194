package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/perf/benchmath"
)

// shorter divides the amounts of work in tests.
var shorter = 1

// work returns the amount of some work that a turn does.
func work(n int) int { return n / shorter }

// A contender is one of the containers that are compared.
type contender struct {
	name string
	turn func() (ops int) // what is measured
	undo func()           // undoes what turn did, and is not measured; may be nil

	// number, if not nil, takes the place of turn, and returns what is measured: a number in
	// another unit than ns per operation.
	number func() float64
}

// A comparison is between contenders that do the same. The first is ours.
type comparison struct {
	what string
	of   []contender
}

// A result is the time of a contender's operation, and the ratio of ours to it.
type result struct{ ns, ratio float64 }

// measure lets the contenders take turns. Each round begins with another one.
func (c comparison) measure(rounds int) []result {
	ns := make([][]float64, len(c.of))
	for _, x := range c.of {
		x.once() // to warm up
	}
	for r := range rounds {
		runtime.GC()
		for k := range c.of {
			i := (k + r) % len(c.of)
			ns[i] = append(ns[i], c.of[i].once())
		}
	}
	results := make([]result, len(c.of))
	for i := range results {
		ratios := make([]float64, rounds)
		for r := range ratios {
			ratios[r] = ns[0][r] / ns[i][r]
		}
		results[i] = result{median(ns[i]), median(ratios)}
	}
	return results
}

// timeNow is time.Now, except in tests.
var timeNow = time.Now

func (x contender) once() (ns float64) {
	if x.number != nil {
		return x.number()
	}
	start := timeNow()
	ops := x.turn()
	d := timeNow().Sub(start)
	if x.undo != nil {
		x.undo()
	}
	return float64(d.Nanoseconds()) / float64(ops)
}

func median(x []float64) float64 {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds), 0.95).Center
}

// parallel runs f in GOMAXPROCS goroutines, each of which has a number. It returns the mean
// of their operations.
func parallel(f func(id int) (ops int)) int {
	var wg sync.WaitGroup
	procs := runtime.GOMAXPROCS(0)
	ops := make([]int, procs)
	for id := range procs {
		wg.Go(func() { ops[id] = f(id) })
	}
	wg.Wait()
	sum := 0
	for _, n := range ops {
		sum += n
	}
	return sum / procs
}

func sameNames(a, b comparison) bool {
	return slices.EqualFunc(a.of, b.of, func(x, y contender) bool { return x.name == y.name })
}

func (c comparison) writeHead(w io.Writer) {
	fmt.Fprint(w, "\n| |")
	for _, x := range c.of {
		fmt.Fprintf(w, " %s |", x.name)
	}
	fmt.Fprint(w, "\n|---|")
	for range c.of {
		fmt.Fprint(w, "---|")
	}
	fmt.Fprintln(w)
}

func (c comparison) writeRow(w io.Writer, results []result) {
	fmt.Fprintf(w, "| %s |", c.what)
	for i, r := range results {
		fmt.Fprintf(w, " %.3g", r.ns)
		if i > 0 {
			fmt.Fprintf(w, " (%.2f)", r.ratio)
		}
		fmt.Fprint(w, " |")
	}
	fmt.Fprintln(w)
}
