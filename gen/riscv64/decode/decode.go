// Package decode reads the machine code of riscv64 for the audit.
//
// An emulator on amd64 shows a load that passes a store, and no other weak order, nor that
// hardware gives up a reservation which the emulator keeps. So for most orderings, and for what is
// between LR and SC, the audit alone vouches.
package decode

import (
	"encoding/binary"
	"fmt"

	"github.com/rqlock/rqlock/gen/machine"
)

// The extensions that code may ask for, and what is not known of the machine.
const (
	zawrs      = "Zawrs"
	zacas      = "Zacas"
	zabha      = "Zabha"
	sleepTicks = "ticks of a sleep"
)

// Machine is what the audit must know of riscv64.
var Machine = &machine.Arch{
	Decode: decode,
	Padded: true,
	Join:   join,
	Args:   []machine.Reg{10, 11, 12, 13, 14, 15, 16, 17, 8, 9, 18, 19, 20, 21, 22, 23},
	G:      27,
	Zero:   0,
	Reserved: map[machine.Reg]string{
		1: "X1 (return address)", sp: "X2 (stack pointer)", 3: "X3 (global pointer)", 4: "X4 (thread pointer)", 27: "g",
	},
	StoresExchange: true,
	FetchesBits:    true,
	Compares:       true,
	Extends:        true,
	SleepsFrom:     250,
	SleepTicks:     sleepTicks,
	Relax:          []machine.Class{machine.Pause},
	Flags:          map[string]string{".hasZawrs": zawrs, ".hasZacas": zacas, ".hasZabha": zabha, ".sleepTicks": sleepTicks},
	Exclusives:     machine.Exclusives{Left: true, Most: 16, Outdated: outdated},
	Kinds: []machine.Kind{
		{Name: "riscv64 without extensions", Has: map[string]bool{zawrs: false, zacas: false, zabha: false}},
		{Name: "riscv64 with Zawrs", Has: map[string]bool{zawrs: true, zacas: false, zabha: false}},
		{Name: "riscv64 with Zawrs and Zacas", Has: map[string]bool{zawrs: true, zacas: true, zabha: false}},
		{Name: "riscv64 with Zawrs, Zacas and Zabha", Has: map[string]bool{zawrs: true, zacas: true, zabha: true}},
	},
	Builds: []machine.Build{
		{Name: "riscv64", Env: []string{"GOARCH=riscv64", "GORISCV64=rva20u64"}},
		{Name: "riscv64 rva22u64", Env: []string{"GOARCH=riscv64", "GORISCV64=rva22u64"}},
		{Name: "riscv64 rva23u64", Env: []string{"GOARCH=riscv64", "GORISCV64=rva23u64"}, Has: []string{zawrs}},
	},
}

// outdated: LR and SC are for what has no instruction.
func outdated(has map[string]bool, f machine.Form, bits int) bool {
	switch {
	case bits < 32:
		return has[zabha]
	case f == machine.Compare:
		return has[zacas]
	}
	return true
}

const sp machine.Reg = 2

// An inst is an instruction that is being decoded.
type inst machine.Inst

// A word is an instruction of 32 bits.
type word uint32

func (w word) field(low, n int) uint32 { return uint32(w) >> low & (1<<n - 1) }
func (w word) rd() machine.Reg         { return machine.Reg(w.field(7, 5)) }
func (w word) rs1() machine.Reg        { return machine.Reg(w.field(15, 5)) }
func (w word) rs2() machine.Reg        { return machine.Reg(w.field(20, 5)) }
func (w word) f3() uint32              { return w.field(12, 3) }
func (w word) f7() uint32              { return w.field(25, 7) }

// The immediates, by the formats of instructions.
func (w word) i() int64 { return int64(int32(w) >> 20) }
func (w word) s() int64 { return int64(int32(w)>>25<<5 | int32(w.field(7, 5))) }
func (w word) u() int64 { return int64(int32(w) &^ 0xfff) }
func (w word) b() int64 {
	return int64(int32(w)>>31<<12 | int32(w.field(7, 1)<<11|w.field(25, 6)<<5|w.field(8, 4)<<1))
}
func (w word) j() int64 {
	return int64(int32(w)>>31<<20 | int32(w.field(12, 8)<<12|w.field(20, 1)<<11|w.field(21, 10)<<1))
}

// at returns the address disp(rs1).
func (w word) at(disp int64) machine.Mem {
	if w.rs1() == sp {
		return machine.Mem{Region: machine.ViaStack, Disp: disp}
	}
	return machine.Mem{Base: w.rs1(), Disp: disp}
}

