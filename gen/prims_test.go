package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/golang"
)

// TestNeeded checks that each row has a user: a package of this module, or the
// author of another lock, of whom the row then says who that is.
func TestNeeded(t *testing.T) {
	used := usedPrimitives(t)
	if !used["UnlockRelease"] {
		t.Fatalf("the search does not find UnlockRelease, but %v", used)
	}
	for _, r := range prims {
		switch {
		case r.For == "" && !used[r.Name]:
			t.Errorf("row %s: no package uses it, and it does not say who needs it (For)", r.Name)
		case r.For != "" && (!strings.HasSuffix(r.For, ".") || len(r.For) > 130):
			t.Errorf("row %s: For is no short sentence: %q", r.Name, r.For)
		}
	}
}

// orderings are how names spell them. A fast path has that of the side of a lock that it is.
var orderings = map[engine.Order]string{engine.Relaxed: "Relaxed", engine.Acquire: "Acquire", engine.Release: "Release", engine.AcqRel: "AcqRel"}

// TestNames checks that a row's name spells its ordering, and begins its documentation.
func TestNames(t *testing.T) {
	rows, err := own().Derived()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if spelt := orderings[r.Order]; (r.Bits() != 0) != (spelt != "" && strings.Contains(r.Name, spelt)) {
			t.Errorf("row %s is %s", r.Name, r.Order)
		}
		if !strings.HasPrefix(r.Does, r.Name+" ") {
			t.Errorf("row %s: the documentation does not start with the name", r.Name)
		}
	}
}

// TestKnown checks that the templates have the table's rows in mind where they call some
// by name: a table with other rows of these names has no such tests.
func TestKnown(t *testing.T) {
	rows, err := own().Derived()
	if err != nil {
		t.Fatal(err)
	}
	if problem := golang.CheckKnown(rows); problem != "" {
		t.Error(problem)
	}
}

// usedPrimitives returns the names of package asm that the library uses, outside
// of tests, generated files and what only the project runs.
func usedPrimitives(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	for _, paths := range fused {
		for _, path := range paths {
			used[path.Fast] = true
		}
	}
	use := regexp.MustCompile(`\basm\.([A-Z]\w+)`)
	err := filepath.WalkDir(filepath.Join("..", ownLock), func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "model" || name == "bench" || name == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "z"):
			return nil
		}
		src, err := os.ReadFile(path)
		for _, m := range use.FindAllSubmatch(src, -1) {
			used[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}
