package amd64

import (
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"

	"github.com/rqlock/rqlock/gen/emit"
)

// compileBody runs all passes over a function with the given body and a RET.
func compileBody(t *testing.T, body func(f *emit.Func, p, v reg.GPVirtual)) error {
	t.Helper()
	f := emit.NewFunc("f", "func(p *uint32, v uint32)", nil)
	body(f, arg(f, "p"), arg(f, "v"))
	ret(f)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	file := ir.NewFile()
	file.AddSection(f.IR)
	return compile.Execute(file)
}

func TestChecks(t *testing.T) {
	for _, tt := range []struct {
		name string
		body func(f *emit.Func, p, v reg.GPVirtual)
		want string // "" = accepted
	}{
		{"CMPXCHG by avo", func(f *emit.Func, p, v reg.GPVirtual) {
			argInto(f, "v", reg.EAX)
			lock(f)
			f.Add(x86.CMPXCHGL(v, at(p, 0)))
		}, "CMPXCHGL does not name AX among its inputs and outputs"},
		{"CMPXCHG with AX", func(f *emit.Func, p, v reg.GPVirtual) {
			argInto(f, "v", reg.EAX)
			lock(f)
			cmpxchg(f, 32, v, at(p, 0))
		}, ""},
		{"CMPXCHG that only reads AX", func(f *emit.Func, p, v reg.GPVirtual) {
			argInto(f, "v", reg.EAX)
			f.Add(&ir.Instruction{
				Opcode:   "CMPXCHGL",
				Operands: []operand.Op{v, at(p, 0)},
				Inputs:   []operand.Op{v, at(p, 0), reg.EAX},
				Outputs:  []operand.Op{at(p, 0)},
			}, nil)
		}, "CMPXCHGL does not name AX among its inputs and outputs"},

		{"LOCK MOV", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.MOVL(v, at(p, 0)))
		}, "LOCK before MOVL"},
		{"LOCK CMP", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.CMPL(v, at(p, 0)))
		}, "LOCK before CMPL"},
		{"LOCK BT", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.BTL(operand.U8(1), at(p, 0)))
		}, "LOCK before BTL"},
		{"LOCK RET", func(f *emit.Func, p, v reg.GPVirtual) { lock(f) }, "LOCK before RET"},
		{"LOCK with register destination", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.ADDL(operand.U8(1), v))
		}, "LOCK before ADDL"},
		{"LOCK with memory source", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.ADDL(at(p, 0), v))
		}, "LOCK before ADDL"},
		{"LOCK separated by comment", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Comment("here")
			f.Add(x86.ADDL(v, at(p, 0)))
		}, "LOCK is separated from its instruction"},
		{"LOCK separated by label", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Label("again")
			f.Add(x86.ADDL(v, at(p, 0)))
			f.Add(x86.JNE(operand.LabelRef("again")))
		}, "LOCK is separated from its instruction"},

		{"bit outside a halfword", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.BTSW(operand.U8(16), at(p, 0)))
		}, "the bit is outside the operand"},
		{"bit outside a word", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.BTSL(operand.U8(32), at(p, 0)))
		}, "the bit is outside the operand"},
		{"bit outside a quadword", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.BTSQ(operand.U8(64), at(p, 0)))
		}, "the bit is outside the operand"},
		{"highest bit", func(f *emit.Func, p, v reg.GPVirtual) {
			lock(f)
			f.Add(x86.BTSL(operand.U8(31), at(p, 0)))
		}, ""},

		{"BP written", func(f *emit.Func, p, v reg.GPVirtual) {
			f.Add(x86.MOVL(v, reg.EBP))
		}, "MOVL writes BP"},
		{"BP read", func(f *emit.Func, p, v reg.GPVirtual) {
			f.Add(x86.MOVQ(reg.RBP, at(p, 0)))
		}, "register 5 is read before it is written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, compileBody(t, tt.body), tt.want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("rejected: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error %q, want %q in it", err, want)
	}
}

// TestLockAtEnd checks that LOCK is rejected if no instruction follows it.
func TestLockAtEnd(t *testing.T) {
	f := emit.NewFunc("f", "func()", nil)
	ret(f)
	lock(f)
	wantError(t, checkLock(f.IR), "LOCK at the end of the function")
}

// TestLockLegal has the manual's list: LOCK is legal before these in every width that
// they have, if the destination is memory.
func TestLockLegal(t *testing.T) {
	legal := strings.Fields(`
		ADCB ADCW ADCL ADCQ ADDB ADDW ADDL ADDQ ANDB ANDW ANDL ANDQ
		BTCW BTCL BTCQ BTRW BTRL BTRQ BTSW BTSL BTSQ
		CMPXCHGB CMPXCHGW CMPXCHGL CMPXCHGQ CMPXCHG8B CMPXCHG16B
		DECB DECW DECL DECQ INCB INCW INCL INCQ NEGB NEGW NEGL NEGQ NOTB NOTW NOTL NOTQ
		ORB ORW ORL ORQ SBBB SBBW SBBL SBBQ SUBB SUBW SUBL SUBQ
		XADDB XADDW XADDL XADDQ XCHGB XCHGW XCHGL XCHGQ XORB XORW XORL XORQ`)
	illegal := strings.Fields(`MOVL MOVB BTL CMPL TESTL SHLL ROLQ IMULQ ADCXL ADDPS ADDSD ANDNL ANDPD ORPS XORPS SUBSS SUB ORWL LOCK`)
	for want, opcodes := range map[bool][]string{true: legal, false: illegal} {
		for _, opcode := range opcodes {
			i := &ir.Instruction{Opcode: opcode, Operands: []operand.Op{reg.ECX, at(reg.RDI, 0)}}
			if lockLegal(i) != want {
				t.Errorf("LOCK %s to memory: legal %v, want %v", opcode, !want, want)
			}
			i.Operands[1] = reg.EDI
			if lockLegal(i) {
				t.Errorf("LOCK %s to a register is legal", opcode)
			}
		}
	}
}
