package rqvet

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// callWrites has the names of fields and package variables that a call may write. Only functions
// of this package are considered. Few others can write them, and a flag that tells of a lock is
// seldom theirs.
func (c *checker) callWrites(call *ssa.CallCommon) numbers {
	if !call.IsInvoke() {
		fn := call.StaticCallee()
		if fn == nil {
			return nil
		}
		return c.writes(generic(fn))
	}
	var all numbers
	for _, fn := range c.methods(call) {
		all.addAll(c.writes(fn))
	}
	return all
}

// numbers is a set of numbers from 1 on, a bit for each: the sets of a package are many and large.
type numbers []uint64

func (n *numbers) add(id int) {
	for len(*n) <= id/64 {
		*n = append(*n, 0)
	}
	(*n)[id/64] |= 1 << (id % 64)
}

func (n *numbers) addAll(more numbers) {
	for len(*n) < len(more) {
		*n = append(*n, 0)
	}
	for i, bits := range more {
		(*n)[i] |= bits
	}
}

func (n numbers) has(id int) bool { return id > 0 && id/64 < len(n) && n[id/64]>>(id%64)&1 != 0 }

func (n numbers) empty() bool { return len(n) == 0 }

// have reports whether p is a field or a package variable whose name is in the set.
func (n numbers) have(p *path) bool { return n.has(p.variable) }

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
func (c *checker) writes(fn *ssa.Function) numbers {
	if all, ok := c.written[fn]; ok {
		return *all
	}
	if fn.Pkg == nil || fn.Pkg.Pkg != c.pass.Pkg {
		return nil
	}
	all := new(numbers)
	c.written[fn] = all // for recursion
	eachInstr(fn, func(instr ssa.Instruction) {
		switch instr := instr.(type) {
		case *ssa.Store:
			switch at := instr.Addr.(type) {
			case *ssa.FieldAddr:
				all.add(c.paths.nameID(fieldName(at.X.Type(), at.Field)))
			case *ssa.Global:
				all.add(c.paths.nameID(at.Name()))
			}
		case ssa.CallInstruction:
			all.addAll(c.callWrites(instr.Common()))
		case *ssa.MakeClosure:
			all.addAll(c.writes(instr.Fn.(*ssa.Function)))
		}
	})
	return *all
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
