package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

var command string // the command, built

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rqvet")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "rqvet")
	if runtime.GOOS == "windows" {
		command += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

const right = `package p

import "github.com/rqlock/rqlock/rqlock"

type Box struct {
	rqlock.Mutex
	n int
}

// Acquire locks the box for its caller.
func (b *Box) Acquire() error { return b.Lock() }

func (b *Box) Release() { b.Unlock() }
`

const wrong = `package q

import "example.test/p"

func add(b *p.Box) error {
	if err := b.Acquire(); err != nil {
		return err
	}
	return nil
}

func Twice(b *p.Box) error {
	if err := b.Acquire(); err != nil {
		return err
	}
	defer b.Release()
	return b.Acquire()
}
`

const fixable = `package r

import "github.com/rqlock/rqlock/rqlock"

var l rqlock.Mutex

func Ignored() (int, error) {
	l.Lock()
	defer l.Unlock()
	return 1, nil
}

func Early() error {
	err := l.Lock()
	defer l.Unlock()
	if err != nil {
		return err
	}
	return nil
}

func Pinned() error {
	if err := l.LockPinned(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

var rw rqlock.RWMutex

func Read() error {
	if err := rw.RLock(); err != nil {
		return err
	}
	defer rw.Unlock()
	return nil
}

func Write() error {
	if err := rw.Lock(); err != nil {
		return err
	}
	rw.RUnlock()
	return nil
}

func guard() func() {
	if err := l.Lock(); err != nil {
		panic(err)
	}
	return l.Unlock
}

func Guarded() {
	defer guard()
}

func Unneeded() error {
	return nil //rqvet:ignore leak there was one
}
`

const broken = "package b\n\nvar x int = \"\"\n"

// module makes a user's module of the files given, by turns a name and a text.
func module(t *testing.T, files ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod := "module example.test\n\ngo 1.25.0\n\nrequire github.com/rqlock/rqlock v0.0.0\n\n" +
		"replace github.com/rqlock/rqlock => " + filepath.ToSlash(root) + "\n"
	files = append(files, "go.mod", mod, "go.sum", string(sum))
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// in runs a command in dir. It returns the standard output, both outputs together, and
// the exit code.
func in(t *testing.T, dir, name string, args ...string) (stdout, both string, code int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), out.String() + all.String(), cmd.ProcessState.ExitCode()
}

// A tool is a way to run the command on all packages of a module.
type tool struct {
	name string
	args []string
}

func tools() []tool {
	return []tool{
		{"by itself", []string{command}},
		{"by go vet", []string{"go", "vet", "-vettool=" + command}},
	}
}

func (u tool) run(t *testing.T, dir string, flags ...string) (stdout, both string, code int) {
	t.Helper()
	args := append(append(u.args[1:len(u.args):len(u.args)], flags...), "./...")
	return in(t, dir, u.args[0], args...)
}

// TestExitCodes has what TestFix leaves out: by itself, the command exits with 3 and 0
// before and after the fixes.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestJSON and TestFix have most of it")
	}
	itself, vet := tools()[0], tools()[1]
	for _, c := range []struct {
		name string
		tool
		text string
		code int
		say  string
	}{
		{"nothing to find", vet, "package q\n", 0, ""},
		{"findings", vet, wrong, 1, "(selfdeadlock)"},
		{"does not compile", vet, broken, 1, "q.go:3"},
		{"does not compile", itself, broken, 1, "q.go:3"},
	} {
		t.Run(c.tool.name+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			dir := module(t, "p/p.go", right, "q/q.go", c.text)
			if _, out, code := c.run(t, dir); code != c.code || !strings.Contains(out, c.say) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, c.code, c.say, out)
			}
		})
	}
}

func TestBadUse(t *testing.T) {
	t.Parallel()
	dir := module(t, "p/p.go", right)
	for _, args := range [][]string{nil, {"-nonsense", "./..."}, {"./nowhere"}} {
		if _, out, code := in(t, dir, command, args...); code == 0 || code == 3 || out == "" {
			t.Errorf("rqvet %q: exit code %d, want an error, and\n%s", args, code, out)
		}
	}
}

