// Package golangci registers rqvet as a module plugin of golangci-lint, under the
// name rqvet. See docs/rqvet/README.md for the configuration.
package golangci

import (
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

func init() { register.Plugin("rqvet", newPlugin) }

// newPlugin makes the plugin; it has no settings.
func newPlugin(any) (register.LinterPlugin, error) { return plugin{}, nil }

type plugin struct{}

func (plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	return []*analysis.Analyzer{rqvet.Analyzer}, nil
}

// GetLoadMode asks for types: the analyzer builds SSA from them.
func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
