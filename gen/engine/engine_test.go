package engine_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
)

// ticket is a small table of words and rows of one's own.
func ticket() engine.Table {
	return engine.Table{
		Package: "ticket",
		Words: []engine.Word{
			{Name: "Ticket", Bits: 32, Fields: []engine.Field{{Name: "serving", Shift: 0, Bits: 16}, {Name: "next", Shift: 16, Bits: 16}}},
			{Name: "Range", Bits: 64, Fields: []engine.Field{{Name: "top", Shift: 40, Bits: 20}, {Name: "bottom", Shift: 3, Bits: 30}}},
		},
		Rows: []engine.Row{
			{Name: "TakeTicket", Op: engine.FetchIncField, Word: "Ticket", Field: "next", Order: engine.Relaxed},
			{Name: "LoadServing", Op: engine.Load, Width: 16, Order: engine.Acquire},
			{Name: "StoreServing", Op: engine.Store, Width: 16, Order: engine.Release},
			{Name: "AddTop", Op: engine.FetchAddField, Word: "Range", Field: "top", Order: engine.AcqRel},
		},
	}
}

// run runs the engine on a table in a directory.
func run(t *testing.T, table engine.Table, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	table.Dir = dir
	var out, errs bytes.Buffer
	code = engine.Run(table, args, &out, &errs)
	return code, out.String(), errs.String()
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRefusals spoils a table in each way that the engine knows, and checks that it is
// refused in one line that says what is wrong, and that nothing is written.
func TestRefusals(t *testing.T) {
	row := func(name string) func(*engine.Table) {
		return func(x *engine.Table) { x.Rows[1].Name = name }
	}
	for _, tt := range []struct {
		name  string
		spoil func(*engine.Table)
		want  string
	}{
		{"keyword", row("Break"), "row Break: the name break is taken: it is Go's own"},
		{"builtin", row("Len"), "row Len: the name len is taken: it is Go's own"},
		{"predeclared type", row("String"), "row String: the name string is taken: it is Go's own"},
		{"init", row("Init"), "row Init: the name init is taken: it is Go's own"},
		{"exported helper", row("Variant"), "row Variant: the name Variant is taken: the generated package has it for itself"},
		{"constant of all packages", row("SpinChunk"), "row SpinChunk: the name SpinChunk is taken"},
		{"import", row("Atomic"), "row Atomic: the name atomic is taken"},
		{"import of tests", row("Testing"), "row Testing: the name testing is taken"},
		{"helper of twins", row("ReplaceBits"), "row ReplaceBits: the name replaceBits is taken"},
		{"word", row("Ticket"), "row Ticket: the name Ticket is taken: word Ticket declares it, too"},
		{"field's constant", row("TicketNextMask"), "row TicketNextMask: the name TicketNextMask is taken: word Ticket declares it, too"},
		{"another row's implementation", func(x *engine.Table) { x.Rows[0].Name, x.Rows[1].Name = "ABCload", "AbCload" }, "is taken: row ABCload declares it, too"},
		{"another row's twin", func(x *engine.Table) { x.Rows[0].Name, x.Rows[1].Name = "PAB", "Pab" }, "is taken: row PAB declares it, too"},
		{"word that is a helper", func(x *engine.Table) { x.Words[0].Name, x.Rows[0].Word = "Variant", "Variant" }, "word Variant: the name Variant is taken"},
		{"word that is not exported", func(x *engine.Table) { x.Words[0].Name, x.Rows[0].Word = "string", "string" }, `word "string": the name is not an exported`},
		{"field that is a keyword", func(x *engine.Table) { x.Words[0].Fields[0].Name = "func" }, `field 1: name "func" is not`},
		{"field that is predeclared", func(x *engine.Table) { x.Words[0].Fields[0].Name = "len" }, "field len: Go has declared"},
		{"overlap", func(x *engine.Table) { x.Words[0].Fields[1].Shift = 15 }, "field next overlaps field serving"},
		{"outside", func(x *engine.Table) { x.Words[0].Fields[1].Shift = 17 }, "field next (bits 17..32) is outside the 32-bit word"},
		{"package init", func(x *engine.Table) { x.Package = "init" }, `package "init" cannot be imported`},
		{"package main", func(x *engine.Table) { x.Package = "main" }, `package "main" cannot be imported`},
		{"package keyword", func(x *engine.Table) { x.Package = "go" }, `"go" is not a package name`},
		{"prefix", func(x *engine.Table) { x.Prefix = "A b" }, `prefix "A b"`},
		{"source", func(x *engine.Table) { x.Source = "a\nb" }, "more than one line"},
		{"architecture twice", func(x *engine.Table) { x.Archs = []*engine.Arch{engine.ARM64, engine.ARM64} }, "architecture arm64 is there twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, dir := ticket(), t.TempDir()
			x.Words[0].Fields = slices.Clone(x.Words[0].Fields)
			tt.spoil(&x)
			code, stdout, stderr := run(t, x, dir)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, %q, want %q", code, stderr, tt.want)
			}
			for _, line := range strings.Split(strings.TrimSuffix(stderr, "\n"), "\n") {
				if !strings.HasPrefix(line, "gen: ") {
					t.Errorf("%q is no line of an error", line)
				}
			}
			if have := names(t, dir); have != nil {
				t.Errorf("it has written %q", have)
			}
		})
	}
}

