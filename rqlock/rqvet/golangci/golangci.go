// Package golangci makes rqvet a module plugin of golangci-lint, by the name rqvet. The
// plugin's module is github.com/rqlock/rqlock, and this package is its import:
//
//	plugins:
//	  - module: github.com/rqlock/rqlock
//	    import: github.com/rqlock/rqlock/rqlock/rqvet/golangci
//	    version: latest
//
// See docs/rqvet/README.md for the rest of the configuration.
package golangci

import (
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

func init() { register.Plugin("rqvet", newPlugin) }

// newPlugin makes the plugin, which has no settings.
func newPlugin(any) (register.LinterPlugin, error) { return plugin{}, nil }

type plugin struct{}

func (plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	return []*analysis.Analyzer{rqvet.Analyzer}, nil
}

// GetLoadMode asks for types, from which the analyzer builds SSA.
func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
