package rqvet

import (
	"go/token"
	"maps"

	"golang.org/x/tools/go/ssa"
)

// callWrites has the names of fields and package variables that a call may write. Only functions
// of this package are considered. Few others can write them, and a flag that tells of a lock is
// seldom theirs.
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
	eachInstr(fn, func(instr ssa.Instruction) {
		switch instr := instr.(type) {
		case *ssa.Store:
			switch at := instr.Addr.(type) {
			case *ssa.FieldAddr:
				all[fieldName(at.X.Type(), at.Field)] = true
			case *ssa.Global:
				all[at.Name()] = true
			}
		case ssa.CallInstruction:
			maps.Copy(all, c.callWrites(instr.Common()))
		case *ssa.MakeClosure:
			maps.Copy(all, c.writes(instr.Fn.(*ssa.Function)))
		}
	})
	return all
}

func eachInstr(fn *ssa.Function, f func(ssa.Instruction)) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			f(instr)
		}
	}
}

// onlyComputes reports whether fn, of this package, has a result that depends on nothing but its
// arguments and memory, and changes nothing.
func (c *checker) onlyComputes(fn *ssa.Function) bool {
	fn = generic(fn)
	if is, ok := c.computes[fn]; ok {
		return is
	}
	c.computes[fn] = false // for recursion
	if fn.Pkg == nil || fn.Pkg.Pkg != c.pass.Pkg || len(fn.Blocks) == 0 || fn.Parent() != nil || fn.Signature.Results().Len() != 1 {
		return false
	}
	only := true
	eachInstr(fn, func(instr ssa.Instruction) {
		switch instr := instr.(type) {
		case *ssa.Call:
			b, builtin := instr.Call.Value.(*ssa.Builtin)
			callee := instr.Call.StaticCallee()
			only = only && (builtin && (b.Name() == "len" || b.Name() == "cap") || callee != nil && c.onlyComputes(callee))
		case *ssa.Alloc:
			only = only && !instr.Heap
		case *ssa.Store:
			alloc, ok := base(instr.Addr).(*ssa.Alloc)
			only = only && ok && !alloc.Heap
		case *ssa.MapUpdate, *ssa.Send, *ssa.Select, *ssa.Go, *ssa.Defer, *ssa.Panic, *ssa.MakeClosure, *ssa.MakeMap, *ssa.MakeSlice, *ssa.MakeChan:
			only = false
		case *ssa.UnOp:
			only = only && instr.Op != token.ARROW
		}
	})
	c.computes[fn] = only
	return only
}
