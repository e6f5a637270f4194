package arm64

import (
	"fmt"
	mathbits "math/bits"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
)

// compile has the passes of avo that are not about amd64, with the checks that avo
// lacks. rename comes last, because no pass of avo knows the registers it names.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(pass.PruneJumpToFollowingLabel),
	pass.FunctionPass(pass.PruneDanglingLabels),
	pass.FunctionPass(checkLSEBuild),
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.FunctionPass(emit.CheckFallThrough),
	pass.FunctionPass(checkBodyEnd),
	pass.FunctionPass(emit.CheckResults),
	pass.FunctionPass(pass.Liveness),
	pass.FunctionPass(emit.CheckUninitialised),
	pass.FunctionPass(pass.AllocateRegisters),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.FunctionPass(checkStatus),
	pass.FunctionPass(checkWindows),
	pass.Func(pass.IncludeTextFlagHeader),
	pass.InstructionPass(rename),
)

// checkLSEBuild checks what remains of the function under GOARM64_LSE as if it were
// a function of its own. It must be complete, and have no exclusive store.
func checkLSEBuild(fn *ir.Function) error {
	lse := withoutLLSC(fn)
	for _, i := range lse.Instructions() {
		if isStoreExclusive(i) {
			return fmt.Errorf("%s: %s is left under GOARM64_LSE", fn.Name, i.Opcode)
		}
	}
	for _, check := range []pass.FunctionPass{
		pass.LabelTarget, pass.CFG, emit.CheckFallThrough, emit.CheckResults, pass.Liveness, emit.CheckUninitialised,
	} {
		if err := check(lse); err != nil {
			return fmt.Errorf("%s: under GOARM64_LSE: %w", fn.Name, err)
		}
	}
	return nil
}

// withoutLLSC copies a function as it is assembled under GOARM64_LSE.
func withoutLLSC(fn *ir.Function) *ir.Function {
	lse := &ir.Function{Name: fn.Name, Signature: fn.Signature}
	dropped := false
	for _, n := range fn.Nodes {
		i, ok := n.(*ir.Instruction)
		switch {
		case ok && i.Opcode == ifndefLSE:
			dropped = true
		case ok && i.Opcode == endif:
			dropped = false
		case dropped:
		case ok:
			c := *i
			lse.AddInstruction(&c)
		default:
			lse.AddNode(n)
		}
	}
	return lse
}

// checkBodyEnd rejects an LL/SC body that runs into its #endif, which counts as a
// terminal instruction in CheckFallThrough. It runs after pass.CFG.
func checkBodyEnd(fn *ir.Function) error {
	for _, i := range fn.Instructions() {
		if i.Opcode == endif && i.IsTerminal && len(i.Pred) > 0 {
			return fmt.Errorf("%s: execution falls off the end after %s", fn.Name, i.Pred[0].Opcode)
		}
	}
	return nil
}

func isLoadExclusive(i *ir.Instruction) bool {
	return strings.HasPrefix(i.Opcode, "LDXR") || strings.HasPrefix(i.Opcode, "LDAXR")
}

func isStoreExclusive(i *ir.Instruction) bool {
	return strings.HasPrefix(i.Opcode, "STXR") || strings.HasPrefix(i.Opcode, "STLXR")
}

// address returns the address register of an exclusive instruction, and the suffix
// for its width.
func address(i *ir.Instruction) (reg.Register, string) {
	_, width, _ := strings.Cut(i.Opcode, "XR")
	for _, op := range i.Operands {
		if m, ok := op.(operand.Mem); ok {
			return m.Base, width
		}
	}
	return nil, width
}

// checkStatus rejects an exclusive store whose status register is also its data or
// its address. What such an instruction does is unpredictable.
func checkStatus(fn *ir.Function) error {
	for _, i := range fn.Instructions() {
		if !isStoreExclusive(i) {
			continue
		}
		status := i.Operands[2].(reg.Register)
		base, _ := address(i)
		if reg.Equal(status, base) || reg.Equal(status, i.Operands[0].(reg.Register)) {
			return fmt.Errorf("%s: %s: the status register is also data or address", fn.Name, describe(i))
		}
	}
	return nil
}

// A window is an instruction together with the exclusive load whose reservation is
// held there.
type window struct {
	at    *ir.Instruction
	load  *ir.Instruction // nil = no reservation is held
	slept bool            // a WFE came after the load
}

