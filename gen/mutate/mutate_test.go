package mutate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const tiny = `//go:build gc

#include "textflag.h"

// add adds.
//
// func add(p *uint64, n uint64) (sum uint64)
TEXT ·add(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX
	// It is atomic.
	LOCK
	XADDQ CX, (AX)
	ADDQ n+8(FP), CX
	ADDQ $0x05, CX
	SUBQ $0x05, CX
	MOVQ CX, sum+16(FP)
	RET

// none does nothing.
TEXT ·none(SB), NOSPLIT, $0
	RET
`

// TestMutations compares the mutants of a function with what they should be.
func TestMutations(t *testing.T) {
	table := &Table{Words: replace("ADDQ: SUBQ\n\nJNE: JEQ"), Registers: []string{"AX CX DX"}}
	_, fns := parse("TEXT ·f(SB), NOSPLIT, $0-8\nagain:\n\tADDQ $0x04, 8(AX)\n\n\t// Comment.\n\tJNE  again\n\tMOVQ CX, ·v+0(SB)\ndone:\nsame:\n#ifdef X\n#endif\n\tRET\nother:\n\tRET\n")
	if len(fns) != 1 || fns[0].name != "f" {
		t.Fatalf("%d functions", len(fns))
	}
	var got []string
	for _, m := range table.mutations(fns[0]) {
		got = append(got, fmt.Sprintf("%d: %s => %s", m.Line, m.Old, m.New))
	}
	want := []string{
		"3: ADDQ $0x04, 8(AX) => (left out)",
		"3: ADDQ $0x04, 8(AX) => SUBQ $0x04, 8(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x05, 8(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x03, 8(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x02, 8(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x08, 8(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x04, 9(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x04, 0(AX)",
		"3: ADDQ $0x04, 8(AX) => ADDQ $0x04, 8(CX)",
		"6: JNE again => (left out)",
		"6: JNE again => JEQ again",
		"6: JNE again => JNE done",
		"6: JNE again => JNE other",
		"6: JNE again => JNE same",
		"7: MOVQ CX, ·v+0(SB) => (left out)",
		"7: MOVQ CX, ·v+0(SB) => MOVQ AX, ·v+0(SB)",
		"7: MOVQ CX, ·v+0(SB) => MOVQ CX, ·v+8(SB)",
		"12: RET => (left out)",
		"14: RET => (left out)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTables checks that each word of a table stands for others.
func TestTables(t *testing.T) {
	for arch, table := range Tables {
		for word, to := range table.Words {
			if len(to) == 0 || slices.Contains(to, word) {
				t.Errorf("%s: %s is replaced by %q", arch, word, to)
			}
		}
		if len(table.Builds) == 0 {
			t.Errorf("%s: no builds", arch)
		}
	}
}

// diff makes a unified diff of a file of one line that is replaced.
func diff(file, src, old, new string) string {
	lines := strings.Split(src, "\n")
	n := slices.Index(lines, old)
	text := fmt.Sprintf("--- a/%s\n+++ b/%s\n@@ -%d,3 +%d,3 @@\n %s\n-%s\n", file, file, n, n, lines[n-1], old)
	if new != "" {
		text += "+" + new + "\n"
	}
	return text + " " + lines[n+1] + "\n"
}

// TestPatch tries diffs of an emitted file.
func TestPatch(t *testing.T) {
	const file = "asm/ztiny_amd64.s"
	dir := t.TempDir()
	write(t, dir, file, tiny)
	cfg := &Config{Packages: []*Package{{Root: dir, Dir: "asm"}}, Archs: []string{"amd64"}}
	for _, tt := range []struct{ diff, want string }{
		{diff(file, tiny, "\t// It is atomic.", "\t// It is not."), file + ":11: (as it is) => (patched) in "},
		{diff(file, tiny, "// none does nothing.", "// none."), file + ":20: (as it is) => (patched) in "},
		{diff(file, tiny, "\tLOCK", ""), file + ":12: LOCK => (left out) in add"},
		{diff(file, tiny, "\tADDQ n+8(FP), CX", "\tSUBQ n+8(FP), CX"), file + ":14: ADDQ n+8(FP), CX => SUBQ n+8(FP), CX in add"},
		{strings.Replace(diff(file, tiny, "\tLOCK", ""), "-\tLOCK", "-\tLOOK", 1), "does not apply at line 12"},
		{strings.ReplaceAll(diff(file, tiny, "\tLOCK", ""), file, "asm/other.s"), "asm/other.s is no emitted file"},
		{diff(file, tiny, "TEXT ·none(SB), NOSPLIT, $0", "TEXT ·nobody(SB), NOSPLIT, $0"), "changes the functions' names"},
		{diff(file, tiny, `#include "textflag.h"`, `#include "funcdata.h"`), "changes something else than instructions of functions"},
		{"+++ b/" + file + "\n@@ -1,1 +1,1 @@\n //go:build gc\n", "changes nothing"},
		{"nothing", "a diff of 0 files, want one"},
	} {
		m, err := cfg.patch(tt.diff)
		got := fmt.Sprint(err)
		if err == nil {
			got = m.String() + " in " + m.name()
		}
		if got != tt.want && !(err != nil && strings.Contains(got, tt.want)) {
			t.Errorf("%s\ngot  %s\nwant %s", tt.diff, got, tt.want)
		}
	}
}

// TestExcuses checks which excuses are accepted.
func TestExcuses(t *testing.T) {
	var all []*Mutant
	for n := range 40 {
		all = append(all, &Mutant{File: "asm/z_amd64.s", Old: fmt.Sprint("OP ", n), New: "NOP", changed: []function{{name: "f"}}})
	}
	for text, want := range map[string]string{
		"# comment\n\nasm/z_*.s f: OP 3 => NOP # it is the same\n":                             "<nil>",
		"asm/z_amd64.s g: OP 3 => NOP # it is the same":                                        "excuses: line 1 matches no mutant",
		"\nasm/z_amd64.s f: OP 3 => NOP":                                                       "excuses: line 2: want FILE",
		"asm/z_amd64.s f: OP 3 # it is the same":                                               "excuses: line 1: want FILE",
		"* *: OP 1 => NOP # a\nasm/* *: OP 1 => NOP # b\nasm/* f: OP 2 => NOP # c":             "matches no mutant", // * is no /
		"asm/* f: OP 1 => NOP # a\nasm/* f: OP 2 => NOP # b\nasm/z_amd64.s *: OP 4 => NOP # c": "excuses: 3 of 40 mutants, more than one in 20",
	} {
		if _, err := parseExcuses(text, all); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestSurvivors checks which pages are accepted.
func TestSurvivors(t *testing.T) {
	all := []*Mutant{{File: "a/b.go", Old: "n < 1", New: "n <= 1", changed: []function{{name: "T.f"}}}}
	const line = "a/b.go T.f: n < 1 => n <= 1"
	for page, want := range map[string]string{
		"# Title\n\nText.\n\n## It is a hint\n\nMore.\n\n```\n" + line + "\n```\n": "<nil>",
		"## Why\n\n" + line:                                    "<nil>", // no code
		"```\n" + line + "\n```\n":                             "survivors: line 2: want FILE",
		"## Why\n```\na/b.go T.f: n < 1\n```\n":                "survivors: line 3: want FILE",
		"## Why\n```\na/b.go T.g: n < 1 => n <= 1\n```\n":      "line 3 matches no mutant",
		"## Why\n```\n" + line + "\n" + line + "x\n```\nText.": "line 4 matches no mutant",
	} {
		excuses, err := parseSurvivors(page, all)
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, want %s", page, err, want)
		}
		for _, e := range excuses {
			if err == nil && (!e.matches(all[0]) || e.reason != "It is a hint") {
				t.Errorf("%q: %+v", page, e)
			}
		}
	}
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

// tinyModule writes a module with the functions of tiny and a test of add, which adds a line
// to the file ran whenever it runs.
func tinyModule(t *testing.T) (cfg *Config, ran string) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("its assembly is for linux on amd64")
	}
	if testing.Short() {
		t.Skip("builds a package several times")
	}
	dir := t.TempDir()
	ran = filepath.Join(t.TempDir(), "ran")
	write(t, dir, "go.mod", "module example.com/tiny\n\ngo 1.25\n")
	write(t, dir, "asm/ztiny_amd64.s", tiny)
	write(t, dir, "asm/ztiny_amd64.go", "package asm\n\nfunc add(p *uint64, n uint64) (sum uint64)\n\nfunc none()\n")
	write(t, dir, "asm/tiny_test.go", `package asm

import (
	"os"
	"testing"
)

func TestAdd(t *testing.T) {
	if f, err := os.OpenFile("`+ran+`", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		f.WriteString("add\n")
		f.Close()
	}
	word := [2]uint64{1<<32 - 1, 0}
	if sum := add(&word[0], 5); sum != 1<<32+4 || word != [2]uint64{1<<32 + 4, 0} {
		t.Fatal(sum, word)
	}
}
`)
	return &Config{
		Packages: []*Package{{
			Root: dir, Dir: "asm", Path: "example.com/tiny/asm",
			Audit: func(string, int, *elf.File, map[string]string) (map[string]string, error) { return nil, nil },
			Tests: func(string) []string { return []string{"Add"} },
		}},
		Archs:   []string{"amd64"},
		Excuses: "asm/ztiny_amd64.s none: RET => (left out) # the next function returns, too\n",
	}, ran
}

// hashOfTree returns a hash of all files below a directory.
func hashOfTree(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %v %d\n%s", path, err, len(text), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// lines returns the lines of a report in order, without the last one.
func lines(report string) ([]string, string) {
	all := strings.Split(strings.TrimSuffix(report, "\n"), "\n")
	last := all[len(all)-1]
	all = all[:len(all)-1]
	slices.Sort(all)
	return all, last
}

// TestRun tries all mutants of a module. It then tries them again by what is known, and also
// after an interruption. Its test does not notice that LOCK is missing, and its audit sees
// nothing.
func TestRun(t *testing.T) {
	t.Parallel()
	cfg, ran := tinyModule(t)
	dir := cfg.Packages[0].Root
	before := hashOfTree(t, dir)
	state := filepath.Join(t.TempDir(), "state")
	try := func(wantCode int) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Run(*cfg, []string{"-workers", "2", "-state", state}, &stdout, &stderr); code != wantCode {
			t.Fatalf("exit code %d, want %d\n%s%s", code, wantCode, stdout.String(), stderr.String())
		}
		if stderr.Len() > 0 {
			t.Errorf("stderr, which is no terminal, has %q", stderr.String())
		}
		return stdout.String()
	}

	// An interrupted run keeps what it knows.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, err := parseOptions([]string{"-workers", "1", "-state", state}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cut := &cutter{after: ", by test TestAdd", cut: cancel}
	if _, err := cfg.run(ctx, o, cut, &bytes.Buffer{}); err == nil || strings.Contains(cut.String(), "mutants: ") {
		t.Fatalf("error %v\n%s", err, cut.String())
	}
	if got := hashOfTree(t, dir); got != before {
		t.Error("an interrupted run has changed the module")
	}

	all, last := lines(try(1))
	first, _ := os.ReadFile(ran)
	want := []string{
		"survived asm/ztiny_amd64.s:12: LOCK => (left out), by audit and tests",
		"killed asm/ztiny_amd64.s:14: ADDQ n+8(FP), CX => SUBQ n+8(FP), CX, by test TestAdd",
		"killed asm/ztiny_amd64.s:9: MOVQ p+0(FP), AX => MOVL p+0(FP), AX, by go vet",
		"excused asm/ztiny_amd64.s:22: RET => (left out), by the next function returns, too",
	}
	for _, line := range want {
		if !slices.Contains(all, line) {
			t.Errorf("no line %q", line)
		}
	}
	var n, k, e, s int
	if _, err := fmt.Sscanf(last, "mutants: %d tried, %d killed, %d excused, %d survived", &n, &k, &e, &s); err != nil || n != len(all) || n != k+e+s || e != 1 || s == 0 {
		t.Errorf("%d lines, the last is %q: %v", len(all), last, err)
	}
	if t.Failed() {
		t.Logf("%s", strings.Join(all, "\n"))
	}

	// What is known is not tried again: but for a test without a mutant, nothing runs.
	again, lastAgain := lines(try(1))
	if !slices.Equal(all, again) || last != lastAgain {
		t.Errorf("the second time %s, the first time %s", lastAgain, last)
	}
	if second, _ := os.ReadFile(ran); len(second) != len(first) {
		t.Errorf("the tests ran %d times more", bytes.Count(second, []byte("\n"))-bytes.Count(first, []byte("\n")))
	}
	if got := hashOfTree(t, dir); got != before {
		t.Error("a run has changed the module")
	}

	// A patch.
	patch := filepath.Join(t.TempDir(), "patch")
	write(t, filepath.Dir(patch), "patch", diff("asm/ztiny_amd64.s", tiny, "\tXADDQ CX, (AX)", "\tXADDL CX, (AX)"))
	var stdout, stderr bytes.Buffer
	code := Run(*cfg, []string{"-state", "", "-patch", patch}, &stdout, &stderr)
	if want := "killed asm/ztiny_amd64.s:13: XADDQ CX, (AX) => XADDL CX, (AX), by test TestAdd\nmutants: 1 tried, 1 killed, 0 excused, 0 survived\n"; code != 0 || stdout.String() != want {
		t.Errorf("exit code %d\n%swant\n%s%s", code, stdout.String(), want, stderr.String())
	}
	write(t, filepath.Dir(patch), "patch", diff("asm/ztiny_amd64.s", tiny, "\t// It is atomic.", "\t// It is."))
	stdout.Reset()
	code = Run(*cfg, []string{"-state", "", "-patch", patch}, &stdout, &stderr)
	if want := "mutants: 1 tried, 0 killed, 0 excused, 1 survived\n"; code != 1 || !strings.HasSuffix(stdout.String(), want) {
		t.Errorf("exit code %d\n%swant\n%s%s", code, stdout.String(), want, stderr.String())
	}
}

// A cutter interrupts a run once the report has a text.
type cutter struct {
	bytes.Buffer
	after string
	cut   func()
}

func (c *cutter) Write(p []byte) (int, error) {
	defer func() {
		if strings.Contains(c.String(), c.after) {
			c.cut()
		}
	}()
	return c.Buffer.Write(p)
}

// TestOptions checks command lines that are wrong.
func TestOptions(t *testing.T) {
	for _, line := range []string{"-sample x", "-workers 0", "-sample -1", "extra", "-only (", "-unknown"} {
		var stdout, stderr bytes.Buffer
		if code := Run(Config{}, strings.Fields(line), &stdout, &stderr); code != 2 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", line, code, stderr.String())
		}
	}
}

// TestSample checks that a seed always gives the same sample, and the whole has no seed.
func TestSample(t *testing.T) {
	var all []*Mutant
	for n := range 100 {
		all = append(all, &Mutant{Line: n})
	}
	a, b, c := sample(all, 10, 7), sample(all, 10, 7), sample(all, 10, 8)
	if !slices.Equal(a, b) || slices.Equal(a, c) || len(a) != 10 {
		t.Error("a seed does not decide the sample")
	}
}

// TestTableMissing checks that emitted assembly of an architecture without a table is an error.
func TestTableMissing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "asm/zprims_vax.s", tiny)
	cfg := &Config{Packages: []*Package{{Root: dir, Dir: "asm"}}, Archs: []string{"vax"}}
	if _, err := cfg.mutants(); err == nil || !strings.Contains(err.Error(), "no table of mutations for vax") {
		t.Error(err)
	}
}
