package rqvet_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestRules runs the analyzer on testdata, where comments say what it has to find.
func TestRules(t *testing.T) {
	analysistest.Run(noFacts{t}, analysistest.TestData(), rqvet.Analyzer, "./...")
}

// TestFixes compares what the suggested fixes make of testdata.
func TestFixes(t *testing.T) {
	analysistest.RunWithSuggestedFixes(noFacts{t}, analysistest.TestData(), rqvet.Analyzer, "./fixes")
}

// noFacts lets testdata be silent about facts: they are seen by what they lead to.
type noFacts struct{ *testing.T }

func (t noFacts) Errorf(format string, args ...any) {
	t.Helper()
	if text := fmt.Sprintf(format, args...); !strings.Contains(text, "unexpected fact") {
		t.Error(text)
	}
}
