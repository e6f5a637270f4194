// Package decode reads the machine code of amd64 for the audit.
package decode

import (
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"github.com/rqlock/rqlock/gen/machine"
)

// Machine is what the audit must know of amd64.
var Machine = &machine.Arch{
	Decode:   decode,
	Args:     []machine.Reg{rax, 3, 1, 7, 6, 8, 9, 10, 11},
	G:        machine.NoReg,
	TLS:      -8,
	Zero:     machine.NoReg,
	Reserved: map[machine.Reg]string{stackPointer: "SP", framePointer: "BP"},
	TSO:      true,
	Compares: true,
	Relax:    []machine.Class{machine.Pause},
	Kinds:    []machine.Kind{{Name: "amd64"}},
	Builds:   []machine.Build{{Name: "amd64", Env: []string{"GOARCH=amd64", "GOAMD64=v1"}}},
}

// An inst is an instruction that is being decoded.
type inst machine.Inst

// stackPointer is RSP; RBP is the register after it.
const (
	rax          machine.Reg = 0
	rdx          machine.Reg = 2
	stackPointer machine.Reg = 4
	framePointer machine.Reg = 5
)

// x86Ops has what each instruction does with its first operand, in Intel's order. An
// instruction that is not here is a finding.
var x86Ops = map[x86asm.Op]x86Op{
	x86asm.MOV: {sets: true}, x86asm.MOVZX: {sets: true}, x86asm.MOVSX: {sets: true}, x86asm.MOVSXD: {sets: true},
	x86asm.SETE: {sets: true}, x86asm.SETNE: {sets: true}, x86asm.SETB: {sets: true}, x86asm.SETAE: {sets: true},
	x86asm.LEA: {sets: true},
	x86asm.CMP: {}, x86asm.TEST: {}, x86asm.BT: {}, x86asm.NOP: {},

	x86asm.XCHG: {updates: machine.Exchange}, x86asm.CMPXCHG: {updates: machine.Compare}, x86asm.XADD: {updates: machine.Modify},
	x86asm.ADD: {updates: machine.Modify}, x86asm.SUB: {updates: machine.Modify}, x86asm.AND: {updates: machine.Modify},
	x86asm.OR: {updates: machine.Modify}, x86asm.XOR: {updates: machine.Modify}, x86asm.NOT: {updates: machine.Modify},
	x86asm.NEG: {updates: machine.Modify}, x86asm.INC: {updates: machine.Modify}, x86asm.DEC: {updates: machine.Modify},
	x86asm.ADC: {updates: machine.Modify}, x86asm.SBB: {updates: machine.Modify},
	x86asm.BTS: {updates: machine.Modify}, x86asm.BTR: {updates: machine.Modify}, x86asm.BTC: {updates: machine.Modify},
	x86asm.SHL: {updates: machine.Modify}, x86asm.SHR: {updates: machine.Modify}, x86asm.SAR: {updates: machine.Modify},

	x86asm.XORPS: {}, x86asm.MOVUPS: {stores: true},
	x86asm.PREFETCHW: {class: machine.Prefetch},

	x86asm.PAUSE: {class: machine.Pause}, x86asm.RDTSC: {class: machine.Counter},
	x86asm.MFENCE: {class: machine.Fence}, x86asm.LFENCE: {class: machine.Fence}, x86asm.SFENCE: {class: machine.Fence},
	x86asm.RET: {class: machine.Ret}, x86asm.CALL: {class: machine.Call}, x86asm.JMP: {class: machine.Jump},
	x86asm.JE: {class: machine.Branch}, x86asm.JNE: {class: machine.Branch}, x86asm.JB: {class: machine.Branch}, x86asm.JAE: {class: machine.Branch},
	x86asm.JA: {class: machine.Branch}, x86asm.JBE: {class: machine.Branch}, x86asm.JL: {class: machine.Branch}, x86asm.JGE: {class: machine.Branch},
	x86asm.JG: {class: machine.Branch}, x86asm.JLE: {class: machine.Branch}, x86asm.JS: {class: machine.Branch}, x86asm.JNS: {class: machine.Branch},
}

