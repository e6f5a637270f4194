package decode

// A half is a compressed instruction, of 16 bits.
type half uint16

func (h half) field(low, n int) uint32 { return uint32(h) >> low & (1<<n - 1) }

// signed extends the sign of a number of n bits.
func signed(v uint32, n int) uint32 { return uint32(int32(v) << (32 - n) >> (32 - n)) }

// Registers of 3 bits are X8 to X15.
func (h half) low() uint32  { return 8 + h.field(2, 3) }
func (h half) high() uint32 { return 8 + h.field(7, 3) }
func (h half) rd() uint32   { return h.field(7, 5) }
func (h half) rs2() uint32  { return h.field(2, 5) }

// imm6 is the immediate of most: one bit at 12, five from 2 on.
func (h half) imm6() uint32 { return h.field(12, 1)<<5 | h.field(2, 5) }

// The formats of the instructions that they stand for.
func typeI(opcode, f3, rd, rs1, imm uint32) word {
	return word(imm<<20 | rs1<<15 | f3<<12 | rd<<7 | opcode)
}
func typeR(opcode, f3, f7, rd, rs1, rs2 uint32) word {
	return word(f7<<25 | rs2<<20 | rs1<<15 | f3<<12 | rd<<7 | opcode)
}
func typeS(opcode, f3, rs1, rs2, imm uint32) word {
	return word(imm>>5<<25 | rs2<<20 | rs1<<15 | f3<<12 | imm&31<<7 | opcode)
}

// expand returns the instruction of 32 bits that a compressed one stands for, or 0 if it is
// none that the audit knows.
func expand(c uint16) word {
	h := half(c)
	switch h.field(0, 2)<<3 | h.field(13, 3) {
	case 0o00: // C.ADDI4SPN
		if imm := h.field(11, 2)<<4 | h.field(7, 4)<<6 | h.field(6, 1)<<2 | h.field(5, 1)<<3; imm != 0 {
			return typeI(0x13, 0, h.low(), 2, imm)
		}
	case 0o02: // C.LW
		return typeI(0x03, 2, h.low(), h.high(), h.offset4())
	case 0o03: // C.LD
		return typeI(0x03, 3, h.low(), h.high(), h.offset8())
	case 0o06: // C.SW
		return typeS(0x23, 2, h.high(), h.low(), h.offset4())
	case 0o07: // C.SD
		return typeS(0x23, 3, h.high(), h.low(), h.offset8())
	case 0o10: // C.ADDI
		return typeI(0x13, 0, h.rd(), h.rd(), signed(h.imm6(), 6))
	case 0o11: // C.ADDIW
		if h.rd() != 0 {
			return typeI(0x1b, 0, h.rd(), h.rd(), signed(h.imm6(), 6))
		}
	case 0o12: // C.LI
		return typeI(0x13, 0, h.rd(), 0, signed(h.imm6(), 6))
	case 0o13:
		return h.expandLUI()
	case 0o14:
		return h.expandArithmetic()
	case 0o15: // C.J
		return jumpTo(h.jump())
	case 0o16: // C.BEQZ
		return branchTo(0, h.high(), h.branch())
	case 0o17: // C.BNEZ
		return branchTo(1, h.high(), h.branch())
	case 0o20: // C.SLLI
		return typeI(0x13, 1, h.rd(), h.rd(), h.imm6())
	case 0o22: // C.LWSP
		if h.rd() != 0 {
			return typeI(0x03, 2, h.rd(), 2, h.field(12, 1)<<5|h.field(4, 3)<<2|h.field(2, 2)<<6)
		}
	case 0o23: // C.LDSP
		if h.rd() != 0 {
			return typeI(0x03, 3, h.rd(), 2, h.field(12, 1)<<5|h.field(5, 2)<<3|h.field(2, 3)<<6)
		}
	case 0o24:
		return h.expandRegisters()
	case 0o26: // C.SWSP
		return typeS(0x23, 2, 2, h.rs2(), h.field(9, 4)<<2|h.field(7, 2)<<6)
	case 0o27: // C.SDSP
		return typeS(0x23, 3, 2, h.rs2(), h.field(10, 3)<<3|h.field(7, 3)<<6)
	}
	return 0
}

