package golang

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

// fixedTestFiles emits the test files in which only the package's name changes.
func fixedTestFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"bodies", "claim", "differ", "edges", "invariants", "litmus", "owned", "preempt", "properties", "readers", "workers"} {
		src, err := c.fill(name+"_test.go.tmpl", "")
		if err != nil {
			return nil, err
		}
		files["z"+name+"_test.go"] = src
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
		src, err := c.fill("variant_"+a.Name+"_test.go.tmpl", asmConstraint)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("architecture %s has variants %q and no template that tests them all: %w", a.Name, a.Variants, err)
		}
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
	src, err := c.fill("inline_test.go.tmpl", asmConstraint+" && !race && ("+c.archTerms()+")")
	return map[string][]byte{"zinline_test.go": src}, err
}

// goidTestFile emits the test of the check at the start of a program.
func goidTestFile(c *Config) (map[string][]byte, error) {
	src, err := c.fill("goid_test.go.tmpl", asmConstraint)
	return map[string][]byte{"zgoid_test.go": src}, err
}

// inlining returns the functions that must be inlined, and those that must not.
func (c *Config) inlining() (inlined, outlined []string) {
	for _, r := range c.Rows {
		inlined = append(inlined, r.Name)
		if r.Op == spec.CondLoad {
			outlined = append(outlined, r.Impl()+"Wait", r.Impl()+"Chunk")
		}
	}
	return inlined, outlined
}

// fill renders the template of a Go file.
func (c *Config) fill(name, constraint string) ([]byte, error) {
	t, err := template.ParseFS(templates.FS, name)
	if err != nil {
		if _, missing := fs.Stat(templates.FS, name); missing != nil {
			err = missing
		}
		return nil, err
	}
	var b bytes.Buffer
	data := struct {
		Header, Constraint, Pkg string
		Offset, Misplaced       string
		Inlined, Outlined       []string
	}{Header: emit.Header, Constraint: constraint, Pkg: c.Pkg, Offset: goidOffset, Misplaced: c.misplaced()}
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