// TestJSONBroken tests that packages which do not compile are an error with -json, too.
func TestJSONBroken(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("one run more of the command")
	}
	dir := module(t, "b/b.go", broken)
	if out, _, code := in(t, dir, command, "-json", "./..."); code != 1 || !strings.Contains(out, `"error"`) {
		t.Errorf("exit code %d and %s", code, out)
	}
}

// TestSARIF tests what code scanning reads of -sarif.
func TestSARIF(t *testing.T) {
	t.Parallel()
	dir := module(t, "p/p.go", right, "q/q.go", wrong)
	out, both, code := in(t, dir, command, "-sarif", "./...")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, both)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Rules []struct{ ID, HelpURI string }
				}
			}
			Results []struct {
				RuleID, Level string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("%v in\n%s", err, out)
	}
	known := map[string]bool{}
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		known[r.ID] = strings.HasSuffix(r.HelpURI, "/"+r.ID+".md")
	}
	found := map[string]int{}
	for _, r := range log.Runs[0].Results {
		at := r.Locations[0].PhysicalLocation
		if !known[r.RuleID] || r.Message.Text == "" || at.ArtifactLocation.URI != "q/q.go" || at.Region.StartLine == 0 || at.Region.StartColumn == 0 {
			t.Errorf("%+v", r)
		}
		found[r.RuleID]++
	}
	if found["leak"] != 1 || found["selfdeadlock"] != 1 {
		t.Errorf("found %v, want one leak and one selfdeadlock", found)
	}
	if _, out, code := in(t, dir, command, "-sarif", "./nowhere"); code != 1 || out == "" {
		t.Errorf("exit code %d for a package that is none, and %q", code, out)
	}
	if out, both, code := in(t, dir, command, "-sarif", "./p"); code != 0 || !strings.Contains(out, `"results": []`) {
		t.Errorf("exit code %d without findings:\n%s", code, both)
	}
}

// diagnostic is what users of -json read.
type diagnostic struct {
	Category, Posn, Message string
}

// TestJSON tests the form of -json, and that facts of one package reach another.
func TestJSON(t *testing.T) {
	t.Parallel()
	for _, u := range tools() {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			out, both, code := u.run(t, module(t, "p/p.go", right, "q/q.go", wrong), "-json")
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			if u.args[0] == "go" {
				out = both
			}
			checkJSON(t, out)
		})
	}
}

func checkJSON(t *testing.T, out string) {
	t.Helper()
	got := map[string]diagnostic{}
	var text strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "#") { // the name of a package, from go vet
			text.WriteString(line)
		}
	}
	for dec := json.NewDecoder(strings.NewReader(text.String())); dec.More(); {
		var packages map[string]map[string][]diagnostic
		if err := dec.Decode(&packages); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		for _, analyzers := range packages {
			for _, d := range analyzers["rqvet"] {
				got[d.Category] = d
			}
		}
	}
	for rule, at := range map[string]string{"selfdeadlock": "q.go:17:18", "leak": "q.go:9:2"} {
		if d := got[rule]; !strings.HasSuffix(d.Posn, at) || !strings.HasSuffix(d.Message, "("+rule+")") {
			t.Errorf("%s: got %+v, want it at %s", rule, d, at)
		}
	}
}

