package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// The parts of SARIF 2.1.0 that code scanning reads
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		HelpURI          string    `json:"helpUri"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

// sarif analyzes the packages that the arguments name, behind flags of the analyzer and -test,
// and writes the findings. Paths are relative to the working directory.
func sarif(w io.Writer, args []string) error {
	flags := flag.NewFlagSet("rqvet -sarif", flag.ExitOnError)
	tests := flags.Bool("test", true, "analyze test files, too")
	a := rqvet.Analyzer
	a.Flags.VisitAll(func(f *flag.Flag) { flags.Var(f.Value, f.Name, f.Usage) })
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no packages: name some behind the flags")
	}
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Tests: *tests}, flags.Args()...)
	if err != nil {
		return err
	}
	if n := packages.PrintErrors(pkgs); n > 0 {
		return fmt.Errorf("%d errors in the packages", n)
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{a}, pkgs, nil)
	if err != nil {
		return err
	}
	results, err := sarifResults(graph)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool: sarifTool{sarifDriver{
				Name: a.Name, InformationURI: a.URL, Rules: sarifRules(),
			}},
			Results: results,
		}},
	})
}

func sarifRules() []sarifRule {
	var all []sarifRule
	for _, r := range rqvet.Rules {
		all = append(all, sarifRule{string(r), sarifText{r.Summary()}, r.URL()})
	}
	return all
}

// sarifResults has each finding once, although a package may be analyzed with its tests and
// without.
func sarifResults(graph *checker.Graph) ([]sarifResult, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	all := []sarifResult{} // not null
	type key struct {
		at      token.Position
		message string
	}
	seen := map[key]bool{}
	for _, act := range graph.Roots {
		if act.Err != nil {
			return nil, act.Err
		}
		for _, d := range act.Diagnostics {
			p := act.Package.Fset.Position(d.Pos)
			if k := (key{p, d.Message}); seen[k] {
				continue
			} else {
				seen[k] = true
			}
			name := p.Filename
			if rel, err := filepath.Rel(dir, name); err == nil {
				name = rel
			}
			all = append(all, sarifResult{
				RuleID: d.Category, Level: "warning", Message: sarifText{d.Message},
				Locations: []sarifLocation{{sarifPhysical{sarifArtifact{filepath.ToSlash(name)}, sarifRegion{p.Line, p.Column}}}},
			})
		}
	}
	return all, nil
}
