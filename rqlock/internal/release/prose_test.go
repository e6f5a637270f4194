package release

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"os"
	"path/filepath"
)

// widest is the column that prose does not reach.
const widest = 100

// output is a line of an example's output.
var output = regexp.MustCompile(`^// (line \d+|rqlock): `)

// TestProse checks that prose in Markdown and in comments ends before column 100. Tables,
// code and links are as long as they must be, and so are lines of program with a comment.
func TestProse(t *testing.T) {
	top := "../../.."
	list, err := exec.Command("git", "-C", top, "ls-files", "*.md", "*.go", "*.tmpl").Output()
	if err != nil {
		t.Skip("no git, or no checkout: ", err)
	}
	for _, name := range strings.Fields(string(list)) {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			continue // deleted, and not committed yet
		}
		code := false
		for n, line := range strings.Split(string(text), "\n") {
			comment := strings.TrimSpace(line)
			prose := strings.HasPrefix(comment, "//") && !strings.HasPrefix(comment, "//\t")
			if strings.HasSuffix(name, ".md") {
				if strings.HasPrefix(line, "```") {
					code = !code
				}
				prose = !code && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "|") && strings.Contains(line, " ")
			}
			if prose && utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) >= widest &&
				!strings.Contains(name, "testdata") && !strings.HasPrefix(strings.TrimSpace(line), "//go:") && !strings.Contains(line, "// want") &&
				!output.MatchString(comment) {
				t.Errorf("%s:%d: prose reaches column %d", name, n+1, widest)
			}
		}
	}
}
