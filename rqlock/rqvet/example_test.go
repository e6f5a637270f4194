package rqvet_test

import (
	"fmt"
	"log"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/multichecker"
	"golang.org/x/tools/go/analysis/passes/nilness"
	"golang.org/x/tools/go/packages"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// A program can load packages, analyze them and use the findings.
func Example() {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Dir: "testdata"}, "./example")
	if err != nil {
		log.Fatal(err)
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{rqvet.Analyzer}, pkgs, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, action := range graph.Roots {
		for _, d := range action.Diagnostics {
			fmt.Printf("line %d: %s\n", action.Package.Fset.Position(d.Pos).Line, d.Message)
		}
	}
	// Output:
	// line 24: Balance acquires a, which is held since line 20 on this path: it fails with ErrDeadlock (AA); unlock first, or call code that expects the lock held (selfdeadlock)
}

// The main function of a checker that has rqvet beside other analyzers. It is called by
// itself, or by go vet -vettool.
func Example_multichecker() {
	multichecker.Main(
		rqvet.Analyzer,
		nilness.Analyzer,
	)
}

// Each rule has a page, with a wrong and a right program.
func ExampleRule_URL() {
	for _, rule := range rqvet.Rules[:2] {
		fmt.Println(rule.URL())
	}
	// Output:
	// https://github.com/rqlock/rqlock/blob/main/docs/rqvet/ignorederr.md
	// https://github.com/rqlock/rqlock/blob/main/docs/rqvet/unheld.md
}
