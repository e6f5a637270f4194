package golangci

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestPlugin uses the plugin as golangci-lint does.
func TestPlugin(t *testing.T) {
	create, err := register.GetPlugin("rqvet")
	if err != nil {
		t.Fatal(err)
	}
	p, err := create(nil)
	if err != nil {
		t.Fatal(err)
	}
	analyzers, err := p.BuildAnalyzers()
	if err != nil || len(analyzers) != 1 || analyzers[0] != rqvet.Analyzer {
		t.Errorf("got %v, %v", analyzers, err)
	}
	if err := analysis.Validate(analyzers); err != nil {
		t.Error(err)
	}
	if mode := p.GetLoadMode(); mode != register.LoadModeTypesInfo {
		t.Errorf("load mode %q, want types", mode)
	}
}
