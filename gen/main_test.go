package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/spec"
)

// gen runs the command in a directory and returns its exit code and output.
func gen(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// wantFailure checks the exit code and that stderr is one line with the words.
func wantFailure(t *testing.T, code, wantCode int, stderr string, words ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d", code, wantCode)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("want one line, got %q", stderr)
	}
	for _, w := range words {
		if !strings.Contains(stderr, w) {
			t.Errorf("%q does not say %q", stderr, w)
		}
	}
}

// wantFiles checks that a directory holds exactly the named files.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if !slices.Equal(have, names) {
		t.Errorf("%s holds %q, want %q", dir, have, names)
	}
}

func TestBadUse(t *testing.T) {
	for _, tt := range []struct {
		args  []string
		words []string
	}{
		{[]string{"-nosuch"}, []string{"-nosuch"}},
		{[]string{"-out", "."}, []string{"-pkg", "package name"}},
		{[]string{"-out", ""}, []string{"-out", "empty"}},
		{[]string{"-out", ".", "-pkg", "my-lock"}, []string{"-pkg", "my-lock"}},
		{[]string{"-out", ".", "-pkg", "func"}, []string{"-pkg", "func"}},
		{[]string{"-out", ".", "-pkg", "_"}, []string{"-pkg"}},
		{[]string{"-out", ".", "-pkg", "main"}, []string{"-pkg", "main"}},
		{[]string{"-out", ".", "-pkg", "lock_test"}, []string{"-pkg", "lock_test"}},
		{[]string{"-out", ".", "-pkg", "l", "-layout", "square"}, []string{"-layout", "square", "narrow", "wide"}},
		{[]string{"-out", ".", "-pkg", "l", "-arch", "amd64,vax"}, []string{"-arch", "vax", "amd64", "arm64"}},
		{[]string{"-out", ".", "-pkg", "l", "-arch", ""}, []string{"-arch"}},
		{[]string{"-layout", "wide"}, []string{"-layout", "-out"}},
		{[]string{"-pkg", "l"}, []string{"-pkg", "-out"}},
		{[]string{"-check", "-diff"}, []string{"-check", "-diff"}},
		{[]string{"-check=perhaps"}, []string{"-check"}},
		{[]string{"stray"}, []string{"stray"}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "1bad")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := gen(t, dir, tt.args...)
			wantFailure(t, code, 2, stderr, tt.words...)
			if stdout != "" {
				t.Errorf("wrote to standard output: %q", stdout)
			}
			wantFiles(t, dir)
		})
	}
}

func TestBadDirectory(t *testing.T) {
	t.Run("missing directory", func(t *testing.T) {
		dir := t.TempDir()
		code, _, stderr := gen(t, dir, "-out", "absent", "-pkg", "l")
		wantFailure(t, code, 1, stderr, "absent", "does not exist")
		wantFiles(t, dir)
	})
	t.Run("not the repository", func(t *testing.T) {
		dir := t.TempDir()
		for _, sub := range []string{"asm", "docs"} {
			if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		writeFile(t, filepath.Join(dir, "go.mod"), "module example.com/other\n")
		code, _, stderr := gen(t, dir)
		wantFailure(t, code, 1, stderr, "-out", "directory of your package")
		wantFiles(t, dir, "asm", "docs", "go.mod")
		wantFiles(t, filepath.Join(dir, "asm"))
	})
	t.Run("another package's directory", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "x.go"), "package other\n")
		code, _, stderr := gen(t, dir, "-out", ".", "-pkg", "l")
		wantFailure(t, code, 1, stderr, "x.go is of package other, not l")
		wantFiles(t, dir, "x.go")
	})
	t.Run("file for directory", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "f"), "x")
		code, _, stderr := gen(t, dir, "-out", "f", "-pkg", "l")
		wantFailure(t, code, 1, stderr, "f is not a directory")
		wantFiles(t, dir, "f")
	})
	t.Run("hand-written file in the way", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "zprims.go"), "package l // mine\n")
		code, _, stderr := gen(t, dir, "-out", ".", "-pkg", "l")
		wantFailure(t, code, 1, stderr, "zprims.go", "in the way")
		wantFiles(t, dir, "zprims.go")
	})
	t.Run("directory in the way", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "zprims.go"), 0o755); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := gen(t, dir, "-out", ".", "-pkg", "l")
		wantFailure(t, code, 1, stderr, "zprims.go", "in the way", "directory")
		wantFiles(t, dir, "zprims.go")
	})
	t.Run("unwritable directory", func(t *testing.T) {
		const dir = "/proc/self" // refuses files even from root
		if _, err := os.Stat(dir); err != nil {
			t.Skip("needs /proc")
		}
		code, _, stderr := gen(t, t.TempDir(), "-out", dir, "-pkg", "l")
		wantFailure(t, code, 1, stderr, "cannot write /proc/self/z")
	})
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHelp(t *testing.T) {
	code, stdout, stderr := gen(t, t.TempDir(), "-h")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, name := range []string{"-out", "-pkg", "-layout", "-arch", "-check", "-diff", "-list"} {
		if !strings.Contains(stdout, name+" ") && !strings.Contains(stdout, name+"\n") {
			t.Errorf("usage lacks %s", name)
		}
	}
}

