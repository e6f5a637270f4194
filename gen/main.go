// Command gen writes the generated files of rqlock from the table in prims.go:
// assembly, Go declarations, portable twin, tests and reference page.
//
//	go run ./gen                          # this repository's own files
//	go run ./gen -out DIR -pkg mylock     # a package of your own
//	go run ./gen -check | -diff | -list   # write nothing
//
// Everything is rendered in memory first; then all files are written or none.
// It exits with 2 on bad use, with 1 on failure or if -check finds stale files.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage())
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 2
	}
	if err := opts.action(opts, stdout); err != nil {
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 1
	}
	return 0
}
