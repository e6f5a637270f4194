// Package golang emits the Go files of the generated package with jennifer: the
// public functions, the declarations of each architecture, the portable twin,
// tests, torture tests and benchmarks.
package golang

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// Config says what to generate.
type Config struct {
	Pkg   string // package name
	Words []*spec.Word
	Rows  []*spec.Row  // as spec.Derive returns them
	Archs []*emit.Arch // architectures with assembly, in order
	Known []*emit.Arch // architectures that have a folder
	// Source is where the table is, for the headers ("" = nobody says it).
	Source string
	// Prefix is of what the package declares besides its rows and words, if several tables
	// share a directory.
	Prefix   string
	Assembly map[string][]byte // files of the architectures
}

// An emitter renders one or more files, by name.
type emitter func(*Config) (map[string][]byte, error)

// Files renders every file of the package, by name.
func Files(c *Config) (map[string][]byte, error) {
	all, err := c.everything()
	if err != nil {
		return nil, err
	}
	if err := c.stepAside(all); err != nil {
		return nil, err
	}
	maps.Copy(all, c.Assembly)
	pruned, err := c.pruner().prune(all)
	if err != nil || c.Prefix == "" {
		return pruned, err
	}
	return c.prefixed(pruned)
}

// everything renders the Go files with all that any table may need.
func (c *Config) everything() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, emit := range append(append([]emitter{}, sources...), tests...) {
		files, err := emit(c)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}

// Helpers returns the names that a package declares or imports for itself, whatever its
// rows and words are, but for what steps aside.
func Helpers(c *Config) (map[string]bool, error) {
	empty := *c
	empty.Pkg, empty.Source, empty.Rows, empty.Words, empty.Prefix = "p", "", nil, nil, ""
	files, err := empty.everything()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	fset := token.NewFileSet()
	for name, src := range files {
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			return nil, err
		}
		for _, u := range unitsOf(f, name) {
			for _, id := range u.names {
				names[id] = names[id] || !u.test() || ast.IsExported(id) // others step aside
			}
			maps.Copy(names, u.imports)
		}
	}
	for _, id := range spec.Called() { // which are there for rows that the table lacks
		for _, name := range (&spec.Row{Name: id}).Names() {
			delete(names, name)
		}
	}
	return names, nil
}

// pruner knows what users of the package may use.
func (c *Config) pruner() *pruner {
	p := &pruner{roots: map[string]bool{"Variant": true, "SpinChunk": true}, strange: c.strange}
	for _, r := range c.Rows {
		p.roots[r.Name] = true
	}
	for _, w := range c.Words {
		for _, name := range w.Names() {
			p.roots[name] = true
		}
	}
	for _, a := range c.Archs {
		for _, v := range a.Flags {
			p.roots[v.Name] = true
		}
	}
	return p
}

// newFile begins a Go file with the header and, unless it is "", a constraint.
func (c *Config) newFile(constraint string) *jen.File {
	f := jen.NewFile(c.Pkg)
	header := "// " + emit.Header(c.Source)
	if constraint != "" {
		header += "\n\n//go:build " + constraint
	}
	f.HeaderComment(header)
	return f
}

// render prints f in gofmt's form.
func render(f *jen.File) ([]byte, error) {
	var b bytes.Buffer
	if err := f.Render(&b); err != nil {
		return nil, fmt.Errorf("rendering Go: %w", err)
	}
	src, err := format.Source(groupImports(b.Bytes()))
	if err != nil {
		return nil, fmt.Errorf("rendering Go: %w", err)
	}
	return src, nil
}

var (
	importBlock = regexp.MustCompile(`(?m)^import \(\n(\t.*\n)+\)$`)
	importLine  = regexp.MustCompile(`(?m)^\t.*\n`)
)

// groupImports puts the standard library's imports first, and the others into a
// group of their own. Jennifer sorts all of them together.
func groupImports(src []byte) []byte {
	return importBlock.ReplaceAllFunc(src, func(block []byte) []byte {
		var std, others []byte
		for _, line := range importLine.FindAll(block, -1) {
			if host, _, _ := bytes.Cut(line, []byte("/")); bytes.Contains(host, []byte(".")) {
				others = append(others, line...)
			} else {
				std = append(std, line...)
			}
		}
		return slices.Concat([]byte("import (\n"), std, []byte("\n"), others, []byte(")"))
	})
}

// archTerms returns the build constraint that each architecture with assembly
// satisfies: "amd64 || arm64".
func (c *Config) archTerms() string {
	s := ""
	for i, a := range c.Archs {
		if i > 0 {
			s += " || "
		}
		s += a.Name
	}
	return s
}

// otherArchs is satisfied by the architectures without assembly.
func (c *Config) otherArchs() string { return "!(" + c.archTerms() + ")" }

// asmConstraint selects the builds with assembly. The suffix of a file's name
// selects the architecture.
const asmConstraint = emit.Assembly

// portableConstraint selects the builds that use the portable twin.
func (c *Config) portableConstraint() string {
	if len(c.Archs) == 0 {
		return ""
	}
	return emit.Portable + " || " + c.otherArchs()
}
