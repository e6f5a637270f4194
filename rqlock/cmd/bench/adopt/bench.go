package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// A series has what a benchmark took, in seconds, before and after.
type series struct {
	name          string
	before, after []float64
}

func median(x []float64) float64 {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds), 0.95).Center
}

func (s *series) ratio() float64 { return median(s.after) / median(s.before) }

// compare runs the benchmarks, and writes a page.
func compare(ctx context.Context, out, only string, rounds int) error {
	some, err := chosen(only)
	if err != nil {
		return err
	}
	return inside(ctx, func(dir, tool string) error {
		var all []*series
		for _, m := range some {
			if m.bench == "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s ...\n", m.name)
			found, err := m.compare(ctx, dir, tool, rounds)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			all = append(all, found...)
		}
		if len(all) == 0 {
			return fmt.Errorf("no benchmark has run")
		}
		text, mean := table(all, rounds)
		if err := put(out, text); err != nil {
			return err
		}
		if mean > 1 {
			return fmt.Errorf("the geometric mean is %.3f, want at most 1", mean)
		}
		return nil
	})
}

// compare runs the module's benchmarks with Go's locks and with ours, in turns.
func (m module) compare(ctx context.Context, tmp, tool string, rounds int) ([]*series, error) {
	dirs := [2]string{filepath.Join(tmp, m.name+"-before"), filepath.Join(tmp, m.name+"-after")}
	for i, dir := range dirs {
		if err := m.fetch(ctx, dir); err != nil {
			return nil, err
		}
		if i == 1 {
			if _, err := m.adopt(ctx, dir, tool); err != nil {
				return nil, err
			}
		}
		// One program, of the module's own package: what others there are have no such benchmarks.
		if _, err := command(ctx, dir, "go", "test", "-c", "-vet=off", "-o", binary, "."); err != nil {
			return nil, err
		}
	}
	by := map[string]*series{}
	for round := range rounds {
		for turn := range dirs {
			which := (round + turn) % len(dirs)
			text, err := command(ctx, dirs[which], filepath.Join(dirs[which], binary),
				"-test.run", "^$", "-test.bench", m.bench, "-test.benchtime", "200ms", "-test.cpu", "1,2")
			if err != nil {
				return nil, err
			}
			if err := note(by, m.name, text, which); err != nil {
				return nil, err
			}
		}
	}
	var all []*series
	for _, s := range by {
		if len(s.before) != rounds || len(s.after) != rounds {
			return nil, fmt.Errorf("%s has run %d times before and %d times after, want %d", s.name, len(s.before), len(s.after), rounds)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *series) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

const binary = "bench.exe"

// note notes the results of one run, before if which is 0.
func note(by map[string]*series, module, text string, which int) error {
	r := benchfmt.NewReader(strings.NewReader(text), module)
	for r.Scan() {
		res, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue // a line that is no result
		}
		seconds, ok := res.Value("sec/op")
		if !ok {
			continue
		}
		name := module + " " + res.Name.String()
		s := by[name]
		if s == nil {
			s = &series{name: name}
			by[name] = s
		}
		if which == 0 {
			s.before = append(s.before, seconds)
		} else {
			s.after = append(s.after, seconds)
		}
	}
	return r.Err()
}

// table is what is written, and the geometric mean of the ratios.
func table(all []*series, rounds int) (text string, mean float64) {
	var b strings.Builder
	fmt.Fprintf(&b, "# What package sync costs others\n\n"+
		"Benchmarks of other people's modules that are bound by locks, before and after rqswap, in turns;\n"+
		"medians of %d. %s, %s/%s, %d processors. A name ends with GOMAXPROCS, if that is not 1.\n\n| benchmark | sync | rqlock/sync | ratio |\n|---|---|---|---|\n",
		rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	var ratios []float64
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | %.1f ns | %.1f ns | %.2f |\n", s.name, 1e9*median(s.before), 1e9*median(s.after), s.ratio())
		ratios = append(ratios, s.ratio())
	}
	mean = stats.GeoMean(ratios)
	fmt.Fprintf(&b, "\nGeometric mean of the ratios: %.3f.\n", mean)
	return b.String(), mean
}
