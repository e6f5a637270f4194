package gallery_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/gallery"
)

const page = "../../docs/gallery.md"

// TestPage: the page has each row with its operation and ordering, and no other.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range gallery.Tables() {
		_, section, ok := strings.Cut(string(text), "\n## "+table.Package+"\n")
		if !ok {
			t.Fatalf("no section on %s", table.Package)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, r := range table.Rows {
			if want := fmt.Sprintf("\n| %s | %s | %s |", r.Name, r.Op, r.Order); !strings.Contains(section, want) {
				t.Errorf("%s: no line that begins %q", table.Package, strings.TrimSpace(want))
			}
		}
		if lines := strings.Count(section, "\n| ") - 1; lines != len(table.Rows) {
			t.Errorf("%s: %d rows on the page, %d in the table", table.Package, lines, len(table.Rows))
		}
	}
}

// quoted returns the page's line of code that begins so.
func quoted(t *testing.T, begins string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "    "+begins) {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("the page has no line %q", begins)
	return ""
}

// TestCopy does what the page says that who begins with a lock of the gallery does: with the
// first and the last and, if RQLOCK_LONG is set, with all of them.
func TestCopy(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator in other modules")
	}
	t.Parallel()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string) string {
		src, err := os.ReadFile(filepath.Join(top, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(src)
	}
	dir := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	module := func(path, name, more string) {
		write(path+"go.mod", strings.Replace(read("go.mod"), "module github.com/rqlock/rqlock", "module "+name, 1)+more)
		write(path+"go.sum", read("go.sum"))
	}
	module("", "example.com/mine", "")
	tables := gallery.Tables()
	if os.Getenv("RQLOCK_LONG") == "" {
		tables = []engine.Table{tables[0], tables[len(tables)-1]}
	}
	for _, table := range tables {
		name := table.Package
		clause := "package " + name + "\n"
		write(name+"/"+name+".go", strings.Replace(read("gen/gallery/"+name+"/"+name+".go"), clause, clause+"\n"+quoted(t, "//"+"go:generate")+"\n", 1))
		main := strings.Replace(read("gen/gallery/"+name+".go"), "package gallery\n", "package main\n", 1)
		write(name+"/_gen/main.go", main+"\n"+strings.Replace(quoted(t, "func main()"), "ticket", name, 1)+"\n")
		module(name+"/_gen/", "example.com/mine/"+name+"/gen", "\nrequire github.com/rqlock/rqlock v0.0.0\n\nreplace github.com/rqlock/rqlock => "+top+"\n")
	}
	for _, line := range []string{
		"go generate ./...", "go vet ./...", "go test -short ./ticket", "go vet -tags=purego ./...",
		"go run -C deque/_gen . -out .. -check",
	} {
		words := strings.Fields(line)
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOARCH=", "GOOS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}
