package rqvet

import (
	"go/token"
	"go/types"
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
		if !strings.Contains(d.Message, lockPackage+".Mutex") {
			return
		}
		what, _, _ := strings.Cut(strings.ReplaceAll(d.Message, lockPackage+".", "rqlock."), " contains rqlock.noCopy")
		c.report(finding{rule: CopyLock, pos: d.Pos, end: d.End, message: what + ": a copy is another lock; use a pointer"})
	}
	copylock.Analyzer.Run(&pass) // reports only
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
