package amd64

import (
	"go/types"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"

	"github.com/rqlock/rqlock/gen/emit"
)

// This file has the instructions that avo's database lacks or describes
// wrongly, and the moves of arguments and results. Everything else comes from
// avo's checked constructors in package x86.

// lock emits the LOCK prefix, which avo lacks. To the Go assembler it is an opcode
// of its own. checkLock checks what follows it.
func lock(f *emit.Func) { f.Add(&ir.Instruction{Opcode: "LOCK"}, nil) }

// cmpxchg emits CMPXCHG with its implicit accumulator. avo's constructor omits it,
// so that the register allocator would put other values into AX.
func cmpxchg(f *emit.Func, bits int, src reg.Register, m operand.Mem) {
	op := map[int]string{8: "CMPXCHGB", 16: "CMPXCHGW", 32: "CMPXCHGL", 64: "CMPXCHGQ"}[bits]
	acc := map[int]reg.Register{8: reg.AL, 16: reg.AX, 32: reg.EAX, 64: reg.RAX}[bits]
	f.Add(&ir.Instruction{
		Opcode:   op,
		Operands: []operand.Op{src, m},
		Inputs:   []operand.Op{src, m, acc},
		Outputs:  []operand.Op{m, acc},
	}, nil)
}

// prefetchToWrite asks for the cache line at p in order to write to it, by PREFETCHW.
// The assembler lacks it. Processors that lack it (Intel's before 2014) do nothing.
func prefetchToWrite(f *emit.Func, p reg.Register) {
	f.Comment("PREFETCHW (AX)")
	for _, b := range []operand.U8{0x0f, 0x0d, 0x08} { // 0x08: of (AX)
		f.Add(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{b}, Inputs: []operand.Op{p}}, nil)
	}
}

// tls prints as the assembler's (TLS) operand. avo's interface of registers is
// sealed, so it embeds a register of avo to have a name of its own.
type tls struct{ reg.Physical }

func (tls) Asm() string { return "TLS" }

// loadG loads the current g from thread-local storage. R14 has it in ABIInternal
// code only.
func loadG(f *emit.Func) reg.Register {
	g := f.GP64()
	f.Add(&ir.Instruction{
		Opcode:   "MOVQ",
		Operands: []operand.Op{operand.Mem{Base: tls{reg.FramePointer}}, g},
		Outputs:  []operand.Op{g},
	}, nil)
	return g
}

// loadGoid loads the id of the current goroutine.
func loadGoid(f *emit.Func) reg.Register {
	g, id := loadG(f), f.GP64()
	f.Add(x86.MOVQ(at(g, emit.GoidOffset), id))
	return id
}

// arg loads a parameter, zero-extended to at least 32 bits.
func arg(f *emit.Func, name string) reg.GPVirtual {
	width := reg.S32
	if size(f.Param(name).Type) == 8 {
		width = reg.S64
	}
	r := f.GP(width)
	argInto(f, name, r)
	return r
}

// argInto loads a parameter into a given register, zero-extended likewise.
func argInto(f *emit.Func, name string, r reg.GP) {
	p := f.Param(name)
	switch size(p.Type) {
	case 1:
		f.Add(x86.MOVBLZX(p.Addr, r.As32()))
	case 2:
		f.Add(x86.MOVWLZX(p.Addr, r.As32()))
	case 4:
		f.Add(x86.MOVL(p.Addr, r.As32()))
	default:
		f.Add(x86.MOVQ(p.Addr, r.As64()))
	}
}

// pointee returns the memory that an argument points to.
func pointee(f *emit.Func, p emit.Place) operand.Mem {
	if p.Variable != "" {
		return operand.NewDataAddr(operand.Symbol{Name: "·" + p.Variable}, 0)
	}
	return at(arg(f, p.Param), 0)
}

// result stores a register or immediate as the named result.
func result(f *emit.Func, v operand.Op, name string) {
	p := f.Result(name)
	f.Add(mov(int(size(p.Type))*8, v, p.Addr))
}

// mov emits the plain move of the given width; registers are narrowed to it.
func mov(bits int, src, dst operand.Op) (*ir.Instruction, error) {
	src, dst = narrow(src, bits), narrow(dst, bits)
	switch bits {
	case 8:
		return x86.MOVB(src, dst)
	case 16:
		return x86.MOVW(src, dst)
	case 32:
		return x86.MOVL(src, dst)
	}
	return x86.MOVQ(src, dst)
}

// narrow returns the low bits of a register, and any other operand as it is.
func narrow(op operand.Op, bits int) operand.Op {
	r, ok := op.(reg.GP)
	if !ok {
		return op
	}
	switch bits {
	case 8:
		return r.As8()
	case 16:
		return r.As16()
	case 32:
		return r.As32()
	}
	return r.As64()
}

func size(t *types.Basic) int64 { return types.SizesFor("gc", "amd64").Sizeof(t) }

func ret(f *emit.Func) { f.Add(x86.RET()) }

// gp is a general purpose register, virtual or not.
type gp interface {
	reg.GP
	Asm() string
}
