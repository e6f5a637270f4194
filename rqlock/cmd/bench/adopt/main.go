// Adopt has modules that nobody here wrote adopt package rqlock/sync, in temporary copies, and
// runs their own tests before and after:
//
//	go run -C rqlock/cmd/bench ./adopt -o ../../../docs/adopt.md
//
// A test that has passed each time before must pass each time after, and no deadlock may be
// reported. It exits with 1 if that is not so.
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
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := adopt(ctx, *out, *only, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "adopt:", err)
		os.Exit(1)
	}
}

// adopt tries the modules, and writes the page.
func adopt(ctx context.Context, out, only string, runs int) (err error) {
	dir, err := os.MkdirTemp("", "adopt")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tool, err := buildSwap(ctx, dir)
	if err != nil {
		return err
	}
	var results []*result
	var bad []error
	for _, m := range modules {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", m.name)
		r, err := m.try(ctx, dir, tool, runs)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintln(os.Stderr, r.line())
		results = append(results, r)
		bad = append(bad, r.err())
	}
	if len(results) == 0 {
		return fmt.Errorf("there is no module %q", only)
	}
	text := page(results, runs)
	if out == "" {
		_, err = os.Stdout.WriteString(text)
	} else {
		err = os.WriteFile(out, []byte(text), 0o666)
	}
	return errors.Join(append(bad, err)...)
}
