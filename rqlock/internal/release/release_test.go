package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	path    = "github.com/rqlock/rqlock"
	version = "v0.99.0"
)

// A publisher serves the tree as a version of the module, from a directory.
type publisher struct {
	t     *testing.T
	dir   string
	proxy string   // what GOPROXY is set to
	bin   string   // where go install puts commands
	env   []string // of the go command
}

// publish serves the tree at the top of the repository. Modules that it requires
// come from the local module cache, or from where the environment says.
func publish(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{t: t, dir: t.TempDir()}
	p.bin = filepath.Join(p.dir, "bin")
	top, err := filepath.Abs("../../..")
	must(t, err)
	served := filepath.Join(p.dir, "proxy", filepath.FromSlash(path), "@v")
	must(t, os.MkdirAll(served, 0o777))
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(served, "list"), []byte(version+"\n"), 0o666))
	must(t, os.WriteFile(filepath.Join(served, version+".info"), []byte(`{"Version":"`+version+`"}`), 0o666))
	must(t, os.WriteFile(filepath.Join(served, version+".mod"), mod, 0o666))
	archive, err := os.Create(filepath.Join(served, version+".zip"))
	must(t, err)
	must(t, zip.CreateFromDir(archive, module.Version{Path: path, Version: version}, top))
	must(t, archive.Close())

	goEnv := func(name string) string { return strings.TrimSpace(run(t, top, os.Environ(), "go", "env", name)) }
	downloaded := filepath.Join(goEnv("GOMODCACHE"), "cache", "download")
	p.proxy = fileURL(filepath.Join(p.dir, "proxy")) + "," + fileURL(downloaded) + "," + goEnv("GOPROXY")
	// With -trimpath the build cache serves each run, though the module cache is new.
	p.env = append(os.Environ(), "GOWORK=off", "GOPROXY="+p.proxy, "GOPRIVATE=", "GONOPROXY=", "GONOSUMDB="+path, "GOBIN="+p.bin,
		"GOMODCACHE="+filepath.Join(p.dir, "cache"), "GOFLAGS=-modcacherw -trimpath", "GOOS=", "GOARCH=")
	return p
}

func fileURL(dir string) string {
	return "file://" + "/" + strings.TrimPrefix(filepath.ToSlash(dir), "/")
}

// A user is a module of somebody who uses ours.
type user struct {
	*publisher
	dir string
}

// user makes a module with a main.go.
func (p *publisher) user(name, main string) *user {
	p.t.Helper()
	u := &user{p, filepath.Join(p.dir, name)}
	must(p.t, os.Mkdir(u.dir, 0o777))
	u.run("go", "mod", "init", "example.test/"+name)
	u.write("main.go", main)
	return u
}

func (u *user) write(name, text string) {
	u.t.Helper()
	file := filepath.Join(u.dir, filepath.FromSlash(name))
	must(u.t, os.MkdirAll(filepath.Dir(file), 0o777))
	must(u.t, os.WriteFile(file, []byte(text), 0o666))
}

// run runs a command in the user's module and returns what it prints.
func (u *user) run(name string, args ...string) string {
	u.t.Helper()
	return run(u.t, u.dir, u.env, name, args...)
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

func command(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPublished does in empty modules what users do with a published version.
func TestPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("publishes and installs the whole module")
	}
	p := publish(t)
	for _, use := range []struct {
		name string
		test func(*testing.T, *publisher)
	}{
		{"import", testImport}, {"install", testInstall}, {"tool", testTool},
	} {
		t.Run(use.name, func(t *testing.T) {
			own := *p
			own.t = t
			use.test(t, &own)
		})
	}
}

// locking is a program that embeds the lock, and uses a container and the primitives.
const locking = `package main

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/hashtab"
	"github.com/rqlock/rqlock/rqlock/localstorage"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
	"github.com/rqlock/rqlock/rqlock/queuestack"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

// All containers are part of the program.
var _ = []any{freelist.New[int], localstorage.ErrFlag, lpmtrie.ErrFlag, queuestack.ErrFull, ringbuf.ErrFull}

type account struct {
	rqlock.Mutex
	balance int
}

func main() {
	var a account
	if err := a.Lock(); err != nil {
		panic(err)
	}
	err := a.Lock()
	a.Unlock()
	m := hashtab.New[string, int](10)
	fmt.Println(errors.Is(err, rqlock.ErrDeadlock), m.Len(), asm.LockedVal)
}
`