type x86Op struct {
	class   machine.Class // if it does not depend on the operands
	sets    bool          // writes its first operand
	stores  bool          // writes it to memory; to a register it is not known
	updates machine.Form  // reads and writes its first operand
}

func decode(code []byte, pc uint64) machine.Inst {
	x, err := x86asm.Decode(code, 64)
	if err != nil {
		return machine.Inst{PC: pc, Size: len(code), Text: "undecodable: " + err.Error()}
	}
	i := inst{PC: pc, Size: x.Len, Status: machine.NoReg, Text: x86Text(x, pc)}
	i.Reads = x86Reads(x)
	op, known := x86Ops[x.Op]
	lock, legal := x86Prefixes(x)
	if !known || !legal {
		return machine.Inst(i)
	}
	full := x.Op == x86asm.MFENCE
	if lock && x86Barrier(x) {
		op.class, full = machine.Fence, true
	}
	switch i.Class = op.class; op.class {
	case machine.Unknown:
		i.x86Operands(x, op, lock)
	case machine.Jump, machine.Branch:
		rel, direct := x.Args[0].(x86asm.Rel)
		if !direct {
			i.Class = machine.Call
			break
		}
		i.Target = pc + uint64(x.Len) + uint64(int64(rel))
		i.Condition = x86Conditions[x.Op]
	case machine.Ret:
		if x.Args[0] != nil { // drops the caller's arguments
			i.Class = machine.Unknown
		}
	case machine.Fence:
		i.Acquire, i.Release, i.Stays = full, full, full
	case machine.Prefetch:
		i.Mem = x86Mem(x.Args[0].(x86asm.Mem), &i)
	case machine.Counter:
		i.Sets = []machine.Reg{rax, rdx}
	}
	return machine.Inst(i)
}

// x86Barrier reports whether an instruction adds 0 to the 32 bits below the top of the stack, in
// which nobody has anything. With LOCK it is there for the LOCK only.
func x86Barrier(x x86asm.Inst) bool {
	m, memory := x.Args[0].(x86asm.Mem)
	return x.Op == x86asm.ADD && memory && x.Args[1] == x86asm.Imm(0) && m == (x86asm.Mem{Base: x86asm.RSP, Disp: -8, Scale: m.Scale}) && x.MemBytes == 4
}

// x86Reads lists the registers that an instruction reads.
func x86Reads(x x86asm.Inst) (all []machine.Reg) {
	add := func(r x86asm.Reg) {
		if r != 0 && x86Reg(r) != machine.NoReg {
			all = append(all, x86Reg(r))
		}
	}
	for n, a := range x.Args {
		switch a := a.(type) {
		case x86asm.Reg:
			if !(n == 0 && x86Ops[x.Op].sets || x.Op == x86asm.XOR && x.Args[0] == x.Args[1]) {
				add(a)
			}
		case x86asm.Mem:
			add(a.Base)
			add(a.Index)
		}
	}
	if x.Op == x86asm.CMPXCHG {
		all = append(all, rax)
	}
	return all
}

// x86Text adds the LOCK that GoSyntax leaves out if there is an operand-size prefix.
func x86Text(x x86asm.Inst, pc uint64) string {
	text := x86asm.GoSyntax(x, pc, nil)
	if lock, _ := x86Prefixes(x); lock && !strings.Contains(text, "LOCK") {
		text = "LOCK " + text
	}
	return text
}

// x86Prefixes reports whether there is a LOCK prefix, and whether the audit knows all
// prefixes: there must be no illegal LOCK, no hardware lock elision and no REP.
func x86Prefixes(x x86asm.Inst) (lock, legal bool) {
	legal = true
	for _, p := range x.Prefix {
		switch byte(p) {
		case 0:
		case byte(x86asm.PrefixLOCK):
			lock = true
			legal = legal && p&x86asm.PrefixInvalid == 0
		case byte(x86asm.PrefixREP), byte(x86asm.PrefixREPN):
			legal = legal && p&x86asm.PrefixImplicit != 0
		}
	}
	return lock, legal
}

