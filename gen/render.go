package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/gallery"
	"github.com/rqlock/rqlock/gen/golang/model"
)

// The files of rqlock's own repository.
const (
	ownModule   = "module github.com/rqlock/rqlock\n"
	ownPackage  = "asm"                    // the package, and its directory
	ownDocs     = "docs"                   // the directory of the reference page
	ownLock     = "rqlock"                 // the lock's package, and its directory
	ownSync     = "rqlock/sync"            // the lock with the signatures of Go's package sync
	ownBaseline = "rqlock/internal/qspin"  // the lock without resilience
	ownTwins    = "rqlock/internal/model/" // what the explorer runs
	ownGallery  = "gen/gallery"            // where each lock of the gallery has a directory
	page        = "zprimitives.md"         // the reference page
	ownOps      = "gen/engine/zops.go"     // the constants of the engine's users
)

// own is the table of rqlock's own repository.
func own() engine.Table {
	t := table(layouts[0], engine.Archs())
	t.Package, t.Dir = ownPackage, ownPackage
	t.More = func(files map[string][]byte) error {
		if err := renderLocks(t, files); err != nil {
			return err
		}
		files[filepath.Join(ownDocs, page)] = files[filepath.Join(ownPackage, page)]
		delete(files, filepath.Join(ownPackage, page))
		families, err := renderFamilies(t)
		if err != nil {
			return err
		}
		files[filepath.Join(ownDocs, familiesPage)] = families
		if files[filepath.FromSlash(ownOps)], err = renderOps(t); err != nil {
			return err
		}
		locks, err := renderGallery(files)
		if err != nil {
			return err
		}
		return renderModel(t, files, locks)
	}
	return t
}

// add puts files into a directory.
func add(to map[string][]byte, dir string, files map[string][]byte) {
	for name, src := range files {
		to[filepath.Join(dir, name)] = src
	}
}

// renderGallery makes the packages of the gallery, and returns what the explorer runs.
func renderGallery(files map[string][]byte) (locks []model.Lock, err error) {
	for _, t := range gallery.Tables() {
		t.Dir = filepath.Join(ownGallery, t.Package)
		rendered, err := t.Files()
		if err != nil {
			return nil, err
		}
		maps.Copy(files, rendered)
		rows, err := t.Derived()
		if err != nil {
			return nil, err
		}
		locks = append(locks, model.Lock{
			Dir: ownGallery + "/" + t.Package, Name: t.Package, Table: t.Source, Copy: "gallery/" + t.Package,
			Words: t.Words, Rows: rows, Shared: []string{"Lock", "Waiter"},
		})
	}
	return locks, nil
}

// renderModel makes what the explorer runs, from the other generated files and
// the sources of the locks.
func renderModel(t engine.Table, files map[string][]byte, locks []model.Lock) error {
	rows, err := t.Derived()
	if err != nil {
		return err
	}
	twin, err := model.Twin(rows, &t.Words[0])
	if err != nil {
		return err
	}
	add(files, ownTwins+"asm", map[string][]byte{"zasm.go": twin})
	copies, err := model.Copy(".", maps.Clone(files), locks)
	if err != nil {
		return err
	}
	for name, copied := range copies {
		add(files, ownTwins+name, copied)
	}
	return nil
}

// checkOwn checks that the working directory is the top of rqlock's repository.
func checkOwn() error {
	if mod, err := os.ReadFile("go.mod"); err != nil || !bytes.Contains(bytes.ReplaceAll(mod, []byte("\r"), nil), []byte(ownModule)) {
		return fmt.Errorf("-out is missing: give the directory of your package (only at the top of rqlock's repository is none needed)")
	}
	for _, dir := range []string{ownPackage, ownDocs} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("no directory %s here", dir)
		}
	}
	return nil
}