// opcodes has what each opcode's instructions do. What is not here is a finding.
var opcodes = map[uint32]func(word, *inst){
	0x03: decodeLoad, 0x23: decodeStore, 0x0f: decodeFence, 0x2f: decodeAtomic, 0x73: decodeSystem,
	0x13: decodeImmediate, 0x33: decodeRegisters, 0x1b: decodeImmediate32, 0x3b: decodeRegisters32, 0x37: decodeLUI, 0x17: decodeAUIPC,
	0x63: decodeBranch, 0x6f: decodeJAL, 0x67: decodeJALR,
}

// decode decodes an instruction of 2 or 4 bytes.
func decode(code []byte, pc uint64) machine.Inst {
	i := inst{PC: pc, Size: 4, Status: machine.NoReg}
	var w word
	switch {
	case len(code) >= 2 && code[0]&3 != 3:
		c := binary.LittleEndian.Uint16(code)
		w, i.Size, i.Text = expand(c), 2, fmt.Sprintf("%#04x", c)
	case len(code) >= 4:
		w = word(binary.LittleEndian.Uint32(code))
		i.Text = fmt.Sprintf("%#08x", uint32(w))
	default:
		i.Size, i.Text = len(code), "truncated"
		return machine.Inst(i)
	}
	if f := opcodes[w.field(0, 7)]; f != nil {
		f(w, &i)
		i.Reads = reads(w, &i)
	}
	if text := text(w, &i); text != "" {
		i.Text = text
	}
	if len(i.Sets) > 0 && i.Sets[0] == 0 { // writes nothing
		i.Sets, i.Result, i.Second = nil, machine.Operand{}, 0
	}
	return machine.Inst(i)
}

// reads lists the registers that an instruction reads.
func reads(w word, i *inst) []machine.Reg {
	switch opcode := w.field(0, 7); {
	case i.Class == machine.Update && i.Form == machine.Compare:
		return []machine.Reg{w.rs1(), w.rs2(), w.rd()}
	case opcode == 0x23, opcode == 0x2f && i.Class != machine.LoadEx, opcode == 0x33, opcode == 0x3b, opcode == 0x63:
		return []machine.Reg{w.rs1(), w.rs2()}
	case opcode == 0x03, opcode == 0x2f, opcode == 0x13, opcode == 0x1b, opcode == 0x67:
		return []machine.Reg{w.rs1()}
	}
	return nil
}

func decodeLoad(w word, i *inst) {
	if w.f3() == 7 {
		return
	}
	i.Class, i.Bits, i.Mem, i.Sets = machine.Load, 8<<(w.f3()&3), w.at(w.i()), []machine.Reg{w.rd()}
	i.Unsigned = w.f3() == 6 // LWU: shorter ones have no sign to extend
	if w.f3() > 1 {          // LB and LH extend the sign of less than a register's half
		i.Result = machine.Operand{Kind: machine.Loaded}
	}
}

func decodeStore(w word, i *inst) {
	if w.f3() > 3 {
		return
	}
	i.Class, i.Bits, i.Mem = machine.Store, 8<<w.f3(), w.at(w.s())
	i.Data = machine.Operand{Kind: machine.FromReg, Reg: w.rs2()}
}

// decodeFence decodes what is kept before what. PAUSE is a fence that keeps nothing.
func decodeFence(w word, i *inst) {
	const reads, writes, both = 2, 1, 3
	before, after := w.field(24, 4)&both, w.field(20, 4)&both
	switch {
	case w == 0x0100000f:
		i.Class = machine.Pause
	case w.f3() != 0 || w.rd() != 0 || w.rs1() != 0:
	case w.field(28, 4) == 0:
		i.Class = machine.Fence
		i.Acquire, i.Release = before&reads != 0 && after == both, before == both && after&writes != 0
		i.Stays = before == both && after == both
	case w == 0x8330000f: // FENCE.TSO
		i.Class, i.Acquire, i.Release = machine.Fence, true, true
	}
}

// The operations of AMO instructions, by their highest five bits.
var amos = map[uint32]struct {
	name string
	form machine.Form
}{
	0x00: {"amoadd", machine.Modify}, 0x01: {"amoswap", machine.Exchange}, 0x04: {"amoxor", machine.Modify}, 0x05: {"amocas", machine.Compare},
	0x08: {"amoor", machine.Modify}, 0x0c: {"amoand", machine.Modify}, 0x10: {"amomin", machine.Modify}, 0x14: {"amomax", machine.Modify},
	0x18: {"amominu", machine.Modify}, 0x1c: {"amomaxu", machine.Modify},
}

