package rqvet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/imports"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

const docs = "../../docs/rqvet"

var block = regexp.MustCompile("(?s)## (Wrong|Right)\n\n```go\n(.*?)```")

// TestPages checks that each rule has a page. What the page calls wrong has to break
// this rule and no other, and what it calls right has to break none.
func TestPages(t *testing.T) {
	t.Parallel()
	dir := module(t)
	for _, rule := range rqvet.Rules {
		page, err := os.ReadFile(filepath.Join(docs, string(rule)+".md"))
		if err != nil {
			t.Errorf("%s has no page: %v", rule, err)
			continue
		}
		found := block.FindAllStringSubmatch(string(page), -1)
		if len(found) != 2 || found[0][1] != "Wrong" || found[1][1] != "Right" {
			t.Errorf("%s: the page does not have one Wrong and one Right block", rule)
			continue
		}
		for _, b := range found {
			name := filepath.Join(dir, strings.ToLower(b[1]), string(rule), "p.go")
			src, err := imports.Process(name, []byte("package p\n\nimport \"github.com/rqlock/rqlock/rqlock\"\n\n"+b[2]), nil)
			if err != nil {
				t.Fatalf("%s: %v", rule, err)
			}
			write(t, name, string(src))
		}
	}
	got, _ := analyze(t, withBlocks(t), dir, false, "./...")
	for _, rule := range rqvet.Rules {
		wrong := got["rqvet.test/wrong/"+string(rule)]
		if len(wrong) == 0 {
			t.Errorf("%s: nothing found in what the page calls wrong", rule)
		}
		for _, d := range wrong {
			if allowed := d.Category == string(rule) || rule == rqvet.BadIgnore; !allowed {
				t.Errorf("%s: the wrong code also heldForCaller: %s", rule, d.Message)
			}
			if want := "/docs/rqvet/" + d.Category + ".md"; !strings.HasSuffix(d.URL, want) {
				t.Errorf("%s: URL %q, want one that ends in %s", rule, d.URL, want)
			}
			if !strings.HasSuffix(d.Message, "("+d.Category+")") {
				t.Errorf("%s: %q does not end with the rule", rule, d.Message)
			}
		}
		for _, d := range got["rqvet.test/right/"+string(rule)] {
			t.Errorf("%s: the right code heldForCaller: %s", rule, d.Message)
		}
	}
}

// withBlocks is the analyzer with the rule that works on request.
func withBlocks(t *testing.T) *analysis.Analyzer {
	t.Helper()
	a := rqvet.New()
	if err := a.Flags.Set("blocks", "true"); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestIndex checks that the index links to every page, and that there are no others.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(docs, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rqvet.Rules {
		if line := fmt.Sprintf("| [%s](%s.md) | %s |\n", rule, rule, rule.Summary()); !strings.Contains(string(index), line) {
			t.Errorf("the index has no %s", line)
		}
	}
	pages, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name != "README" && !slices.Contains(rqvet.Rules, rqvet.Rule(name)) {
			t.Errorf("%s: no such rule", page)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// module makes a module like testdata in a directory of its own.
func module(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, replacer := range map[string]*strings.Replacer{
		"go.mod": strings.NewReplacer("../../..", filepath.ToSlash(root)),
		"go.sum": strings.NewReplacer(),
	} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), replacer.Replace(string(text)))
	}
	return dir
}
