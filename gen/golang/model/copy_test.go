package model

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root      = "../../.."
	queueFile = "rqlock/internal/queue/queue.go"
)

// small is a source of few parts.
func small() Source {
	s := Sources[0]
	s.parts = []part{
		{"rqlock/internal/waiter", []string{"waiter.go"}},
		{"rqlock/internal/queue", []string{"queue.go"}},
		{"rqlock/internal/stall", []string{"stall.go"}},
		{"rqlock/internal/park", []string{"limit.go"}},
		{"rqlock/internal/clock", nil},
	}
	return s
}

// copyWith copies a source, with code added to queue.go.
func copyWith(t *testing.T, s Source, imports, code string) (string, error) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, queueFile))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(src), "import (\n", "import (\n"+imports, 1) + "\n" + code + "\n"
	overlay := map[string][]byte{filepath.FromSlash(queueFile): []byte(text)}
	copies, err := copyAll(root, overlay, []Source{s})
	return string(copies[s.Name]["zqueue.go"]), err
}

// TestRefused: what cannot be copied is an error of one line that says what to do.
func TestRefused(t *testing.T) {
	gone := small()
	gone.parts = []part{{"rqlock/internal/queue", []string{"gone.go"}}}
	for _, test := range []struct {
		name          string
		source        Source
		imports, code string
		want          string
	}{
		{"two declarations", small(), "", "func At() {}", "queue.go has At, and so has rqlock/internal/waiter/waiter.go: the copy has both, so rename one"},
		{"a builtin", small(), "", "func max() {}", "queue.go has max, and so has the language"},
		{"a local", small(), "", "func f(At uint32) *waiter.Waiter { return waiter.At(At) }", "a local At hides waiter.At, as the copy has no packages: rename one"},
		{"a named import", small(), "s \"slices\"\n", "var _ = s.Max[[]int]", "import \"slices\" has a name"},
		{"no twin", small(), "\"" + library + "rqlock/internal/seed\"\n", "var _ = seed.Of", "internal/seed\": the model neither copies it nor has a twin"},
		{"no hash", small(), "", "func f(l *asm.Owned, m map[int]int) int { Closed(l); return m[0] }", "variable m: the model cannot hash a map[int]int"},
		{"no file", gone, "", "", "package rqlock/internal/queue has no gone.go: the model copies it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := copyWith(t, test.source, test.imports, test.code)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one line with %q", err, test.want)
			}
		})
	}
}

// TestNames: a reference to another part loses its package, and nothing else does. Locals
// may have the names of parts, and of what other parts declare for themselves.
func TestNames(t *testing.T) {
	const code = `func f(l *asm.Owned, waiter uint32) bool {
	record := waiter
	return Closed(l) && record == first
}

func g(l *asm.Owned, w *waiter.Waiter) []*waiter.Waiter {
	w.Head.Begin(l.Owner.Load())
	return []*waiter.Waiter{waiter.At(w.Index)}
}`
	got, err := copyWith(t, small(), "", code)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"func f(_ mc.Site, l *asm.Owned, waiter uint32) bool {",
		"	record := waiter\n",
		"), l) && record == first\n",
		"func g(_ mc.Site, l *asm.Owned, w *Waiter) []*Waiter {",
		"	return []*Waiter{At(w.Index)}\n",
		"*mc.Write(&w.Head) = Head{}",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the copy has no %q:\n%s", want, got[strings.LastIndex(got, "func f("):])
		}
	}
}