// TestAllErrors checks that everything that is wrong is said at once.
func TestAllErrors(t *testing.T) {
	x := ticket()
	x.Rows[0].Field, x.Rows[1].Width, x.Rows[2].Order = "last", 24, engine.Acquire
	x.Package = "init"
	errs := x.Validate()
	if len(errs) != 4 {
		t.Errorf("%d errors, want 4: %q", len(errs), errs)
	}
	if _, err := x.Files(); err == nil {
		t.Error("Files renders a table that is invalid")
	}
}

// TestDirectories checks directories that no import path leads to.
func TestDirectories(t *testing.T) {
	top := t.TempDir()
	write(t, top, "go.mod", "module example.com/top\n")
	for name, want := range map[string]string{
		"_hidden": "skips", ".dot": "skips", "testdata": "skips", "testdata/inner": "skips", "vendor": "skips",
		"a b": "cannot be in an import path", "ünï": "cannot be in an import path", "fine": "", "also-fine": "", "x.y": "",
	} {
		dir := filepath.Join(top, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := run(t, ticket(), dir, "-check")
		if want == "" && code != 1 || want != "" && (code != 2 || !strings.Contains(stderr, want)) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
	// What counts is where a link leads.
	if err := os.Symlink(filepath.Join(top, "_hidden"), filepath.Join(top, "link")); err != nil {
		t.Skip(err)
	}
	if code, _, stderr := run(t, ticket(), filepath.Join(top, "link")); code != 2 || !strings.Contains(stderr, "_hidden") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	x := ticket()
	x.Package = ""
	if err := os.Symlink(filepath.Join(top, "fine"), filepath.Join(top, "init")); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run(t, x, filepath.Join(top, "init")); code != 0 || !strings.Contains(stdout, "package fine") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

// TestForeignFiles checks that what the table did not generate stays.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	kept := map[string]string{
		"zmine.go":     "package ticket\n",
		"zquote.go":    "// It begins with Code generated by rqlock/gen. DO NOT EDIT.\npackage ticket\n",
		"zstringer.go": "// Code generated by stringer. DO NOT EDIT.\n\npackage ticket\n",
		"znotes.txt":   "notes",
		"z_other_x.go": "// Code generated by rqlock/gen. DO NOT EDIT.\n\npackage ticket\n",
		"zgen.go":      "//go:build ignore\n\npackage main\n",
	}
	for name, text := range kept {
		write(t, dir, name, text)
	}
	write(t, dir, "zold.go", "// Code generated by rqlock/gen from elsewhere. DO NOT EDIT.\n\npackage ticket\n")
	if code, _, stderr := run(t, ticket(), dir); code != 0 {
		t.Fatal(stderr)
	}
	have := names(t, dir)
	for name := range kept {
		if !slices.Contains(have, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if slices.Contains(have, "zold.go") {
		t.Error("what nothing generates any more is still there")
	}
	write(t, dir, "zodd.go", "// Code generated by rqlock/gen. DO NOT EDIT.\n\npackage odd\n")
	if code, _, stderr := run(t, ticket(), dir); code != 1 || !strings.Contains(stderr, "zodd.go is of package odd, not ticket") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if !slices.Contains(names(t, dir), "zodd.go") {
		t.Error("a file of another package is gone")
	}
}

// TestDeclaredTwice checks that a name that another table in the directory declares, or a file
// of the user's, is refused in one line, and nothing written.
func TestDeclaredTwice(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := run(t, ticket(), dir); code != 0 {
		t.Fatal(stderr)
	}
	row := engine.Row{Name: "LoadServing", Op: engine.Load, Width: 8, Order: engine.Acquire}
	for _, tt := range []struct {
		name string
		x    engine.Table
		want string
	}{
		{"row", engine.Table{Rows: []engine.Row{row}}, "row LoadServing: "},
		{"word", engine.Table{Words: []engine.Word{{Name: "Range", Bits: 32}}}, "word Range: "},
		{"field", engine.Table{Words: []engine.Word{{Name: "Tick", Bits: 32, Fields: []engine.Field{{Name: "etNextMask", Bits: 3}}}, {Name: "TicketNext", Bits: 32, Fields: nil}, {Name: "TicketNextMask", Bits: 64}}}, "word TicketNextMask: "},
	} {
		tt.x.Package, tt.x.Prefix = "ticket", "more"
		before := names(t, dir)
		code, stdout, stderr := run(t, tt.x, dir)
		if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "gen: "+tt.want) || !strings.Contains(stderr, "too: give one of them another name") {
			t.Errorf("%s: exit code %d, %s%s", tt.name, code, stdout, stderr)
		}
		if !slices.Equal(names(t, dir), before) {
			t.Errorf("%s: it has written %q", tt.name, names(t, dir))
		}
	}
	write(t, dir, "mine.go", "package ticket\n\nfunc Serve() {}\n")
	x := ticket()
	x.Rows[2].Name = "Serve"
	if code, _, stderr := run(t, x, dir); code != 1 || !strings.Contains(stderr, "mine.go declares Serve, too") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	os.Remove(filepath.Join(dir, "mine.go"))
	for range 2 {
		if code, _, stderr := run(t, x, dir); code != 0 {
			t.Errorf("exit code %d, %s", code, stderr)
		}
	}
}

// TestCarriageReturns checks that a checkout with CRLF is fresh, and that a change in it
// shows by itself.
func TestCarriageReturns(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := run(t, ticket(), dir); code != 0 {
		t.Fatal(stderr)
	}
	for _, name := range names(t, dir) {
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.ReplaceAll(string(src), "\n", "\r\n"))
	}
	if code, _, stderr := run(t, ticket(), dir, "-check"); code != 0 {
		t.Errorf("-check: exit code %d, %s", code, stderr)
	}
	if code, stdout, _ := run(t, ticket(), dir, "-diff"); code != 0 || stdout != "" {
		t.Errorf("-diff: exit code %d, %s", code, stdout)
	}
	path := filepath.Join(dir, "zlayout.go")
	src, _ := os.ReadFile(path)
	write(t, dir, "zlayout.go", string(src)+"// tampered\r\n")
	if code, stdout, _ := run(t, ticket(), dir, "-diff"); code != 0 || !strings.HasSuffix(stdout, "\n-// tampered\n") || strings.Count(stdout, "\n-") != 1 {
		t.Errorf("-diff: exit code %d, %s", code, stdout)
	}
}

// TestFlags checks the exit codes.
func TestFlags(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-h"}, 0, "-list"},
		{[]string{"-list"}, 0, "TakeTicket"},
		{[]string{"-check"}, 1, "stale"},
		{[]string{"-check", "-list"}, 2, "-check and -list exclude each other"},
		{[]string{"-nosuch"}, 2, "-nosuch"},
		{[]string{"stray"}, 2, "stray"},
		{[]string{"-out", ""}, 2, "-out: empty"},
		{[]string{"-out", filepath.Join(dir, "absent")}, 1, "does not exist"},
	} {
		code, stdout, stderr := run(t, ticket(), dir, tt.args...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) || code != 0 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d, %s%s", tt.args, code, stdout, stderr)
		}
		if have := names(t, dir); have != nil {
			t.Errorf("%q has written %q", tt.args, have)
		}
	}
}

