package main

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestModules: the list has the modules that it should, and patterns that compile.
func TestModules(t *testing.T) {
	if len(modules) < 8 {
		t.Errorf("there are %d modules", len(modules))
	}
	benched := 0
	for _, m := range modules {
		for _, pattern := range []string{m.run, m.skip, m.bench} {
			if _, err := regexp.Compile(pattern); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
		if m.limit <= 0 || m.version == "" || len(m.packages) == 0 {
			t.Errorf("%s lacks something: %+v", m.name, m)
		}
		if m.bench != "" {
			benched++
		}
	}
	if benched < 2 {
		t.Errorf("%d modules have benchmarks", benched)
	}
	if some, err := chosen("raft,bbolt"); err != nil || len(some) != 2 || some[0].name != "raft" {
		t.Errorf("chosen %v, %v", some, err)
	}
	if _, err := chosen("raft,raf"); err == nil || !strings.Contains(err.Error(), `"raf"`) {
		t.Errorf("got %v", err)
	}
}

// TestLost: what has passed each time before, and not each time after, is lost. What has failed
// before says nothing.
func TestLost(t *testing.T) {
	r := &result{runs: 3, before: map[string]int{"a": 3, "b": 3, "c": 2}, after: map[string]int{"a": 3, "b": 2, "c": 0}}
	if got := r.lost(); !slices.Equal(got, []string{"b"}) || r.err() == nil || !strings.Contains(r.err().Error(), "b") {
		t.Errorf("lost %v, error %v", got, r.err())
	}
	r.after["b"] = 3
	if err := r.err(); err != nil {
		t.Errorf("nothing is lost, and the error is %v", err)
	}
	r.verdicts = []string{"a: a deadlock"}
	if r.err() == nil {
		t.Error("a deadlock was reported, and there is no error")
	}
}

// TestTable: results are paired by their names, and the mean is that of the ratios of medians.
func TestTable(t *testing.T) {
	by := map[string]*series{}
	for which, text := range []string{
		"goos: linux\nBenchmarkA \t 10\t 100 ns/op\nBenchmarkB-2 \t 10\t 10 ns/op\t 3 ratio\nPASS\n",
		"BenchmarkA \t 10\t 50 ns/op\nBenchmarkB-2 \t 10\t 80 ns/op\n",
	} {
		for range 3 {
			if err := note(by, "m", text, which); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, b := by["m A"], by["m B-2"]
	if len(by) != 2 || a == nil || b == nil || len(a.before) != 3 || len(b.after) != 3 {
		t.Fatalf("noted %v", by)
	}
	text, mean := table([]*series{a, b}, 3)
	if math.Abs(mean-2) > 1e-9 || !strings.Contains(text, "| m A | 100.0 ns | 50.0 ns | 0.50 |\n") || !strings.Contains(text, "| m B-2 | 10.0 ns | 80.0 ns | 8.00 |\n") {
		t.Errorf("the mean is %v, and the table\n%s", mean, text)
	}
}
