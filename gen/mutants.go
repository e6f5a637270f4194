package main

import (
	"bytes"
	"debug/elf"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/gallery"
	"github.com/rqlock/rqlock/gen/golang/model"
	"github.com/rqlock/rqlock/gen/mutate"
	"github.com/rqlock/rqlock/gen/spec"
)

// excuses lists the mutants that behave as the original does.
//
//go:embed mutants.txt
var excuses string

// survivorsPage names the mutants of Go files that nothing notices.
const survivorsPage = "docs/mutants-go.md"

// ownPath is the import path of rqlock's own module.
const ownPath = "github.com/rqlock/rqlock"

// runMutants tries mutants of the emitted assembly: that of the repository, and what the other
// layouts have that it has not. It runs at the top of the repository.
func runMutants(args []string, stdout, stderr io.Writer) int {
	cfg, err := mutated()
	if err == nil {
		var dir string
		if dir, err = os.MkdirTemp("", "rqlock-layouts"); err == nil {
			defer os.RemoveAll(dir)
			err = addLayouts(&cfg, dir)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 1
	}
	return mutate.Run(cfg, args, stdout, stderr)
}

// goMutated lists the Go files of the lock whose mutants tests must notice, and these tests: what
// is fast comes first.
var goMutated = mutate.GoConfig{
	Files: []string{
		"rqlock/slowpath.go", "rqlock/rwslowpath.go",
		"rqlock/internal/queue/queue.go", "rqlock/internal/waitgraph/waitgraph.go", "rqlock/internal/park/park.go", "rqlock/internal/park/limit.go",
	},
	Tests: []mutate.GoTest{
		{Dir: "rqlock/internal/queue", Pattern: ".", Own: true}, {Dir: "rqlock/internal/waitgraph", Pattern: ".", Own: true}, {Dir: "rqlock/internal/park", Pattern: ".", Own: true},
		{Dir: "rqlock", Pattern: "^Test(RW)?(Self|Cycle|CycleAtOnce|Abandon|AbandonReader|Order|States|FirstWaiter|Closed|Copy|Dissolve|Misuse|Limits|OwnLimit|Stall|Guarantees|NoFalseDeadlock)$"},
		{Dir: "rqlock/internal/model", Pattern: "Suite"},
		{Dir: "rqlock", Pattern: "^Test"},
		{Dir: "rqlock/sync", Pattern: "^Test"},
		{Dir: "rqlock/torture", Pattern: "^Test"},
		{Dir: "rqlock/internal/model", Pattern: "Suite|Walks", Args: "-model.tier small -model.walks 50"},
		{Dir: "rqlock/internal/model", Pattern: "Suite", Args: "-model.tier full -model.only abandon"},
	},
	Copies: mutatedModel,
}

// mutatedModel returns the model's copies of files with mutants.
func mutatedModel(texts map[string][]byte) (map[string][]byte, error) {
	copies, err := model.Copy(".", texts, nil)
	if err != nil {
		return nil, err
	}
	number := bytes.Replace(texts["rqlock/zmutants.go"], []byte("package rqlock"), []byte("package lock"), 1)
	files := map[string][]byte{ownTwins + "lock/zmutants.go": number}
	add(files, ownTwins+"lock", copies["lock"])
	return files, nil
}

// runGoMutants tries mutants of these files. It runs at the top of the repository.
func runGoMutants(args []string, stdout, stderr io.Writer) int {
	err := checkOwn()
	cfg := goMutated
	if err == nil {
		cfg.Root, err = os.Getwd()
	}
	if err == nil {
		var page []byte
		page, err = os.ReadFile(survivorsPage)
		cfg.Survivors = string(page)
	}
	if err != nil {
		fmt.Fprintf(stderr, "gen: %v\n", err)
		return 1
	}
	return mutate.RunGo(cfg, args, stdout, stderr)
}

// mutated describes the packages of the repository that have emitted assembly. The first one
// is that of the primitives.
func mutated() (mutate.Config, error) {
	cfg := mutate.Config{Archs: archNames(), Excuses: excuses}
	if err := checkOwn(); err != nil {
		return cfg, err
	}
	top, err := os.Getwd()
	if err != nil {
		return cfg, err
	}
	tables := map[string]engine.Table{ownPackage: table(layouts[0], nil)}
	for _, t := range gallery.Tables() {
		tables[ownGallery+"/"+t.Package] = t
	}
	for _, dir := range slices.Sorted(maps.Keys(tables)) {
		p, err := primitivesIn(tables[dir], top, dir, ownPath+"/"+dir)
		if err != nil {
			return cfg, err
		}
		cfg.Packages = append(cfg.Packages, p)
	}
	for _, dir := range slices.Sorted(maps.Keys(fused)) {
		cfg.Packages = append(cfg.Packages, fastPathsIn(top, dir))
	}
	return cfg, nil
}

// addLayouts generates the packages of the other layouts below dir, and adds them.
func addLayouts(cfg *mutate.Config, dir string) error {
	primitives := cfg.Packages[0]
	for _, l := range layouts[1:] {
		module := filepath.Join(dir, l.Layout)
		if err := writeModule(primitives.Root, module, l); err != nil {
			return err
		}
		p, err := primitivesIn(table(l, nil), module, ".", "example.com/mylock")
		if err != nil {
			return err
		}
		p.Name, p.Except = l.Layout, primitives
		cfg.Packages = append(cfg.Packages, p)
	}
	return nil
}

// writeModule generates the package of a layout in a module of its own.
func writeModule(top, dir string, l *engine.Word) error {
	o := table(l, engine.Archs())
	o.Package = "mylock"
	files, err := o.Files()
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			return err
		}
		files[name] = bytes.Replace(src, []byte(strings.TrimSpace(ownModule)), []byte("module example.com/mylock"), 1)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// primitivesIn describes a package with the primitives of a table.
func primitivesIn(t engine.Table, root, dir, path string) (*mutate.Package, error) {
	rows, err := t.Derived()
	if err != nil {
		return nil, err
	}
	return &mutate.Package{
		Root: root, Dir: dir, Path: path,
		Audit: func(arch string, build int, f *elf.File, symbols map[string]string) (map[string]string, error) {
			a := archOf(arch)
			var all []*spec.Row
			for symbol, fn := range symbols {
				r, ok := rowOf(rows, a, fn)
				if !ok {
					return nil, fmt.Errorf("%s: no row and no helper", fn)
				}
				r.Name = symbol
				all = append(all, &r)
			}
			return broken(audit.Check(a.Machine, a.Machine.Builds[build], path, all, f))
		},
		Tests: func(fn string) []string {
			name := strings.ToUpper(fn[:1]) + fn[1:]
			if !slices.ContainsFunc(rows, func(r *spec.Row) bool { return r.Impl() == fn }) {
				return []string{"Variant"}
			}
			return []string{"(?i)(Fuzz|Test)" + name + "$|(?i)Torture.*" + name, "Bounded|Torture|Fuzz"}
		},
	}, nil
}

// fusedTests has patterns of tests that lock and unlock by the fused fast paths.
var fusedTests = map[string][]string{
	ownLock:     {"^Example(Mutex|RWMutex)?$", "TestSelf|TestRWSelf|TestManyLocks|TestRWMany"},
	ownSync:     {"^Test(API|Methods|OwnUnlock|Taken)"},
	ownBaseline: {"."},
}

// fastPathsIn describes a package with fused fast paths.
func fastPathsIn(root, dir string) *mutate.Package {
	path := ownPath + "/" + dir
	return &mutate.Package{
		Root: root, Dir: dir, Path: path,
		Audit: func(arch string, build int, f *elf.File, symbols map[string]string) (map[string]string, error) {
			var all []audit.Fused
			for symbol, fn := range symbols {
				k := slices.IndexFunc(fused[dir], func(u emit.Fused) bool { return u.Name == fn })
				if k < 0 { // emptyCall
					continue
				}
				u, err := auditedFused(fused[dir][k])
				if err != nil {
					return nil, err
				}
				u.Name = symbol
				all = append(all, u)
			}
			m := archOf(arch).Machine
			return broken(audit.CheckFused(m, m.Builds[build], path, all, f))
		},
		Tests: func(string) []string { return fusedTests[dir] },
	}
}

// auditedFused says what the audit must know of a fused fast path.
func auditedFused(u emit.Fused) (audit.Fused, error) {
	rows, err := table(layouts[0], nil).Derived()
	if err != nil {
		return audit.Fused{}, err
	}
	k := slices.IndexFunc(rows, func(r *spec.Row) bool { return r.Name == u.Fast })
	of := audit.Fused{Name: u.Name, Row: rows[k], Else: u.Else, Error: strings.HasSuffix(u.Sig, " (err error)")}
	if len(u.On) > 1 {
		of.Table = u.On[1]
	}
	return of, nil
}

// rowOf returns the row that a function implements, or for a helper one without an operation.
func rowOf(rows []*spec.Row, a *engine.Arch, fn string) (spec.Row, bool) {
	for _, r := range rows {
		if r.Impl() == fn {
			return *r, true
		}
	}
	for _, h := range a.AllHelpers() {
		if h.Name == fn {
			return spec.Row{Name: fn, Sig: h.Sig}, true
		}
	}
	return spec.Row{}, false
}

// archOf returns an architecture. The builds of its machine are in the same order as those of
// its table of mutations.
func archOf(name string) *engine.Arch {
	all := engine.Archs()
	return all[slices.IndexFunc(all, func(a *engine.Arch) bool { return a.Name == name })]
}

// broken returns a rule that each function breaks.
func broken(all []audit.Finding, err error) (map[string]string, error) {
	rules := map[string]string{}
	for _, finding := range all {
		if rules[finding.Row] == "" {
			rules[finding.Row] = finding.Rule.String()
		}
	}
	return rules, err
}
