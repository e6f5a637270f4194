// Adopt has modules that nobody here wrote adopt package rqlock/sync, in temporary copies, and
// runs their own tests before and after:
//
//	go run -C rqlock/cmd/bench ./adopt -o ../../../docs/adopt.md
//
// A test that has passed each time before must pass each time after, and no deadlock may be
// reported. It exits with 1 if that is not so.
//
// With -bench it runs benchmarks of some of them instead, which are bound by their locks, before
// and after in turns, and prints the ratios of the medians. It exits with 1 if their geometric
// mean is more than 1. The machine must be quiet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	out := flag.String("o", "", "file to write (default: standard output)")
	only := flag.String("only", "", "names of modules, separated by commas (default: all)")
	runs := flag.Int("runs", 3, "how often the tests run, before and after")
	bench := flag.Bool("bench", false, "compare benchmarks that are bound by locks, and run no tests")
	rounds := flag.Int("rounds", 10, "with -bench, how often the benchmarks run, before and after in turns")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := error(nil)
	if *bench {
		err = compare(ctx, *out, *only, *rounds)
	} else {
		err = adopt(ctx, *out, *only, *runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "adopt:", err)
		os.Exit(1)
	}
}

// chosen returns the modules that are named, or all.
func chosen(only string) ([]module, error) {
	if only == "" {
		return modules, nil
	}
	var some []module
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(modules, func(m module) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no module %q", name)
		}
		some = append(some, modules[i])
	}
	return some, nil
}

// inside calls f with a directory for it alone, which has rqswap.
func inside(ctx context.Context, f func(dir, tool string) error) (err error) {
	dir, err := os.MkdirTemp("", "adopt")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tool, err := buildSwap(ctx, dir)
	if err != nil {
		return err
	}
	return f(dir, tool)
}

// put writes a page, to standard output if it has no name.
func put(name, text string) error {
	if name == "" {
		_, err := os.Stdout.WriteString(text)
		return err
	}
	return os.WriteFile(name, []byte(text), 0o666)
}

// adopt tries the modules, and writes the page.
func adopt(ctx context.Context, out, only string, runs int) error {
	some, err := chosen(only)
	if err != nil {
		return err
	}
	return inside(ctx, func(dir, tool string) error { return adoptAll(ctx, some, dir, tool, out, runs) })
}

func adoptAll(ctx context.Context, some []module, dir, tool, out string, runs int) error {
	var results []*result
	var bad []error
	for _, m := range some {
		fmt.Fprintf(os.Stderr, "%s ...\n", m.name)
		r, err := m.try(ctx, dir, tool, runs)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // the others' results are still worth a page
			bad = append(bad, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		fmt.Fprintln(os.Stderr, r.line())
		results = append(results, r)
		bad = append(bad, r.err())
	}
	return errors.Join(append(bad, put(out, page(results, runs)))...)
}
