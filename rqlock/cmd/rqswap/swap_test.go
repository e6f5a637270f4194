package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tree has files of a module, by name. What they become is in want.
var tree = map[string]string{
	"go.mod": "module example.test/m\n\ngo 1.25.0\n",
	"a.go": `// Package m has locks.
package m

import (
	"fmt"
	"os"
	"sync" // for the lock
)

type T struct{ sync.Mutex }

func (t *T) String() string { return fmt.Sprint("sync", os.Args) }
`,
	"a_test.go": "package m\n\nimport . \"sync\"\n\nvar _ Mutex\n",
	"x_test.go": "package m_test\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"tagged.go": "//go:build never && !ever\n\npackage m\n\nimport gosync \"sync\"\n\nvar _ gosync.Mutex\n",
	"plan9.go":  "//go:build plan9\n\npackage m\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"sub/b.go":  "package sub\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"none/c.go": "package none\n\n// \"sync\"\nconst s = \"sync\"\n",
	"atom/d.go": "package atom\n\nimport \"sync/atomic\"\n\nvar _ atomic.Bool\n",
	"only/e.go": "//go:build some\n\npackage only\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	// go list ./... does not find these, as they are not built here.
	"far/f.go":           "//go:build plan9\n\npackage far\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"deep/er/g_test.go":  "//go:build never\n\npackage er\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"both/h.go":          "package both\n\nimport (\n\tgosync \"sync\"\n\n\t\"" + rqPath + "\"\n)\n\nvar _ gosync.WaitGroup\nvar _ sync.Mutex\n",
	"testdata/i.go":      "package i\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"vendor/x/j.go":      "package x\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"other/go.mod":       "module example.test/other\n\ngo 1.25.0\n",
	"other/k.go":         "package other\n\nimport \"sync\"\n\nvar _ sync.Mutex\n",
	"vendor/modules.txt": "",
}

var swapped = []string{"a.go", "a_test.go", "deep/er/g_test.go", "far/f.go", "only/e.go", "plan9.go", "sub/b.go", "tagged.go", "x_test.go"}

// module makes the tree, which git has.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tree {
		write(t, filepath.Join(dir, name), text)
	}
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	git(t, dir, "-c", "user.name=x", "-c", "user.email=x@example.test", "commit", "-q", "-m", "x")
	return dir
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

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// read returns the files of the tree as they are.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	now := map[string]string{}
	for name := range tree {
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		now[name] = string(src)
	}
	return now
}

// differ returns the files that are not as in the tree.
func differ(now map[string]string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] != tree[name] {
			names = append(names, name)
		}
	}
	return names
}

// TestSwap: each import is changed, wherever it is, and nothing else is. -undo has all as it was.
func TestSwap(t *testing.T) {
	dir := module(t)
	var out bytes.Buffer
	o := options{dir: dir, patterns: []string{"./..."}, tags: "some"}
	if err := o.swap(&out); err != nil {
		t.Fatal(err)
	}
	now := read(t, dir)
	if got := differ(now); !slices.Equal(got, swapped) {
		t.Errorf("%q are changed, want %q", got, swapped)
	}
	for _, name := range swapped {
		if !strings.Contains(out.String(), filepath.FromSlash(name)+": sync -> "+rqPath+"\n") {
			t.Errorf("it does not say %s:\n%s", name, out.String())
		}
		if want := strings.Replace(tree[name], `"sync"`, `"`+rqPath+`"`, 1); name != "a.go" && now[name] != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, now[name], want)
		}
	}
	if a := now["a.go"]; !strings.Contains(a, "\t\""+rqPath+"\" // for the lock\n\t\"os\"\n") || !strings.Contains(a, `fmt.Sprint("sync", os.Args)`) {
		t.Errorf("a.go is\n%s", a)
	}
	if !strings.Contains(out.String(), "9 of 12 files changed\n") {
		t.Errorf("it says\n%s", out.String())
	}
	git(t, dir, "-c", "user.name=x", "-c", "user.email=x@example.test", "commit", "-q", "-a", "-m", "y")
	undo := options{dir: dir, patterns: []string{"./..."}, undo: true, tags: "some"}
	if err := undo.swap(&out); err != nil {
		t.Fatal(err)
	}
	if got := differ(read(t, dir)); got != nil {
		t.Errorf("after -undo %q are not as before", got)
	}
}