// TestFresh fails if a generated file of this repository is stale, or if a second
// run would generate another one.
func TestFresh(t *testing.T) {
	if code, _, stderr := gen(t, "..", "-check"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for path, src := range mustRender(t, own()) {
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, src) {
			t.Errorf("%s differs from run to run: %v", path, err)
		}
		if line, _, _ := bytes.Cut(src, []byte("\n")); !emit.Generated(string(line)) {
			t.Errorf("%s begins with %q", path, line)
		}
		if !strings.HasPrefix(filepath.Base(path), "z") {
			t.Errorf("the name of %s does not begin with z", path)
		}
	}
}

// TestForeign checks that go generate does the same for whoever builds for another machine,
// or with other flags, or in a workspace.
func TestForeign(t *testing.T) {
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "go.work")
	writeFile(t, work, "go 1.25.0\n\nuse "+top+"\n")
	foreign := []string{"GOOS=plan9", "GOARCH=arm64", "GOFLAGS=-tags=purego", "GOWORK=" + work}
	out, err := command(t, "..", append(foreign, "go", "generate", "-n", ".")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		t.Fatalf("go generate runs %q", lines)
	}
	line := append(slices.Clone(foreign), strings.Fields(lines[0])...)
	if out, err := command(t, "..", append(line, "-check")...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", lines[0], err, out)
	}
}

// TestLifeOfAPackage generates a package, spoils it, and checks that -check, -diff
// and a second run find and mend the damage.
func TestLifeOfAPackage(t *testing.T) {
	dir := t.TempDir()
	args := func(more ...string) []string { return append([]string{"-out", ".", "-pkg", "l"}, more...) }
	code, _, stderr := gen(t, dir, args("-check")...)
	wantFailure(t, code, 1, stderr, "stale", "zprims.go", "zprims_amd64.s")
	wantFiles(t, dir)
	if code, _, stderr = gen(t, dir, args()...); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, stderr = gen(t, dir, args("-check")...); code != 0 {
		t.Fatal(stderr)
	}

	before, err := os.ReadFile("zlayout.go")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "zlayout.go", string(before)+"// tampered\n")
	writeFile(t, "zgone.go", "// "+emit.Header("gen/prims.go")+"\npackage l\n")
	writeFile(t, "zmine.go", "package l\n")
	code, _, stderr = gen(t, dir, args("-check")...)
	wantFailure(t, code, 1, stderr, "stale", "zlayout.go", "zgone.go")
	if strings.Contains(stderr, "zmine.go") {
		t.Error("-check names a file that was never generated")
	}
	code, stdout, _ := gen(t, dir, args("-diff")...)
	if code != 0 || !strings.Contains(stdout, "\n-// tampered\n") || !strings.Contains(stdout, "--- zgone.go\n+++ /dev/null\n") {
		t.Errorf("exit code %d, diff:\n%s", code, stdout)
	}
	if code, _, stderr = gen(t, dir, args()...); code != 0 {
		t.Fatal(stderr)
	}
	if after, _ := os.ReadFile("zlayout.go"); !bytes.Equal(after, before) {
		t.Error("zlayout.go was not mended")
	}
	if _, err := os.Stat("zgone.go"); err == nil {
		t.Error("a generated file that nothing generates any more is still there")
	}
	if _, err := os.Stat("zmine.go"); err != nil {
		t.Error("a hand-written file was removed")
	}
}

