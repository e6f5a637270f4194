package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
)

// A generated is a package in a module of its own, as a user's would be, with the
// program testdata/probe. All tests share it, so they may not change its files.
type generated struct{ dir string }

// packages has the generated packages, by layout and architectures.
var packages sync.Map

// packagesDir makes the directory in which they are. TestMain removes it.
var packagesDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "rqlock-gen") })

func TestMain(m *testing.M) {
	code := m.Run()
	packages.Range(func(_, _ any) bool { // no package, no directory
		if dir, err := packagesDir(); err == nil {
			os.RemoveAll(dir)
		}
		return false
	})
	os.Exit(code)
}

// generate returns the package of a layout, with assembly for the architectures.
func generate(t *testing.T, l *engine.Word, with []*engine.Arch) generated {
	t.Helper()
	key := strings.Join(append([]string{l.Layout}, names(with)...), "-")
	once, _ := packages.LoadOrStore(key, sync.OnceValues(func() (generated, error) {
		dir, err := packagesDir()
		if err != nil {
			return generated{}, err
		}
		p := generated{filepath.Join(dir, key)}
		o := table(l, with)
		o.Package = "mylock"
		return p, p.make(o)
	}))
	p, err := once.(func() (generated, error))()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p generated) make(o engine.Table) error {
	files, err := o.Files()
	if err != nil {
		return err
	}
	probe, err := os.ReadFile(filepath.FromSlash("testdata/probe/main.go"))
	if err != nil {
		return err
	}
	files["probe/main.go"] = probe
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			return err
		}
		files[name] = bytes.Replace(src, []byte("module "+module), []byte("module example.com/mylock"), 1)
	}
	for name, src := range files {
		path := filepath.Join(p.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command in the module and returns its output. Entries of the environment
// come first, as in a shell.
func (p generated) run(t *testing.T, line ...string) string {
	t.Helper()
	out, err := command(t, p.dir, line...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// command prepares a command, which ends before the deadline of the tests.
func command(t *testing.T, dir string, line ...string) *exec.Cmd {
	n := slices.IndexFunc(line, func(s string) bool { return !strings.Contains(s, "=") || strings.HasPrefix(s, "-") })
	ctx := t.Context()
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-time.Second))
		t.Cleanup(cancel)
	}
	cmd := exec.CommandContext(ctx, line[n], line[n+1:]...)
	cmd.Dir = dir
	// What the go command builds does not depend on the directory, so that what has not changed
	// since the last run is in its cache.
	cmd.Env = slices.Concat(os.Environ(), []string{"GOWORK=off", "GOFLAGS=-trimpath"}, line[:n])
	cmd.WaitDelay = time.Second
	return cmd
}

// longEnv is the environment variable that asks for the long tests.
const longEnv = "RQLOCK_LONG"

// long skips a test that takes minutes, unless it is asked for.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() || os.Getenv(longEnv) == "" {
		t.Skip("takes minutes: set " + longEnv + "=1, or use make test-gen-long")
	}
}

// TestPackage vets the package of each layout in each kind of build, and probes it
// in the builds that this machine can run.
func TestPackage(t *testing.T) {
	t.Parallel()
	for _, l := range layouts {
		t.Run(l.Layout, func(t *testing.T) {
			if testing.Short() && l == layouts[0] {
				t.Skip("package asm has this layout")
			}
			t.Parallel()
			p := generate(t, l, engine.Archs())
			if out := p.run(t, "gofmt", "-l", "."); out != "" {
				t.Errorf("not in gofmt's form: %s", out)
			}
			for _, name := range archNames() {
				p.run(t, "GOARCH="+name, "go", "vet", "./...")
				p.run(t, "GOARCH="+name, "go", "vet", "-tags=purego", "./...")
			}
			p.run(t, "go", "run", "./probe")
			p.run(t, "PROBE_VARIANT=portable", "go", "run", "-tags=purego", "./probe")
			p.run(t, "go", "vet", "-tags="+emit.UnknownGo, "./...")
			p.run(t, "PROBE_VARIANT=portable", "go", "run", "-tags="+emit.UnknownGo, "./probe")
			p.probe(t, "linux", "arm64")
		})
	}
}

