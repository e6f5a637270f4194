package arm64

import (
	"go/types"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// This file has the instructions that the emitters need, each with the
// registers that it reads and writes: avo knows none of them.

// letter is the suffix of an opcode for an access of the given width.
var letter = map[int]string{8: "B", 16: "H", 32: "W", 64: "D"}

// half is the same for the opcodes that have no suffix for 64 bits.
var half = map[int]string{8: "B", 16: "H", 32: "W"}

// zeroExtending has the plain loads. Without the U they extend the sign.
var zeroExtending = map[int]string{8: "MOVBU", 16: "MOVHU", 32: "MOVWU", 64: "MOVD"}

// lse returns the opcode of an LSE instruction.
func lse(base string, o spec.Order, bits int) string {
	suffix := ""
	if o.Acquires() {
		suffix += "A"
	}
	if o.Releases() {
		suffix += "L"
	}
	if base == "CAS" && bits < 32 && suffix != "" {
		suffix = "AL" // Go's assembler lacks the weaker CASAB, CASLB, CASAH and CASLH
	}
	return base + suffix + letter[bits]
}

// sized returns the form of an opcode for registers of 64 bits, or for the lower 32.
func sized(opcode string, bits int) string {
	if bits == 64 {
		return opcode
	}
	return opcode + "W"
}

func loadOpcode(o spec.Order, bits int) string {
	if o.Acquires() {
		return "LDAR" + half[bits]
	}
	return zeroExtending[bits]
}

func storeOpcode(o spec.Order, bits int) string {
	if o.Releases() {
		return "STLR" + half[bits]
	}
	return "MOV" + letter[bits]
}

func loadExclusiveOpcode(o spec.Order, bits int) string {
	if o.Acquires() {
		return "LDAXR" + half[bits]
	}
	return "LDXR" + half[bits]
}

func storeExclusiveOpcode(o spec.Order, bits int) string {
	if o.Releases() {
		return "STLXR" + half[bits]
	}
	return "STXR" + half[bits]
}

func ops(list ...operand.Op) []operand.Op { return list }

// at is the address in a register, without displacement. LSE instructions,
// exclusives, acquires and releases can have no other.
func at(p reg.Register) operand.Mem { return operand.Mem{Base: p} }

// name is an operand that is neither register, memory nor constant. Labels are what
// avo has for it: it prints them as they are.
func name(s string) operand.Op { return operand.LabelRef(s) }

// add appends an instruction that reads all its operands but the last, and writes
// that.
func add(f *emit.Func, opcode string, operands ...operand.Op) {
	last := len(operands) - 1
	f.Add(&ir.Instruction{Opcode: opcode, Operands: operands, Inputs: operands[:last], Outputs: operands[last:]}, nil)
}

// test appends an instruction that reads all its operands and sets the flags.
func test(f *emit.Func, opcode string, operands ...operand.Op) {
	f.Add(&ir.Instruction{Opcode: opcode, Operands: operands, Inputs: operands}, nil)
}

// bare appends an instruction that reads and writes no register.
func bare(f *emit.Func, opcode string, operands ...operand.Op) {
	f.Add(&ir.Instruction{Opcode: opcode, Operands: operands}, nil)
}

// fetch appends an LSE read-modify-write: old = *p; *p = old op v.
func fetch(f *emit.Func, opcode string, v, p, old reg.Register) {
	f.Add(&ir.Instruction{
		Opcode:   opcode,
		Operands: ops(v, at(p), old),
		Inputs:   ops(v, p),
		Outputs:  ops(old),
	}, nil)
}

// cas appends an LSE compare-and-swap: found has the value to expect before it
// and the value found after it.
func cas(f *emit.Func, opcode string, found, p, new reg.Register) {
	f.Add(&ir.Instruction{
		Opcode:   opcode,
		Operands: ops(found, at(p), new),
		Inputs:   ops(found, p, new),
		Outputs:  ops(found),
	}, nil)
}

// loadExclusive appends a load that opens an exclusive window. The status register
// of the store that closes the window must be none of the store's operands, but avo
// lets an output share the register of an input that dies. So the load counts as a
// write of status and the store as a read: status is live in the whole window, and
// shares its register with nothing there. checkStatus checks the outcome.
func loadExclusive(f *emit.Func, opcode string, p, old, status reg.Register) {
	f.Add(&ir.Instruction{
		Opcode:   opcode,
		Operands: ops(at(p), old),
		Inputs:   ops(p),
		Outputs:  ops(old, status),
	}, nil)
}

func storeExclusive(f *emit.Func, opcode string, v, p, status reg.Register) {
	f.Add(&ir.Instruction{
		Opcode:   opcode,
		Operands: ops(v, at(p), status),
		Inputs:   ops(v, p, status),
		Outputs:  ops(status),
	}, nil)
}

func jump(f *emit.Func, label string) {
	f.Add(&ir.Instruction{Opcode: "JMP", Operands: ops(operand.LabelRef(label)), IsBranch: true}, nil)
}

// branch appends a branch on the flags, or on a register (CBZW, CBNZW).
func branch(f *emit.Func, opcode string, label string, on ...operand.Op) {
	f.Add(&ir.Instruction{
		Opcode:        opcode,
		Operands:      append(ops(operand.LabelRef(label)), on...),
		Inputs:        on,
		IsBranch:      true,
		IsConditional: true,
	}, nil)
}

func ret(f *emit.Func) { f.Add(&ir.Instruction{Opcode: "RET", IsTerminal: true}, nil) }

// What is between these two is not assembled under GOARM64_LSE. Arch.Finish moves
// them to the beginning of their lines.
const (
	ifndefLSE = "#ifndef GOARM64_LSE"
	endif     = "#endif"
)

// closeBody ends what is not assembled under GOARM64_LSE. It counts as terminal,
// since nothing runs into it: otherwise the function would seem to fall off its end.
func closeBody(f *emit.Func) { f.Add(&ir.Instruction{Opcode: endif, IsTerminal: true}, nil) }

// variable loads a byte-sized variable of the Go package.
func variable(f *emit.Func, symbol string) reg.Register {
	v := f.GP64()
	add(f, "MOVBU", operand.NewDataAddr(operand.Symbol{Name: "·" + symbol}, 0), v)
	return v
}

// constant loads a constant.
func constant(f *emit.Func, v uint64) reg.Register {
	r := f.GP64()
	add(f, "MOVD", operand.Imm(v), r)
	return r
}

// loadGoid loads the id of the current goroutine.
func loadGoid(f *emit.Func) reg.Register {
	id := f.GP64()
	add(f, "MOVD", operand.Mem{Base: g, Disp: emit.GoidOffset}, id)
	return id
}

// arg loads a parameter, zero-extended.
func arg(f *emit.Func, name string) reg.Register {
	p, r := f.Param(name), f.GP64()
	add(f, zeroExtending[bits(p.Type)], p.Addr, r)
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
	add(f, "MOV"+letter[bits(p.Type)], v, p.Addr)
}

func bits(t *types.Basic) int { return 8 * int(types.SizesFor("gc", "arm64").Sizeof(t)) }
