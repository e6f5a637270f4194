package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages returns the Markdown files of the checkout, by name from its top folder.
func pages(t *testing.T) (top string, text map[string]string) {
	top = "../../.."
	list, err := exec.Command("git", "-C", top, "ls-files", "*.md").Output()
	if err != nil {
		t.Skip("no git, or no checkout: ", err)
	}
	text = map[string]string{}
	for _, name := range strings.Fields(string(list)) {
		if page, err := os.ReadFile(filepath.Join(top, name)); err == nil {
			text[name] = string(page)
		}
	}
	return top, text
}

// What differs from run to run, and so from what README shows.
var (
	address   = regexp.MustCompile(`0x[0-9a-f]+`)
	goroutine = regexp.MustCompile(`goroutine \d+`)
)

// TestReadme runs README's first program, which prints what README shows below it. On a busy
// machine its goroutines may not meet, or print in the other order, so it has some tries.
func TestReadme(t *testing.T) {
	_, text := pages(t)
	blocks := regexp.MustCompile("(?s)```(?:go)?\n(.*?)```").FindAllStringSubmatch(text["README.md"], 2)
	if len(blocks) != 2 {
		t.Fatal("README has no program with its output")
	}
	program := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(program, []byte(blocks[0][1]), 0o600); err != nil {
		t.Fatal(err)
	}
	same := func(s string) string {
		return goroutine.ReplaceAllString(address.ReplaceAllString(s, "0x"), "goroutine")
	}
	var printed string
	for range 10 {
		out, err := exec.Command("go", "run", program).CombinedOutput()
		if err != nil {
			t.Fatalf("go run: %v\n%s", err, out)
		}
		if printed = string(out); same(printed) == same(blocks[1][1]) {
			return
		}
	}
	t.Errorf("README's program prints\n%s\nand README says\n%s", printed, blocks[1][1])
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
)

// anchors returns the names by which GitHub knows the headings of a page.
func anchors(page string) map[string]bool {
	names := map[string]bool{"": true}
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

// TestLinks checks that each link between files of the repository leads somewhere.
func TestLinks(t *testing.T) {
	top, text := pages(t)
	for name, page := range text {
		for _, l := range link.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
			if strings.Contains(l[1], ":") {
				continue // another host
			}
			path, anchor, _ := strings.Cut(l[1], "#")
			to := name
			if path != "" {
				to = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(top, to)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", name, l[1], err)
			} else if strings.HasSuffix(to, ".md") && !anchors(text[to])[anchor] {
				t.Errorf("%s: no heading of %s is #%s", name, to, anchor)
			}
		}
	}
}

// TestTargets checks that Makefile has each target that a page tells the reader to make.
func TestTargets(t *testing.T) {
	top, text := pages(t)
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, rule := range regexp.MustCompile(`(?m)^([a-z0-9 -]+):`).FindAllStringSubmatch(string(makefile), -1) {
		for _, target := range strings.Fields(rule[1]) {
			targets[target] = true
		}
	}
	named := regexp.MustCompile("(?m)(?:`|^    )make ([a-z0-9 -]+)")
	for name, page := range text {
		for _, line := range named.FindAllStringSubmatch(page, -1) {
			for _, target := range strings.Fields(line[1]) {
				if !targets[target] {
					t.Errorf("%s: Makefile has no target %s", name, target)
				}
			}
		}
	}
}