func TestList(t *testing.T) {
	for _, l := range layouts {
		code, stdout, stderr := gen(t, t.TempDir(), "-list", "-layout", l.Layout)
		if code != 0 {
			t.Fatal(stderr)
		}
		for _, r := range prims {
			if strings.Count(stdout, "\n"+r.Name+" ") != 1 {
				t.Errorf("layout %s: %s is not listed once", l.Layout, r.Name)
			}
		}
		if strings.Contains(stdout, "#") {
			t.Errorf("layout %s: a preprocessor's directive is listed as an instruction", l.Layout)
		}
	}
}

func mustRender(t *testing.T, table engine.Table) map[string][]byte {
	t.Helper()
	files, err := table.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRowStability renders the table with each row and without. The row may only add
// whole blocks that name it.
func TestRowStability(t *testing.T) {
	t.Parallel()
	some := layouts
	if testing.Short() {
		some = layouts[:1]
	}
	for _, l := range some {
		whole := mustRender(t, table(l, engine.Archs()))
		for n, r := range prims {
			t.Run(l.Layout+"/"+r.Name, func(t *testing.T) {
				t.Parallel()
				less := table(l, engine.Archs())
				less.Rows = slices.Delete(slices.Clone(prims), n, n+1)
				if errs := less.Validate(); len(errs) > 0 && strings.Contains(errs[0].Error(), "needs a row of operation") {
					t.Skip("the twins of other rows call it: ", errs[0])
				}
				part := mustRender(t, less)
				for path, src := range whole {
					if !tests(path) && !subsequence(lines(part[path]), lines(src)) {
						t.Errorf("%s: adding the row changes or moves other lines", path)
					}
					for _, b := range insertions(lines(part[path]), lines(src)) {
						if !tests(path) && !helpers[filepath.Base(path)] && !strings.Contains(b, r.Name) && !strings.Contains(b, (&spec.Row{Name: r.Name}).Impl()) {
							t.Errorf("%s: adding the row adds a block that does not name it:\n%s", path, b)
						}
					}
				}
			})
		}
	}
}

// tests reports whether a file has tests. What they share comes and goes with the rows that
// need it, and rows that are tested together have a test that is called by both names.
func tests(path string) bool { return strings.HasSuffix(path, "_test.go") }

// helpers are the files with what several rows share.
var helpers = map[string]bool{"zportable.go": true, "zlayout.go": true, "zrace.go": true, "znorace.go": true}

func lines(src []byte) []string { return strings.SplitAfter(string(src), "\n") }

// subsequence reports whether only insertions turn from into to.
func subsequence(from, to []string) bool {
	for _, line := range to {
		if len(from) > 0 && from[0] == line {
			from = from[1:]
		}
	}
	return len(from) == 0
}

// insertions returns the blocks of lines that were inserted into from. A block ends
// where the next five lines, or all that are left, are those of from.
func insertions(from, to []string) (blocks []string) {
	for len(to) > 0 {
		if len(from) > 0 && from[0] == to[0] {
			from, to = from[1:], to[1:]
			continue
		}
		ahead := from[:min(5, len(from))]
		n := 1
		for n < len(to) && !(len(ahead) > 0 && len(to)-n >= len(ahead) && slices.Equal(to[n:n+len(ahead)], ahead)) {
			n++
		}
		blocks = append(blocks, strings.Join(to[:n], ""))
		to = to[n:]
	}
	return blocks
}

// TestEmitters checks that each architecture has an emitter for each operation, and names
// all that are missing.
func TestEmitters(t *testing.T) {
	for _, a := range engine.Archs() {
		for _, op := range spec.Ops() {
			if a.Emitters[op] == nil {
				t.Errorf("%s has no emitter for operation %s", a.Name, op)
			}
		}
	}
}

// TestMissingEmitters checks that all missing emitters are named in one run.
func TestMissingEmitters(t *testing.T) {
	lame := *engine.AMD64
	lame.Emitters = map[spec.Op]emit.Emitter{}
	o := own()
	o.Archs = []*engine.Arch{&lame}
	missing := map[spec.Op]bool{}
	for _, err := range o.Validate() {
		if _, op, ok := strings.Cut(err.Error(), ": amd64 has no emitter for operation "); ok {
			if missing[spec.Op(op)] {
				t.Errorf("%s is named twice", op)
			}
			missing[spec.Op(op)] = true
		}
	}
	rows, err := o.Derived()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[spec.Op]bool{}
	for _, r := range rows {
		if !r.InlineOn("amd64") {
			wanted[r.Op] = true
		}
	}
	if !maps.Equal(missing, wanted) {
		t.Errorf("the operations without an emitter are said to be %v, want %v", missing, wanted)
	}
}
