package arm64

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// avo allocates the 16 general purpose registers of amd64. Here their numbers stand
// for R0 to R15, which are all scratch registers in ABI0. Number 4 is amd64's stack
// pointer, which avo does not allocate, so R4 stays unused.

// fixed is a register that the allocator does not allocate, because it embeds a
// pseudo register of avo. avo's interface of registers is sealed.
type fixed struct {
	reg.Physical
	name string
}

func (r fixed) Asm() string { return r.name }

var (
	zr = fixed{reg.FramePointer, "ZR"}
	g  = fixed{reg.FramePointer, "g"} // R28, which the assembler knows by this name only
)

// rename gives the registers of an instruction their arm64 names. It also puts the
// label of a branch last, as the assembler wants it: avo has it first.
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
