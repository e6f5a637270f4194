package audit

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

// Register numbers beyond R30. Both are encoded as 31.
const (
	zr reg = 31 // zero
	sp reg = 32 // the stack pointer
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
	{"CLREX", 0xfffff0ff, 0xd503305f, simple(clearEx)},
	{"DSB", 0xfffff0ff, 0xd503309f, simple(fence)},
	{"DMB", 0xfffff0ff, 0xd50330bf, decodeDMB},
	{"ISB", 0xfffff0ff, 0xd50330df, simple(sync)},
	{"SB", 0xffffffff, 0xd50330ff, simple(fence)},
	{"NOP", 0xffffffff, 0xd503201f, simple(compute)},
	{"YIELD", 0xffffffff, 0xd503203f, simple(pause)},
	{"WFE", 0xffffffff, 0xd503205f, simple(wait)},
	{"SEV", 0xffffffff, 0xd503209f, simple(compute)},
	{"SEVL", 0xffffffff, 0xd50320bf, simple(compute)},
	{"MRS CNTVCT_EL0", 0xffffffe0, 0xd53be040, computes(counter)},
	{"MRS CNTFRQ_EL0", 0xffffffe0, 0xd53be000, computes(compute)},
	// Branches.
	{"B", 0xfc000000, 0x14000000, decodeB},
	{"BL", 0xfc000000, 0x94000000, simple(call)},
	{"B.cond", 0xff000010, 0x54000000, decodeBcond},
	{"CBZ", 0x7e000000, 0x34000000, decodeCBZ},
	{"TBZ", 0x7e000000, 0x36000000, decodeTBZ},
	{"BR", 0xfffffc1f, 0xd61f0000, simple(call)},
	{"BLR", 0xfffffc1f, 0xd63f0000, simple(call)},
	{"RET", 0xfffffc1f, 0xd65f0000, simple(ret)},
	// Registers.
	{"ADR", 0x9f000000, 0x10000000, decodeADR},
	{"ADRP", 0x9f000000, 0x90000000, decodeADR},
	{"ADD immediate", 0x1f800000, 0x11000000, decodeAddImmediate},
	{"AND immediate", 0x1f800000, 0x12000000, decodeLogicalImmediate},
	{"MOVZ", 0x1f800000, 0x12800000, decodeMOVZ},
	{"UBFM", 0x1f800000, 0x13000000, computes(compute)},
	{"EXTR", 0x1f800000, 0x13800000, computes(compute)},
	{"AND", 0x1f000000, 0x0a000000, decodeLogical},
	{"ADD", 0x1f000000, 0x0b000000, decodeAdd},
	{"ADC", 0x1fe00000, 0x1a000000, computes(compute)},
	{"CCMP", 0x1fe00000, 0x1a400000, simple(compute)},
	{"CSEL", 0x1fe00000, 0x1a800000, computes(compute)},
	{"LSL", 0x5fe00000, 0x1ac00000, computes(compute)},
	{"RBIT", 0x5fff0000, 0x5ac00000, computes(compute)},
	{"MUL", 0x1f000000, 0x1b000000, computes(compute)},
}

// A word is an arm64 instruction.
type word uint32

func (w word) field(low, n int) uint32   { return uint32(w) >> low & (1<<n - 1) }
func (w word) bit(n int) bool            { return w>>n&1 == 1 }
func (w word) signed(low, n int) int64   { return int64(w.field(low, n)) << (64 - n) >> (64 - n) }
func (w word) relative(low, n int) int64 { return w.signed(low, n) * 4 }
func (w word) reg(low int) reg           { return reg(w.field(low, 5)) }
func (w word) rt() reg                   { return w.reg(0) }
func (w word) rs() reg                   { return w.reg(16) }

// width returns the width of an access, which most encode in their top two bits.
func (w word) width() int { return 8 << w.field(30, 2) }

// at returns the address [Rn, #disp].
func (w word) at(disp int64) mem {
	if w.reg(5) == 31 {
		return mem{region: viaStack, disp: disp}
	}
	return mem{base: w.reg(5), disp: disp}
}

func decodeARM64(code []byte, pc uint64) inst {
	i := inst{pc: pc, size: 4, status: noReg}
	if len(code) < 4 {
		i.text = "truncated"
		return i
	}
	w := word(binary.LittleEndian.Uint32(code))
	for _, e := range encodings {
		if uint32(w)&e.mask == e.value {
			e.decode(w, &i)
			break
		}
	}
	if len(i.sets) > 0 && i.sets[0] == zr { // writes nothing
		i.sets, i.result, i.second = nil, operand{}, 0
	}
	if i.text == "" {
		i.text = disassemble(code[:4], w)
	}
	return i
}

