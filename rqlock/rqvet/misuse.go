package rqvet

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/ssa"
)

// checkCopies runs vet's copylocks and keeps what it reports of this lock.
func (c *checker) checkCopies() {
	pass := *c.pass
	pass.Analyzer = copylock.Analyzer
	pass.Report = func(d analysis.Diagnostic) {
		if !c.namesLock(d.Message) {
			return
		}
		what := strings.NewReplacer(syncPackage+".", "sync.", lockPackage+".", "rqlock.").Replace(d.Message)
		what, _, _ = strings.Cut(what, " contains rqlock.noCopy")
		c.report(finding{rule: CopyLock, pos: d.Pos, end: d.End, message: what + ": a copy is another lock; use a pointer"})
	}
	copylock.Analyzer.Run(&pass) // reports only
}

// namesLock reports whether a message of copylocks is about one of this library's locks: it names
// the lock's type, or ends with that of a struct that embeds one.
func (c *checker) namesLock(message string) bool {
	if slices.ContainsFunc(kinds, func(k kind) bool { return !k.record && strings.Contains(message, k.pkg+"."+k.name) }) {
		return true
	}
	name := message[strings.LastIndexByte(message, ' ')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	for _, p := range append(c.pass.Pkg.Imports(), c.pass.Pkg) {
		if obj := p.Scope().Lookup(name[dot+1:]); p.Path() == name[:dot] && obj != nil {
			return holdsLock(obj.Type())
		}
	}
	return false
}

// checkMoves reports copies that vet's copylocks does not report: through a channel, by
// the builtin copy, and by append of a whole slice.
func (c *checker) checkMoves(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch instr := instr.(type) {
			case *ssa.Send:
				c.checkMove(instr.X.Type(), instr.Pos(), "a send on a channel")
			case *ssa.Call:
				builtin, ok := instr.Call.Value.(*ssa.Builtin)
				if !ok || len(instr.Call.Args) < 2 {
					continue
				}
				from, ok := instr.Call.Args[1].Type().Underlying().(*types.Slice)
				if ok && (builtin.Name() == "copy" || builtin.Name() == "append" && !listed(instr.Call.Args[1])) {
					c.checkMove(from.Elem(), instr.Pos(), "the builtin "+builtin.Name())
				}
			}
		}
	}
}

// listed reports whether v is made of arguments that are written one by one. Those are
// reported by copylocks.
func listed(v ssa.Value) bool {
	slice, ok := v.(*ssa.Slice)
	if !ok {
		return false
	}
	alloc, ok := slice.X.(*ssa.Alloc)
	return ok && alloc.Comment == "varargs"
}

func (c *checker) checkMove(t types.Type, pos token.Pos, how string) {
	if holdsLock(t) {
		c.report(finding{rule: CopyLock, pos: pos, message: how + " copies a lock: a copy is another lock; use a pointer"})
	}
}

// holdsLock reports whether a value of type t has a lock in it.
func holdsLock(t types.Type) bool {
	if isLock(t) {
		return true
	}
	switch t := t.Underlying().(type) {
	case *types.Array:
		return holdsLock(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if holdsLock(f.Type()) {
				return true
			}
		}
	}
	return false
}

// checkMoving reports a call of a library function that moves or copies the elements of a slice or
// a map, which have locks in them.
func (c *checker) checkMoving(call *ssa.CallCommon, pos token.Pos) {
	obj := calleeObject(call)
	if obj == nil || obj.Pkg() == nil {
		return
	}
	moves, ok := moving[obj.Pkg().Path()]
	if !ok || !moves(obj.Name()) {
		return
	}
	for _, arg := range call.Args {
		if m, ok := arg.(*ssa.MakeInterface); ok {
			arg = m.X
		}
		var elem types.Type
		switch t := arg.Type().Underlying().(type) {
		case *types.Slice:
			elem = t.Elem()
		case *types.Map:
			elem = t.Elem()
		}
		if elem != nil && holdsLock(elem) {
			c.checkMove(elem, pos, obj.Pkg().Name()+"."+obj.Name())
			return
		}
	}
}