// TestFix applies the suggested fixes and finds nothing afterwards.
func TestFix(t *testing.T) {
	t.Parallel()
	dir := module(t, "r/r.go", fixable)
	if _, out, code := in(t, dir, command, "./..."); code != 3 || strings.Count(out, "r.go:") < 3 {
		t.Fatalf("exit code %d before the fixes:\n%s", code, out)
	}
	if _, out, code := in(t, dir, command, "-fix", "./..."); code != 0 {
		t.Fatalf("-fix: exit code %d:\n%s", code, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "r/r.go"))
	if err != nil {
		t.Fatal(err)
	}
	if _, out, code := in(t, dir, command, "./..."); code != 0 {
		t.Errorf("exit code %d after the fixes:\n%s\n%s", code, out, text)
	}
	for _, want := range []string{
		"if err := l.Lock(); err != nil {\n\t\treturn 0, err\n\t}\n",
		"\t\treturn err\n\t}\n\tdefer l.Unlock()\n\treturn nil\n",
		"l.UnlockPinned()",
		"defer rw.RUnlock()",
		"\trw.Unlock()\n",
		"defer guard()()",
		"func Unneeded() error {\n\treturn nil\n}",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestDiff shows the fixes and leaves the file as it is.
func TestDiff(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestFix has most of it")
	}
	dir := module(t, "r/r.go", fixable)
	if out, _, _ := in(t, dir, command, "-fix", "-diff", "./..."); !strings.Contains(out, "+\tif err := l.Lock(); err != nil {") {
		t.Errorf("no diff in\n%s", out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "r/r.go")); err != nil || string(text) != fixable {
		t.Errorf("%v, changed to\n%s", err, text)
	}
}

// TestSpeed compares the processor time for a package of 20,000 lines, which locks a lot, with
// that of go vet's own analyzers; with RQLOCK_LONG in the environment, for one of 100,000 lines.
// It is about 1.5 times as much. An analysis of a function that depended on how many others there
// are would fail by far.
func TestSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("analyzes 20,000 lines")
	}
	size := 20_000
	if os.Getenv("RQLOCK_LONG") != "" {
		size = 100_000
	}
	const most = 2.0
	ratio := 0.0
	for range 3 {
		dir := module(t, "p/p.go", large("p", size), "q/q.go", large("q", 100))
		processorTime(t, dir, "go", "vet", "-vettool="+command, "./q") // and what both packages import
		processorTime(t, dir, "go", "vet", "./q")
		own, vet := processorTime(t, dir, "go", "vet", "-vettool="+command, "./p"), processorTime(t, dir, "go", "vet", "./p")
		ratio = own.Seconds() / vet.Seconds()
		t.Logf("rqvet %v, go vet %v: %.2f times as much", own, vet, ratio)
		if ratio < most {
			return
		}
	}
	t.Errorf("%.1f times the time of go vet, want at most %v", ratio, most)
}

// processorTime is what a command and its children use.
func processorTime(t *testing.T, dir, name string, args ...string) time.Duration {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// large is a package of that name and so many lines, of a type with a lock again and again.
func large(name string, lines int) string {
	const piece = `
type T# struct {
	mu    rqlock.Mutex
	other *T#
	n     int
	byKey map[string]int
	open  bool
}

func (t *T#) Add(key string, n int) error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	if n < 0 {
		return errNo
	}
	for i := range n {
		t.byKey[key] += i
		if t.byKey[key] > 100 {
			break
		}
	}
	return nil
}

func (t *T#) sum(all []int) (s int) {
	for i, x := range all {
		switch {
		case x > 3:
			s += x
		case x < -4 && i > 2:
			s -= x * i
		default:
			s++
		}
	}
	return s
}

func (t *T#) Close() error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	if !t.open {
		t.mu.Unlock()
		return errNo
	}
	t.open = false
	t.n = t.sum([]int{1, 2, t.n})
	t.mu.Unlock()
	if t.other != nil {
		return t.other.Close()
	}
	return nil
}
`
	var text strings.Builder
	text.WriteString("package " + name + "\n\nimport (\n\t\"errors\"\n\n\t\"github.com/rqlock/rqlock/rqlock\"\n)\n\nvar errNo = errors.New(\"no\")\n")
	for i := range lines / strings.Count(piece, "\n") {
		text.WriteString(strings.ReplaceAll(piece, "#", strconv.Itoa(i)))
	}
	return text.String()
}

// TestProtocol tests what go vet asks of a vettool before it uses it.
func TestProtocol(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, _, code := in(t, dir, command, "-V=full"); code != 0 || !strings.HasPrefix(out, "rqvet") && !strings.Contains(out, " version ") {
		t.Errorf("-V=full: exit code %d, %q", code, out)
	}
	out, _, code := in(t, dir, command, "-flags")
	var flags []struct{ Name string }
	if err := json.Unmarshal([]byte(out), &flags); err != nil || code != 0 || len(flags) == 0 {
		t.Errorf("-flags: exit code %d, %v, %q", code, err, out)
	}
}