// trimARM64 drops the zero words with which the assembler pads a function.
func trimARM64(code []byte) []byte {
	for len(code) >= 4 && binary.LittleEndian.Uint32(code[len(code)-4:]) == 0 {
		code = code[:len(code)-4]
	}
	return code
}

// disassemble prints an instruction, if x/arch can decode it.
func disassemble(code []byte, w word) string {
	if i, err := arm64asm.Decode(code); err == nil {
		return arm64asm.GNUSyntax(i)
	}
	return fmt.Sprintf(".inst %#08x", uint32(w))
}

func simple(c class) func(word, *inst) { return func(_ word, i *inst) { i.class = c } }

// computes is for instructions that write to Rd what the analysis does not follow.
func computes(c class) func(word, *inst) {
	return func(w word, i *inst) { i.class, i.sets = c, []reg{w.rt()} }
}

// decodeDMB decodes the domain, whose lower bits say what the barrier is for: loads, stores
// or, if both are set, all.
func decodeDMB(w word, i *inst) {
	i.class, i.release = fence, w.field(8, 2) == 3
}

func decodeCAS(w word, i *inst) {
	i.atomic(w, compare, w.bit(22), w.bit(15))
	i.data, i.sets = operand{kind: fromReg, reg: w.rt()}, []reg{w.rs()}
	i.text = i.lseText("cas", w)
}

func decodeSWP(w word, i *inst) {
	i.atomic(w, exchange, w.bit(23), w.bit(22))
	i.text = i.lseText("swp", w)
	i.dropAcquire(w)
}

var ldops = [...]string{"ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin"}

func decodeLDop(w word, i *inst) {
	i.atomic(w, modify, w.bit(23), w.bit(22))
	i.text = i.lseText(ldops[w.field(12, 3)], w)
	i.dropAcquire(w)
}

func (i *inst) atomic(w word, f form, acquire, release bool) {
	i.class, i.form, i.lse = update, f, true
	i.bits, i.mem = w.width(), w.at(0)
	i.acquire, i.release = acquire, release
	i.data, i.sets = operand{kind: fromReg, reg: w.rs()}, []reg{w.rt()}
}

// dropAcquire corrects SWP and LD<op>, which do not acquire if they return nothing.
func (i *inst) dropAcquire(w word) { i.acquire = i.acquire && w.rt() != zr }

// lseText is the notation of GNU's disassembler.
func (i *inst) lseText(op string, w word) string {
	suffix := map[int]string{8: "b", 16: "h"}[i.bits]
	order := ""
	if i.acquire {
		order = "a"
	}
	if i.release {
		order += "l"
	}
	r := "w"
	if i.bits == 64 {
		r = "x"
	}
	base := fmt.Sprintf("x%d", i.mem.base)
	if i.mem.region == viaStack {
		base = "sp"
	}
	name := func(n reg) string {
		if n == zr {
			return r + "zr"
		}
		return fmt.Sprintf("%s%d", r, n)
	}
	if i.form == modify && w.rt() == zr && !i.acquire {
		return fmt.Sprintf("%s%s%s %s, [%s]", strings.Replace(op, "ld", "st", 1), order, suffix, name(w.rs()), base)
	}
	return fmt.Sprintf("%s%s%s %s, %s, [%s]", op, order, suffix, name(w.rs()), name(w.rt()), base)
}

func decodeLDXR(w word, i *inst) {
	i.class, i.bits, i.mem = loadEx, w.width(), w.at(0)
	i.acquire, i.sets = w.bit(15), []reg{w.rt()}
}

func decodeSTXR(w word, i *inst) {
	i.class, i.bits, i.mem = storeEx, w.width(), w.at(0)
	i.release, i.status, i.sets = w.bit(15), w.rs(), []reg{w.rs()}
	i.data = operand{kind: fromReg, reg: w.rt()}
}

func decodeOrderedLoad(w word, i *inst) {
	i.class, i.bits, i.mem = load, w.width(), w.at(0)
	i.acquire, i.sets, i.result = true, []reg{w.rt()}, operand{kind: loaded}
}

func decodeOrderedStore(w word, i *inst) {
	i.class, i.bits, i.mem = store, w.width(), w.at(0)
	i.release, i.data = true, operand{kind: fromReg, reg: w.rt()}
}

