// Command gen writes a Go package with the primitives that locks are made of, from
// the table in prims.go. The package has assembly for amd64, arm64 and riscv64, a portable
// twin for every other architecture, tests, benchmarks and a reference page.
//
// To generate the same package with another name, or another layout of the lock word:
//
//	gen -out DIR -pkg mylock -layout wide
//
// For words and rows of one's own there is package gen/engine.
//
// At the top of rqlock's own repository, go run ./gen writes the files of rqlock:
// package asm, the fused fast paths, the gallery, and what the model explores.
//
// Gen renders everything in memory, and then writes all files or none. It exits with
// 2 on bad use, and with 1 on failure or if -check finds a stale file.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rqlock/rqlock/gen/engine"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "mutants":
			return runMutants(args[1:], stdout, stderr)
		case "mutants-go":
			return runGoMutants(args[1:], stdout, stderr)
		}
	}
	opts, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage())
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 2
	}
	if opts.table.Dir == "" && !slices.Contains(opts.rest, "-list") {
		if err := checkOwn(); err != nil {
			fmt.Fprintf(stderr, "gen: %v\n", err)
			return 1
		}
		opts.table = own()
	}
	if opts.table.Package == "" && opts.table.Dir == "" {
		opts.table.Package = ownPackage // to list it
	}
	return engine.Run(opts.table, opts.rest, stdout, stderr)
}