const (
	loadReserved     = 0x02
	storeConditional = 0x03
)

func decodeAtomic(w word, i *inst) {
	op, operation := w.field(27, 5), amos[w.field(27, 5)]
	bits := 8 << w.f3()
	switch {
	case bits > 64:
		return
	case op == loadReserved && w.rs2() == 0 && bits >= 32:
		i.Class = machine.LoadEx
	case op == storeConditional && bits >= 32:
		i.Class, i.Status, i.Data = machine.StoreEx, w.rd(), machine.Operand{Kind: machine.FromReg, Reg: w.rs2()}
	case operation.name != "":
		i.Class, i.Form, i.Data = machine.Update, operation.form, machine.Operand{Kind: machine.FromReg, Reg: w.rs2()}
	default:
		return
	}
	switch {
	case bits < 32:
		i.Needs = zabha
	case i.Form == machine.Compare:
		i.Needs = zacas
	}
	i.Bits, i.Mem, i.Sets = bits, w.at(0), []machine.Reg{w.rd()}
	i.Acquire, i.Release = w.field(26, 1) == 1, w.field(25, 1) == 1
}

func decodeSystem(w word, i *inst) {
	switch {
	case w == 0x00d00073 || w == 0x01d00073: // WRS.NTO, WRS.STO
		i.Class, i.Needs = machine.Wait, zawrs
	case uint32(w)&0xfffff07f == 0xc0102073: // RDTIME
		i.Class, i.Sets = machine.Counter, []machine.Reg{w.rd()}
	}
}

func (i *inst) compute(w word) {
	i.Class, i.Sets = machine.Compute, []machine.Reg{w.rd()}
}

func decodeImmediate(w word, i *inst) {
	kinds := map[uint32]machine.OperandKind{0: machine.FromReg, 6: machine.SetBits, 7: machine.WithMask}
	i.compute(w)
	shift := int64(w.field(20, 6))
	switch top := w.field(26, 6); {
	case w.f3() == 6 && w.rd() == 0 && w.field(20, 5) == 3: // PREFETCH.W
		i.Class, i.Mem = machine.Prefetch, w.at(w.i()&^31)
	case w.f3() == 1 && top == 0:
		i.Result = machine.Operand{Kind: machine.ShiftedLeft, Reg: w.rs1(), N: shift}
	case w.f3() == 5 && top == 0:
		i.Result = machine.Operand{Kind: machine.Shifted, Reg: w.rs1(), N: shift}
	case w.f3() == 1, w.f3() == 5 && top != 0x10: // extensions Zbb and others
		i.Complex = true
	case kinds[w.f3()] != machine.Untracked:
		i.Result = machine.Operand{Kind: kinds[w.f3()], Reg: w.rs1(), N: w.i()}
		i.Formula = map[uint32]*machine.Formula{
			0: {Operator: machine.Minus, Left: w.rs1(), Right: machine.NoReg, N: -w.i(), Bits: 64},
			7: {Operator: machine.Masked, Left: w.rs1(), Right: machine.NoReg, N: w.i(), Bits: 64},
		}[w.f3()]
	}
}

func decodeImmediate32(w word, i *inst) {
	i.compute(w)
	i.Complex = w.f3() != 0 && w.f3() != 1 && w.f3() != 5 || w.f3() != 0 && w.f7()&^0x20 != 0
	if w.f3() == 0 { // ADDIW, which a constant survives that fits
		i.Result = machine.Operand{Kind: machine.Low32, Reg: w.rs1(), N: w.i()}
	}
}

func decodeRegisters(w word, i *inst) {
	i.compute(w)
	i.Complex = w.f7()&^0x20 != 0 || w.f7() == 0x20 && w.f3() != 0 && w.f3() != 5
	kinds := map[uint32]machine.OperandKind{0: machine.Sum, 1: machine.ShiftedBy, 4: machine.Difference, 7: machine.Conjunction}
	if kind := kinds[w.f3()]; kind != machine.Untracked && w.f7() == 0 {
		i.Result, i.Second = machine.Operand{Kind: kind, Reg: w.rs1()}, w.rs2()
	}
	switch {
	case w.f3() == 7 && w.f7() == 0:
		i.Formula = &machine.Formula{Operator: machine.Masked, Left: w.rs1(), Right: w.rs2(), Bits: 64}
	case w.f3() == 0 && w.f7() == 0x20:
		i.Formula = &machine.Formula{Operator: machine.Minus, Left: w.rs1(), Right: w.rs2(), Bits: 64}
	}
}