// x86Operands describes an instruction whose class depends on its operands.
func (i *inst) x86Operands(x x86asm.Inst, op x86Op, lock bool) {
	i.Class = machine.Compute
	memArg := slices.IndexFunc(x.Args[:], func(a x86asm.Arg) bool { _, ok := a.(x86asm.Mem); return ok })
	if op.stores && memArg != 0 {
		i.Class = machine.Unknown
		return
	}
	if memArg >= 0 && x.Op != x86asm.LEA && x.Op != x86asm.NOP {
		i.Bits, i.Mem = 8*x.MemBytes, x86Mem(x.Args[memArg].(x86asm.Mem), i)
		i.x86Access(op, memArg, lock)
	}
	if first, ok := x.Args[0].(x86asm.Reg); ok && (op.sets || op.updates != machine.AnyForm) {
		i.Sets = []machine.Reg{x86Reg(first)}
	}
	if second, ok := x.Args[1].(x86asm.Reg); ok && (x.Op == x86asm.XCHG || x.Op == x86asm.XADD) {
		i.Sets = append(i.Sets, x86Reg(second))
	}
	if x.Op == x86asm.CMPXCHG {
		i.Sets = append(i.Sets, rax)
	}
	i.x86Flags(x)
	if slices.Contains(i.Sets, machine.NoReg) { // a segment or control register
		i.Class, i.Sets = machine.Unknown, nil
		return
	}
	if x.Op == x86asm.XORPS || x.Op == x86asm.MOVUPS {
		i.x86Vector(x)
		return
	}
	var value machine.Operand
	value, i.Second = x86Value(x)
	if i.Class.Writes() {
		i.Data = value
	} else {
		i.Result = value
	}
}

// x86Vector describes how a vector register becomes 0 and is stored. These registers have
// numbers behind those of the general ones.
func (i *inst) x86Vector(x x86asm.Inst) {
	vector := func(a x86asm.Arg) machine.Reg {
		if r, ok := a.(x86asm.Reg); ok && r >= x86asm.X0 && r <= x86asm.X15 {
			return machine.Reg(16 + r - x86asm.X0)
		}
		return machine.NoReg
	}
	switch {
	case x.Op == x86asm.XORPS && i.Class == machine.Compute:
		i.Sets = []machine.Reg{vector(x.Args[0])}
		if x.Args[0] == x.Args[1] {
			i.Result = machine.Operand{Kind: machine.Constant}
		}
	case x.Op == x86asm.MOVUPS:
		i.Data = machine.Operand{Kind: machine.FromReg, Reg: vector(x.Args[1])}
	}
}

// x86Conditions has what branches ask.
var x86Conditions = map[x86asm.Op]machine.Condition{
	x86asm.JE: machine.Equal, x86asm.JNE: machine.NotEqual,
	x86asm.JB: machine.Below, x86asm.JAE: machine.AboveOrEqual, x86asm.JA: machine.Above, x86asm.JBE: machine.BelowOrEqual,
	x86asm.JL: machine.Less, x86asm.JGE: machine.GreaterOrEqual, x86asm.JG: machine.Greater, x86asm.JLE: machine.LessOrEqual,
	x86asm.JS: machine.Negative, x86asm.JNS: machine.NotNegative,
}

