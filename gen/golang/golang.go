// Package golang emits the Go files of the generated package with jennifer: the
// public functions, the declarations of each architecture, the portable twin,
// tests, torture tests and benchmarks.
package golang

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"regexp"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// Config says what to generate.
type Config struct {
	Pkg    string // package name
	Layout *spec.Layout
	Rows   []*spec.Row
	Archs  []Arch // architectures with assembly, in order
}

// Arch is what the Go files depend on of an architecture with assembly.
type Arch struct {
	Name string // GOARCH
	// SpinChunk is a number of spins that take 20 us or less. For longer than
	// that, no assembly may keep its goroutine from being preempted.
	SpinChunk int
	// Variants lists what Variant may return there.
	Variants []string
	// Selector names the helper that reports whether the first of two variants
	// runs ("" = there is only one).
	Selector string
	Flags    []Flag        // package variables that the assembly reads
	Helpers  []emit.Helper // assembly functions that are no rows
}

// Flag is a package variable that tells the assembly what the machine has.
type Flag struct {
	Name string
	CPU  string // what it is in golang.org/x/sys/cpu, such as "ARM64.HasATOMICS"
	OS   string // the only GOOS on which CPU can be relied on ("" = all)
	Doc  []string
}

// An emitter renders one or more files, by name.
type emitter func(*Config) (map[string][]byte, error)

// Files renders every Go file of the package, by name.
func Files(c *Config) (map[string][]byte, error) {
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

// newFile begins a Go file with the header and, unless it is "", a constraint.
func (c *Config) newFile(constraint string) *jen.File {
	f := jen.NewFile(c.Pkg)
	header := "// " + emit.Header
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

// asmConstraint selects the builds with assembly. The suffix of a file's name
// selects the architecture.
const asmConstraint = emit.Assembly

// portableConstraint selects the builds that use the portable twin.
func (c *Config) portableConstraint() string {
	return emit.Portable + " || !(" + c.archTerms() + ")"
}
