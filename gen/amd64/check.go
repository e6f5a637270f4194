package amd64

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
)

// compile is avo's list of passes with the checks that it lacks. Two passes are
// left out: EnsureBasePointerCalleeSaved, since checkBasePointer refuses BP, and
// PruneSelfMoves, which deletes the zero-extending MOVL AX, AX.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(checkLock),
	pass.FunctionPass(checkCmpxchg),
	pass.FunctionPass(pass.PruneJumpToFollowingLabel),
	pass.FunctionPass(pass.PruneDanglingLabels),
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.FunctionPass(emit.CheckFallThrough),
	pass.FunctionPass(emit.CheckResults),
	pass.InstructionPass(pass.ZeroExtend32BitOutputs),
	pass.FunctionPass(pass.Liveness),
	pass.FunctionPass(emit.CheckUninitialised),
	pass.FunctionPass(pass.AllocateRegisters),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.FunctionPass(checkBasePointer),
	pass.Func(pass.IncludeTextFlagHeader),
)

// lockable lists the instructions on which LOCK is legal, without the letter of
// their width. On any other LOCK raises #UD at run time.
var lockable = []string{
	"ADC", "ADD", "AND", "BTC", "BTR", "BTS", "CMPXCHG", "CMPXCHG8", "CMPXCHG16", "DEC", "INC", "NEG", "NOT", "OR", "SBB", "SUB",
	"XADD", "XCHG", "XOR",
}

// checkLock rejects LOCK before anything but a lockable instruction with a memory
// destination. It also rejects a bit beyond the operand, as in BTSL $32, (AX).
func checkLock(fn *ir.Function) error {
	var locked bool
	for _, n := range fn.Nodes {
		i, ok := n.(*ir.Instruction)
		if !ok {
			if locked {
				return fmt.Errorf("%s: LOCK is separated from its instruction", fn.Name)
			}
			continue
		}
		if locked && !lockLegal(i) {
			return fmt.Errorf("%s: LOCK before %s: not a lockable instruction with a memory destination", fn.Name, describe(i))
		}
		if strings.HasPrefix(i.Opcode, "BTS") && !bitInside(i) {
			return fmt.Errorf("%s: %s: the bit is outside the operand", fn.Name, describe(i))
		}
		locked = i.Opcode == "LOCK"
	}
	if locked {
		return fmt.Errorf("%s: LOCK at the end of the function", fn.Name)
	}
	return nil
}

// lockLegal reports whether LOCK may precede i. The width is the last letter of an
// opcode and no more: SUBB is SUB, not SU.
func lockLegal(i *ir.Instruction) bool {
	if len(i.Operands) == 0 || !operand.IsMem(i.Operands[len(i.Operands)-1]) {
		return false
	}
	return slices.Contains(lockable, i.Opcode[:len(i.Opcode)-1])
}

func bitInside(i *ir.Instruction) bool {
	bit, ok := i.Operands[0].(operand.U8)
	width := map[byte]operand.U8{'W': 16, 'L': 32, 'Q': 64}[i.Opcode[len(i.Opcode)-1]]
	return !ok || bit < width
}

// checkCmpxchg rejects a CMPXCHG that does not tell the register allocator of the
// accumulator. avo's own constructors do not.
func checkCmpxchg(fn *ir.Function) error {
	for _, i := range fn.Instructions() {
		if !strings.HasPrefix(i.Opcode, "CMPXCHG") {
			continue
		}
		if !names(i.Inputs, reg.AX) || !names(i.Outputs, reg.AX) {
			return fmt.Errorf("%s: %s does not name AX among its inputs and outputs", fn.Name, i.Opcode)
		}
	}
	return nil
}

func names(ops []operand.Op, want reg.Register) bool {
	for _, op := range ops {
		if r, ok := op.(reg.Register); ok && r.ID() == want.ID() {
			return true
		}
	}
	return false
}

// checkBasePointer rejects a write to BP, which belongs to the caller.
func checkBasePointer(fn *ir.Function) error {
	for _, i := range fn.Instructions() {
		if names(i.Outputs, reg.RBP) {
			return fmt.Errorf("%s: %s writes BP", fn.Name, i.Opcode)
		}
	}
	return nil
}

func describe(i *ir.Instruction) string {
	var ops []string
	for _, op := range i.Operands {
		ops = append(ops, op.Asm())
	}
	return i.Opcode + " " + strings.Join(ops, ", ")
}
