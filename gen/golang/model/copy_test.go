package model

import (
	"os"
	"path/filepath"
	"regexp"
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
		{"rqlock/internal/readers", nil},
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

// TestLiterals: a function literal with accesses tells the explorer where it is, as a function
// does. What it uses of its function is live as long as the variable that has it. A call of a
// function's value is marked, though that takes no site.
func TestLiterals(t *testing.T) {
	const code = `func each(l *asm.Owned, f func(x uint32) bool) {
	if f(asm.LoadRelaxed32(&l.Tail)) {
		Closed(l)
	}
}

func literal(l *asm.Owned, wanted uint32) {
	found := func(x uint32) bool {
		inside := x
		return Closed(l) && inside == wanted
	}
	Closed(l)
	each(l, found)
}`
	got, err := copyWith(t, small(), "", code)
	if err != nil {
		t.Fatal(err)
	}
	got = regexp.MustCompile(`[0-9]+`).ReplaceAllString(got[strings.LastIndex(got, "func each("):], "N")
	for _, want := range []string{
		"mc.Keep(N) && (mc.Via(mc.Mark(N, hashOwnedPtr(l)), f)(asm.LoadRelaxedN(N, &l.Tail)))",
		"found := func(x uintN) bool {\n\t\tmc.Enter(N)\n\t\tdefer mc.Leave()\n",
		"return Closed(mc.Mark(N, hashOwnedPtr(l), uintN(wanted), uintN(inside)), l) && inside == wanted",
		"\t\tClosed(mc.Mark(N, hashOwnedPtr(l), uintN(wanted)), l)\n",
		"\t\teach(mc.Mark(N, hashOwnedPtr(l), uintN(wanted)), l, found)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the copy has no %q:\n%s", want, got)
		}
	}
}

// TestPrefixed: what a prefixed part declares has the part's name in the copy, and what is
// omitted is not there, nor what only that imports. A function that does nothing where nobody
// reads says so first.
func TestPrefixed(t *testing.T) {
	const code = `const left, taken = 1, 2

const gone = 3

func unused() string { return strings.ToUpper("") }

func Work(left uint32) uint32 { return left + taken }

func works(l *asm.Owned) uint32 {
	if Closed(l) {
		return Work(left)
	}
	return 1
}`
	s := small()
	s.prefixed, s.omitted, s.reading = []string{"queue"}, []string{"gone", "unused"}, []string{"works"}
	got, err := copyWith(t, s, "\"strings\"\n", code)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"const queueLeft, queueTaken = 1, 2\n",
		"func QueueWork(left uint32) uint32 { return left + queueTaken }\n",
		"func queueWorks(_ mc.Site, l *asm.Owned) uint32 {\n\tif !AnyReaders {\n\t\treturn 0\n\t}\n",
		"return QueueWork(queueLeft)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the copy has no %q:\n%s", want, got[strings.LastIndex(got, "const "):])
		}
	}
	for _, no := range []string{"gone", "unused", "strings"} {
		if strings.Contains(got, no) {
			t.Errorf("the copy has %s", no)
		}
	}
}
