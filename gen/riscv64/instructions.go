package riscv64

import (
	"fmt"
	"go/types"
	"strconv"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// This file has the instructions that the emitters need, each with the registers that it
// reads and writes: avo knows none of them.
//
// An opcode in capitals is Go's. One in small letters is RISC-V's, of an instruction that the
// oldest supported assembler lacks, or has with another ordering only: its AMOs always
// acquire and release, LR acquires, SC releases, and FENCE orders everything. It silently
// ignores suffixes and operands that say something else. encode makes a WORD of such an
// instruction.

// letter is the suffix of an opcode for an access of the given width.
var letter = map[int]string{8: "B", 16: "H", 32: "W", 64: "D"}

// loads and stores have the plain accesses. A load of 32 bits extends the sign, as LR and the
// AMOs do: all values of 32 bits are kept so, and compare equal if they are. Their order as
// unsigned numbers stays.
var (
	loads  = map[int]string{8: "MOVBU", 16: "MOVHU", 32: "MOVW", 64: "MOV"}
	stores = map[int]string{8: "MOVB", 16: "MOVH", 32: "MOVW", 64: "MOV"}
)

// Fences. What comes before the comma is kept before what comes after it: reads or writes.
const (
	readFence  = "fence r,rw" // after a load that acquires
	writeFence = "fence rw,w" // before a store that releases
	fullFence  = "fence rw,rw"
	tsoFence   = "fence.tso" // all but writes before reads
)

// plainWords has the instructions without registers.
var plainWords = map[string]uint32{
	readFence: 0x0230000f, writeFence: 0x0310000f, fullFence: 0x0330000f, tsoFence: 0x8330000f, "pause": 0x0100000f, "wrs.sto": 0x01d00073,
}

// functs has the operations of AMO instructions.
var functs = map[string]uint32{
	"amoadd": 0x00, "amoswap": 0x01, "lr": 0x02, "sc": 0x03, "amoxor": 0x04, "amocas": 0x05, "amoor": 0x08, "amoand": 0x0c,
}

// atomic returns the opcode of an AMO instruction: Go's, if that has the ordering.
func atomic(op string, bits int, acquire, release bool) string {
	known := bits >= 32 && op != "amocas"
	switch op {
	case "lr":
		known = known && acquire && !release
	case "sc":
		known = known && release && !acquire
	default:
		known = known && acquire && release
	}
	if known {
		return strings.ToUpper(op) + letter[bits]
	}
	order := ""
	if acquire || release {
		order = "."
	}
	if acquire {
		order += "aq"
	}
	if release {
		order += "rl"
	}
	return op + "." + strings.ToLower(letter[bits]) + order
}

// amo returns the opcode of a read-modify-write.
func amo(op string, o spec.Order, bits int) string {
	return atomic(op, bits, o.Acquires(), o.Releases())
}

// encode makes a WORD of an instruction that has RISC-V's name, once its registers have
// theirs.
func encode(i *ir.Instruction) error {
	if i.Opcode[0] < 'a' || i.Opcode[0] > 'z' {
		return nil
	}
	word, text := plainWords[i.Opcode], i.Opcode
	if word == 0 {
		var err error
		if word, text, err = encodeOperands(i); err != nil {
			return err
		}
	}
	i.Opcode, i.Operands = "WORD", ops(name(fmt.Sprintf("$%#08x // %s", word, text)))
	return nil
}

// mnemonic returns the name by which an instruction is listed.
func mnemonic(i *ir.Instruction) string {
	if i.Opcode != "WORD" {
		return i.Opcode
	}
	_, text, _ := strings.Cut(i.Operands[0].Asm(), " // ")
	opcode, operands, _ := strings.Cut(text, " ")
	if opcode == "fence" {
		opcode += " " + operands
	}
	return opcode
}

func encodeOperands(i *ir.Instruction) (word uint32, text string, err error) {
	number := func(op operand.Op) uint32 {
		n, e := strconv.Atoi(strings.TrimPrefix(op.Asm(), "X"))
		if op.Asm() == zero.Asm() {
			n, e = 0, nil
		}
		if e != nil {
			err = fmt.Errorf("%s: no register %s", i.Opcode, op.Asm())
		}
		return uint32(n)
	}
	if i.Opcode == "prefetch.w" { // the immediate of ORI says which prefetch
		base := number(i.Operands[0].(operand.Mem).Base)
		return 0x00306013 | base<<15, fmt.Sprintf("%s 0(x%d)", i.Opcode, base), err
	}
	parts := strings.Split(i.Opcode, ".")
	order := strings.Join(parts[2:], "")
	last := len(i.Operands) - 1
	base, dst := number(i.Operands[last-1].(operand.Mem).Base), number(i.Operands[last])
	word = functs[parts[0]]<<27 | base<<15 | uint32(strings.Index("bhwd", parts[1]))<<12 | dst<<7 | 0x2f
	if strings.HasPrefix(order, "aq") {
		word |= 1 << 26
	}
	if strings.HasSuffix(order, "rl") {
		word |= 1 << 25
	}
	text = fmt.Sprintf("%s x%d, ", i.Opcode, dst)
	if last == 2 {
		src := number(i.Operands[0])
		word |= src << 20
		text += fmt.Sprintf("x%d, ", src)
	}
	return word, text + fmt.Sprintf("(x%d)", base), err
}

func ops(list ...operand.Op) []operand.Op { return list }

// at is the address in a register.
func at(p reg.Register) operand.Mem { return operand.Mem{Base: p} }

// name is an operand that is neither register, memory nor constant. Labels are what avo has
// for it: it prints them as they are.
func name(s string) operand.Op { return operand.LabelRef(s) }

// immediate is a constant in Go's notation.
func immediate(v int64) operand.Op { return name(fmt.Sprintf("$%d", v)) }

// add appends an instruction that reads all its operands but the last, and writes that.
func add(f *emit.Func, opcode string, operands ...operand.Op) {
	last := len(operands) - 1
	f.Add(&ir.Instruction{Opcode: opcode, Operands: operands, Inputs: operands[:last], Outputs: operands[last:]}, nil)
}

// bare appends an instruction that writes no register.
func bare(f *emit.Func, opcode string, operands ...operand.Op) {
	f.Add(&ir.Instruction{Opcode: opcode, Operands: operands, Inputs: operands}, nil)
}

// fetch appends a read-modify-write: old = *p; *p = old op v.
func fetch(f *emit.Func, opcode string, v, p, old reg.Register) {
	f.Add(&ir.Instruction{Opcode: opcode, Operands: ops(v, at(p), old), Inputs: ops(v, p), Outputs: ops(old)}, nil)
}

// cas appends a compare-and-swap: found has the value to expect before it, and the value
// found, with its sign extended, after it.
func cas(f *emit.Func, o spec.Order, bits int, found, p, new reg.Register) {
	f.Add(&ir.Instruction{Opcode: amo("amocas", o, bits), Operands: ops(new, at(p), found), Inputs: ops(found, p, new), Outputs: ops(found)}, nil)
}

// branch appends a branch on registers.
func branch(f *emit.Func, opcode string, label string, on ...operand.Op) {
	f.Add(&ir.Instruction{Opcode: opcode, Operands: append(ops(operand.LabelRef(label)), on...), Inputs: on, IsBranch: true, IsConditional: true}, nil)
}

func ret(f *emit.Func) { f.Add(&ir.Instruction{Opcode: "RET", IsTerminal: true}, nil) }

// variable loads a variable of the Go package.
func variable(f *emit.Func, opcode, symbol string) reg.Register {
	v := f.GP64()
	add(f, opcode, operand.NewDataAddr(operand.Symbol{Name: "·" + symbol}, 0), v)
	return v
}

// constant loads a constant. The assembler would load one of more than 32 bits from memory.
func constant(f *emit.Func, v int64) reg.Register {
	r, low := f.GP64(), int64(int32(v))
	if v == low {
		add(f, "MOV", immediate(v), r)
		return r
	}
	add(f, "SLL", immediate(32), constant(f, (v-low)>>32), r)
	if low != 0 {
		add(f, "ADD", constant(f, low), r, r)
	}
	return r
}

// maskOf loads a mask of a word, with its sign extended.
func maskOf(f *emit.Func, w *spec.Word, mask uint64) reg.Register {
	if w.Bits == 32 {
		return constant(f, int64(int32(mask)))
	}
	return constant(f, int64(mask))
}

// loadFrom loads from memory in an ordering.
func loadFrom(f *emit.Func, o spec.Order, bits int, m operand.Mem) reg.Register {
	v := f.GP64()
	loadInto(f, o, bits, m, v)
	return v
}

func loadInto(f *emit.Func, o spec.Order, bits int, m operand.Mem, v reg.Register) {
	if o == spec.SeqCst {
		bare(f, fullFence)
	}
	add(f, loads[bits], m, v)
	if o.Acquires() {
		bare(f, readFence)
	}
}

// storeTo stores to memory in an ordering. The fence after a sequentially consistent store is for
// loads of sync/atomic, which have none before them.
func storeTo(f *emit.Func, o spec.Order, bits int, v reg.Register, m operand.Mem) {
	if o.Releases() {
		bare(f, writeFence)
	}
	add(f, stores[bits], v, m)
	if o == spec.SeqCst {
		bare(f, fullFence)
	}
}

// loadGoid loads the id of the current goroutine.
func loadGoid(f *emit.Func) reg.Register {
	id := f.GP64()
	add(f, "MOV", operand.Mem{Base: g, Disp: emit.GoidOffset}, id)
	return id
}

// arg loads a parameter. One of 32 bits has its sign extended.
func arg(f *emit.Func, name string) reg.Register {
	p, r := f.Param(name), f.GP64()
	add(f, loads[bits(p.Type)], p.Addr, r)
	return r
}

// pointee returns the memory that an argument points to.
func pointee(f *emit.Func, p emit.Place) operand.Mem {
	if p.Variable != "" {
		return operand.NewDataAddr(operand.Symbol{Name: "·" + p.Variable}, 0)
	}
	return at(arg(f, p.Param))
}

// result stores a register as the named result.
func result(f *emit.Func, v reg.Register, name string) {
	p := f.Result(name)
	add(f, stores[bits(p.Type)], v, p.Addr)
}

func bits(t *types.Basic) int { return 8 * int(types.SizesFor("gc", "riscv64").Sizeof(t)) }
