package sync

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoSuite runs the tests that Go has for its Mutex, RWMutex and Cond on these, from the tree
// of the Go that builds this. Those of a misuse are among them. They are compiled as a package
// that is nowhere but in an overlay.
func TestGoSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("builds another test")
	}
	startsItself(t)
	src := filepath.Join(goroot(t), "src", "sync")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]string{}
	put := func(name string, text []byte) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o666); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(here, "gosuite", name)] = file
	}
	put("doc.go", []byte("package sync\n"))
	for _, name := range []string{"mutex_test.go", "rwmutex_test.go", "cond_test.go"} {
		put(name, goTest(t, filepath.Join(src, name)))
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o666); err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(dir, "suite.exe")
	if out, err := exec.Command("go", "test", "-c", "-vet=off", "-o", suite, "-overlay", file, "./gosuite").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(suite, "-test.short", "-test.v", "-test.timeout", "1m").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestMutex", "TestMutexMisuse", "TestMutexFairness", "TestRWMutex", "TestRLocker", "TestCondSignal", "TestCondBroadcast"} {
		if !bytes.Contains(out, []byte("--- PASS: "+name+" ")) {
			t.Errorf("%s has not run:\n%s", name, out)
		}
	}
}

// goTest returns one of Go's test files, for this package: without what looks at semaphores of
// the runtime.
func goTest(t *testing.T, file string) []byte {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var decls []ast.Decl
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); !ok || !strings.Contains(fn.Name.Name, "Semaphore") {
			decls = append(decls, d)
		}
	}
	f.Decls = decls
	var text bytes.Buffer
	if err := printer.Fprint(&text, fset, f); err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(text.String(), `. "sync"`, `. "github.com/rqlock/rqlock/rqlock/sync"`)
	s = strings.ReplaceAll(s, `"internal/testenv"`, "")
	return []byte(strings.ReplaceAll(s, "testenv.Executable(t)", "os.Args[0]"))
}