// checkWindows follows every path through the function. It rejects what keeps an
// exclusive store from succeeding, and a reservation that is neither used nor
// dropped.
func checkWindows(fn *ir.Function) error {
	visited := map[window]bool{}
	todo := []window{{at: fn.Instructions()[0]}}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if visited[w] {
			continue
		}
		visited[w] = true
		if err := w.check(); err != nil {
			return fmt.Errorf("%s: %s: %w", fn.Name, describe(w.at), err)
		}
		for _, s := range w.at.Succ {
			next := w.after()
			next.at = s
			todo = append(todo, next)
		}
	}
	return nil
}

// check says why the instruction may not be in the window, if it may not.
func (w window) check() error {
	switch i := w.at; {
	case isStoreExclusive(i):
		return w.checkStore()
	case w.load == nil || i.Opcode == "CLREX" || w.slept && isLoadExclusive(i):
		return nil
	case i.IsTerminal:
		return fmt.Errorf("leaves an exclusive window without CLREX")
	case i.Opcode == "CALL" || i.Opcode == "BL":
		return fmt.Errorf("a call in an exclusive window")
	case slices.ContainsFunc(i.Operands, operand.IsMem):
		return fmt.Errorf("a memory access in an exclusive window")
	case !immediatesFit(i):
		return fmt.Errorf("an immediate in an exclusive window that takes more than one instruction")
	}
	return nil
}

// checkStore checks that an exclusive store closes a window of its own kind.
func (w window) checkStore() error {
	if w.load == nil {
		return fmt.Errorf("no exclusive load before it")
	}
	base, width := address(w.at)
	if from, loaded := address(w.load); !reg.Equal(base, from) || width != loaded {
		return fmt.Errorf("does not store what %s loads", describe(w.load))
	}
	return nil
}

// after returns the state behind the instruction.
func (w window) after() window {
	switch i := w.at; {
	case isLoadExclusive(i):
		return window{load: i}
	case isStoreExclusive(i), i.Opcode == "CLREX":
		return window{}
	case i.Opcode == "WFE":
		return window{load: w.load, slept: w.load != nil}
	}
	return window{load: w.load, slept: w.slept}
}

// logical and arithmetic list the instructions with immediates of those kinds. The
// forms with a W work on 32 bits.
var (
	logical    = []string{"AND", "ANDS", "BIC", "BICS", "EON", "EOR", "ORN", "ORR", "TST"}
	arithmetic = []string{"ADD", "ADDS", "CMN", "CMP", "SUB", "SUBS"}
)

// immediatesFit reports whether every immediate fits into its instruction. If one does
// not, the assembler silently builds it in R27, or even loads it from memory.
// Instructions of no known kind may have shift counts only.
func immediatesFit(i *ir.Instruction) bool {
	opcode, word := strings.CutSuffix(i.Opcode, "W")
	for _, op := range i.Operands {
		c, ok := op.(operand.Constant)
		if !ok {
			continue
		}
		v, ok := value(c)
		fits := v < 64
		switch {
		case slices.Contains(logical, opcode):
			if word {
				v |= v << 32
			}
			fits = isBitmask(v)
		case slices.Contains(arithmetic, opcode):
			fits = v < 1<<12
		}
		if !ok || !fits {
			return false
		}
	}
	return true
}

// value returns the value of an unsigned constant, and whether c is one.
func value(c operand.Constant) (v uint64, ok bool) {
	switch c := c.(type) {
	case operand.U8:
		return uint64(c), true
	case operand.U16:
		return uint64(c), true
	case operand.U32:
		return uint64(c), true
	case operand.U64:
		return uint64(c), true
	}
	return 0, false
}

// isBitmask reports whether v is a logical immediate: a run of ones, rotated, and
// repeated every 2, 4, 8, 16, 32 or 64 bits. Such a value changes between 0 and 1
// exactly twice in each period.
func isBitmask(v uint64) bool {
	for period := 2; period <= 64; period *= 2 {
		if mathbits.RotateLeft64(v, period) == v {
			return mathbits.OnesCount64(v^mathbits.RotateLeft64(v, 1)) == 2*64/period
		}
	}
	return false
}

// describe prints an instruction as the assembler will see it.
func describe(i *ir.Instruction) string {
	c := *i
	c.Operands = slices.Clone(i.Operands)
	rename(&c)
	var list []string
	for _, op := range c.Operands {
		list = append(list, op.Asm())
	}
	return strings.TrimSpace(c.Opcode + " " + strings.Join(list, ", "))
}
