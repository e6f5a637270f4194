package rqlock

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEdges checks that the table of ordering edges in ARCHITECTURE.md and the
// tags in the code name the same edges, each with a release and an acquire side,
// and that each access through asm with an ordering has a tag.
func TestEdges(t *testing.T) {
	doc, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	sides := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| \[(\w+)\] \|`).FindAllSubmatch(doc, -1) {
		sides[string(m[1])] = ""
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(sides) == 0 {
		t.Fatal(err, sides)
	}
	for _, room := range []string{"gate", "park", "queue", "readers", "stall", "waiter", "waitgraph"} {
		inner, err := filepath.Glob("internal/" + room + "/*.go")
		if err != nil || len(inner) == 0 {
			t.Fatal(room, err)
		}
		files = append(files, inner...)
	}
	tagged := regexp.MustCompile(`//.*\b(acquire|release|acq_rel)\b.*\[(\w+)\]`)
	ordered := regexp.MustCompile(`asm\.\w+(Acquire|Release|AcqRel)(\d+)?\(|asm\.(LockOwned|ReadLock|WriteLock)\(`)
	sideOf := map[string]*regexp.Regexp{ // the accesses that may have such a tag
		"acquire": regexp.MustCompile(`asm\.\w+(Acquire|AcqRel)(\d+)?\(|asm\.(LockOwned|ReadLock|WriteLock)\(|[lL]ockFused\(|atomic\.\w+\(|\.(Load|CompareAndSwap)\(`),
		"release": regexp.MustCompile(`asm\.\w+(Release|AcqRel)(\d+)?\(|asm\.(UnlockOwned|ReadUnlock|WriteUnlock)\(|unlockFused\(|atomic\.\w+\(|\.(Store|CompareAndSwap|Add)\(`),
		"acq_rel": regexp.MustCompile(`asm\.\w+AcqRel(\d+)?\(`),
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(filepath.Base(name), "z") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(src), "\n") {
			m := tagged.FindStringSubmatch(line)
			if m == nil {
				if ordered.MatchString(line) {
					t.Errorf("%s:%d: an ordering without its edge: %s", name, n+1, strings.TrimSpace(line))
				}
				continue
			}
			if _, known := sides[m[2]]; !known {
				t.Errorf("%s:%d: edge [%s] is not in the table", name, n+1, m[2])
			}
			sides[m[2]] += m[1] + " "
			if code, _, _ := strings.Cut(line, "//"); strings.TrimSpace(code) != "" && !sideOf[m[1]].MatchString(code) {
				t.Errorf("%s:%d: no access that could be an %s side: %s", name, n+1, m[1], strings.TrimSpace(line))
			}
		}
	}
	for edge, found := range sides {
		if !strings.Contains(found, "acq_rel") && !(strings.Contains(found, "acquire") && strings.Contains(found, "release")) {
			t.Errorf("edge [%s] has %q, want a release and an acquire side", edge, found)
		}
	}
}
