package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
)

// TestFused checks that a fused fast path accesses the lock as its row does, which
// the audit checks. Only the instructions by which it returns may differ, and for a row
// with a table the registers, as the row needs one more.
func TestFused(t *testing.T) {
	t.Chdir("..")
	files := mustRender(t, own())
	for _, a := range engine.Archs() {
		arch := a.Name
		for dir, paths := range fused {
			path := dir + "/zfused_" + arch + ".s"
			for _, u := range paths {
				impl := strings.ToLower(u.Fast[:1]) + u.Fast[1:]
				row := accesses(withVariable(function(t, files["asm/zprims_"+arch+".s"], impl)))
				fast := accesses(function(t, files[path], u.Name))
				if len(u.On) > 1 {
					row, fast = withoutRegisters(row), withoutRegisters(fast)
				}
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

var tableLoad = regexp.MustCompile(`MOV[QD]\s+t\+8\(FP\), (\w+)\n`)

// withVariable makes a row's function find its table as a fused fast path does. It loads
// two words of the table, and then has other things in the register.
func withVariable(text string) string {
	load := tableLoad.FindStringSubmatchIndex(text)
	if load == nil {
		return text
	}
	register := text[load[2]:load[3]]
	words := regexp.MustCompile(` (\d*)\(`+register+`\)`).FindAllStringSubmatchIndex(text, 2)
	slices.Reverse(words)
	for _, w := range words {
		offset := text[w[2]:w[3]]
		if offset == "" {
			offset = "0"
		}
		text = text[:w[0]] + " ·readerTable+" + offset + "(SB)" + text[w[1]:]
	}
	return text
}

var register = regexp.MustCompile(`\b([A-D]X|[SD]I|R\d+)\b`)

func withoutRegisters(lines []string) (all []string) {
	for _, line := range lines {
		all = append(all, register.ReplaceAllString(line, "r"))
	}
	return all
}

// accesses returns the instructions of a function that access memory other than
// its frame, and its conditional branches.
func accesses(text string) []string {
	var found []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
		memory := strings.Contains(line, "(") && !strings.Contains(line, "(FP)") && (!strings.Contains(line, "(SB)") || strings.Contains(line, "·readerTable"))
		if branch := regexp.MustCompile(`^(J[A-LN-Z]|JN|CB|TB|BN|BE)`).MatchString(line); (memory || branch) && !strings.HasPrefix(line, "//") {
			found = append(found, line)
		}
	}
	return found
}
