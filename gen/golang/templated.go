package golang

import (
	"bytes"
	"fmt"
	"go/format"
	"io/fs"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

// fixed lists the templates of test files in which only the package's name changes.
var fixed = []string{"bodies", "claim", "differ", "edges", "fences", "invariants", "litmus", "owned", "preempt", "properties", "readers", "workers"}

// fixedFiles returns the names of their files.
func fixedFiles() (names []string) {
	for _, name := range fixed {
		names = append(names, "z"+name+"_test.go")
	}
	return names
}

// fixedTestFiles emits them.
func fixedTestFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	for i, name := range fixedFiles() {
		src, err := c.fill(fixed[i]+"_test.go.tmpl", "")
		if err != nil {
			return nil, err
		}
		files[name] = src
	}
	return files, nil
}

// variantFiles emits the list of bodies that the tests run. Each architecture with
// several bodies has a file of its own, and all the others share one.
func variantFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	var several []string
	for _, a := range c.Archs {
		if len(a.Variants) < 2 {
			continue
		}
		if a.BodiesTest == "" {
			return nil, fmt.Errorf("architecture %s has %d variants and no template that tests them all", a.Name, len(a.Variants))
		}
		src, err := c.expand(a.Name+"'s bodies", a.BodiesTest, asmConstraint)
		if err != nil {
			return nil, err
		}
		files["zvariant_"+a.Name+"_test.go"] = src
		several = append(several, a.Name)
	}
	constraint := ""
	if len(several) > 0 {
		constraint = emit.Portable + " || !(" + strings.Join(several, " || ") + ")"
	}
	src, err := c.fill("variant_test.go.tmpl", constraint)
	files["zvariant_test.go"] = src
	return files, err
}

// inlineTestFile emits the test of what the compiler inlines. It is for builds in
// which the public functions do nothing but call.
func inlineTestFile(c *Config) (map[string][]byte, error) {
	if len(c.Archs) == 0 {
		return nil, nil
	}
	src, err := c.fill("inline_test.go.tmpl", asmConstraint+" && !race && ("+c.archTerms()+")")
	return map[string][]byte{"zinline_test.go": src}, err
}

// goidTestFile emits the test of the check at the start of a program.
func goidTestFile(c *Config) (map[string][]byte, error) {
	if len(c.Rows) > 0 && !c.has(spec.CurrentG.Get().Called) {
		return nil, nil // the test reads the g by itself
	}
	src, err := c.fill("goid_test.go.tmpl", asmConstraint)
	return map[string][]byte{"zgoid_test.go": src}, err
}

// inlining returns the functions that must be inlined, and those that must not.
func (c *Config) inlining() (inlined, outlined []string) {
	for _, r := range c.Rows {
		inlined = append(inlined, r.Name)
		if r.Waits() {
			outlined = append(outlined, r.Impl()+"Wait", r.Impl()+"Chunk")
		}
	}
	return inlined, outlined
}

// fill renders a template that is a Go file.
func (c *Config) fill(name, constraint string) ([]byte, error) {
	text, err := fs.ReadFile(templates.FS, name)
	if err != nil {
		return nil, err
	}
	return c.expand(name, string(text), constraint)
}

// expand renders the text of a template that is a Go file.
func (c *Config) expand(name, text, constraint string) ([]byte, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	data := struct {
		Header, Constraint, Pkg string
		Offset, Misplaced       string
		Inlined, Outlined       []string
		API, Flag               string
	}{API: c.FileName("zprims.go"), Flag: c.flag(), Header: emit.Header(c.Source), Constraint: constraint, Pkg: c.Pkg, Offset: goidOffset, Misplaced: c.misplaced()}
	data.Inlined, data.Outlined = c.inlining()
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return src, nil
}

// flag is what the tests' flags begin with. Those of two tables must differ.
func (c *Config) flag() string {
	if c.Prefix == "" {
		return ""
	}
	return c.Prefix + "."
}
