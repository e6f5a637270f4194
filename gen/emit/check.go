package emit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// CheckFallThrough rejects a function that can run beyond its last instruction, which
// avo's control-flow graph permits. It runs after pass.CFG.
func CheckFallThrough(fn *ir.Function) error {
	is := fn.Instructions()
	if len(is) == 0 {
		return fmt.Errorf("%s: no instructions", fn.Name)
	}
	for _, i := range is {
		for _, s := range i.Succ {
			if s == nil {
				return fmt.Errorf("%s: execution falls off the end after %s", fn.Name, i.Opcode)
			}
		}
	}
	return nil
}

// CheckUninitialised rejects a register that is read before it is written.
// It runs after pass.Liveness.
func CheckUninitialised(fn *ir.Function) error {
	live := slices.Sorted(maps.Keys(fn.Instructions()[0].LiveIn))
	if len(live) > 0 {
		return fmt.Errorf("%s: register %d is read before it is written", fn.Name, live[0].Index())
	}
	return nil
}

// CheckResults rejects a path to a RET on which a result is not stored. vet's asmdecl
// checks that for unnamed results only. It runs after pass.CFG.
func CheckResults(fn *ir.Function) error {
	results := resultSymbols(fn)
	all := uint64(1)<<len(results) - 1
	is := fn.Instructions()
	// stored has the results that are stored on every path to an instruction.
	stored := map[*ir.Instruction]uint64{}
	for _, i := range is {
		stored[i] = all
	}
	stored[is[0]] = 0
	for changed := true; changed; {
		changed = false
		for _, i := range is {
			out := stored[i] | stores(i, results)
			for _, s := range i.Succ {
				if s != nil && stored[s]&^out != 0 {
					stored[s] &= out
					changed = true
				}
			}
		}
	}
	for _, i := range is {
		if i.Opcode != "RET" {
			continue
		}
		for n, name := range results {
			if stored[i]>>n&1 == 0 {
				return fmt.Errorf("%s: RET without storing result %s", fn.Name, name)
			}
		}
	}
	return nil
}

func resultSymbols(fn *ir.Function) []string {
	var names []string
	_, after, ok := strings.Cut(fn.Signature.String(), ") (")
	if !ok {
		return nil
	}
	for _, r := range strings.Split(strings.TrimSuffix(after, ")"), ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(r), " ")
		if typ == "error" {
			names = append(names, name+"_itable", name+"_data")
			continue
		}
		names = append(names, name)
	}
	return names
}

// stores returns the bits of the results that i writes.
func stores(i *ir.Instruction, results []string) uint64 {
	var bits uint64
	for _, op := range i.Outputs {
		m, ok := op.(operand.Mem)
		if !ok || m.Base != reg.FramePointer {
			continue
		}
		for n, name := range results {
			if m.Symbol.Name == name {
				bits |= 1 << n
				if storesPair(i) {
					bits |= 2 << n
				}
			}
		}
	}
	return bits
}

// storesPair reports whether i stores a register of 16 bytes, and with it the word behind.
func storesPair(i *ir.Instruction) bool {
	for _, r := range i.InputRegisters() {
		if r.Size() == 16 {
			return true
		}
	}
	return false
}
