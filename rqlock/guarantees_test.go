package rqlock

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuarantees checks that the table of guarantees in ARCHITECTURE.md names files,
// tests and mutants that there are, and each guarantee once, in order.
func TestGuarantees(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		must(t, err)
		return string(text)
	}
	var tests strings.Builder // with their comments
	for _, dir := range []string{".", "internal/*", "../asm", "../gen"} {
		files, err := filepath.Glob(dir + "/*_test.go")
		must(t, err)
		for _, f := range files {
			tests.WriteString(read(f))
		}
	}
	mutants := read("../docs/model-mutants.md")
	rows := regexp.MustCompile(`(?m)^\| (G\d+) \|(.*)\|(.*)\|(.*)\|(.*)\|$`).FindAllStringSubmatch(read("../ARCHITECTURE.md"), -1)
	if len(rows) == 0 {
		t.Fatal("no table of guarantees")
	}
	for i, row := range rows {
		id, where, checks, mutant := row[1], row[3], row[4], row[5]
		if want := fmt.Sprint("G", i+1); id != want {
			t.Errorf("%s stands where %s is expected", id, want)
		}
		for _, file := range regexp.MustCompile(`[\w/]+\.go`).FindAllString(where, -1) {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s is kept in %s: %v", id, file, err)
			}
		}
		names := regexp.MustCompile(`Test\w+`).FindAllString(checks, -1)
		if len(names) == 0 {
			t.Errorf("%s has no test", id)
		}
		for _, name := range names {
			comment := regexp.MustCompile(`((?m:^// .*\n)+)func ` + name + `\(`).FindStringSubmatch(tests.String())
			switch {
			case comment == nil:
				t.Errorf("%s is checked by %s, which there is not, or not with a comment", id, name)
			case !strings.Contains(comment[1], id):
				t.Errorf("%s is checked by %s, whose comment does not say so", id, name)
			}
		}
		quoted := regexp.MustCompile("`(.+?)`").FindStringSubmatch(mutant)
		if strings.HasPrefix(strings.TrimSpace(mutant), "by hand: ") {
			continue
		}
		if quoted == nil || !strings.Contains(mutants, quoted[1]) {
			t.Errorf("%s: docs/model-mutants.md has no mutant %q", id, mutant)
		}
	}
}

// TestRWGuarantees checks the same of the table of what an RWMutex guarantees, but for the
// model's mutants.
func TestRWGuarantees(t *testing.T) {
	doc, err := os.ReadFile("../ARCHITECTURE.md")
	must(t, err)
	var tests strings.Builder
	for _, dir := range []string{".", "internal/*"} {
		files, err := filepath.Glob(dir + "/*_test.go")
		must(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			must(t, err)
			tests.Write(text)
		}
	}
	rows := regexp.MustCompile(`(?m)^\| (R\d+) \|(.*)\|(.*)\|(.*)\|(.*)\|$`).FindAllStringSubmatch(string(doc), -1)
	if len(rows) != 11 {
		t.Fatalf("%d guarantees", len(rows))
	}
	for i, row := range rows {
		id, where, checks := row[1], row[3], row[4]
		if want := fmt.Sprint("R", i+1); id != want {
			t.Errorf("%s stands where %s is expected", id, want)
		}
		for _, file := range regexp.MustCompile(`[\w/]+\.go`).FindAllString(where, -1) {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s is kept in %s: %v", id, file, err)
			}
		}
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(checks, -1) {
			comment := regexp.MustCompile(`((?m:^// .*\n)+)func ` + name + `\(`).FindStringSubmatch(tests.String())
			if comment == nil || !regexp.MustCompile(`\b`+id+`\b|R2 to R5`).MatchString(comment[1]) {
				t.Errorf("%s is checked by %s, which there is not, or whose comment does not say so", id, name)
			}
		}
	}
}
