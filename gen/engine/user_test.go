package engine_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// userTable is the program of a user, who has a table with words and rows of one's own. Two
// tables share the directory.
const userTable = `package main

import (
	"os"

	"github.com/rqlock/rqlock/gen/engine"
)

func main() {
	code := engine.Run(engine.Table{
		Package: "ticket", Dir: "..",
		Words: []engine.Word{
			{Name: "Ticket", Bits: 32, Fields: []engine.Field{{Name: "serving", Shift: 0, Bits: 16}, {Name: "next", Shift: 16, Bits: 16}}},
			{Name: "Sequence", Bits: 64, Fields: []engine.Field{{Name: "count", Shift: 20, Bits: 34}, {Name: "writer", Shift: 3, Bits: 1}}},
			{Name: "Node", Bits: 64, Doc: "Nobody divides it."},
		},
		Rows: []engine.Row{
			{Name: "TakeTicket", Op: engine.FetchAddField, Word: "Ticket", Field: "next", Order: engine.Relaxed},
			{Name: "LoadServing", Op: engine.Load, Width: 16, Order: engine.Acquire},
			{Name: "StoreServing", Op: engine.Store, Width: 16, Order: engine.Release},
			{Name: "Count", Op: engine.IncField, Word: "Sequence", Field: "count", Order: engine.Release},
			{Name: "TryWrite", Op: engine.CmpxchgField, Word: "Sequence", Field: "writer", Order: engine.Acquire},
			{Name: "SwapCount", Op: engine.XchgField, Word: "Sequence", Field: "count", Order: engine.SeqCst},
			{Name: "Closed", Op: engine.FetchSetBit, Word: "Sequence", Field: "writer", Order: engine.AcqRel},
			{Name: "Reset", Op: engine.StoreFields, Word: "Sequence", Set: []engine.Value{{Field: "count", Value: 0}}, Order: engine.Release},
			{Name: "Flags", Op: engine.FetchAnd, Width: 8, Order: engine.AcqRel},
			{Name: "Total", Op: engine.FetchSub, Width: 64, Order: engine.SeqCst},
			{Name: "Replace", Op: engine.CmpxchgOld, Width: 16, Order: engine.Acquire},
			{Name: "Publish", Op: engine.Store, Width: 64, Order: engine.SeqCst},
			{Name: "Spin", Op: engine.Relax},
		},
	}, os.Args[1:], os.Stdout, os.Stderr)
	if code != 0 {
		os.Exit(code)
	}
	engine.Main(engine.Table{
		Package: "ticket", Dir: "..", Prefix: "more", Source: "_gen/main.go",
		Words: []engine.Word{{Name: "Lock", Bits: 32, Owner: true, Doc: "The lock.", Fields: []engine.Field{{Name: "tail", Shift: 9, Bits: 23}, {Name: "pending", Shift: 8, Bits: 1}, {Name: "locked", Shift: 0, Bits: 8}}}},
		Rows: []engine.Row{
			{Name: "XchgTail", Op: engine.XchgField, Word: "Lock", Field: "tail", Order: engine.AcqRel},
			{Name: "Wait", Op: engine.CondLoad, Width: 32, Order: engine.Acquire},
			{Name: "CurrentGoid", Op: engine.CurrentGoid},
			{Name: "CurrentG", Op: engine.CurrentG},
			{Name: "TakeLock", Op: engine.LockFast, Word: "Lock", Order: engine.Acquire},
			{Name: "DropLock", Op: engine.UnlockFast, Word: "Lock", Order: engine.Release},
		},
	})
}
`

// In parts, since go generate reads this file, too.
const userLock = `// Package ticket has a ticket lock.
package ticket

//go:` + `generate go run -C _gen .

// Lock waits until the caller is served.
func (t *Ticket) Lock() {
	mine := uint16(TakeTicket(&t.Val, TicketNextVal) >> TicketNextShift)
	for LoadServing(t.serving()) != mine {
		Spin()
	}
}
`

const userHalves = `package ticket

import "unsafe"

func (t *Ticket) serving() *uint16 { return (*uint16)(unsafe.Pointer(&t.Val)) }
`

const userTest = `package ticket

import (
	"sync"
	"testing"
	"unsafe"
)

// TestHalves acquires by a narrower access than the one that releases, and the reverse.
func TestHalves(t *testing.T) {
	for range 1000 {
		var word struct {
			_   [0]uint64
			val uint64
		}
		var data int
		var wg sync.WaitGroup
		wg.Go(func() { data++; Publish(&word.val, 1<<48) })
		wg.Go(func() {
			for LoadServing((*uint16)(unsafe.Add(unsafe.Pointer(&word.val), 6))) == 0 {
				Spin()
			}
			data++
		})
		wg.Wait()
	}
}
`

// user makes the module of a user, with the generator in a nested one.
func user(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "go.mod", "module example.com/ticket\n\ngo 1.25.0\n")
	write(t, dir, "ticket.go", userLock)
	write(t, dir, "halves.go", userHalves)
	write(t, dir, "ticket_test.go", userTest)
	write(t, dir, "_gen/main.go", userTable)
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	nested := strings.Replace(string(mod), "module github.com/rqlock/rqlock", "module example.com/ticket/gen", 1)
	write(t, dir, "_gen/go.mod", nested+"\nrequire github.com/rqlock/rqlock v0.0.0\n\nreplace github.com/rqlock/rqlock => "+top+"\n")
	for _, to := range []string{"go.sum", "_gen/go.sum"} {
		sum, err := os.ReadFile(filepath.Join(top, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, to, string(sum))
	}
	return dir
}

