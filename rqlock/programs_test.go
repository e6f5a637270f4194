package rqlock

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// A program is built from a folder of testdata, and run.
type program struct {
	t    *testing.T
	dir  string // where it is built
	tags string // with which this test was built, and so the program
	env  []string
	ctx  context.Context
}

// newProgram skips the test where programs cannot be built, or are not to be. The test runs
// beside others of its kind.
func newProgram(t *testing.T) *program {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	end, ok := t.Deadline()
	if !ok {
		end = time.Now().Add(10 * time.Minute)
	}
	if time.Until(end) < time.Minute {
		t.Skip("there may be too little time to build a program")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	p := &program{t: t, dir: t.TempDir(), ctx: context.Background()}
	p.env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOOS=", "GOARCH=")
	if host := p.goEnv("GOHOSTARCH") + " " + p.goEnv("GOHOSTOS"); host != runtime.GOARCH+" "+runtime.GOOS {
		t.Skipf("programs are built for %s, and this is %s %s", host, runtime.GOARCH, runtime.GOOS)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				p.tags = s.Value
			}
		}
	}
	t.Parallel()
	ctx, cancel := context.WithDeadline(p.ctx, end.Add(-10*time.Second))
	t.Cleanup(cancel)
	p.ctx = ctx
	return p
}

func (p *program) goEnv(name string) string {
	p.t.Helper()
	out, err := p.command("go", "env", name).Output()
	if err != nil {
		p.t.Skipf("go env %s: %v", name, err) // as under an emulator
	}
	return strings.TrimSpace(string(out))
}

// needsC skips the test if there is no C compiler, which it returns.
func (p *program) needsC() (cc []string) {
	p.t.Helper()
	cc = strings.Fields(p.goEnv("CC"))
	if len(cc) == 0 || p.goEnv("CGO_ENABLED") != "1" {
		p.t.Skip("needs cgo: install gcc, set CGO_ENABLED=1")
	}
	if _, err := exec.LookPath(cc[0]); err != nil {
		p.t.Skipf("needs a C compiler: %v", err)
	}
	return cc
}

func (p *program) command(name string, args ...string) *exec.Cmd {
	return p.commandUntil(p.ctx, name, args...)
}

func (p *program) commandUntil(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = p.env
	cmd.WaitDelay = time.Second
	return cmd
}

// build builds a folder of testdata as the file out. It skips the test if this cannot be done
// on this machine at all.
func (p *program) build(folder, out string, args ...string) (file string) {
	p.t.Helper()
	file = filepath.Join(p.dir, out)
	args = append([]string{"build", "-buildvcs=false", "-tags=" + p.tags, "-o", file}, args...)
	said, err := p.command("go", append(args, "./"+folder)...).CombinedOutput()
	if err != nil && strings.Contains(string(said), "not supported") {
		p.t.Skipf("%s", said)
	}
	if err != nil {
		p.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return file
}

// run runs the program, and returns what it prints.
func (p *program) run(name string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	cmd := p.commandUntil(ctx, name, args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s%s", filepath.Base(name), err, out, complaints.String())
	}
	return string(out)
}

// runs checks that the program prints "ok".
func (p *program) runs(name string, args ...string) {
	p.t.Helper()
	if out := p.run(name, args...); out != "ok\n" {
		p.t.Errorf("the program says %q", out)
	}
}

// TestRaces: the race detector reports a data race that nothing but a failed attempt to lock
// "protects", and none once the same accesses are in sections (G12).
func TestRaces(t *testing.T) {
	p := newProgram(t)
	p.needsC()
	file := p.build("testdata/race", "race", "-race")
	p.env = append(p.env, "GORACE=exitcode=0 atexit_sleep_ms=0 suppress_equal_stacks=0 suppress_equal_addresses=0")
	reported := strings.Split(strings.TrimSpace(p.run(file)), "\n")
	if last := len(reported) - 1; reported[last] != "end" {
		t.Fatalf("the program did not come to its end: %q", reported)
	}
	for _, line := range reported {
		if strings.HasPrefix(line, "right ") {
			t.Errorf("reported: %s", line)
		}
	}
	// The twin is made of sync/atomic, of which the detector believes that also an attempt
	// that fails has learnt what the owner did before it locked.
	portable := strings.Contains(p.tags, "purego") || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64"
	for _, try := range []string{"TryLock", "LockTimeout(0)", "LockTimeout(3ms)", "LockContext", "Lock"} {
		for _, scenario := range []string{"section", "before", "later", "earlier", "both", "again", "deadlock"} {
			switch {
			case portable && (scenario == "before" || scenario == "earlier"):
				continue
			case try != "TryLock" && (scenario == "earlier" || scenario == "again"):
				// What does more than TryLock loads the owner, and uses what other waiters
				// have used. So the detector believes that it has learnt what was done before
				// the last unlock, and before an earlier attempt failed.
				continue
			}
			if line := fmt.Sprint("wrong ", scenario, " ", try); !slices.Contains(reported, line) {
				t.Errorf("not reported: %s", line)
			}
		}
	}
}

// TestPlugin: a program and its plugin share locks: they exclude one another, block one another,
// and deadlocks across the two are found (G1, G3).
func TestPlugin(t *testing.T) {
	if raceEnabled {
		t.Skip("the same as without -race")
	}
	p := newProgram(t)
	p.needsC()
	inside := p.build("testdata/plugin/inside", "inside.so", "-buildmode=plugin")
	p.runs(p.build("testdata/plugin", "host"), inside)
}

// TestCShared: threads of a C program, and goroutines that it has started, use the locks of a
// library: they exclude one another, and deadlocks among them are found (G1, G3).
func TestCShared(t *testing.T) {
	if raceEnabled {
		t.Skip("the same as without -race")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the C program needs POSIX threads")
	}
	p := newProgram(t)
	cc := p.needsC()
	lib := p.build("testdata/cshared", "librq.so", "-buildmode=c-shared")
	host := filepath.Join(p.dir, "host")
	args := append(cc[1:], "-I", p.dir, "-o", host, "testdata/cshared/host/main.c", lib, "-Wl,-rpath,"+p.dir, "-pthread")
	if out, err := p.command(cc[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc[0], err, out)
	}
	p.runs(host)
}

// TestWasm: with one thread and no preemption, too, goroutines exclude one another, deadlocks
// and stalls are found, limits pass, and who sleeps is woken (G1, G3, G6, G14).
func TestWasm(t *testing.T) {
	if raceEnabled {
		t.Skip("the same as without -race")
	}
	p := newProgram(t)
	system := "js"
	run := []string{"node", "--stack-size=8192", filepath.Join(p.goEnv("GOROOT"), "lib", "wasm", "wasm_exec_node.js")}
	if _, err := exec.LookPath(run[0]); err != nil {
		system, run = "wasip1", []string{"wasmtime", "run", "-W", "max-wasm-stack=8388608"}
	}
	p.env = append(p.env, "GOOS="+system, "GOARCH=wasm", "CGO_ENABLED=0")
	file := p.build("testdata/wasm", "main.wasm")
	if _, err := exec.LookPath(run[0]); err != nil {
		t.Skip("built, and not run: it needs node (Debian: apt-get install nodejs) or wasmtime")
	}
	p.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir} // there is little room for more
	p.runs(run[0], append(run[1:], file)...)
}
