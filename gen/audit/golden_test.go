package audit

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A golden is an instruction with the disassembly by somebody else.
type golden struct {
	pc   uint64
	code []byte
	text string // mnemonic and operands, one blank between them
}

func readGolden(t *testing.T, name string) []golden {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for line := range strings.Lines(string(file)) {
		if line[0] == '#' {
			continue
		}
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		pc, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		code, err := hex.DecodeString(strings.ReplaceAll(fields[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, golden{pc, code, strings.Join(strings.Fields(fields[2]), " ")})
	}
	return all
}

// compareInst checks the fields that the rules use.
func compareInst(t *testing.T, g golden, got, want inst) {
	t.Helper()
	same := got.pc == want.pc && got.size == want.size && got.class == want.class &&
		got.bits == want.bits && got.form == want.form && got.lse == want.lse &&
		got.acquire == want.acquire && got.release == want.release && got.mem == want.mem &&
		got.data == want.data && got.result == want.result && got.second == want.second && slices.Equal(got.sets, want.sets) &&
		got.target == want.target && (got.test == nil) == (want.test == nil) &&
		(got.test == nil || *got.test == *want.test) && (got.class != storeEx || got.status == want.status)
	if !same {
		got.text = ""
		t.Errorf("%x %s:\n got %+v %+v\nwant %+v %+v", g.code, g.text, got, got.test, want, want.test)
	}
}

func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimLeft(s, "#$"), 0, 64)
	if err != nil {
		u, _ := strconv.ParseUint(strings.TrimLeft(s, "#$"), 0, 64)
		n = int64(u)
	}
	return n
}

func address(s string) uint64 {
	n, _ := strconv.ParseUint(s, 16, 64)
	return n
}