func (h half) offset4() uint32 { return h.field(10, 3)<<3 | h.field(6, 1)<<2 | h.field(5, 1)<<6 }
func (h half) offset8() uint32 { return h.field(10, 3)<<3 | h.field(5, 2)<<6 }

func (h half) jump() uint32 {
	return signed(h.field(12, 1)<<11|h.field(11, 1)<<4|h.field(9, 2)<<8|h.field(8, 1)<<10|h.field(7, 1)<<6|h.field(6, 1)<<7|
		h.field(3, 3)<<1|h.field(2, 1)<<5, 12)
}

func (h half) branch() uint32 {
	return signed(h.field(12, 1)<<8|h.field(10, 2)<<3|h.field(5, 2)<<6|h.field(3, 2)<<1|h.field(2, 1)<<5, 9)
}

func jumpTo(by uint32) word {
	return word(by>>20&1<<31 | by>>1&0x3ff<<21 | by>>11&1<<20 | by>>12&0xff<<12 | 0x6f)
}

func branchTo(f3, rs1, by uint32) word {
	return word(by>>12&1<<31 | by>>5&0x3f<<25 | rs1<<15 | f3<<12 | by>>1&0xf<<8 | by>>11&1<<7 | 0x63)
}

// expandLUI expands C.LUI and C.ADDI16SP.
func (h half) expandLUI() word {
	imm := signed(h.imm6(), 6)
	switch {
	case h.rd() == 2:
		imm = signed(h.field(12, 1)<<9|h.field(6, 1)<<4|h.field(5, 1)<<6|h.field(3, 2)<<7|h.field(2, 1)<<5, 10)
		return typeI(0x13, 0, 2, 2, imm)
	case imm != 0:
		return word(imm<<12 | h.rd()<<7 | 0x37)
	}
	return 0
}

func (h half) expandArithmetic() word {
	r := h.high()
	switch h.field(10, 2) {
	case 0: // C.SRLI
		return typeI(0x13, 5, r, r, h.imm6())
	case 1: // C.SRAI
		return typeI(0x13, 5, r, r, h.imm6()|0x400)
	case 2: // C.ANDI
		return typeI(0x13, 7, r, r, signed(h.imm6(), 6))
	}
	switch h.field(12, 1)<<2 | h.field(5, 2) {
	case 0: // C.SUB
		return typeR(0x33, 0, 0x20, r, r, h.low())
	case 1: // C.XOR
		return typeR(0x33, 4, 0, r, r, h.low())
	case 2: // C.OR
		return typeR(0x33, 6, 0, r, r, h.low())
	case 3: // C.AND
		return typeR(0x33, 7, 0, r, r, h.low())
	case 4: // C.SUBW
		return typeR(0x3b, 0, 0x20, r, r, h.low())
	case 5: // C.ADDW
		return typeR(0x3b, 0, 0, r, r, h.low())
	}
	return 0
}

// expandRegisters expands jumps to registers, C.MV and C.ADD.
func (h half) expandRegisters() word {
	switch add, rs2 := h.field(12, 1) == 1, h.rs2(); {
	case rs2 == 0 && h.rd() == 0:
	case rs2 == 0 && add: // C.JALR
		return typeI(0x67, 0, 1, h.rd(), 0)
	case rs2 == 0: // C.JR
		return typeI(0x67, 0, 0, h.rd(), 0)
	case add:
		return typeR(0x33, 0, 0, h.rd(), h.rd(), rs2)
	default: // C.MV, as the other move: ADDI of 0
		return typeI(0x13, 0, h.rd(), rs2, 0)
	}
	return 0
}