// probe builds the probe for a target, and runs it if this machine can.
func (p generated) probe(t *testing.T, goos, goarch string, env ...string) {
	t.Helper()
	probe := filepath.Join(t.TempDir(), "probe")
	p.run(t, "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "go", "build", "-o", probe, "./probe")
	if line := emulate(t, goarch, probe); line != nil {
		p.run(t, append(env, line...)...)
	}
}

// TestPackageTests runs the tests of a package that has another name and layout than
// asm, natively and as the portable twin. They are the tests of asm, so that a short
// run will do.
func TestPackageTests(t *testing.T) {
	if testing.Short() || os.Getenv(longEnv) != "" {
		t.Skip("links the tests twice; TestPackageTestsLong does more")
	}
	t.Parallel()
	p := generate(t, layouts[1], engine.Archs())
	p.run(t, "RQLOCK_VARIANT=", "go", "test", "-vet=off", "-short", "-count=1", ".")
	p.run(t, "RQLOCK_VARIANT=portable", "go", "test", "-vet=off", "-short", "-count=1", "-tags=purego", ".")
}

// TestPackageTestsLong runs them for as long as those of asm run, and also on arm64.
func TestPackageTestsLong(t *testing.T) {
	long(t)
	t.Parallel()
	p := generate(t, layouts[1], engine.Archs())
	p.run(t, "RQLOCK_VARIANT=", "go", "test", "-vet=off", "-count=1", ".")
	p.run(t, "RQLOCK_VARIANT=portable", "go", "test", "-vet=off", "-count=1", "-tags=purego", ".")
	qemu := emulate(t, "arm64", "")
	if len(qemu) < 2 { // none, or none needed
		return
	}
	for cpu, variant := range map[string]string{"cortex-a57": "arm64+llsc", "max": "arm64+lse"} {
		p.run(t, "GOARCH=arm64", "CGO_ENABLED=0", "RQLOCK_VARIANT="+variant,
			"go", "test", "-vet=off", "-count=1", "-exec", qemu[0]+" -cpu "+cpu, ".")
	}
}

// TestRaceDetector lets the race detector watch the probe. It must know the edges
// that there are, and none that there are not. It also checks unsafe pointers.
func TestRaceDetector(t *testing.T) {
	if testing.Short() {
		t.Skip("links the race detector four times")
	}
	t.Parallel()
	if out, err := command(t, ".", "go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("the race detector needs cgo, and cgo a C compiler")
	}
	p := generate(t, layouts[0], engine.Archs())
	for _, tags := range []string{"-tags=", "-tags=purego"} {
		probe := filepath.Join(t.TempDir(), "probe")
		p.run(t, "go", "vet", "-race", tags, "./...")
		p.run(t, "go", "build", "-race", tags, "-o", probe, "./probe")
		p.run(t, probe)
		out, err := command(t, p.dir, probe, "race").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("WARNING: DATA RACE")) {
			t.Errorf("%s: race not found: %v\n%s", tags, err, out)
		}
	}
}

// TestInlining checks that the compiler inlines each public function, and so the
// first load of a conditional load.
func TestInlining(t *testing.T) {
	t.Parallel()
	p := generate(t, layouts[0], engine.Archs())
	api, err := os.ReadFile(filepath.Join(p.dir, "zprims.go"))
	if err != nil {
		t.Fatal(err)
	}
	public := regexp.MustCompile(`(?m)^func ([A-Z]\w*)`).FindAllSubmatch(api, -1)
	for _, arch := range archNames() {
		out := p.run(t, "GOARCH="+arch, "go", "build", "-gcflags=-m", ".")
		for _, match := range public {
			if name := string(match[1]); !strings.Contains(out, "can inline "+name+"\n") {
				t.Errorf("%s: %s is not inlined", arch, name)
			}
		}
	}
}

// TestStackChecks reads the compiled conditional loads. Between two chunks of
// assembly there must be a stack check, by which the scheduler gets in.
func TestStackChecks(t *testing.T) {
	t.Parallel()
	p := generate(t, layouts[0], engine.Archs())
	for _, arch := range archNames() {
		out := p.run(t, "GOARCH="+arch, "go", "build", "-gcflags=-S", ".")
		for _, name := range []string{"ondLoadAcquire32", "ondLoadRelaxed32"} {
			outer, chunk, assembly := "c"+name+"Wait", "c"+name+"Chunk", "c"+name
			for _, tt := range []struct {
				caller, callee string
				want           bool
			}{
				{outer, "runtime.morestack_noctxt", true},
				{outer, "example.com/mylock." + chunk, true},
				{outer, "example.com/mylock." + assembly, false},
				{chunk, "runtime.morestack_noctxt", true},
				{chunk, "example.com/mylock." + assembly, true},
			} {
				if hasCall(out, tt.caller, tt.callee) != tt.want {
					t.Errorf("%s: %s calls %s: want %v", arch, tt.caller, tt.callee, tt.want)
				}
			}
		}
	}
}