// x86Flags says what an instruction compares, and what it computes.
func (i *inst) x86Flags(x x86asm.Inst) {
	bits := 8 * x.MemBytes
	if bits == 0 {
		bits = x86Width(x.Args[0])
	}
	switch x.Op {
	case x86asm.MOV, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD, x86asm.XCHG, x86asm.NOT, x86asm.LEA, x86asm.NOP, x86asm.XORPS, x86asm.MOVUPS,
		x86asm.SETE, x86asm.SETNE, x86asm.SETB, x86asm.SETAE:
	case x86asm.CMP, x86asm.SUB, x86asm.TEST:
		i.Compares = &machine.Comparison{Left: x86Operand(x.Args[0]), Right: x86Operand(x.Args[1]), Conjunction: x.Op == x86asm.TEST, Bits: bits}
	case x86asm.CMPXCHG:
		i.Compares = &machine.Comparison{Left: machine.Operand{Kind: machine.Loaded}, Right: machine.Operand{Kind: machine.FromReg, Reg: rax}, Bits: bits}
	default:
		i.SetsFlags = true
	}
	if _, loads := x.Args[1].(x86asm.Mem); loads && x.Op == x86asm.MOVZX {
		i.Formula = &machine.Formula{Left: machine.NoReg, Right: machine.NoReg, Bits: bits}
	}
	left, ok := x.Args[0].(x86asm.Reg)
	if !ok || bits < 32 {
		return
	}
	f := &machine.Formula{Left: x86Reg(left), Right: machine.NoReg, Bits: bits}
	switch right := x.Args[1].(type) {
	case x86asm.Reg:
		f.Right = x86Reg(right)
	case x86asm.Imm:
		f.N = int64(right)
	default:
		return
	}
	switch {
	case x.Op == x86asm.MOV && f.Right != machine.NoReg:
		f.Left, f.Right = f.Right, machine.NoReg
	case x.Op == x86asm.AND:
		f.Operator = machine.Masked
	case x.Op == x86asm.SUB:
		f.Operator = machine.Minus
	case x.Op == x86asm.OR:
		f.Operator = machine.Joined
	case x.Op == x86asm.SHL && f.Right == machine.NoReg:
		f.Operator = machine.Higher
	default:
		return
	}
	i.Formula = f
}

func x86Operand(a x86asm.Arg) machine.Operand {
	switch a := a.(type) {
	case x86asm.Reg:
		if x86Reg(a) == machine.NoReg || a >= x86asm.AH && a <= x86asm.BH {
			break
		}
		return machine.Operand{Kind: machine.FromReg, Reg: x86Reg(a)}
	case x86asm.Imm:
		return machine.Operand{Kind: machine.Constant, N: int64(a)}
	case x86asm.Mem:
		return machine.Operand{Kind: machine.Loaded}
	}
	return machine.Operand{}
}

func (i *inst) x86Access(op x86Op, memArg int, lock bool) {
	switch {
	case op.updates == machine.Exchange: // locked without a prefix
		i.Class = machine.Update
	case op.updates != machine.AnyForm && memArg == 0 && lock:
		i.Class = machine.Update
	case op.updates != machine.AnyForm && memArg == 0:
		i.Class = machine.PlainUpdate
	case (op.sets || op.stores) && memArg == 0:
		i.Class = machine.Store
	default:
		i.Class = machine.Load
	}
	if i.Class == machine.Update {
		i.Form = op.updates
	}
}

// x86Value returns what the first operand receives, and the second register of that.
func x86Value(x x86asm.Inst) (machine.Operand, machine.Reg) {
	switch x.Op {
	case x86asm.XOR:
		if x.Args[0] == x.Args[1] && x86Width(x.Args[0]) >= 32 {
			return machine.Operand{Kind: machine.Constant}, 0
		}
		return x86Combined(x, machine.Difference)
	case x86asm.AND:
		return x86Combined(x, machine.Conjunction)
	case x86asm.ADD:
		return x86Combined(x, machine.Sum)
	case x86asm.SHR:
		n, constant := x.Args[1].(x86asm.Imm)
		if r, _ := x.Args[0].(x86asm.Reg); constant && x86Width(r) == 64 {
			return machine.Operand{Kind: machine.Shifted, Reg: x86Reg(r), N: int64(n)}, 0
		}
	case x86asm.LEA:
		m := x.Args[1].(x86asm.Mem)
		if m.Index == 0 && m.Segment == 0 && m.Base >= x86asm.RAX && m.Base <= x86asm.R15 {
			return machine.Operand{Kind: machine.FromReg, Reg: x86Reg(m.Base), N: m.Disp}, 0
		}
	case x86asm.MOV, x86asm.XCHG, x86asm.CMPXCHG:
		return x86Source(x), 0
	}
	return machine.Operand{}, 0
}