// TestLink: a symbolic link stays one. The file that it names is changed in its own package.
func TestLink(t *testing.T) {
	dir := module(t)
	link := filepath.Join(dir, "none", "link.go")
	if err := os.Symlink(filepath.Join("..", "sub", "b.go"), link); err != nil {
		t.Skip("there are no links: ", err)
	}
	o := options{dir: dir, patterns: []string{"./..."}, force: true}
	if err := o.swap(new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	if linked, err := isLink(link); !linked || err != nil {
		t.Errorf("it is a link: %v, %v", linked, err)
	}
	if !slices.Contains(differ(read(t, dir)), "sub/b.go") {
		t.Error("the file that it names is not changed")
	}
}

// TestTextStays: a file that is not as gofmt has it stays so, but for the import.
func TestTextStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	const text = "package  a\nimport (\n \"os\";  l `sync` // x\n)\nvar _ l.Mutex ; var _ = os.Args\r\n"
	write(t, file, text)
	got, err := changeImport(file, goPath, rqPath)
	if want := strings.Replace(text, "`sync`", `"`+rqPath+`"`, 1); err != nil || string(got) != want {
		t.Errorf("%v, and\n%s\nwant\n%s", err, got, want)
	}
}

// TestOnlyNamed: packages that are not named stay as they are.
func TestOnlyNamed(t *testing.T) {
	dir := module(t)
	o := options{dir: dir, patterns: []string{"./sub"}}
	if err := o.swap(new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	if got := differ(read(t, dir)); !slices.Equal(got, []string{"sub/b.go"}) {
		t.Errorf("%q are changed", got)
	}
}

// TestDry: -n changes nothing, also in a tree that is not clean, and says the same.
func TestDry(t *testing.T) {
	dir := module(t)
	write(t, filepath.Join(dir, "sub", "b.go"), tree["sub/b.go"]+"\n// changed\n")
	before := read(t, dir)
	var out bytes.Buffer
	o := options{dir: dir, patterns: []string{"./..."}, dry: true, tags: "some"}
	if err := o.swap(&out); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, read(t, dir)) {
		t.Error("-n changes files")
	}
	if !strings.Contains(out.String(), "9 of 12 files would be changed\n") {
		t.Errorf("it says\n%s", out.String())
	}
}

// TestUnclean: a file with changes that are not committed, or that git does not know, is not
// changed, and neither are the others. -force changes them.
func TestUnclean(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(dir string)
	}{
		{"changed", func(dir string) { write(t, filepath.Join(dir, "sub", "b.go"), tree["sub/b.go"]+"\n// changed\n") }},
		{"staged", func(dir string) {
			write(t, filepath.Join(dir, "sub", "b.go"), tree["sub/b.go"]+"\n// changed\n")
			git(t, dir, "add", ".")
		}},
		{"unknown", func(dir string) { write(t, filepath.Join(dir, "sub", "new.go"), tree["sub/b.go"]) }},
		{"no git", func(dir string) {
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := module(t)
			c.make(dir)
			before := read(t, dir)
			o := options{dir: dir, patterns: []string{"./..."}, tags: "some"}
			err := o.swap(new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), "-force") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v", err)
			}
			if !maps.Equal(before, read(t, dir)) {
				t.Error("files are changed")
			}
			o.force = true
			if err := o.swap(new(bytes.Buffer)); err != nil {
				t.Error(err)
			}
			if got := differ(read(t, dir)); !slices.Equal(got, swapped) {
				t.Errorf("with -force %q are changed", got)
			}
		})
	}
}

// TestRefused: what cannot be done is an error of one line, and changes nothing.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, pattern, says string
		make                func(t *testing.T, dir string)
	}{
		{"no such package", "./absent", "absent", func(*testing.T, string) {}},
		{"not ours", "fmt", "not of the module", func(*testing.T, string) {}},
		{"a file", "a.go", "give packages", func(*testing.T, string) {}},
		{"syntax", "./...", "does not parse", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "sub", "bad.go"), "package sub\n\nimport \"sync\"\n\nfunc {\n")
		}},
		{"read-only", "./...", "permission denied", func(t *testing.T, dir string) {
			if os.Getuid() == 0 || runtime.GOOS == "windows" {
				t.Skip("everything can be written")
			}
			if err := os.Chmod(filepath.Join(dir, "sub"), 0o555); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(filepath.Join(dir, "sub"), 0o777) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := module(t)
			c.make(t, dir)
			o := options{dir: dir, patterns: []string{c.pattern}, force: true}
			err := o.swap(new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if got := differ(read(t, dir)); got != nil {
				t.Errorf("%q are changed", got)
			}
		})
	}
}

// TestNoModule: where there is no module, the error says so in one line.
func TestNoModule(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.go"), tree["a.go"])
	for _, pattern := range []string{"./...", ".", "example.test/m"} {
		o := options{dir: dir, patterns: []string{pattern}}
		if err := o.swap(new(bytes.Buffer)); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", pattern, err)
		}
	}
}
