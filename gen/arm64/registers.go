package arm64

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// avo allocates the 16 general purpose registers of amd64. Here they are no
// more than colours: the register numbers that they stand for, all of them
// scratch in ABI0. Colour 4 is amd64's stack pointer, which avo never hands
// out, so R4 stays unused.

// fixed is a register with a role. Registers of avo are a sealed interface;
// embedding a pseudo register keeps one out of the allocator's hands.
type fixed struct {
	reg.Physical
	name string
}

func (r fixed) Asm() string { return r.name }

var (
	zr = fixed{reg.FramePointer, "ZR"}
	g  = fixed{reg.FramePointer, "g"} // R28: the assembler knows it by this name only
)

// rename gives the colours of an instruction their arm64 names and puts a
// branch's label last, where the assembler wants it: avo looks for it first.
func rename(i *ir.Instruction) error {
	for k, op := range i.Operands {
		switch op := op.(type) {
		case reg.Register:
			i.Operands[k] = named(op)
		case operand.Mem:
			op.Base = named(op.Base)
			i.Operands[k] = op
		}
	}
	if i.IsBranch {
		i.Operands = append(i.Operands[1:], i.Operands[0])
	}
	return nil
}

func named(r reg.Register) reg.Register {
	p := reg.ToPhysical(r)
	if p == nil || p.Kind() != reg.KindGP {
		return r
	}
	return fixed{p, fmt.Sprintf("R%d", p.PhysicalIndex())}
}