// hasCall reports whether the function calls callee in the compiler's listing.
func hasCall(listing, caller, callee string) bool {
	_, code, _ := strings.Cut(listing, "\nexample.com/mylock."+caller+" STEXT ")
	code, _, _ = strings.Cut(code, " STEXT ")
	return regexp.MustCompile(`\t(CALL|JAL)\t(\w+, )?` + regexp.QuoteMeta(callee+"(SB)")).MatchString(code)
}

// TestEveryGOARCH vets and builds the package for every GOARCH that Go has, and runs
// the probe where there is an emulator. CurrentG must be the runtime's on all.
func TestEveryGOARCH(t *testing.T) {
	long(t)
	t.Parallel()
	without := func(name string) []*engine.Arch { // tries the stub in place of the emitter folder
		return slices.DeleteFunc(engine.Archs(), func(a *engine.Arch) bool { return a.Name == name })
	}
	for goarch, goos := range platforms(t) {
		t.Run(goarch, func(t *testing.T) {
			p := generate(t, layouts[0], without(goarch))
			p.run(t, "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "go", "vet", "./...")
			p.probe(t, goos, goarch, "PROBE_VARIANT=portable")
		})
	}
}

// platforms returns a GOOS for each GOARCH that Go has. It is linux where there is
// one.
func platforms(t *testing.T) map[string]string {
	t.Helper()
	out, err := command(t, ".", "go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, pair := range strings.Fields(string(out)) {
		goos, goarch, _ := strings.Cut(pair, "/")
		if of[goarch] == "" || goos == "linux" {
			of[goarch] = goos
		}
	}
	return of
}

// emulators has the command that runs Linux programs of a GOARCH on another one.
var emulators = map[string][]string{
	"386":      {"qemu-i386-static"},
	"amd64":    {"qemu-x86_64-static"},
	"arm":      {"qemu-arm-static"},
	"arm64":    {"qemu-aarch64-static"},
	"loong64":  {"qemu-loongarch64-static"},
	"mips":     {"qemu-mips-static"},
	"mipsle":   {"qemu-mipsel-static"},
	"mips64":   {"qemu-mips64-static"},
	"mips64le": {"qemu-mips64el-static"},
	"ppc64":    {"qemu-ppc64-static"},
	"ppc64le":  {"qemu-ppc64le-static"},
	"riscv64":  {"qemu-riscv64-static"},
	"s390x":    {"qemu-s390x-static"},
	"wasm":     {"node", filepath.Join("lib", "wasm", "wasm_exec_node.js")}, // in GOROOT
}

// runs reports whether the kernel knows what to do with a program: some for amd64 run none of 386.
func runs(program string) bool { return !errors.Is(exec.Command(program).Run(), syscall.ENOEXEC) }

// emulate returns the command that runs the program here, or nil if there is none.
// RQLOCK_REQUIRE_ARM64 makes it a failure if there is none for arm64.
func emulate(t *testing.T, goarch, program string) []string {
	t.Helper()
	line, ok := emulators[goarch]
	switch {
	case !ok:
		t.Errorf("no entry for %s in emulators", goarch)
		return nil
	case goarch == "wasm":
		goroot, err := command(t, ".", "go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		line = []string{line[0], filepath.Join(strings.TrimSpace(string(goroot)), line[1])}
	case runtime.GOOS == "linux" && (goarch == runtime.GOARCH || goarch == "386" && runtime.GOARCH == "amd64" && runs(program)):
		return []string{program}
	}
	for _, name := range []string{line[0], strings.TrimSuffix(line[0], "-static")} {
		if path, err := exec.LookPath(name); err == nil {
			return slices.Concat([]string{path}, line[1:], []string{program})
		}
	}
	if goarch == "arm64" && os.Getenv("RQLOCK_REQUIRE_ARM64") != "" {
		t.Fatalf("no %s here (Debian: apt-get install qemu-user-static)", line[0])
	}
	t.Logf("%s is not run: no %s here", goarch, line[0])
	return nil
}
