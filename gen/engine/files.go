package engine

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

// page is the reference page.
const page = "zprimitives.md"

// Files renders all files, by path relative to the working directory. It writes nothing.
func (t Table) Files() (map[string][]byte, error) {
	if errs := t.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return t.render()
}

// Derived returns the rows with what follows from them: see Row.
func (t Table) Derived() ([]*Row, error) {
	rows, err := spec.Derive(pointers(t.Rows), pointers(t.Words)...)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		for _, a := range t.archs() {
			if a.Inlines != nil && a.Inlines(r) {
				r.Inline = append(r.Inline, a.Name)
			}
		}
	}
	return rows, nil
}

func (t Table) config(rows []*spec.Row) *golang.Config {
	return &golang.Config{
		Pkg: t.name(), Words: pointers(t.Words), Rows: rows, Archs: t.archs(), Known: Archs(), Source: t.Source, Prefix: t.Prefix,
		Assembly: map[string][]byte{},
	}
}

// render makes the files of a valid table.
func (t Table) render() (map[string][]byte, error) {
	rows, err := t.Derived()
	if err != nil {
		return nil, err
	}
	listings := map[string]emit.Listing{}
	config := t.config(rows)
	for _, a := range t.archs() {
		src, listing, err := a.Assemble(rows, t.Source)
		if err != nil {
			return nil, err
		}
		config.Assembly["zprims_"+a.Name+".s"] = src
		listings[a.Name] = listing
	}
	files, err := golang.Files(config)
	if err != nil {
		return nil, err
	}
	if files[config.FileName(page)], err = t.page(rows, listings); err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for name, src := range files {
		all[filepath.Join(t.dir(), name)] = src
	}
	if t.More != nil {
		err = t.More(all)
	}
	return all, err
}

func (t Table) page(rows []*spec.Row, listings map[string]emit.Listing) ([]byte, error) {
	tmpl, err := template.New("reference.md.tmpl").Funcs(template.FuncMap{
		"anchor":    strings.ToLower,
		"escape":    strings.NewReplacer("*", `\*`, "_", `\_`).Replace,
		"signature": func(sig string) string { return strings.TrimPrefix(sig, "func") },
		"wrap":      func(text string) string { return strings.Join(spec.Wrap(text), "\n") },
		"triple":    func(w Word) string { return spec.Triple(&w) },
	}).ParseFS(templates.FS, "reference.md.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = tmpl.Execute(&b, struct {
		Header, Pkg, UnknownGo string
		Words                  []Word
		Rows                   []entry
	}{emit.Header(t.Source), t.name(), emit.UnknownGo, t.Words, t.entries(rows, listings)})
	return b.Bytes(), err
}

// sorted lists paths in order.
func sorted(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