// TestOneLine emits a longer opcode in one function, and checks that one line differs in
// the assembly, and none elsewhere but in the list of instructions.
func TestOneLine(t *testing.T) {
	files := map[string]map[string][]byte{}
	for _, opcode := range []string{"PAUSE", "PAUSEFORLONGER"} {
		changed := *engine.AMD64
		changed.Emitters = maps.Clone(changed.Emitters)
		load := changed.Emitters[engine.Load]
		changed.Emitters[engine.Load] = func(f *emit.Func, r *engine.Row) {
			f.Add(&ir.Instruction{Opcode: opcode, Operands: []operand.Op{operand.U8(1)}}, nil)
			load(f, r)
		}
		x := ticket()
		x.Archs = []*engine.Arch{&changed, engine.ARM64}
		var err error
		if files[opcode], err = x.Files(); err != nil {
			t.Fatal(err)
		}
	}
	for path, src := range files["PAUSE"] {
		was, is := strings.Split(string(src), "\n"), strings.Split(string(files["PAUSEFORLONGER"][path]), "\n")
		differ := 0
		for i := range was {
			if was[i] != is[i] {
				differ++
			}
		}
		if want := map[string]int{"zprims_amd64.s": 1, "zprimitives.md": 1}[path]; len(was) != len(is) || differ != want {
			t.Errorf("%s: %d lines differ, want %d", path, differ, want)
		}
	}
}
