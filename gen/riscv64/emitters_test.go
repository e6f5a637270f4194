package riscv64

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// words have fields that are bytes, halfwords and words of their own, and others.
var words = []*spec.Word{
	{Name: "Word", Bits: 32, Owner: true, Fields: []spec.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 8}, {Name: "tail", Shift: 16, Bits: 16}}},
	{Name: "Odd", Bits: 32, Fields: []spec.Field{{Name: "low", Shift: 0, Bits: 9}, {Name: "mid", Shift: 9, Bits: 3}, {Name: "top", Shift: 12, Bits: 20}}},
	{Name: "Big", Bits: 64, Fields: []spec.Field{{Name: "half", Shift: 48, Bits: 16}, {Name: "whole", Shift: 0, Bits: 32}, {Name: "bit", Shift: 40, Bits: 1}}},
}

// everyRow returns a row for each operation, width, field and ordering.
func everyRow(t *testing.T) []*spec.Row {
	t.Helper()
	var rows []*spec.Row
	add := func(r spec.Row) {
		for _, o := range r.Op.Orders() {
			each := r
			each.Order, each.Name = o, fmt.Sprintf("R%d", len(rows))
			switch r.Op {
			case spec.CurrentG:
				each.Name = "CurrentG"
			case spec.CurrentGoid:
				each.Name = "CurrentGoid"
			}
			rows = append(rows, &each)
		}
	}
	for _, op := range spec.Ops() {
		switch {
		case op.OnField():
			for _, w := range words {
				for _, field := range w.Fields {
					add(spec.Row{Op: op, Word: w.Name, Field: field.Name})
				}
			}
		case op == spec.StoreFields:
			for _, w := range words {
				for _, field := range w.Fields {
					add(spec.Row{Op: op, Word: w.Name, Set: []spec.Value{{Field: field.Name}}})
					add(spec.Row{Op: op, Word: w.Name, Set: []spec.Value{{Field: field.Name, Value: 1}}, From: []spec.Value{{Field: field.Name}}})
				}
			}
		case spec.Awaits[op].Is != "":
			add(spec.Row{Op: op, Width: 32})
			if op != spec.CondLoad {
				add(spec.Row{Op: op, Width: 64})
			}
		case op.OnWidth():
			for _, width := range []int{8, 16, 32, 64} {
				add(spec.Row{Op: op, Width: width})
			}
		case op == spec.LockFast, op == spec.UnlockFast:
			add(spec.Row{Op: op, Word: "Word"})
		default:
			add(spec.Row{Op: op})
		}
	}
	derived, err := spec.Derive(rows, words...)
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

// assembled returns the instructions of each row, by its name.
func assembled(t *testing.T, rows []*spec.Row) map[string][]string {
	t.Helper()
	src, _, err := Arch.Assemble(rows, "")
	if err != nil {
		t.Fatal(err)
	}
	all, name := map[string][]string{}, ""
	for _, line := range strings.Split(string(src), "\n") {
		if m := regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`).FindStringSubmatch(line); m != nil {
			name = m[1]
		} else if strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\t//") {
			all[name] = append(all[name], line[1:])
		}
	}
	if len(all) < len(rows) {
		t.Fatalf("%d functions for %d rows", len(all), len(rows))
	}
	return all
}

// spellings are the opcodes that the assembler of Go 1.25 has with the meaning that the
// emitters give them. It accepts others, and ignores a part of them: suffixes for an
// ordering, and the operands of FENCE. AMOs, LR and SC have one ordering each: see TestAtomic.
var spellings = strings.Fields(`MOV MOVW MOVWU MOVH MOVHU MOVB MOVBU ADD ADDI SUB AND ANDI OR ORI XOR NOT NEG SLL SLLI SRL SRLW SEQZ
	BEQ BNE BEQZ BNEZ BGEZ BLTU BGEU JMP RET RDTIME LRW LRD SCW SCD
	AMOSWAPW AMOSWAPD AMOADDW AMOADDD AMOANDW AMOANDD AMOORW AMOORD AMOXORW AMOXORD`)

// TestSpellings checks that nothing else is emitted, and that a WORD says what it is.
func TestSpellings(t *testing.T) {
	word := regexp.MustCompile(`^WORD \$0x[0-9a-f]{8} // [a-z][a-z.]*( (r|w|rw),(r|w|rw)| x\d+, (x\d+, )?\(x\d+\)| 0\(x\d+\))?$`)
	for name, lines := range assembled(t, everyRow(t)) {
		for _, line := range lines {
			opcode, _, _ := strings.Cut(line, " ")
			if opcode == "WORD" && !word.MatchString(line) {
				t.Errorf("%s: %q does not say what it is", name, line)
			}
			if opcode != "WORD" && !slices.Contains(spellings, opcode) {
				t.Errorf("%s: %q is not of Go 1.25", name, line)
			}
		}
	}
}

// TestAtomic spells out which opcode has which ordering.
func TestAtomic(t *testing.T) {
	for _, tt := range []struct {
		op               string
		bits             int
		acquire, release bool
		want             string
	}{
		{"lr", 32, true, false, "LRW"}, {"lr", 64, false, false, "lr.d"}, {"lr", 32, true, true, "lr.w.aqrl"},
		{"sc", 64, false, true, "SCD"}, {"sc", 32, false, false, "sc.w"}, {"sc", 32, true, true, "sc.w.aqrl"},
		{"amoswap", 32, true, true, "AMOSWAPW"}, {"amoswap", 64, true, false, "amoswap.d.aq"}, {"amoor", 32, false, true, "amoor.w.rl"},
		{"amoadd", 64, false, false, "amoadd.d"}, {"amoswap", 8, true, true, "amoswap.b.aqrl"}, {"amoand", 16, false, false, "amoand.h"},
		{"amocas", 32, true, true, "amocas.w.aqrl"}, {"amocas", 8, false, false, "amocas.b"},
	} {
		if got := atomic(tt.op, tt.bits, tt.acquire, tt.release); got != tt.want {
			t.Errorf("%s of %d bits: %s, want %s", tt.op, tt.bits, got, tt.want)
		}
	}
}

// TestEncode has words that ran on an emulator, and fences, as GNU's assembler writes them.
func TestEncode(t *testing.T) {
	x5, x6, x7 := emit.Fixed("X5"), emit.Fixed("X6"), emit.Fixed("X7")
	for _, tt := range []struct {
		opcode   string
		operands []operand.Op
		want     string
	}{
		{"amoswap.w", ops(x6, at(x5), x7), "$0x0862a3af // amoswap.w x7, x6, (x5)"},
		{"amoswap.b.aqrl", ops(x6, at(x5), x7), "$0x0e6283af // amoswap.b.aqrl x7, x6, (x5)"},
		{"amocas.w.aqrl", ops(x6, at(x5), x7), "$0x2e62a3af // amocas.w.aqrl x7, x6, (x5)"},
		{"amocas.b.aqrl", ops(x6, at(x5), x7), "$0x2e6283af // amocas.b.aqrl x7, x6, (x5)"},
		{"amoand.w", ops(x6, at(x5), zero), "$0x6062a02f // amoand.w x0, x6, (x5)"},
		{"lr.w.aqrl", ops(at(x5), x7), "$0x1602a3af // lr.w.aqrl x7, (x5)"},
		{"sc.d", ops(x6, at(x5), x7), "$0x1862b3af // sc.d x7, x6, (x5)"},
		{"wrs.sto", nil, "$0x01d00073 // wrs.sto"},
		{"pause", nil, "$0x0100000f // pause"},
		{readFence, nil, "$0x0230000f // fence r,rw"},
		{writeFence, nil, "$0x0310000f // fence rw,w"},
		{fullFence, nil, "$0x0330000f // fence rw,rw"},
		{tsoFence, nil, "$0x8330000f // fence.tso"},
		{"prefetch.w", ops(at(x5)), "$0x0032e013 // prefetch.w 0(x5)"},
	} {
		i := &ir.Instruction{Opcode: tt.opcode, Operands: tt.operands}
		if err := encode(i); err != nil || i.Opcode != "WORD" || i.Operands[0].Asm() != tt.want {
			t.Errorf("%s is %s %s, want %s: %v", tt.opcode, i.Opcode, i.Operands[0].Asm(), tt.want, err)
		}
		if name, _, _ := strings.Cut(mnemonic(i), " "); !strings.HasPrefix(tt.opcode, name) {
			t.Errorf("%s is listed as %s", tt.opcode, mnemonic(i))
		}
	}
	bad := &ir.Instruction{Opcode: "amoswap.b", Operands: ops(reg.RAX, at(x5), x7)}
	if err := encode(bad); err == nil {
		t.Errorf("a register without a name is encoded: %s", bad.Operands[0].Asm())
	}
}

// TestSigns checks that what is compared with the result of LR, or of AMOCAS, has its sign
// extended, too: LR.W extends it, and no value with the top bit set would compare equal.
func TestSigns(t *testing.T) {
	rows := everyRow(t)
	compared := 0
	for n, lines := range assembled(t, rows) {
		for _, line := range lines {
			opcode, rest, _ := strings.Cut(line, " ")
			if opcode == "MOVWU" && !strings.HasPrefix(rest, "spins+") {
				t.Errorf("%s: %q does not extend the sign", n, line)
			}
			if opcode == "MOVW" && strings.HasPrefix(rest, "old+") {
				compared++
			}
		}
	}
	if compared == 0 {
		t.Error("nothing is compared")
	}
}

// TestOrdering spells out which instructions have each ordering. An emulator would hardly notice
// if they had not.
func TestOrdering(t *testing.T) {
	for _, tt := range []struct {
		row  spec.Row
		want string // without arguments, results and registers
	}{
		{spec.Row{Op: spec.Load, Width: 32, Order: spec.Relaxed}, "MOVW"},
		{spec.Row{Op: spec.Load, Width: 8, Order: spec.Acquire}, "MOVBU fence_r,rw"},
		{spec.Row{Op: spec.Load, Width: 64, Order: spec.SeqCst}, "fence_rw,rw MOV fence_r,rw"},
		{spec.Row{Op: spec.Store, Width: 16, Order: spec.Relaxed}, "MOVH"},
		{spec.Row{Op: spec.Store, Width: 64, Order: spec.Release}, "fence_rw,w MOV"},
		{spec.Row{Op: spec.Store, Width: 64, Order: spec.SeqCst}, "fence_rw,w MOV fence_rw,rw"},
		{spec.Row{Op: spec.Xchg, Width: 32, Order: spec.Relaxed}, "amoswap.w"},
		{spec.Row{Op: spec.Xchg, Width: 32, Order: spec.Acquire}, "amoswap.w.aq"},
		{spec.Row{Op: spec.Xchg, Width: 64, Order: spec.Release}, "amoswap.d.rl"},
		{spec.Row{Op: spec.Xchg, Width: 64, Order: spec.SeqCst}, "AMOSWAPD"},
		{spec.Row{Op: spec.Xchg, Width: 8, Order: spec.AcqRel}, "MOVBU amoswap.b.aqrl LRW SCW"},
		{spec.Row{Op: spec.Xchg, Width: 16, Order: spec.SeqCst}, "MOVBU amoswap.h.aqrl LRW SCW"},
		{spec.Row{Op: spec.Cmpxchg, Width: 64, Order: spec.Acquire}, "MOVBU amocas.d.aq LRD sc.d"},
		{spec.Row{Op: spec.Cmpxchg, Width: 32, Order: spec.Release}, "MOVBU amocas.w.rl lr.w SCW"},
		{spec.Row{Op: "fetch-add", Width: 32, Order: spec.Release}, "amoadd.w.rl"},
		{spec.Row{Op: spec.Fence, Order: spec.Acquire}, "fence_r,rw"},
		{spec.Row{Op: spec.Fence, Order: spec.Release}, "fence_rw,w"},
		{spec.Row{Op: spec.Fence, Order: spec.AcqRel}, "fence.tso"},
		{spec.Row{Op: spec.Fence, Order: spec.SeqCst}, "fence_rw,rw"},
		{spec.Row{Op: spec.LockOwned, Order: spec.Acquire}, "MOV MOVBU MOVBU amocas.d.aq LRD sc.d"},
		{spec.Row{Op: spec.UnlockOwned, Order: spec.Release}, "MOV MOV fence_rw,w MOV fence_rw,rw MOVW fence_r,rw"},
		{spec.Row{Op: spec.ReadUnlock, Order: spec.Release}, "MOV MOV MOV MOV MOV MOV fence_rw,w MOV fence_rw,rw MOVW fence_r,rw"},
	} {
		tt.row.Name = "Row"
		rows, err := spec.Derive([]*spec.Row{&tt.row, {Name: "CurrentGoid", Op: spec.CurrentGoid}, {Name: "CurrentG", Op: spec.CurrentG}}, words...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range assembled(t, rows)["row"] {
			if opcode, rest, word := strings.Cut(line, " // "); word {
				name, operands, _ := strings.Cut(rest, " ")
				if name == "fence" {
					name += "_" + operands
				}
				got = append(got, name)
			} else if opcode, _, _ = strings.Cut(opcode, " "); strings.Contains(line, "(") && !strings.Contains(line, "(FP)") {
				got = append(got, opcode)
			}
		}
		if all := strings.Join(got, " "); all != tt.want {
			t.Errorf("%s %d %s: %q, want %q", tt.row.Op, tt.row.Width, tt.row.Order, all, tt.want)
		}
	}
}

// TestBodies checks how -list shows two bodies.
func TestBodies(t *testing.T) {
	r := &spec.Row{Name: "Swap", Op: spec.Xchg, Width: 8, Order: spec.AcqRel}
	rows, err := spec.Derive([]*spec.Row{r})
	if err != nil {
		t.Fatal(err)
	}
	_, listing, err := Arch.Assemble(rows, "")
	if err != nil {
		t.Fatal(err)
	}
	want := "[{Zabha [amoswap.b.aqrl RET]} {base [MOV ANDI SLLI ANDI SLL SLL LRW XOR AND XOR SCW BNEZ SRLW RET]}]"
	if got := fmt.Sprint(Arch.Bodies(listing["swap"])); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
