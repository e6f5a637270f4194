// Package decode reads the machine code of arm64 for the audit.
package decode

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"

	"github.com/rqlock/rqlock/gen/machine"
)

// The features that code may ask for.
const (
	lse         = "LSE"
	eventStream = "event stream"
)

// Machine is what the audit must know of arm64.
var Machine = &machine.Arch{
	Decode: decode,
	Padded: true,
	Args:   []machine.Reg{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	G:      28,
	Zero:   zr,
	Reserved: map[machine.Reg]string{
		sp: "RSP", 18: "R18 (platform)", 28: "g", 29: "R29 (frame pointer)", 30: "R30 (return address)",
	},
	LooksStay:   true,
	FetchesBits: true,
	Compares:    true,
	SleepsFrom:  512,
	SleepsFor:   50_000,
	Nearest:     nearest,
	Relax:       []machine.Class{machine.Pause, machine.Sync},
	Flags: map[string]string{
		".hasLSE":                 lse,
		".hasEventStream":         eventStream,
		"runtime.arm64HasATOMICS": lse, // what sync/atomic's inlined code asks
	},
	Exclusives: machine.Exclusives{
		Apart:    true,
		Outdated: func(has map[string]bool, _ machine.Form, _ int) bool { return has[lse] },
	},
	Kinds: []machine.Kind{
		{Name: "arm64 without LSE", Has: map[string]bool{lse: false, eventStream: false}},
		{Name: "arm64 without LSE, with event stream", Has: map[string]bool{lse: false, eventStream: true}},
		{Name: "arm64 with LSE", Has: map[string]bool{lse: true, eventStream: false}},
		{Name: "arm64 with LSE and event stream", Has: map[string]bool{lse: true, eventStream: true}},
	},
	Builds: []machine.Build{
		{Name: "arm64", Env: []string{"GOARCH=arm64", "GOARM64=v8.0"}},
		{Name: "arm64 v8.1", Env: []string{"GOARCH=arm64", "GOARM64=v8.1"}, Has: []string{lse}},
	},
}

// nearest knows that the assembler has CASB and CASALB, but no weaker CASAB.
func nearest(i *machine.Inst, acquire, release bool) (bool, bool) {
	if i.Form == machine.Compare && i.Bits < 32 && (acquire || release) {
		return true, true
	}
	return acquire, release
}

// An inst is an instruction that is being decoded.
type inst machine.Inst

// Register numbers beyond R30. Both are encoded as 31.
const (
	zr machine.Reg = 31 // zero
	sp machine.Reg = 32 // the stack pointer
)

// An encoding is a row of the arm64 decoder, for the words with word&mask == value.
type encoding struct {
	name        string
	mask, value uint32
	decode      func(word, *inst)
}

// encodings lists what primitives and inlined functions of sync/atomic may consist of,
// and what has a rule of its own. No two overlap. What is not here is a finding: pairs,
// index registers, write-back, LDAPR, SIMD.
var encodings = []encoding{
	// Atomics (LSE).
	{"CAS", 0x3fa07c00, 0x08a07c00, decodeCAS},
	{"SWP", 0x3f20fc00, 0x38208000, decodeSWP},
	{"LD<op>", 0x3f208c00, 0x38200000, decodeLDop},
	// Exclusives and ordered accesses.
	{"LDXR", 0x3fff7c00, 0x085f7c00, decodeLDXR},
	{"STXR", 0x3fe07c00, 0x08007c00, decodeSTXR},
	{"LDAR", 0x3ffffc00, 0x08dffc00, decodeOrderedLoad},
	{"STLR", 0x3ffffc00, 0x089ffc00, decodeOrderedStore},
	// Plain accesses.
	{"LDR", 0x3f000000, 0x39000000, decodePlain},
	{"LDUR", 0x3f200c00, 0x38000000, decodePlainUnscaled},
	{"LDR literal", 0x3f000000, 0x18000000, decodeLiteral},
	// Hints, barriers, system registers.
	{"CLREX", 0xfffff0ff, 0xd503305f, simple(machine.ClearEx)},
	{"DSB", 0xfffff0ff, 0xd503309f, simple(machine.Fence)},
	{"DMB", 0xfffff0ff, 0xd50330bf, decodeDMB},
	{"ISB", 0xffffffff, 0xd5033fdf, simple(machine.Sync)}, // other options are reserved
	{"SB", 0xffffffff, 0xd50330ff, simple(machine.Fence)},
	{"NOP", 0xffffffff, 0xd503201f, simple(machine.Compute)},
	{"YIELD", 0xffffffff, 0xd503203f, simple(machine.Pause)},
	{"WFE", 0xffffffff, 0xd503205f, decodeWFE},
	{"SEV", 0xffffffff, 0xd503209f, simple(machine.Compute)},
	{"SEVL", 0xffffffff, 0xd50320bf, simple(machine.Compute)},
	{"MRS CNTVCT_EL0", 0xffffffe0, 0xd53be040, computes(machine.Counter)},
	{"MRS CNTFRQ_EL0", 0xffffffe0, 0xd53be000, decodeCNTFRQ},
	// Branches.
	{"B", 0xfc000000, 0x14000000, decodeB},
	{"BL", 0xfc000000, 0x94000000, simple(machine.Call)},
	{"B.cond", 0xff000010, 0x54000000, decodeBcond},
	{"CBZ", 0x7e000000, 0x34000000, decodeCBZ},
	{"TBZ", 0x7e000000, 0x36000000, decodeTBZ},
	{"BR", 0xfffffc1f, 0xd61f0000, simple(machine.Call)},
	{"BLR", 0xfffffc1f, 0xd63f0000, simple(machine.Call)},
	{"RET", 0xfffffc1f, 0xd65f0000, simple(machine.Ret)},
	// Registers.
	{"ADR", 0x9f000000, 0x10000000, decodeADR},
	{"ADRP", 0x9f000000, 0x90000000, decodeADR},
	{"ADD immediate", 0x1f800000, 0x11000000, decodeAddImmediate},
	{"AND immediate", 0x1f800000, 0x12000000, decodeLogicalImmediate},
	{"MOVZ", 0x1f800000, 0x12800000, decodeMOVZ},
	{"UBFM", 0x1f800000, 0x13000000, computes(machine.Compute)},
	{"EXTR", 0x1f800000, 0x13800000, computes(machine.Compute)},
	{"AND", 0x1f000000, 0x0a000000, decodeLogical},
	{"ADD", 0x1f000000, 0x0b000000, decodeAdd},
	{"ADC", 0x1fe00000, 0x1a000000, setsFlags(computes(machine.Compute))},
	{"CCMP", 0x1fe00000, 0x1a400000, setsFlags(simple(machine.Compute))},
	{"CSEL", 0x1fe00000, 0x1a800000, computes(machine.Compute)},
	{"LSL", 0x5fe00000, 0x1ac00000, decodeTwoSources},
	{"RBIT", 0x5fff0000, 0x5ac00000, computes(machine.Compute)},
	{"MUL", 0x1f000000, 0x1b000000, computes(machine.Compute)},
}

// A word is an arm64 instruction.
type word uint32

func (w word) field(low, n int) uint32   { return uint32(w) >> low & (1<<n - 1) }
func (w word) bit(n int) bool            { return w>>n&1 == 1 }
func (w word) signed(low, n int) int64   { return int64(w.field(low, n)) << (64 - n) >> (64 - n) }
func (w word) relative(low, n int) int64 { return w.signed(low, n) * 4 }
func (w word) reg(low int) machine.Reg   { return machine.Reg(w.field(low, 5)) }
func (w word) rt() machine.Reg           { return w.reg(0) }
func (w word) rs() machine.Reg           { return w.reg(16) }

// width returns the width of an access, which most encode in their top two bits.
func (w word) width() int { return 8 << w.field(30, 2) }

// at returns the address [Rn, #disp].
func (w word) at(disp int64) machine.Mem {
	if w.reg(5) == 31 {
		return machine.Mem{Region: machine.ViaStack, Disp: disp}
	}
	return machine.Mem{Base: w.reg(5), Disp: disp}
}

func decode(code []byte, pc uint64) machine.Inst {
	i := inst{PC: pc, Size: 4, Status: machine.NoReg}
	if len(code) < 4 {
		i.Text = "truncated"
		return machine.Inst(i)
	}
	w := word(binary.LittleEndian.Uint32(code))
	for _, e := range encodings {
		if uint32(w)&e.mask == e.value {
			e.decode(w, &i)
			i.Reads = reads(w, &i)
			break
		}
	}
	if len(i.Sets) > 0 && i.Sets[0] == zr { // writes nothing
		i.Sets, i.Result, i.Second = nil, machine.Operand{}, 0
	}
	if i.Text == "" {
		i.Text = disassemble(code[:4], w)
	}
	return machine.Inst(i)
}

// reads lists the registers that an instruction reads, besides the stack pointer, by what it
// was decoded to.
func reads(w word, i *inst) (all []machine.Reg) {
	add := func(fields ...int) {
		for _, low := range fields {
			all = append(all, w.reg(low))
		}
	}
	rt, rn, rm := 0, 5, 16
	switch {
	case i.Class.Accesses() && i.Mem.Region == machine.ViaReg:
		add(rn)
		fallthrough
	case i.Class == machine.Store, i.Class == machine.StoreEx, i.Class == machine.Update:
		if i.Class == machine.Store || i.Class == machine.StoreEx || i.Class == machine.Update && i.Form == machine.Compare {
			add(rt)
		}
		if i.Class == machine.Update {
			add(rm)
		}
	case i.Class == machine.Branch && i.Test != nil:
		add(rt)
	case i.Class != machine.Compute || w&0x1f000000 == 0x10000000: // ADR
	case w&0x1f800000 == 0x11000000, w&0x1f800000 == 0x13000000: // immediate
		if w.reg(5) != 31 {
			add(rn)
		}
	case w&0x1f800000 == 0x12000000:
		add(rn)
	case w&0x1f800000 == 0x12800000 && w.field(29, 2) == 3: // MOVK
		add(rt)
	case w&0x1f800000 == 0x13800000, w&0x0e000000 == 0x0a000000:
		add(rn, rm)
	}
	return all
}

// disassemble prints an instruction, if x/arch can decode it.
func disassemble(code []byte, w word) string {
	if i, err := arm64asm.Decode(code); err == nil {
		return arm64asm.GNUSyntax(i)
	}
	return fmt.Sprintf(".inst %#08x", uint32(w))
}

func simple(c machine.Class) func(word, *inst) { return func(_ word, i *inst) { i.Class = c } }

// computes is for instructions that write to Rd what the analysis does not follow.
func computes(c machine.Class) func(word, *inst) {
	return func(w word, i *inst) { i.Class, i.Sets = c, []machine.Reg{w.rt()} }
}

func setsFlags(decode func(word, *inst)) func(word, *inst) {
	return func(w word, i *inst) {
		decode(w, i)
		i.SetsFlags = true
	}
}

func decodeCNTFRQ(w word, i *inst) {
	computes(machine.Compute)(w, i)
	i.Formula = &machine.Formula{Operator: machine.Frequency, Bits: 64}
}

// decodeTwoSources decodes shifts and divisions, and follows UDIV.
func decodeTwoSources(w word, i *inst) {
	computes(machine.Compute)(w, i)
	if w.bit(31) && w.field(10, 6) == 2 {
		i.Formula = &machine.Formula{Operator: machine.Quotient, Left: w.reg(5), Right: w.rs(), Bits: 64}
	}
}

// bits returns the width of an instruction on registers.
func (w word) bits() int { return 32 << w.field(31, 1) }

// decodeDMB decodes the domain, whose lower bits say what the barrier is for: loads, stores
// or, if both are set, all.
func decodeDMB(w word, i *inst) {
	all := w.field(8, 2) == 3
	i.Class, i.Acquire, i.Release, i.Stays = machine.Fence, all || w.field(8, 2) == 1, all, all
}

func decodeWFE(_ word, i *inst) { i.Class, i.Needs = machine.Wait, eventStream }

func decodeCAS(w word, i *inst) {
	i.atomic(w, machine.Compare, w.bit(22), w.bit(15))
	i.Data, i.Sets = machine.Operand{Kind: machine.FromReg, Reg: w.rt()}, []machine.Reg{w.rs()}
	i.Text = i.lseText("cas", w)
}

func decodeSWP(w word, i *inst) {
	i.atomic(w, machine.Exchange, w.bit(23), w.bit(22))
	i.Text = i.lseText("swp", w)
	i.dropAcquire(w)
}

var ldops = [...]string{"ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin"}

func decodeLDop(w word, i *inst) {
	i.atomic(w, machine.Modify, w.bit(23), w.bit(22))
	i.Text = i.lseText(ldops[w.field(12, 3)], w)
	i.dropAcquire(w)
}

func (i *inst) atomic(w word, f machine.Form, acquire, release bool) {
	i.Class, i.Form, i.Needs = machine.Update, f, lse
	i.Bits, i.Mem = w.width(), w.at(0)
	i.Acquire, i.Release = acquire, release
	i.Data, i.Sets = machine.Operand{Kind: machine.FromReg, Reg: w.rs()}, []machine.Reg{w.rt()}
}

// dropAcquire corrects SWP and LD<op>, which do not acquire if they return nothing.
func (i *inst) dropAcquire(w word) { i.Acquire = i.Acquire && w.rt() != zr }

// lseText is the notation of GNU's disassembler.
func (i *inst) lseText(op string, w word) string {
	suffix := map[int]string{8: "b", 16: "h"}[i.Bits]
	order := ""
	if i.Acquire {
		order = "a"
	}
	if i.Release {
		order += "l"
	}
	r := "w"
	if i.Bits == 64 {
		r = "x"
	}
	base := fmt.Sprintf("x%d", i.Mem.Base)
	if i.Mem.Region == machine.ViaStack {
		base = "sp"
	}
	name := func(n machine.Reg) string {
		if n == zr {
			return r + "zr"
		}
		return fmt.Sprintf("%s%d", r, n)
	}
	if i.Form == machine.Modify && w.rt() == zr && !i.Acquire {
		return fmt.Sprintf("%s%s%s %s, [%s]", strings.Replace(op, "ld", "st", 1), order, suffix, name(w.rs()), base)
	}
	return fmt.Sprintf("%s%s%s %s, %s, [%s]", op, order, suffix, name(w.rs()), name(w.rt()), base)
}

func decodeLDXR(w word, i *inst) {
	i.Class, i.Bits, i.Mem = machine.LoadEx, w.width(), w.at(0)
	i.Acquire, i.Sets = w.bit(15), []machine.Reg{w.rt()}
}

func decodeSTXR(w word, i *inst) {
	i.Class, i.Bits, i.Mem = machine.StoreEx, w.width(), w.at(0)
	i.Release, i.Status, i.Sets = w.bit(15), w.rs(), []machine.Reg{w.rs()}
	i.Data = machine.Operand{Kind: machine.FromReg, Reg: w.rt()}
}

func decodeOrderedLoad(w word, i *inst) {
	i.Class, i.Bits, i.Mem = machine.Load, w.width(), w.at(0)
	i.Acquire, i.Sets, i.Result = true, []machine.Reg{w.rt()}, machine.Operand{Kind: machine.Loaded}
}

func decodeOrderedStore(w word, i *inst) {
	i.Class, i.Bits, i.Mem = machine.Store, w.width(), w.at(0)
	i.Release, i.Data = true, machine.Operand{Kind: machine.FromReg, Reg: w.rt()}
}

// decodePlain decodes LDR, STR and their narrow variants with a scaled offset.
func decodePlain(w word, i *inst) {
	i.plain(w, w.at(int64(w.field(10, 12))<<w.field(30, 2)))
}

func decodePlainUnscaled(w word, i *inst) { i.plain(w, w.at(w.signed(12, 9))) }

const pstl1keep = 16 // PRFM's operation: to store, into the first cache

func (i *inst) plain(w word, m machine.Mem) {
	opc := w.field(22, 2)
	if w.width() == 64 && opc > 1 {
		if opc == 2 && w.rt() == pstl1keep {
			i.Class, i.Mem = machine.Prefetch, m
		}
		return
	}
	i.Bits, i.Mem = w.width(), m
	if opc == 0 {
		i.Class, i.Data = machine.Store, machine.Operand{Kind: machine.FromReg, Reg: w.rt()}
	} else {
		i.Class, i.Sets = machine.Load, []machine.Reg{w.rt()}
	}
	if opc == 1 { // not sign-extended
		i.Result = machine.Operand{Kind: machine.Loaded}
	}
}

func decodeLiteral(w word, i *inst) {
	if w.field(30, 2) == 3 {
		return // a prefetch
	}
	i.Class, i.Bits, i.Sets = machine.Load, 32<<w.field(30, 1), []machine.Reg{w.rt()}
	i.Mem = machine.Mem{Region: machine.ViaPC, Disp: int64(i.PC) + w.relative(5, 19)}
}

func decodeB(w word, i *inst) {
	i.Class, i.Target = machine.Jump, i.PC+uint64(w.relative(0, 26))
}

func decodeBcond(w word, i *inst) {
	i.branch(w.relative(5, 19))
	i.Condition = conditions[w.field(0, 4)]
}

func (i *inst) branch(offset int64) {
	i.Class, i.Target = machine.Branch, i.PC+uint64(offset)
}

// conditions has what B.cond asks. Nobody compares for an overflow, or always.
var conditions = [16]machine.Condition{
	machine.Equal, machine.NotEqual, machine.AboveOrEqual, machine.Below, machine.Negative, machine.NotNegative,
	machine.NoCondition, machine.NoCondition, machine.Above, machine.BelowOrEqual,
	machine.GreaterOrEqual, machine.Less, machine.Greater, machine.LessOrEqual,
}

// ifZero is the condition of a branch that compares with 0.
func ifZero(nonzero bool) machine.Condition {
	if nonzero {
		return machine.NotEqual
	}
	return machine.Equal
}

func decodeCBZ(w word, i *inst) {
	i.branch(w.relative(5, 19))
	i.Test = &machine.Test{Reg: w.rt(), Bit: -1, Nonzero: w.bit(24)}
	i.Condition = ifZero(w.bit(24))
	i.Compares = &machine.Comparison{Left: machine.Operand{Kind: machine.FromReg, Reg: w.rt()}, Right: machine.Operand{Kind: machine.Constant}, Bits: w.bits()}
}

func decodeTBZ(w word, i *inst) {
	i.branch(w.relative(5, 14))
	bit := int(w.field(31, 1)<<5 | w.field(19, 5))
	i.Test = &machine.Test{Reg: w.rt(), Bit: bit, Nonzero: w.bit(24)}
	i.Condition = ifZero(w.bit(24))
	i.Compares = &machine.Comparison{
		Left: machine.Operand{Kind: machine.FromReg, Reg: w.rt()}, Right: machine.Operand{Kind: machine.Constant, N: 1 << bit}, Conjunction: true, Bits: w.bits(),
	}
}

func decodeADR(w word, i *inst) {
	offset := w.signed(5, 19)<<2 | int64(w.field(29, 2))
	base := int64(i.PC)
	if w.bit(31) {
		offset, base = offset<<12, base&^0xfff
	}
	i.Class, i.Sets = machine.Compute, []machine.Reg{w.rt()}
	i.Result = machine.Operand{Kind: machine.Constant, N: base + offset}
}

// stackDest returns Rd of an instruction for which 31 is SP, unless it sets flags.
func stackDest(w word, setsFlags bool) machine.Reg {
	if w.rt() == 31 && !setsFlags {
		return sp
	}
	return w.rt()
}

func decodeAddImmediate(w word, i *inst) {
	n := int64(w.field(10, 12)) << (12 * w.field(22, 1))
	if w.bit(30) {
		n = -n
	}
	i.Class, i.Sets = machine.Compute, []machine.Reg{stackDest(w, w.bit(29))}
	if w.bit(31) && w.reg(5) != 31 {
		i.Result = machine.Operand{Kind: machine.FromReg, Reg: w.reg(5), N: n}
	}
	if !w.bit(31) && w.reg(5) != 31 {
		i.Formula = &machine.Formula{Operator: machine.Minus, Left: w.reg(5), Right: machine.NoReg, N: -n, Bits: 32}
	}
	if i.SetsFlags = w.bit(29); w.bit(29) && w.bit(30) && w.reg(5) != 31 {
		i.Compares = &machine.Comparison{Left: machine.Operand{Kind: machine.FromReg, Reg: w.reg(5)}, Right: machine.Operand{Kind: machine.Constant, N: -n}, Bits: w.bits()}
	}
}

func decodeLogicalImmediate(w word, i *inst) {
	i.Class, i.Sets = machine.Compute, []machine.Reg{stackDest(w, w.field(29, 2) == 3)}
	n, ok := bitmask(w)
	switch opc := w.field(29, 2); {
	case opc == 1 && w.reg(5) == zr && ok: // MOV of a bit mask
		i.Result = machine.Operand{Kind: machine.Constant, N: n}
	case opc == 3 && ok:
		i.Compares = &machine.Comparison{
			Left: machine.Operand{Kind: machine.FromReg, Reg: w.reg(5)}, Right: machine.Operand{Kind: machine.Constant, N: n}, Conjunction: true, Bits: w.bits(),
		}
	case opc == 3:
		i.SetsFlags = true
	}
}

// bitmask expands the immediate of a logical instruction. It is a run of ones, rotated
// in an element that repeats over the register.
func bitmask(w word) (int64, bool) {
	n, immr, imms := w.field(22, 1), w.field(16, 6), w.field(10, 6)
	size := bits.Len32(n<<6 | ^imms&0x3f)
	if size < 2 {
		return 0, false
	}
	width := 1 << (size - 1)
	ones := int(imms)&(width-1) + 1
	element := uint64(1)<<ones - 1
	for range int(immr) & (width - 1) {
		element = element>>1 | element&1<<(width-1)
	}
	var v uint64
	for at := 0; at < 64; at += width {
		v |= element << at
	}
	if !w.bit(31) {
		v &= 0xffffffff
	}
	return int64(v), true
}

// decodeMOVZ decodes MOVZ, MOVN, and MOVK, which keeps the other bits.
func decodeMOVZ(w word, i *inst) {
	i.Class, i.Sets = machine.Compute, []machine.Reg{w.rt()}
	n := int64(w.field(5, 16)) << (16 * w.field(21, 2))
	switch w.field(29, 2) {
	case 0:
		n = ^n
		if !w.bit(31) {
			n = int64(uint32(n))
		}
	case 3:
		return
	}
	i.Result = machine.Operand{Kind: machine.Constant, N: n}
}

// decodeLogical decodes logical instructions, and follows MOV Xd, Xm, which is
// ORR Xd, XZR, Xm, and AND and EOR of 64 bits.
func decodeLogical(w word, i *inst) {
	i.Class, i.Sets = machine.Compute, []machine.Reg{w.rt()}
	unshifted := w.field(21, 3) == 0 && w.field(10, 6) == 0
	if w.field(29, 2) == 1 && unshifted && w.reg(5) == zr && (w.bit(31) || w.rs() == zr) {
		i.Result = machine.Operand{Kind: machine.FromReg, Reg: w.rs()}
	}
	if kind, ok := map[uint32]machine.OperandKind{0b00: machine.Conjunction, 0b10: machine.Difference}[w.field(29, 2)]; ok {
		i.combined(w, kind)
	}
	if w.field(29, 2) == 0 && unshifted {
		i.Formula = &machine.Formula{Operator: machine.Masked, Left: w.reg(5), Right: w.rs(), Bits: w.bits()}
	}
	i.SetsFlags = w.field(29, 2) == 3
}

// decodeAdd decodes ADD and SUB of registers, and follows them.
func decodeAdd(w word, i *inst) {
	i.Class, i.Sets = machine.Compute, []machine.Reg{w.rt()}
	if w.field(29, 2) == 0 {
		i.combined(w, machine.Sum)
	}
	i.SetsFlags = w.bit(29)
	if w.bit(30) && w.field(21, 3) == 0 && w.field(10, 6) == 0 {
		i.Formula = &machine.Formula{Operator: machine.Minus, Left: w.reg(5), Right: w.rs(), Bits: w.bits()}
		if w.bit(29) {
			i.Compares = &machine.Comparison{
				Left: machine.Operand{Kind: machine.FromReg, Reg: w.reg(5)}, Right: machine.Operand{Kind: machine.FromReg, Reg: w.rs()}, Bits: w.bits(),
			}
		}
	}
}

// combined sets the result of an instruction on two registers of 64 bits, of which the
// second may be shifted right. Bit 21 stands for NOT, or for another kind of ADD.
func (i *inst) combined(w word, kind machine.OperandKind) {
	const right = 1
	if by := w.field(22, 2); w.bit(31) && !w.bit(21) && (by == right || w.field(10, 6) == 0) {
		i.Result, i.Second = machine.Operand{Kind: kind, Reg: w.reg(5), N: int64(w.field(10, 6))}, w.rs()
	}
}