// moving says, by package, which functions move or copy the elements that they are given.
var moving = map[string]func(string) bool{
	"slices": prefixed("Clone Compact Concat Delete Grow Insert Repeat Replace Reverse Sort AppendSeq"),
	"maps":   oneOf("Clone Copy"),
	"sort":   oneOf("Slice SliceStable"),
}

// checkLoads reports copies of what a call's result points to, which vet's copylocks takes for
// new, and of what an interface holds.
func (c *checker) checkLoads(fn *ssa.Function) {
	eachInstr(fn, func(instr ssa.Instruction) {
		switch v := instr.(type) {
		case *ssa.UnOp:
			if maker, _ := resultOf(v.X); v.Op == token.MUL && maker != nil && holdsLock(v.Type()) && copied(v) && !makesNew(maker) {
				c.checkMove(v.Type(), v.Pos(), "the load")
			}
		case *ssa.TypeAssert:
			if holdsLock(v.AssertedType) && !types.IsInterface(v.AssertedType) {
				c.checkMove(v.AssertedType, v.Pos(), "the type assertion")
			}
		}
	})
}

// makesNew reports whether a function is, by its name, one that makes what it returns: to copy
// that once, before anybody knows it, is right.
func makesNew(call *ssa.CallCommon) bool {
	obj := calleeObject(call)
	return obj != nil && prefixed("New new Make make Default default")(obj.Name())
}

// copied reports whether a value is used as a whole, and not only for a field.
func copied(v ssa.Value) bool {
	for _, ref := range *v.Referrers() {
		switch ref.(type) {
		case *ssa.Field, *ssa.DebugRef:
		default:
			return true
		}
	}
	return false
}

// copiesThrough has the type parameters of which fn loads a value from where it has no variable of
// its own.
func (c *checker) copiesThrough(fn *ssa.Function) []int {
	params := fn.TypeParams()
	if params.Len() == 0 {
		return nil
	}
	var all []int
	eachInstr(fn, func(instr ssa.Instruction) {
		load, ok := instr.(*ssa.UnOp)
		if !ok || load.Op != token.MUL {
			return
		}
		if _, own := base(load.X).(*ssa.Alloc); own {
			return
		}
		for i := range params.Len() {
			if types.Identical(load.Type(), params.At(i)) && !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	})
	return all
}

// copiesHere reports a call of a generic function that copies what has a lock in it.
func (w *walk) copiesHere(sum *summary, call *ssa.CallCommon, pos token.Pos) {
	fn := call.StaticCallee()
	if fn == nil {
		return
	}
	for _, i := range sum.Copies {
		if i < len(fn.TypeArgs()) {
			w.c.checkMove(fn.TypeArgs()[i], pos, calleeName(call))
		}
	}
}

// checkForged reports pointers to locks that are converted from an unsafe.Pointer.
func (c *checker) checkForged(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			conv, ok := instr.(*ssa.Convert)
			if !ok || !isLockPointer(conv.Type()) {
				continue
			}
			if basic, ok := conv.X.Type().Underlying().(*types.Basic); ok && basic.Kind() == types.UnsafePointer {
				c.report(finding{rule: BadLock, pos: conv.Pos(),
					message: "a *rqlock.Mutex made from an unsafe.Pointer may not point to a lock: take the address of a Mutex variable or field"})
			}
		}
	}
}

// badLock records whether the lock of an operation is nil, which crashes the program.
func (w *walk) badLock(s *state, lock ssa.Value, pos token.Pos) bool {
	is := w.eval(s, lock).known == isNil
	all, known := w.nils[pos]
	w.nils[pos] = is && (all || !known)
	return is
}

// checkNils reports operations on a lock that is nil on every path to them.
func (w *walk) checkNils() {
	for pos, all := range w.nils {
		if all {
			w.report(BadLock, pos, "the lock is a nil pointer or interface: declare a Mutex, or make one with new(rqlock.Mutex)")
		}
	}
}