// testImport: go get adds the library, and a program that imports it builds and
// vendors nothing of what the generator and the analyzer need.
func testImport(t *testing.T, p *publisher) {
	u := p.user("importer", locking)
	u.run("go", "get", path+"@"+version)
	u.run("go", "mod", "tidy")
	if out := u.run("go", "run", "."); out != "true 0 1\n" {
		t.Errorf("the program prints %q", out)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		on := &user{&publisher{t: t, env: append(slices.Clone(u.env), "GOARCH="+arch)}, u.dir}
		for _, dep := range strings.Fields(on.run("go", "list", "-deps", ".")) {
			if strings.Contains(dep, ".") && !ours(dep) && !(arch == "riscv64" && dep == probes) {
				t.Errorf("on %s the program compiles %s", arch, dep)
			}
		}
	}
	u.run("go", "mod", "vendor")
	list, err := os.ReadFile(filepath.Join(u.dir, "vendor", "modules.txt"))
	must(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		if !strings.HasPrefix(line, "#") && !ours(line) && line != probes {
			t.Errorf("go mod vendor copies %s", line)
		}
	}
	u.run("go", "build", "-mod=vendor", ".")
}

// probes is what asm asks for the extensions of riscv64 by, and compiles nowhere else.
const probes = "golang.org/x/sys/unix"

// ours tells a package that importers of the lock may compile.
func ours(pkg string) bool {
	rest, inModule := strings.CutPrefix(pkg, path+"/")
	if !inModule {
		return pkg == "example.test/importer" || pkg == "golang.org/x/sys/cpu"
	}
	switch rest {
	case "asm", "rqlock", "rqlock/freelist", "rqlock/hashtab", "rqlock/localstorage", "rqlock/lpmtrie", "rqlock/queuestack", "rqlock/ringbuf":
		return true
	}
	return strings.HasPrefix(rest, "rqlock/internal/")
}

// testInstall: each command can be installed by version, and works where there is
// no checkout.
func testInstall(t *testing.T, p *publisher) {
	u := p.user("installer", locking)
	for _, cmd := range []string{"rqlock/cmd/rqvet", "rqlock/cmd/rqtorture", "rqlock/cmd/rqswap", "gen"} {
		u.run("go", "install", path+"/"+cmd+"@"+version)
	}
	u.run("go", "get", path+"@"+version)
	u.write("main.go", strings.Replace(locking, "err := a.Lock()\n\ta.Unlock()", "err := error(nil)\n\ta.Unlock()\n\ta.Lock()", 1))
	for _, c := range []struct {
		name string
		args []string
		want string
		fail bool
	}{
		{"rqvet", []string{"./..."}, "Lock is ignored", true},
		{"go", []string{"vet", "-vettool=" + u.installed("rqvet"), "./..."}, "Lock is ignored", true},
		{"rqswap", []string{"-undo", "-n", "."}, "0 of 1 files would be changed", false},
		{"rqtorture", []string{"-duration", "200ms"}, "End of test: SUCCESS", false},
		{"gen", []string{"-list"}, "LockFast", false},
	} {
		name := c.name
		if name != "go" {
			name = u.installed(name)
		}
		out, err := command(u.dir, u.env, name, c.args...)
		if !strings.Contains(out, c.want) || (err != nil) != c.fail {
			t.Errorf("%s %s: %v, want %q in\n%s", c.name, strings.Join(c.args, " "), err, c.want, out)
		}
	}
}

func (p *publisher) installed(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(p.bin, name)
}

// testTool: a package of the user's own is generated by a tool of the user's module.
func testTool(t *testing.T, p *publisher) {
	u := p.user("author", "package main\n\nimport \"example.test/author/mylock\"\n\nfunc main() { println(mylock.TailMax) }\n")
	u.write("mylock/mylock.go", "// Package mylock has primitives.\npackage mylock\n\n//go:generate go tool gen -out . -pkg mylock\n")
	for _, tool := range []string{"gen", "rqlock/cmd/rqvet"} {
		u.run("go", "get", "-tool", path+"/"+tool+"@"+version)
	}
	u.run("go", "generate", "./...")
	u.run("go", "mod", "tidy")
	before := u.files("mylock")
	u.run("go", "generate", "./...")
	if after := u.files("mylock"); len(before) < 10 || !slices.Equal(before, after) {
		t.Errorf("after go mod tidy go generate makes %q, before it %q", after, before)
	}
	u.run("go", "vet", "./...")
	u.run("go", "test", "-short", "./...")
	u.run("go", "tool", "rqvet", "./...")
}

// files lists the names and sizes of a directory's files.
func (u *user) files(dir string) (all []string) {
	u.t.Helper()
	entries, err := os.ReadDir(filepath.Join(u.dir, dir))
	must(u.t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(u.t, err)
		all = append(all, fmt.Sprint(e.Name(), " ", info.Size()))
	}
	return all
}

// TestRequirements: the published go.mod has no replace, no version v0.0.0 of ours,
// and a Go that users have.
func TestRequirements(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	must(t, err)
	for _, bad := range []string{"replace", path + " v", path + "/", "toolchain"} {
		if strings.Contains(strings.TrimPrefix(string(mod), "module "+path+"\n"), bad) {
			t.Errorf("go.mod has %q", bad)
		}
	}
	if !strings.Contains(string(mod), "\ngo 1.25.0\n") {
		t.Error("go.mod does not say go 1.25.0, the oldest Go that is supported")
	}
}
