package emit

import (
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// avo allocates the 16 general purpose registers of amd64, but not number 4, the stack
// pointer. On another architecture these numbers stand for scratch registers of its own,
// and get their names last, because no pass of avo knows them.

// Fixed returns a register that the allocator does not allocate.
func Fixed(name string) reg.Register { return named{reg.FramePointer, name} }

// named embeds a register of avo, whose interface of registers is sealed.
type named struct {
	reg.Physical
	name string
}

func (r named) Asm() string { return r.name }

// Rename is a pass that gives registers their names, by number. It also puts the label of a
// branch last, as most assemblers want it: avo has it first.
func Rename(name func(number int) string) func(i *ir.Instruction) error {
	rename := func(r reg.Register) reg.Register {
		p := reg.ToPhysical(r)
		if p == nil || p.Kind() != reg.KindGP {
			return r
		}
		return named{p, name(int(p.PhysicalIndex()))}
	}
	return func(i *ir.Instruction) error {
		for k, op := range i.Operands {
			switch op := op.(type) {
			case reg.Register:
				i.Operands[k] = rename(op)
			case operand.Mem:
				op.Base = rename(op.Base)
				i.Operands[k] = op
			}
		}
		if i.IsBranch {
			i.Operands = append(i.Operands[1:], i.Operands[0])
		}
		return nil
	}
}
