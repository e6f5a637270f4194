package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/ssa"
)

// checkCopies lets vet's copylocks look for copies, and keeps what it says of this
// lock.
func (c *checker) checkCopies() {
	pass := *c.pass
	pass.Analyzer = copylock.Analyzer
	pass.Report = func(d analysis.Diagnostic) {
		if !strings.Contains(d.Message, lockPackage+".Lock") {
			return
		}
		c.report(finding{rule: CopyLock, pos: d.Pos, end: d.End,
			message: fmt.Sprintf("%s: a copy is another lock; use a pointer", strings.ReplaceAll(d.Message, lockPackage+".", "rqlock."))})
	}
	copylock.Analyzer.Run(&pass) // reports only
}

// checkForged reports pointers to locks that are made of anything else.
func (c *checker) checkForged(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			conv, ok := instr.(*ssa.Convert)
			if !ok || !isLockPointer(conv.Type()) {
				continue
			}
			if basic, ok := conv.X.Type().Underlying().(*types.Basic); ok && basic.Kind() == types.UnsafePointer {
				c.report(finding{rule: BadLock, pos: conv.Pos(),
					message: "a *rqlock.Lock made from an unsafe.Pointer may not point to a lock: take the address of a Lock variable or field"})
			}
		}
	}
}

// badLock reports an operation on a nil pointer.
func (w *walk) badLock(lock ssa.Value, pos token.Pos) bool {
	k, ok := lock.(*ssa.Const)
	if !ok || !k.IsNil() {
		return false
	}
	w.report(BadLock, pos, "the lock is a nil pointer: declare a Lock, or make one with new(rqlock.Lock)")
	return true
}
