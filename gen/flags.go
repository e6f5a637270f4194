package main

import (
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"path/filepath"
	"strings"

	"github.com/rqlock/rqlock/gen/spec"
)

// options has a checked command line.
type options struct {
	out    string // directory of the package; "" = rqlock's own repository
	pkg    string
	layout *spec.Layout
	arches []arch
	action func(*options, io.Writer) error
}

// actions are the flags that replace writing.
var actions = []struct {
	name, help string
	run        func(*options, io.Writer) error
}{
	{"check", "write nothing; exit 1 and name the stale files", check},
	{"diff", "write nothing; print what would change as a unified diff", diff},
	{"list", "write nothing; print the table: name, ordering, operation and instructions", list},
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
	fs.StringVar(&raw.layout, "layout", layouts[0].Name, "`LAYOUT` of the lock word: "+strings.Join(layoutNames(), " or "))
	fs.StringVar(&raw.arch, "arch", strings.Join(archNames(), ","), "`LIST` of the architectures with assembly, separated by commas; others use the portable twin")
	for i, a := range actions {
		fs.BoolVar(&raw.actions[i], a.name, false, a.help)
	}
	return fs, raw
}

func usage() string {
	var b strings.Builder
	b.WriteString(`usage: gen -out DIR [flags]

Gen writes a Go package with the primitives that locks are made of. To do so in go generate:

	go get -tool github.com/rqlock/rqlock/gen

and in a file of the package

	//go:generate go tool gen -out . -pkg mylock

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
	opts := &options{out: raw.out, pkg: raw.pkg, action: write}
	chosen := ""
	for i, a := range actions {
		if !raw.actions[i] {
			continue
		}
		if chosen != "" {
			return nil, fmt.Errorf("-%s and -%s exclude each other", chosen, a.name)
		}
		chosen, opts.action = a.name, a.run
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["out"] && raw.out == "" {
		return nil, errors.New("-out: empty directory name")
	}
	for _, name := range []string{"pkg", "layout", "arch"} {
		if given[name] && !given["out"] && chosen != "list" {
			return nil, fmt.Errorf("-%s is for a package of your own: give its directory by -out", name)
		}
	}
	var err error
	if opts.layout, err = findLayout(raw.layout); err != nil {
		return nil, err
	}
	if opts.arches, err = findArches(raw.arch); err != nil {
		return nil, err
	}
	return opts, opts.setPackage()
}

// setPackage defaults and checks the package name.
func (o *options) setPackage() error {
	from := "-pkg"
	switch {
	case o.out == "":
		o.pkg = ownPackage
	case o.pkg == "":
		dir, err := filepath.Abs(o.out)
		if err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		o.pkg, from = filepath.Base(dir), "-pkg is missing, and the last element of -out does not do"
	}
	switch {
	case !token.IsIdentifier(o.pkg) || o.pkg == "_":
		return fmt.Errorf("%s: %q is not a package name", from, o.pkg)
	case o.pkg == "main" || strings.HasSuffix(o.pkg, "_test"):
		return fmt.Errorf("%s: package %q cannot be imported", from, o.pkg)
	}
	return nil
}

func findLayout(name string) (*spec.Layout, error) {
	for _, l := range layouts {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("-layout: unknown layout %q (have %s)", name, strings.Join(layoutNames(), ", "))
}

func findArches(names string) ([]arch, error) {
	var found []arch
	chosen := map[string]bool{}
	for _, name := range strings.Split(names, ",") {
		chosen[name] = true
	}
	for _, a := range arches { // in table order, whatever the flag's
		if chosen[a.Backend.Arch] {
			found = append(found, a)
			delete(chosen, a.Backend.Arch)
		}
	}
	for _, name := range strings.Split(names, ",") {
		if chosen[name] {
			return nil, fmt.Errorf("-arch: unknown architecture %q (have %s)", name, strings.Join(archNames(), ", "))
		}
	}
	return found, nil
}

func layoutNames() []string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.Name)
	}
	return names
}

func archNames() []string { return names(arches) }
