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

// harnessFiles emits the tests' text that no row changes.
func harnessFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"differ", "handover", "harness", "litmus", "preempt"} {
		src, err := c.fill(name+"_test.go.tmpl", "")
		if err != nil {
			return nil, err
		}
		files["z"+name+"_test.go"] = src
	}
	return files, nil
}

// variantFiles emits what the tests must know to run each body of a primitive:
// a file for each architecture with several, one for all the others.
func variantFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	var several []string
	for _, a := range c.Archs {
		if len(a.Variants) < 2 {
			continue
		}
		src, err := c.fill("variant_"+a.Name+"_test.go.tmpl", "")
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
		constraint = "!gc || purego || !(" + strings.Join(several, " || ") + ")"
	}
	src, err := c.fill("variant_test.go.tmpl", constraint)
	files["zvariant_test.go"] = src
	return files, err
}

// inlineTestFile emits the test of what the compiler inlines, for builds that
// have nothing else in the public functions.
func inlineTestFile(c *Config) (map[string][]byte, error) {
	src, err := c.fill("inline_test.go.tmpl", asmConstraint+" && !race && ("+c.archTerms()+")")
	return map[string][]byte{"zinline_test.go": src}, err
}

// inlining names the functions that must be inlined, and those that must not.
func (c *Config) inlining() (inlined, outlined []string) {
	for _, r := range c.Rows {
		inlined = append(inlined, r.Name)
		if r.Op == spec.CondLoad {
			outlined = append(outlined, r.Impl()+"Wait", r.Impl()+"Chunk")
		}
	}
	return inlined, outlined
}

// fill executes a template of a Go file.
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
		Inlined, Outlined       []string
	}{Header: emit.Header, Constraint: constraint, Pkg: c.Pkg}
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