// x86Combined returns what a register of 64 bits receives that is combined with another
// one or with what is loaded.
func x86Combined(x x86asm.Inst, kind machine.OperandKind) (machine.Operand, machine.Reg) {
	first, ok := x.Args[0].(x86asm.Reg)
	if !ok || x86Width(first) != 64 {
		return machine.Operand{}, 0
	}
	switch second := x.Args[1].(type) {
	case x86asm.Reg:
		return machine.Operand{Kind: kind, Reg: x86Reg(first)}, x86Reg(second)
	case x86asm.Mem:
		return machine.Operand{Kind: kind, Reg: x86Reg(first)}, machine.NoReg
	}
	return machine.Operand{}, 0
}

func x86Source(x x86asm.Inst) machine.Operand {
	_, toMemory := x.Args[0].(x86asm.Mem)
	switch src := x.Args[1].(type) {
	case x86asm.Imm:
		if toMemory || x86Width(x.Args[0]) >= 32 {
			return machine.Operand{Kind: machine.Constant, N: int64(src)}
		}
	case x86asm.Reg:
		if toMemory || x86Width(src) == 64 {
			return machine.Operand{Kind: machine.FromReg, Reg: x86Reg(src)}
		}
	case x86asm.Mem:
		if x86Width(x.Args[0]) >= 32 {
			return machine.Operand{Kind: machine.Loaded}
		}
	}
	return machine.Operand{}
}

func x86Mem(m x86asm.Mem, i *inst) machine.Mem {
	switch {
	case m.Segment == x86asm.FS && m.Base == 0 && m.Index == 0:
		return machine.Mem{Region: machine.ViaTLS, Disp: int64(int32(m.Disp))}
	case m.Segment != 0 || m.Index != 0:
		return machine.Mem{Region: machine.Computed}
	case m.Base == x86asm.RIP:
		return machine.Mem{Region: machine.ViaPC, Disp: int64(i.PC) + int64(i.Size) + m.Disp}
	case m.Base == 0:
		return machine.Mem{Region: machine.ViaPC, Disp: m.Disp}
	case m.Base == x86asm.RSP:
		return machine.Mem{Region: machine.ViaStack, Disp: m.Disp}
	}
	return machine.Mem{Base: x86Reg(m.Base), Disp: m.Disp}
}

// x86Reg returns the number of a register of any width. AH is a part of AX.
func x86Reg(r x86asm.Reg) machine.Reg {
	for _, run := range []struct {
		first, last x86asm.Reg
		base        machine.Reg
	}{
		{x86asm.AL, x86asm.BL, 0}, {x86asm.AH, x86asm.BH, 0}, {x86asm.SPB, x86asm.R15B, stackPointer},
		{x86asm.AX, x86asm.R15W, 0}, {x86asm.EAX, x86asm.R15L, 0}, {x86asm.RAX, x86asm.R15, 0},
	} {
		if run.first <= r && r <= run.last {
			return run.base + machine.Reg(r-run.first)
		}
	}
	return machine.NoReg
}

// x86Width returns the width of a register operand in bits, or 0.
func x86Width(a x86asm.Arg) int {
	r, ok := a.(x86asm.Reg)
	switch {
	case !ok || r > x86asm.R15:
		return 0
	case r >= x86asm.RAX:
		return 64
	case r >= x86asm.EAX:
		return 32
	case r >= x86asm.AX:
		return 16
	}
	return 8
}
