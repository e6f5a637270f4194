// Package golang emits the Go files of the generated package with jennifer:
// public functions, per-architecture declarations, the portable twin, tests,
// torture tests and benchmarks.
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

// Arch is what the Go side must know of an architecture with assembly.
type Arch struct {
	Name string // GOARCH
	// SpinChunk is the number of spins that take about 20 us at most: the
	// longest an assembly loop may keep its thread from being preempted.
	SpinChunk int
	// Variants lists what Variant may return there.
	Variants []string
	// Selector names the helper that tells the first of two variants from the
	// second ("" = there is one).
	Selector string
	Flags    []Flag        // package variables that the assembly reads
	Helpers  []emit.Helper // assembly functions that are no rows
}

// Flag is a package variable that tells the assembly what the machine has.
type Flag struct {
	Name string
	CPU  string // what it is in golang.org/x/sys/cpu, such as "ARM64.HasATOMICS"
	OS   string // the only GOOS on which CPU is to be believed ("" = all)
	Doc  []string
}

// emitter renders one or more files, by name.
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

// newFile starts a Go file with the header and, if given, a build constraint.
func (c *Config) newFile(constraint string) *jen.File {
	f := jen.NewFile(c.Pkg)
	header := "// " + emit.Header
	if constraint != "" {
		header += "\n\n//go:build " + constraint
	}
	f.HeaderComment(header)
	return f
}

// render prints f and checks that gofmt would leave it alone.
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

// groupImports puts the standard library first and the others in a group of
// their own, as people do; jennifer sorts all together.
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

// archTerms returns the build constraint term that any architecture with
// assembly satisfies: "amd64 || arm64".
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

// asmConstraint selects builds that use assembly on one architecture; the file
// name's suffix selects the architecture.
const asmConstraint = "gc && !purego"

// portableConstraint selects builds that use the portable twin.
func (c *Config) portableConstraint() string {
	return "!gc || purego || !(" + c.archTerms() + ")"
}
