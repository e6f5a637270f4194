package mutate

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const tinyGo = `package tiny

// sum adds up the first n numbers of all, at most limit of them.
func sum(all []int, n, limit int) (total int) {
	if n > limit || n > len(all) {
		n = min(limit, len(all))
	}
	for i := 0; i < n; i++ {
		total += all[i]
	}
	unused++ // nobody looks at it
	calls++
	return total
}

var calls, unused int
`

// TestMutateGo compares the mutants of a file with what they should be.
func TestMutateGo(t *testing.T) {
	count := 0
	text, mutants, err := mutateGo("tiny.go", []byte(tinyGo), &count)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		got = append(got, m.String())
	}
	want := []string{
		"tiny.go:11: unused++ => (left out)",
		"tiny.go:11: unused++ calls++ => calls++; unused++",
		"tiny.go:12: calls++ => (left out)",
		"tiny.go:5: n > limit || n > len(all) => !(n > limit || n > len(all))",
		"tiny.go:5: n > limit => !(n > limit)",
		"tiny.go:5: n > len(all) => !(n > len(all))",
		"tiny.go:5: n > limit => n >= limit",
		"tiny.go:6: n = min(limit, len(all)) => (left out)",
		"tiny.go:8: i < n => !(i < n)",
		"tiny.go:8: i < n => i <= n",
		"tiny.go:9: total += all[i] => (left out)",
	}
	if !slices.Equal(got, want) || count != len(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if again, _, err := mutateGo("tiny.go", []byte(text), new(int)); err != nil || again == "" {
		t.Errorf("with all mutants it is no Go: %v\n%s", err, text)
	}
}

// TestRunGo tries all mutants of a module, whose test does not look at what is unused.
func TestRunGo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a package")
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/tiny\n\ngo 1.25\n")
	write(t, dir, "tiny/tiny.go", tinyGo)
	write(t, dir, "tiny/tiny_test.go", `package tiny

import "testing"

func TestSum(t *testing.T) {
	for n, want := range []int{0, 1, 3, 6, 6} {
		if got := sum([]int{1, 2, 3}, n, 3); got != want || calls != n+1 {
			t.Fatal(n, got, calls)
		}
	}
	if sum([]int{1, 2, 3}, 3, 1) != 1 {
		t.Fatal("limit")
	}
}
`)
	before := hashOfTree(t, dir)
	cfg := GoConfig{
		Root: dir, Files: []string{"tiny/tiny.go"}, Tests: []GoTest{{Dir: "tiny", Pattern: "."}},
		Survivors: "## Both are the limit\n```\ntiny/tiny.go sum: n > limit => n >= limit\n```\n",
	}
	var stdout, stderr bytes.Buffer
	code := RunGo(cfg, []string{"-state", filepath.Join(t.TempDir(), "state"), "-workers", "2"}, &stdout, &stderr)
	all, last := lines(stdout.String())
	var alive []string
	for _, line := range all {
		if strings.HasPrefix(line, "survived ") {
			alive = append(alive, line)
		}
	}
	want := []string{
		"survived tiny/tiny.go:11: unused++ => (left out), by tests",
		"survived tiny/tiny.go:11: unused++ calls++ => calls++; unused++, by tests",
	}
	if !slices.Contains(all, "excused tiny/tiny.go:5: n > limit => n >= limit, by Both are the limit") {
		t.Error("nothing is excused")
	}
	if !slices.Equal(alive, want) || code != 1 || last != fmt.Sprintf("mutants: 11 tried, 8 killed, 1 excused, %d survived", len(want)) {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if hashOfTree(t, dir) != before {
		t.Error("it has changed the module")
	}
}
