package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/engine"
)

// options has a checked command line.
type options struct {
	table engine.Table
	rest  []string // what is for the engine
}

// actions are the engine's flags that replace writing.
var actions = []struct{ name, help string }{
	{"check", "write nothing; exit 1 and name the stale files"},
	{"diff", "write nothing; print what would change as a unified diff"},
	{"list", "write nothing; print the table: name, ordering, operation and instructions"},
}

// rawFlags has the command line before it is checked.
type rawFlags struct {
	out, pkg, layout, arch string
	actions                []bool
}

func newFlagSet() (*flag.FlagSet, *rawFlags) {
	raw := &rawFlags{actions: make([]bool, len(actions))}
	fs := flag.NewFlagSet("gen", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints errors, in one line each
	fs.StringVar(&raw.out, "out", "", "`DIR` of the package, which must exist; only rqlock's own repository needs no -out")
	fs.StringVar(&raw.pkg, "pkg", "", "`NAME` of the package (default the last element of DIR)")
	fs.StringVar(&raw.layout, "layout", layouts[0].Layout, "`LAYOUT` of the lock word: "+strings.Join(layoutNames(), " or "))
	fs.StringVar(&raw.arch, "arch", strings.Join(archNames(), ","), "`LIST` of the architectures with assembly, separated by commas; others use the portable twin")
	for i, a := range actions {
		fs.BoolVar(&raw.actions[i], a.name, false, a.help)
	}
	return fs, raw
}

func usage() string {
	var b strings.Builder
	b.WriteString(`usage: gen -out DIR [flags]

Gen writes a Go package with the primitives that rqlock is made of. For words and rows of one's own
there is package github.com/rqlock/rqlock/gen/engine.

`)
	fs, _ := newFlagSet()
	fs.SetOutput(&b)
	fs.PrintDefaults()
	return b.String()
}

func parseFlags(args []string) (*options, error) {
	fs, raw := newFlagSet()
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: all input comes in flags, see -h", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["out"] && raw.out == "" {
		return nil, errors.New("-out: empty directory name")
	}
	opts := &options{}
	for i, a := range actions {
		if raw.actions[i] {
			opts.rest = append(opts.rest, "-"+a.name)
		}
	}
	if len(opts.rest) > 1 {
		return nil, fmt.Errorf("%s and %s exclude each other", opts.rest[0], opts.rest[1])
	}
	for _, name := range []string{"pkg", "layout", "arch"} {
		if given[name] && !given["out"] && !slices.Contains(opts.rest, "-list") {
			return nil, fmt.Errorf("-%s is for a package of your own: give its directory by -out", name)
		}
	}
	layout, err := findLayout(raw.layout)
	if err != nil {
		return nil, err
	}
	arches, err := findArches(raw.arch)
	if err != nil {
		return nil, err
	}
	opts.table = table(layout, arches)
	if given["out"] {
		opts.table.Dir, opts.table.Package = raw.out, raw.pkg
		return opts, opts.checkPackage(raw.pkg)
	}
	return opts, nil
}

// table is rqlock's table with a layout of its word.
func table(layout *engine.Word, with []*engine.Arch) engine.Table {
	return engine.Table{Source: "gen/prims.go", Words: []engine.Word{*layout}, Rows: prims, Archs: with}
}

// checkPackage refuses a package name, and says by which flag another one is given.
func (o *options) checkPackage(pkg string) error {
	from := "-pkg"
	if pkg == "" {
		dir, err := filepath.Abs(o.table.Dir)
		if err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		pkg, from = filepath.Base(dir), "-pkg is missing, and the last element of -out does not do"
	}
	if err := engine.CheckPackage(pkg); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}

func findLayout(name string) (*engine.Word, error) {
	for _, l := range layouts {
		if l.Layout == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("-layout: unknown layout %q (have %s)", name, strings.Join(layoutNames(), ", "))
}

func findArches(list string) ([]*engine.Arch, error) {
	found := []*engine.Arch{}
	chosen := strings.Split(list, ",")
	for _, a := range engine.Archs() { // in the engine's order, whatever the flag's
		if slices.Contains(chosen, a.Name) {
			found = append(found, a)
		}
	}
	for _, name := range chosen {
		if !slices.Contains(names(found), name) {
			return nil, fmt.Errorf("-arch: unknown architecture %q (have %s)", name, strings.Join(archNames(), ", "))
		}
	}
	return found, nil
}

func layoutNames() []string {
	var all []string
	for _, l := range layouts {
		all = append(all, l.Layout)
	}
	return all
}

func archNames() []string { return names(engine.Archs()) }

func names(arches []*engine.Arch) []string {
	var all []string
	for _, a := range arches {
		all = append(all, a.Name)
	}
	return all
}
