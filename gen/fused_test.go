package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFused checks that a fused fast path accesses the lock as its row does, which
// the audit checks. Only the instructions by which it returns may differ.
func TestFused(t *testing.T) {
	files := mustRender(t, own(), prims)
	for _, a := range arches {
		arch := a.Backend.Arch
		for dir, paths := range fused {
			path := dir + "/zfused_" + arch + ".s"
			for _, u := range paths {
				impl := strings.ToLower(u.Fast[:1]) + u.Fast[1:]
				row := accesses(t, files["asm/zprims_"+arch+".s"], impl)
				fast := accesses(t, files[path], u.Name)
				if len(row) == 0 || !slices.Equal(row, fast) {
					t.Errorf("%s: %s accesses\n%s\nand %s\n%s", path, u.Name, strings.Join(fast, "\n"), u.Fast, strings.Join(row, "\n"))
				}
				var exits []string
				for _, m := range tailCall.FindAllStringSubmatch(function(t, files[path], u.Name), -1) {
					if !slices.Contains(exits, m[1]) { // a body for each kind of machine has its own
						exits = append(exits, m[1])
					}
				}
				if !slices.Equal(exits, u.Else) {
					t.Errorf("%s: %s jumps to %q, want %q", path, u.Name, exits, u.Else)
				}
			}
		}
	}
}

var tailCall = regexp.MustCompile(`\bJMP\s+·(\w+)\(SB\)`)

// function returns the code of a function.
func function(t *testing.T, file []byte, name string) string {
	t.Helper()
	_, text, ok := strings.Cut(string(file), "TEXT ·"+name+"(SB)")
	if !ok {
		t.Fatalf("no function %s", name)
	}
	text, _, _ = strings.Cut(text, "\nTEXT ")
	return text
}

// accesses returns the instructions of a function that access memory other than
// its frame, and its conditional branches.
func accesses(t *testing.T, file []byte, name string) []string {
	t.Helper()
	var found []string
	for _, line := range strings.Split(function(t, file, name), "\n") {
		line = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
		memory := strings.Contains(line, "(") && !strings.Contains(line, "(FP)") && !strings.Contains(line, "(SB)")
		if branch := regexp.MustCompile(`^(J[A-LN-Z]|JN|CB|TB|BN|BE)`).MatchString(line); (memory || branch) && !strings.HasPrefix(line, "//") {
			found = append(found, line)
		}
	}
	return found
}