// tool runs a command in the user's module. Entries of the environment come first. What the
// go command builds does not depend on the directory, so that what has not changed since the
// last run is in its cache.
func tool(t *testing.T, dir string, line ...string) string {
	t.Helper()
	n := slices.IndexFunc(line, func(s string) bool { return !strings.Contains(s, "=") || strings.HasPrefix(s, "-") })
	ctx := t.Context()
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-time.Second))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, line[n], line[n+1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = slices.Concat(os.Environ(), []string{"GOWORK=off", "GOFLAGS=-trimpath", "RQLOCK_VARIANT="}, line[:n])
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// TestPage does what docs/tables.md says, with the programs that are there.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator and tests of a module")
	}
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tables.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	if len(programs) != 2 {
		t.Fatalf("%d programs in the page, want 2", len(programs))
	}
	dir := user(t)
	for _, name := range []string{"halves.go", "ticket_test.go"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "_gen/main.go", string(programs[0][1]))
	write(t, dir, "ticket.go", string(programs[1][1]))
	write(t, dir, "ticket_test.go", "package ticket\n\nimport (\n\t\"sync\"\n\t\"testing\"\n)\n\n"+
		"func TestLock(t *testing.T) {\n\tvar l Ticket\n\tvar wg sync.WaitGroup\n\tn := 0\n\tfor range 4 {\n\t\twg.Go(func() {\n\t\t\tfor range 1000 {\n\t\t\t\tl.Lock()\n\t\t\t\tn++\n\t\t\t\tl.Unlock()\n\t\t\t}\n\t\t})\n\t}\n\twg.Wait()\n\tif n != 4000 {\n\t\tt.Error(n)\n\t}\n}\n")
	tool(t, dir, "GOFLAGS=-mod=mod -trimpath", "go", "generate", "./...")
	if t.Failed() {
		return
	}
	tool(t, dir, "go", "vet", "./...")
	tool(t, dir, "go", "test", "-vet=off", "-short", "-count=1", "-run", "Lock|Fuzz|Torture", ".")
	tool(t, dir, "go", "run", "-C", "_gen", ".", "-check")
}

// TestUser does what a user does: tidy, generate, test, vet, the race detector, the portable
// build, arm64.
func TestUser(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator and tests of a module")
	}
	t.Parallel()
	dir := user(t)
	tool(t, dir, "go", "mod", "tidy")
	tool(t, dir, "GOFLAGS=-mod=mod -trimpath", "go", "generate", "./...")
	if t.Failed() {
		return
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(mod), "\n") {
		if line != "" && line != "module example.com/ticket" && line != "go 1.25.0" && line != "require golang.org/x/sys v0.39.0 // indirect" {
			t.Errorf("the user's go.mod has the line %q", line)
		}
	}
	tool(t, dir, "go", "mod", "tidy")
	if after, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || string(after) != strings.Replace(string(mod), " // indirect", "", 1) {
		t.Errorf("go mod tidy makes of it %s", after)
	}
	if src, _ := os.ReadFile(filepath.Join(dir, "zlayout.go")); !strings.Contains(string(src), "//\n// Nobody divides it.\ntype Node struct {\n") {
		t.Errorf("the word's documentation is not in\n%s", src)
	}
	if out := tool(t, dir, "gofmt", "-l", "."); out != "" {
		t.Errorf("not in gofmt's form: %s", out)
	}
	tool(t, dir, "go", "vet", "./...")
	out := tool(t, dir, "go", "test", "-short", "-count=1", "-v", ".")
	for _, name := range []string{"FuzzTakeTicket", "TestTortureCount", "TestConstants", "TestMoreConstants", "FuzzXchgTail", "FuzzTakeLock", "TestTortureDropLock", "TestCurrentGoid", "TestInline", "TestHalves"} {
		if !strings.Contains(out, "--- PASS: "+name+" ") && !strings.Contains(out, "--- SKIP: "+name+" ") {
			t.Errorf("no %s in\n%s", name, out)
		}
	}
	// A test binary that runs elsewhere has no source to ask about.
	binary := filepath.Join(dir, "ticket.test")
	tool(t, dir, "go", "test", "-c", "-o", binary, ".")
	if out := tool(t, t.TempDir(), binary, "-test.run=Inline", "-test.v"); strings.Count(out, "--- SKIP: Test") != 2 {
		t.Errorf("elsewhere the tests say %s", out)
	}
	// Copies of words are found.
	write(t, dir, "copies/copies.go", "package copies\n\nimport \"example.com/ticket\"\n\nfunc Copy(a, b *ticket.Ticket, c, d *ticket.Lock) { *a = *b; *c = *d }\n")
	vet := exec.Command("go", "vet", "./copies")
	vet.Dir, vet.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := vet.CombinedOutput(); err == nil || strings.Count(string(out), "assignment copies lock value") != 2 {
		t.Errorf("go vet says of copies: %s", out)
	}
	os.RemoveAll(filepath.Join(dir, "copies"))
	tool(t, dir, "go", "vet", "-tags=purego", "./...")
	tool(t, dir, "go", "test", "-short", "-count=1", "-tags=purego", ".")
	for _, arch := range []string{"arm64", "386", "s390x"} {
		tool(t, dir, "GOOS=linux", "GOARCH="+arch, "go", "vet", "./...")
	}
	if strings.TrimSpace(tool(t, dir, "go", "env", "CGO_ENABLED")) == "1" {
		tool(t, dir, "go", "test", "-race", "-short", "-count=1", "-run", "Halves|Torture", ".")
	}
	if qemu, err := exec.LookPath("qemu-aarch64-static"); full && err == nil && runtime.GOARCH == "amd64" {
		for _, cpu := range []string{"max"} {
			tool(t, dir, "GOARCH=arm64", "CGO_ENABLED=0", "go", "test", "-short", "-count=1", "-run", "Fuzz|Torture", "-exec", qemu+" -cpu "+cpu, ".")
		}
	}
}
