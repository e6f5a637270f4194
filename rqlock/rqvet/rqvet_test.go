package rqvet_test

import (
	"fmt"
	"go/token"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestRules runs the analyzer on testdata, where comments say what it has to find, and
// compares what the suggested fixes make of testdata/fixes.
func TestRules(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, dir := range dirs {
		if name := dir.Name(); dir.IsDir() && name != "own" && name != "blocks" {
			patterns = append(patterns, "./"+name+"/...")
		}
	}
	analysistest.RunWithSuggestedFixes(expectations{t}, analysistest.TestData(), rqvet.Analyzer, patterns...)
}

// TestBlocks has the rule that works on request only.
func TestBlocks(t *testing.T) {
	t.Parallel()
	analysistest.Run(expectations{t}, analysistest.TestData(), withBlocks(t), "./blocks")
	findings, position := analyze(t, rqvet.Analyzer, "testdata", false, "./blocks")
	for _, d := range findings["rqvet.test/blocks"] {
		t.Errorf("without the flag: %s: %s", position(d), d.Message)
	}
}

// expectations does not ask of testdata to write down facts, which are tested by what
// the analyzer finds with them, nor fixes elsewhere than in testdata/fixes.
type expectations struct{ *testing.T }

func (t expectations) Errorf(format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	switch {
	case strings.Contains(text, "unexpected fact"):
	case strings.Contains(text, ".golden: open ") && !strings.Contains(text, "fixes.go"):
	default:
		t.Error(text)
	}
}

// TestRepository finds nothing in the library, its containers and commands, tests and
// examples included. What they do wrong on purpose, they say.
func TestRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the whole repository")
	}
	for name, dir := range map[string]string{"top": "../..", "bench": "../cmd/bench"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings, positions := analyze(t, rqvet.Analyzer, dir, true, importers(t, dir)...)
			for _, all := range findings {
				for _, d := range all {
					t.Errorf("%s: %s", positions(d), d.Message)
				}
			}
		})
	}
}

// TestPrograms finds nothing in the programs of rqlock's tests, which "./..." leaves out.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the whole library")
	}
	t.Parallel()
	programs := []string{"./testdata/copies", "./testdata/plugin", "./testdata/plugin/inside", "./testdata/wasm"}
	if _, err := exec.LookPath("gcc"); err == nil && os.Getenv("CGO_ENABLED") != "0" {
		programs = append(programs, "./testdata/cshared")
	}
	findings, position := analyze(t, rqvet.Analyzer, "..", false, programs...)
	for _, all := range findings {
		for _, d := range all {
			t.Errorf("%s: %s", position(d), d.Message)
		}
	}
}

// importers lists the packages in dir that import the lock, perhaps through others.
func importers(t *testing.T, dir string) []string {
	t.Helper()
	const lock = "github.com/rqlock/rqlock/rqlock"
	config := config(dir, true)
	config.Mode = packages.NeedName | packages.NeedImports | packages.NeedDeps
	pkgs, err := packages.Load(config, "./...")
	if err != nil && strings.Contains(err.Error(), "requires go >=") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	reaches := map[*packages.Package]bool{}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		reaches[p] = p.PkgPath == lock
		for _, dep := range p.Imports {
			reaches[p] = reaches[p] || reaches[dep]
		}
	})
	var all []string
	for _, p := range pkgs {
		if path, _, _ := strings.Cut(p.ID, " "); reaches[p] && !strings.HasSuffix(path, ".test") {
			all = append(all, strings.TrimSuffix(path, "_test"))
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no package imports the lock", dir)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// analyze runs the analyzer in dir and returns what it finds, by package.
func analyze(t *testing.T, analyzer *analysis.Analyzer, dir string, tests bool, patterns ...string) (findings map[string][]analysis.Diagnostic, position func(analysis.Diagnostic) token.Position) {
	t.Helper()
	pkgs, err := packages.Load(config(dir, tests), patterns...)
	if err != nil {
		t.Fatal(err)
	}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		for _, err := range p.Errors {
			t.Errorf("%s does not compile: %v", p, err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{analyzer}, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	findings = map[string][]analysis.Diagnostic{}
	for _, act := range graph.Roots {
		if act.Err != nil {
			t.Fatal(act.Err)
		}
		findings[act.Package.PkgPath] = append(findings[act.Package.PkgPath], act.Diagnostics...)
	}
	return findings, func(d analysis.Diagnostic) token.Position { return pkgs[0].Fset.Position(d.Pos) }
}

func config(dir string, tests bool) *packages.Config {
	return &packages.Config{Mode: packages.LoadAllSyntax, Dir: dir, Tests: tests, Env: append(os.Environ(), "GOWORK=off")}
}
