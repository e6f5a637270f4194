// Package golden tests decoders against disassembly by somebody else.
package golden

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/machine"
)

// An Inst is an instruction with the disassembly by somebody else.
type Inst struct {
	PC   uint64
	Code []byte
	Text string // mnemonic and operands, one blank between them
}

// Read reads a file of testdata. Each line has an address, the code and the disassembly.
func Read(t *testing.T, name string) []Inst {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []Inst
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
		all = append(all, Inst{pc, code, strings.Join(strings.Fields(fields[2]), " ")})
	}
	return all
}

// Compare checks the fields that the rules use.
func Compare(t *testing.T, g Inst, got, want machine.Inst) {
	t.Helper()
	same := got.PC == want.PC && got.Size == want.Size && got.Class == want.Class &&
		got.Bits == want.Bits && got.Form == want.Form && got.Needs == want.Needs &&
		got.Acquire == want.Acquire && got.Release == want.Release && got.Stays == want.Stays && got.Excess == want.Excess && got.Complex == want.Complex && got.Mem == want.Mem &&
		got.Data == want.Data && got.Result == want.Result && got.Second == want.Second && slices.Equal(got.Sets, want.Sets) &&
		got.Target == want.Target && (got.Test == nil) == (want.Test == nil) &&
		(got.Test == nil || *got.Test == *want.Test) && (got.Class != machine.StoreEx || got.Status == want.Status)
	if !same {
		got.Text = ""
		t.Errorf("%x %s:\n got %+v %+v\nwant %+v %+v", g.Code, g.Text, got, got.Test, want, want.Test)
	}
}

// Number reads an immediate.
func Number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimLeft(s, "#$"), 0, 64)
	if err != nil {
		u, _ := strconv.ParseUint(strings.TrimLeft(s, "#$"), 0, 64)
		n = int64(u)
	}
	return n
}

// Address reads an address.
func Address(s string) uint64 {
	n, _ := strconv.ParseUint(s, 16, 64)
	return n
}