// decodePlain decodes LDR, STR and their narrow variants with a scaled offset.
func decodePlain(w word, i *inst) {
	i.plain(w, w.at(int64(w.field(10, 12))<<w.field(30, 2)))
}

func decodePlainUnscaled(w word, i *inst) { i.plain(w, w.at(w.signed(12, 9))) }

const pstl1keep = 16 // PRFM's operation: to store, into the first cache

func (i *inst) plain(w word, m mem) {
	opc := w.field(22, 2)
	if w.width() == 64 && opc > 1 {
		if opc == 2 && w.rt() == pstl1keep {
			i.class, i.mem = prefetch, m
		}
		return
	}
	i.bits, i.mem = w.width(), m
	if opc == 0 {
		i.class, i.data = store, operand{kind: fromReg, reg: w.rt()}
	} else {
		i.class, i.sets = load, []reg{w.rt()}
	}
	if opc == 1 { // not sign-extended
		i.result = operand{kind: loaded}
	}
}

func decodeLiteral(w word, i *inst) {
	if w.field(30, 2) == 3 {
		return // a prefetch
	}
	i.class, i.bits, i.sets = load, 32<<w.field(30, 1), []reg{w.rt()}
	i.mem = mem{region: viaPC, disp: int64(i.pc) + w.relative(5, 19)}
}

func decodeB(w word, i *inst) {
	i.class, i.target = jump, i.pc+uint64(w.relative(0, 26))
}

func decodeBcond(w word, i *inst) {
	i.class, i.target = branch, i.pc+uint64(w.relative(5, 19))
}

func decodeCBZ(w word, i *inst) {
	decodeBcond(w, i)
	i.test = &test{w.rt(), -1, w.bit(24)}
}

func decodeTBZ(w word, i *inst) {
	i.class, i.target = branch, i.pc+uint64(w.relative(5, 14))
	i.test = &test{w.rt(), int(w.field(31, 1)<<5 | w.field(19, 5)), w.bit(24)}
}

func decodeADR(w word, i *inst) {
	offset := w.signed(5, 19)<<2 | int64(w.field(29, 2))
	base := int64(i.pc)
	if w.bit(31) {
		offset, base = offset<<12, base&^0xfff
	}
	i.class, i.sets = compute, []reg{w.rt()}
	i.result = operand{kind: constant, n: base + offset}
}

// stackDest returns Rd of an instruction for which 31 is SP, unless it sets flags.
func stackDest(w word, setsFlags bool) reg {
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
	i.class, i.sets = compute, []reg{stackDest(w, w.bit(29))}
	if w.bit(31) && w.reg(5) != 31 {
		i.result = operand{fromReg, w.reg(5), n}
	}
}

func decodeLogicalImmediate(w word, i *inst) {
	i.class, i.sets = compute, []reg{stackDest(w, w.field(29, 2) == 3)}
	if w.field(29, 2) == 1 && w.reg(5) == zr { // MOV of a bit mask
		if n, ok := bitmask(w); ok {
			i.result = operand{kind: constant, n: n}
		}
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
	i.class, i.sets = compute, []reg{w.rt()}
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
	i.result = operand{kind: constant, n: n}
}

// decodeLogical decodes logical instructions, and follows MOV Xd, Xm, which is
// ORR Xd, XZR, Xm, and AND and EOR of 64 bits.
func decodeLogical(w word, i *inst) {
	i.class, i.sets = compute, []reg{w.rt()}
	unshifted := w.field(21, 3) == 0 && w.field(10, 6) == 0
	if w.field(29, 2) == 1 && unshifted && w.reg(5) == zr && (w.bit(31) || w.rs() == zr) {
		i.result = operand{kind: fromReg, reg: w.rs()}
	}
	if kind, ok := map[uint32]operandKind{0b00: conjunction, 0b10: difference}[w.field(29, 2)]; ok {
		i.combined(w, kind)
	}
}

// decodeAdd decodes ADD and SUB of registers, and follows ADD.
func decodeAdd(w word, i *inst) {
	i.class, i.sets = compute, []reg{w.rt()}
	if w.field(29, 2) == 0 {
		i.combined(w, sum)
	}
}

// combined sets the result of an instruction on two registers of 64 bits, of which the
// second may be shifted right. Bit 21 stands for NOT, or for another kind of ADD.
func (i *inst) combined(w word, kind operandKind) {
	const right = 1
	if by := w.field(22, 2); w.bit(31) && !w.bit(21) && (by == right || w.field(10, 6) == 0) {
		i.result, i.second = operand{kind, w.reg(5), int64(w.field(10, 6))}, w.rs()
	}
}
