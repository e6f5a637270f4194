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
				if !strings.Contains(string(files[path]), "JMP ·"+u.Else+"(SB)") {
					t.Errorf("%s: %s does not jump to %s", path, u.Name, u.Else)
				}
			}
		}
	}
}

// accesses returns the instructions of a function that access memory other than
// its frame, and its conditional branches.
func accesses(t *testing.T, file []byte, name string) []string {
	t.Helper()
	_, text, ok := strings.Cut(string(file), "TEXT ·"+name+"(SB)")
	if !ok {
		t.Fatalf("no function %s", name)
	}
	text, _, _ = strings.Cut(text, "\nTEXT ")
	var found []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
		memory := strings.Contains(line, "(") && !strings.Contains(line, "(FP)") && !strings.Contains(line, "(SB)")
		if branch := regexp.MustCompile(`^(J[A-LN-Z]|JN|CB|BN|BE)`).MatchString(line); (memory || branch) && !strings.HasPrefix(line, "//") {
			found = append(found, line)
		}
	}
	return found
}
