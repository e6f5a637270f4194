package rqvet

import (
	"maps"

	"golang.org/x/tools/go/ssa"
)

// callWrites has the fields and package variables that a call may write: ".name", as
// access paths end. Only functions of this package are considered. Few others can write
// them, and a flag that tells of a lock is seldom theirs.
func (c *checker) callWrites(call *ssa.CallCommon) map[string]bool {
	if !call.IsInvoke() {
		fn := call.StaticCallee()
		if fn == nil {
			return nil
		}
		return c.writes(generic(fn))
	}
	all := map[string]bool{}
	for _, fn := range c.methods(call) {
		maps.Copy(all, c.writes(fn))
	}
	return all
}

// methods are the package's methods that a call through an interface may reach.
func (c *checker) methods(call *ssa.CallCommon) []*ssa.Function {
	var all []*ssa.Function
	for _, fn := range c.byName[call.Method.Name()] {
		if fn.Signature.Recv() != nil {
			all = append(all, fn)
		}
	}
	return all
}

// writes has what fn writes, by itself and by its callees.
func (c *checker) writes(fn *ssa.Function) map[string]bool {
	if all, ok := c.written[fn]; ok || fn.Pkg == nil || fn.Pkg.Pkg != c.pass.Pkg {
		return all
	}
	all := map[string]bool{}
	c.written[fn] = all // for recursion
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch instr := instr.(type) {
			case *ssa.Store:
				switch at := instr.Addr.(type) {
				case *ssa.FieldAddr:
					all["."+fieldName(at.X.Type(), at.Field)] = true
				case *ssa.Global:
					all["."+at.Name()] = true
				}
			case ssa.CallInstruction:
				maps.Copy(all, c.callWrites(instr.Common()))
			case *ssa.MakeClosure:
				maps.Copy(all, c.writes(instr.Fn.(*ssa.Function)))
			}
		}
	}
	return all
}
