package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/golang/model"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

const page = "zprimitives.md" // the reference page

// The files of rqlock's own repository.
const (
	ownModule   = "module github.com/rqlock/rqlock\n"
	ownPackage  = "asm"                    // the package, and its directory
	ownDocs     = "docs"                   // the directory of the reference page
	ownLock     = "rqlock"                 // the lock's package, and its directory
	ownSync     = "rqlock/sync"            // the lock with the signatures of Go's package sync
	ownBaseline = "rqlock/internal/qspin"  // the lock without resilience
	ownTwins    = "rqlock/internal/model/" // what the explorer runs
)

// A tree has generated files, by path.
type tree map[string][]byte

// add puts files into a directory.
func (t tree) add(dir string, files map[string][]byte) {
	for name, src := range files {
		t[filepath.Join(dir, name)] = src
	}
}

// render makes all files but the model's. Their paths are relative to the working
// directory.
func (o *options) render(rows []*spec.Row) (tree, error) {
	files, err := o.renderPackage(rows)
	if err != nil {
		return nil, err
	}
	pkgDir, pageDir := o.dirs()
	t := tree{}
	if o.out == "" {
		if err := o.renderLocks(t); err != nil {
			return nil, err
		}
	}
	for name, src := range files {
		dir := pkgDir
		if name == page {
			dir = pageDir
		}
		t[filepath.Join(dir, name)] = src
	}
	return t, nil
}

// renderAll makes all generated files.
func (o *options) renderAll() (tree, error) {
	t, err := o.render(prims)
	if err == nil && o.out == "" {
		err = o.renderModel(t, prims)
	}
	return t, err
}

// renderModel makes what the explorer runs, from the other generated files and
// the sources of the lock.
func (o *options) renderModel(t tree, rows []*spec.Row) error {
	twin, err := model.Twin(rows, o.layout)
	if err != nil {
		return err
	}
	t.add(ownTwins+"asm", map[string][]byte{"zasm.go": twin})
	copies, err := model.Copy(".", t)
	if err != nil {
		return err
	}
	for name, files := range copies {
		t.add(ownTwins+name, files)
	}
	return nil
}

// dirs returns where the package and the reference page go.
func (o *options) dirs() (pkg, page string) {
	if o.out != "" {
		return o.out, o.out
	}
	return ownPackage, ownDocs
}

// renderPackage makes the package's files and its reference page, by base name.
func (o *options) renderPackage(rows []*spec.Row) (map[string][]byte, error) {
	if err := spec.Validate(rows, o.layout); err != nil {
		return nil, err
	}
	listings := map[string]emit.Listing{}
	asm := map[string][]byte{}
	config := &golang.Config{Pkg: o.pkg, Layout: o.layout, Rows: rows}
	for _, a := range o.arches {
		src, listing, err := a.Assemble(rows, o.layout)
		if err != nil {
			return nil, err
		}
		asm["zprims_"+a.Backend.Arch+".s"] = src
		listings[a.Backend.Arch] = listing
		config.Archs = append(config.Archs, a.Arch)
	}
	files, err := golang.Files(config)
	if err != nil {
		return nil, err
	}
	for name, src := range asm {
		files[name] = src
	}
	files[page], err = o.renderPage(rows, listings)
	return files, err
}

func (o *options) renderPage(rows []*spec.Row, listings map[string]emit.Listing) ([]byte, error) {
	t, err := template.New("reference.md.tmpl").Funcs(template.FuncMap{
		"anchor":    strings.ToLower,
		"escape":    strings.NewReplacer("*", `\*`, "_", `\_`).Replace,
		"signature": func(sig string) string { return strings.TrimPrefix(sig, "func") },
		"wrap":      func(text string) string { return strings.Join(spec.Wrap(text), "\n") },
	}).ParseFS(templates.FS, "reference.md.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		Header, Pkg, UnknownGo string
		Layout                 *spec.Layout
		Rows                   []entry
	}{emit.Header, o.pkg, emit.UnknownGo, o.layout, o.entries(rows, listings)})
	return b.Bytes(), err
}

// checkDirs finds a missing or wrong directory before anything is rendered.
func (o *options) checkDirs() error {
	if mod, err := os.ReadFile("go.mod"); o.out == "" && (err != nil || !bytes.Contains(mod, []byte(ownModule))) {
		return fmt.Errorf("-out is missing: give the directory of your package (only at the top of rqlock's repository is none needed)")
	}
	pkg, page := o.dirs()
	for _, dir := range []string{pkg, page} {
		info, err := os.Stat(dir)
		switch {
		case err != nil && o.out == "":
			return fmt.Errorf("no directory %s here", dir)
		case os.IsNotExist(err):
			return fmt.Errorf("-out: directory %s does not exist; make it first", dir)
		case err != nil:
			return fmt.Errorf("-out: %w", err)
		case !info.IsDir():
			return fmt.Errorf("-out: %s is not a directory", dir)
		}
	}
	return o.checkPackage(pkg)
}

// checkPackage refuses a directory that holds another package already.
func (o *options) checkPackage(dir string) error {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.go"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
		if err != nil || strings.HasPrefix(filepath.Base(path), "z") {
			continue // the compiler reports it, or gen overwrites it
		}
		if name := strings.TrimSuffix(f.Name.Name, "_test"); name != o.pkg {
			return fmt.Errorf("%s is of package %s, not %s: give -pkg %s, or the -out of another directory", path, name, o.pkg, name)
		}
	}
	return nil
}
