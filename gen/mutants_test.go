package main

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/mutate"
)

// TestMutantsCoverFiles checks that every emitted file has mutants, and that the tables of
// mutations have the builds that the audit has.
func TestMutantsCoverFiles(t *testing.T) {
	t.Chdir("..")
	cfg, err := mutated()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range engine.Archs() {
		table := mutate.Tables[a.Name]
		if table == nil || len(table.Builds) != len(a.Machine.Builds) {
			t.Fatalf("%s: the table of mutations has other builds than the audit", a.Name)
		}
		for n, build := range table.Builds {
			for _, e := range build.Env {
				if !slices.Contains(a.Machine.Builds[n].Env, e) {
					t.Errorf("%s: build %d has %s in the table of mutations, and %q in the audit", a.Name, n, e, a.Machine.Builds[n].Env)
				}
			}
		}
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		arch := strings.TrimSuffix(path[strings.LastIndex(path, "_")+1:], ".s")
		if err == nil && strings.HasPrefix(d.Name(), "z") && strings.HasSuffix(path, ".s") && slices.Contains(archNames(), arch) &&
			!slices.ContainsFunc(cfg.Packages, func(p *mutate.Package) bool { return filepath.FromSlash(p.Dir) == filepath.Dir(path) }) {
			t.Errorf("nothing mutates %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGoSurvivors checks that the mutants which docs/mutants-go.md names exist.
func TestGoSurvivors(t *testing.T) {
	t.Chdir("..")
	var stdout, stderr strings.Builder
	if code := runGoMutants([]string{"-list", "-state", ""}, &stdout, &stderr); code != 0 || stdout.Len() == 0 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
