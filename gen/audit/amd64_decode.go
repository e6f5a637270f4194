package audit

import (
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// stackPointer is RSP; RBP is the register after it.
const (
	rax          reg = 0
	rdx          reg = 2
	stackPointer reg = 4
	framePointer reg = 5
)

// x86Ops has what each instruction does with its first operand, in Intel's order. An
// instruction that is not here is a finding.
var x86Ops = map[x86asm.Op]x86Op{
	x86asm.MOV: {sets: true}, x86asm.MOVZX: {sets: true}, x86asm.MOVSX: {sets: true}, x86asm.MOVSXD: {sets: true},
	x86asm.SETE: {sets: true}, x86asm.SETNE: {sets: true}, x86asm.SETB: {sets: true}, x86asm.SETAE: {sets: true},
	x86asm.LEA: {sets: true},
	x86asm.CMP: {}, x86asm.TEST: {}, x86asm.BT: {}, x86asm.NOP: {},

	x86asm.XCHG: {updates: exchange}, x86asm.CMPXCHG: {updates: compare}, x86asm.XADD: {updates: modify},
	x86asm.ADD: {updates: modify}, x86asm.SUB: {updates: modify}, x86asm.AND: {updates: modify},
	x86asm.OR: {updates: modify}, x86asm.XOR: {updates: modify}, x86asm.NOT: {updates: modify},
	x86asm.NEG: {updates: modify}, x86asm.INC: {updates: modify}, x86asm.DEC: {updates: modify},
	x86asm.ADC: {updates: modify}, x86asm.SBB: {updates: modify},
	x86asm.BTS: {updates: modify}, x86asm.BTR: {updates: modify}, x86asm.BTC: {updates: modify},
	x86asm.SHL: {updates: modify}, x86asm.SHR: {updates: modify}, x86asm.SAR: {updates: modify},

	x86asm.PREFETCHW: {class: prefetch},

	x86asm.PAUSE: {class: pause}, x86asm.RDTSC: {class: counter},
	x86asm.MFENCE: {class: fence}, x86asm.LFENCE: {class: fence}, x86asm.SFENCE: {class: fence},
	x86asm.RET: {class: ret}, x86asm.CALL: {class: call}, x86asm.JMP: {class: jump},
	x86asm.JE: {class: branch}, x86asm.JNE: {class: branch}, x86asm.JB: {class: branch}, x86asm.JAE: {class: branch},
	x86asm.JA: {class: branch}, x86asm.JBE: {class: branch}, x86asm.JL: {class: branch}, x86asm.JGE: {class: branch},
	x86asm.JG: {class: branch}, x86asm.JLE: {class: branch}, x86asm.JS: {class: branch}, x86asm.JNS: {class: branch},
}

type x86Op struct {
	class   class // if it does not depend on the operands
	sets    bool  // writes its first operand
	updates form  // reads and writes its first operand
}

func decodeAMD64(code []byte, pc uint64) inst {
	x, err := x86asm.Decode(code, 64)
	if err != nil {
		return inst{pc: pc, size: len(code), text: "undecodable: " + err.Error()}
	}
	i := inst{pc: pc, size: x.Len, status: noReg, text: x86Text(x, pc)}
	op, known := x86Ops[x.Op]
	lock, legal := x86Prefixes(x)
	if !known || !legal {
		return i
	}
	switch i.class = op.class; op.class {
	case unknown:
		i.x86Operands(x, op, lock)
	case jump, branch:
		rel, direct := x.Args[0].(x86asm.Rel)
		if !direct {
			i.class = call
			break
		}
		i.target = pc + uint64(x.Len) + uint64(int64(rel))
	case ret:
		if x.Args[0] != nil { // drops the caller's arguments
			i.class = unknown
		}
	case fence:
		i.release = x.Op == x86asm.MFENCE
	case prefetch:
		i.mem = x86Mem(x.Args[0].(x86asm.Mem), &i)
	case counter:
		i.sets = []reg{rax, rdx}
	}
	return i
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
	i.class = compute
	memArg := slices.IndexFunc(x.Args[:], func(a x86asm.Arg) bool { _, ok := a.(x86asm.Mem); return ok })
	if memArg >= 0 && x.Op != x86asm.LEA && x.Op != x86asm.NOP {
		i.bits, i.mem = 8*x.MemBytes, x86Mem(x.Args[memArg].(x86asm.Mem), i)
		i.x86Access(op, memArg, lock)
	}
	if first, ok := x.Args[0].(x86asm.Reg); ok && (op.sets || op.updates != anyForm) {
		i.sets = []reg{x86Reg(first)}
	}
	if second, ok := x.Args[1].(x86asm.Reg); ok && (x.Op == x86asm.XCHG || x.Op == x86asm.XADD) {
		i.sets = append(i.sets, x86Reg(second))
	}
	if x.Op == x86asm.CMPXCHG {
		i.sets = append(i.sets, rax)
	}
	if slices.Contains(i.sets, noReg) { // a segment or control register
		i.class, i.sets = unknown, nil
		return
	}
	var value operand
	value, i.second = x86Value(x)
	if i.class.writes() {
		i.data = value
	} else {
		i.result = value
	}
}

func (i *inst) x86Access(op x86Op, memArg int, lock bool) {
	switch {
	case op.updates == exchange: // locked without a prefix
		i.class = update
	case op.updates != anyForm && memArg == 0 && lock:
		i.class = update
	case op.updates != anyForm && memArg == 0:
		i.class = plainUpdate
	case op.sets && memArg == 0:
		i.class = store
	default:
		i.class = load
	}
	if i.class == update {
		i.form = op.updates
	}
}

// x86Value returns what the first operand receives, and the second register of that.
func x86Value(x x86asm.Inst) (operand, reg) {
	switch x.Op {
	case x86asm.XOR:
		if x.Args[0] == x.Args[1] && x86Width(x.Args[0]) >= 32 {
			return operand{kind: constant}, 0
		}
		return x86Combined(x, difference)
	case x86asm.AND:
		return x86Combined(x, conjunction)
	case x86asm.ADD:
		return x86Combined(x, sum)
	case x86asm.SHR:
		n, constant := x.Args[1].(x86asm.Imm)
		if r, _ := x.Args[0].(x86asm.Reg); constant && x86Width(r) == 64 {
			return operand{shifted, x86Reg(r), int64(n)}, 0
		}
	case x86asm.LEA:
		m := x.Args[1].(x86asm.Mem)
		if m.Index == 0 && m.Segment == 0 && m.Base >= x86asm.RAX && m.Base <= x86asm.R15 {
			return operand{fromReg, x86Reg(m.Base), m.Disp}, 0
		}
	case x86asm.MOV, x86asm.XCHG, x86asm.CMPXCHG:
		return x86Source(x), 0
	}
	return operand{}, 0
}

// x86Combined returns what a register of 64 bits receives that is combined with another
// one or with what is loaded.
func x86Combined(x x86asm.Inst, kind operandKind) (operand, reg) {
	first, ok := x.Args[0].(x86asm.Reg)
	if !ok || x86Width(first) != 64 {
		return operand{}, 0
	}
	switch second := x.Args[1].(type) {
	case x86asm.Reg:
		return operand{kind: kind, reg: x86Reg(first)}, x86Reg(second)
	case x86asm.Mem:
		return operand{kind: kind, reg: x86Reg(first)}, noReg
	}
	return operand{}, 0
}

func x86Source(x x86asm.Inst) operand {
	_, toMemory := x.Args[0].(x86asm.Mem)
	switch src := x.Args[1].(type) {
	case x86asm.Imm:
		if toMemory || x86Width(x.Args[0]) >= 32 {
			return operand{kind: constant, n: int64(src)}
		}
	case x86asm.Reg:
		if toMemory || x86Width(src) == 64 {
			return operand{kind: fromReg, reg: x86Reg(src)}
		}
	case x86asm.Mem:
		if x86Width(x.Args[0]) >= 32 {
			return operand{kind: loaded}
		}
	}
	return operand{}
}

func x86Mem(m x86asm.Mem, i *inst) mem {
	switch {
	case m.Segment == x86asm.FS && m.Base == 0 && m.Index == 0:
		return mem{region: viaTLS, disp: int64(int32(m.Disp))}
	case m.Segment != 0 || m.Index != 0:
		return mem{region: computed}
	case m.Base == x86asm.RIP:
		return mem{region: viaPC, disp: int64(i.pc) + int64(i.size) + m.Disp}
	case m.Base == 0:
		return mem{region: viaPC, disp: m.Disp}
	case m.Base == x86asm.RSP:
		return mem{region: viaStack, disp: m.Disp}
	}
	return mem{base: x86Reg(m.Base), disp: m.Disp}
}

// x86Reg returns the number of a register of any width. AH is a part of AX.
func x86Reg(r x86asm.Reg) reg {
	for _, run := range []struct {
		first, last x86asm.Reg
		base        reg
	}{
		{x86asm.AL, x86asm.BL, 0}, {x86asm.AH, x86asm.BH, 0}, {x86asm.SPB, x86asm.R15B, stackPointer},
		{x86asm.AX, x86asm.R15W, 0}, {x86asm.EAX, x86asm.R15L, 0}, {x86asm.RAX, x86asm.R15, 0},
	} {
		if run.first <= r && r <= run.last {
			return run.base + reg(r-run.first)
		}
	}
	return noReg
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
