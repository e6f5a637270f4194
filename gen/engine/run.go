package engine

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// actions are the flags that replace writing.
var actions = []struct {
	name, help string
	run        func(Table, io.Writer) error
}{
	{"check", "write nothing; exit 1 and name the stale files", check},
	{"diff", "write nothing; print what would change as a unified diff", diff},
	{"list", "write nothing; print the table: name, ordering, operation and instructions", list},
}

// Main generates the table's package as the command line says, and ends the program with
// exit code 0, or 1 if it fails, or 2 if the command line or the table is wrong.
func Main(t Table) { os.Exit(Run(t, os.Args[1:], os.Stdout, os.Stderr)) }

// Run is Main without its end: it returns the exit code. All files are rendered before the
// first one is written, and then all are written or none.
func Run(t Table, args []string, stdout, stderr io.Writer) int {
	var usage strings.Builder
	fs := flag.NewFlagSet("gen", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed in one line each
	out := fs.String("out", t.Dir, "`DIR` of the package, which must exist")
	chosen := make([]bool, len(actions))
	for i, a := range actions {
		fs.BoolVar(&chosen[i], a.name, false, a.help)
	}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		usage.WriteString("This program generates a Go package of lock primitives. Flags:\n")
		fs.SetOutput(&usage)
		fs.PrintDefaults()
		fmt.Fprint(stdout, usage.String())
		return 0
	}
	action, name := write, ""
	for i, a := range actions {
		if chosen[i] && name != "" {
			err = fmt.Errorf("-%s and -%s exclude each other", name, a.name)
		} else if chosen[i] {
			action, name = a.run, a.name
		}
	}
	fs.Visit(func(f *flag.Flag) {
		if f.Name == "out" && *out == "" {
			err = errors.New("-out: empty directory name")
		}
	})
	t.Dir = *out
	switch {
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: all input comes in flags, see -h", fs.Arg(0))
	default:
		if errs := t.Validate(); len(errs) > 0 {
			for _, err := range errs {
				fmt.Fprintf(stderr, "gen: %v\n", err)
			}
			return 2
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 2
	}
	if err := action(t, stdout); err != nil {
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 1
	}
	return 0
}