func decodeRegisters32(w word, i *inst) {
	i.compute(w)
	i.Complex = w.f7()&^0x20 != 0
}

func decodeLUI(w word, i *inst) {
	i.compute(w)
	i.Result = machine.Operand{Kind: machine.Constant, N: w.u()}
}

func decodeAUIPC(w word, i *inst) {
	i.compute(w)
	i.Result = machine.Operand{Kind: machine.Constant, N: int64(i.PC) + w.u()}
}

// conditions has what branches ask.
var conditions = [8]machine.Condition{
	0: machine.Equal, 1: machine.NotEqual, 4: machine.Less, 5: machine.GreaterOrEqual, 6: machine.Below, 7: machine.AboveOrEqual,
}

func decodeBranch(w word, i *inst) {
	if w.f3() == 2 || w.f3() == 3 {
		return
	}
	i.Class, i.Target, i.Condition = machine.Branch, i.PC+uint64(w.b()), conditions[w.f3()]
	i.Compares = &machine.Comparison{
		Left: machine.Operand{Kind: machine.FromReg, Reg: w.rs1()}, Right: machine.Operand{Kind: machine.FromReg, Reg: w.rs2()}, Bits: 64,
	}
	if w.f3() > 1 {
		return
	}
	for _, r := range [][2]machine.Reg{{w.rs1(), w.rs2()}, {w.rs2(), w.rs1()}} {
		if r[1] == 0 && i.Test == nil {
			i.Test = &machine.Test{Reg: r[0], Bit: -1, Nonzero: w.f3() == 1}
		}
	}
}

func decodeJAL(w word, i *inst) {
	i.Class, i.Target = machine.Call, i.PC+uint64(w.j())
	if w.rd() == 0 {
		i.Class = machine.Jump
	}
}

func decodeJALR(w word, i *inst) {
	i.Class = machine.Call
	if w.rd() == 0 && w.rs1() == 1 && w.i() == 0 {
		i.Class = machine.Ret
	}
}

// join gives the ordering of fences to the accesses next to them. A fence that is not needed,
// or is not next to its access, stays what it is.
func join(code []machine.Inst) {
	targets := map[uint64]bool{}
	for _, i := range code {
		targets[i.Target] = true
	}
	for n := range code {
		f := &code[n]
		if f.Class != machine.Fence {
			continue
		}
		before, after := &machine.Inst{}, &machine.Inst{}
		if n > 0 {
			before = &code[n-1]
		}
		if n+1 < len(code) && !targets[code[n+1].PC] { // nobody jumps past the fence
			after = &code[n+1]
		}
		switch {
		case f.Stays && shared(after, machine.Load):
			after.Stays = true
		case f.Release && shared(after, machine.Store):
			after.Release, after.Excess = true, f.Acquire
		case f.Acquire && shared(before, machine.Load):
			before.Acquire, before.Excess = true, f.Release
		case f.Stays && shared(before, machine.Store):
			before.Precedes = true
		default:
			continue
		}
		f.Class = machine.Compute
	}
}

// shared reports whether i is such an access to other memory than the stack.
func shared(i *machine.Inst, c machine.Class) bool {
	return i.Class == c && i.Mem.Region != machine.ViaStack
}

// text names what x/arch's disassembler would, if it knew all of it.
func text(w word, i *inst) string {
	order := map[uint32]string{0: "", 1: ".rl", 2: ".aq", 3: ".aqrl"}[w.field(25, 2)]
	width := map[int]string{8: ".b", 16: ".h", 32: ".w", 64: ".d"}[i.Bits]
	switch i.Class {
	case machine.LoadEx:
		return fmt.Sprintf("lr%s%s x%d, (x%d)", width, order, w.rd(), w.rs1())
	case machine.StoreEx:
		return fmt.Sprintf("sc%s%s x%d, x%d, (x%d)", width, order, w.rd(), w.rs2(), w.rs1())
	case machine.Update:
		return fmt.Sprintf("%s%s%s x%d, x%d, (x%d)", amos[w.field(27, 5)].name, width, order, w.rd(), w.rs2(), w.rs1())
	case machine.Load, machine.Store, machine.Fence, machine.Pause, machine.Wait:
		return fmt.Sprintf("%s (%s)", i.Class, i.Text)
	}
	return ""
}
