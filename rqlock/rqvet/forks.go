package rqvet

import (
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A program may decide twice about a lock, first whether to acquire it and later whether to
// release it, by conditions of which the analyzer does not know that they agree: a counter, a
// state, a method. So it is no mistake if a path decides them differently.
//
// The analyzer recognizes this by the second decision: it is asked both on paths that hold the
// lock and on paths that do not. Such a branch is ambiguous. What a path does after it has
// chosen at an ambiguous branch is not reported.

// reached is how a branch was reached, by the names of locks. A name, as the program has it, may
// stand for one lock after the other, as in a loop over a list.
type reached struct {
	times int
	modes map[string]modes
}

// modes says how often a lock was held, and could not be acquired, of the times that a branch was
// reached. Who has not got the lock knows that by the error.
type modes struct{ writing, reading, failed int }

// choose records how a path has come to the branch at the end of b, and whether it can decide it.
// That matters only if the branch may be about a lock.
func (w *walk) choose(s *state, b *ssa.BasicBlock, cond ssa.Value, is known) {
	if isFresh(cond) || !w.c.decidesLock(b) {
		return
	}
	r := w.reached[b]
	if r == nil {
		r = &reached{modes: map[string]modes{}}
		w.reached[b] = r
	}
	r.times++
	here := map[string]modes{}
	for _, l := range s.locks {
		switch {
		case l.reading():
			here[l.name] = modes{reading: 1}
		case l.hold == held:
			here[l.name] = modes{writing: 1}
		case l.hold == failed && here[l.name] == modes{}:
			here[l.name] = modes{failed: 1}
		}
	}
	for name, m := range here {
		all := r.modes[name]
		r.modes[name] = modes{all.writing + m.writing, all.reading + m.reading, all.failed + m.failed}
	}
	name := w.testName(s, cond)
	switch {
	case is == nothing, s.conds[name] != nothing && name.dependsOnState():
		s.fork(b)
	case s.conds[name] == nothing:
		w.byValue[b] = true
	}
}

// dominators are the branches before b that may be about a lock: b is on one side of each.
func (w *walk) dominators(b *ssa.BasicBlock) []*ssa.BasicBlock {
	var all []*ssa.BasicBlock
	for d := b.Idom(); d != nil; d = d.Idom() {
		if w.reached[d] != nil {
			all = append(all, d)
		}
	}
	return all
}

// ambiguous reports whether one of the branches was reached with the lock held, and without.
func (w *walk) ambiguous(lock string, forks []*ssa.BasicBlock) bool {
	for _, b := range forks {
		r := w.reached[b]
		m := r.modes[lock]
		if times := r.times - m.failed; m.writing+m.reading > 0 && m.writing != times && m.reading != times {
			return true
		}
	}
	return false
}

// chosen records what a path has chosen at a branch that it could not decide, if callers do not
// know the condition: what a method has returned, a map has said, or a counter has come to.
func (w *walk) chosen(s *state, b *ssa.BasicBlock, cond ssa.Value, holds known) {
	name := w.testName(s, cond)
	if isFresh(cond) || w.eval(s, cond).lock != nil || isLoop(b) || !w.c.leadsToLock(b) {
		return
	}
	switch {
	case name.here:
		s.given[name] = holds
	case !s.atBeginning(name): // of what the function has stored
		s.given[w.c.root(cond)] = holds
	}
}

// leadsToLock reports whether a lock is acquired on one side only of the branch at the end of b.
func (c *checker) leadsToLock(b *ssa.BasicBlock) bool {
	if is, ok := c.leads[b]; ok {
		return is
	}
	sides := [2]bool{}
	for i, side := range b.Succs {
		for _, op := range c.blocksWithLocks(b.Parent()) {
			if op.acquire && len(side.Preds) == 1 && side.Dominates(op.block) {
				sides[i] = true
			}
		}
	}
	c.leads[b] = sides[0] != sides[1]
	return c.leads[b]
}

// isLoop reports whether the branch at the end of b decides whether a loop goes on.
func isLoop(b *ssa.BasicBlock) bool {
	return strings.HasSuffix(b.Comment, ".loop") || b.Succs[0].Comment == "rangeint.body"
}

// mustEnter reports whether a path has come to a loop for the first time that acquires locks. It
// is taken for granted that the loop runs, because what comes after it often depends on that.
func (w *walk) mustEnter(s *state, b *ssa.BasicBlock) bool {
	if !isLoop(b) || slices.Contains(s.entered, b) {
		return false
	}
	for _, op := range w.c.blocksWithLocks(b.Parent()) {
		if op.acquire && !op.release && b.Succs[0].Dominates(op.block) {
			s.entered = append(s.entered, b)
			return true
		}
	}
	return false
}

// isFresh reports whether a condition is about what has just happened, and so not about what is
// held: an error, the choice of a select, the end of an iteration.
func isFresh(cond ssa.Value) bool {
	switch v := cond.(type) {
	case *ssa.BinOp:
		if x, ok := v.X.(*ssa.Extract); ok {
			_, sel := x.Tuple.(*ssa.Select)
			return sel || isErrorCheck(v)
		}
		return isErrorCheck(v)
	case *ssa.Extract:
		_, next := v.Tuple.(*ssa.Next)
		return next
	}
	return false
}

// isErrorCheck reports whether a condition compares an error with nil.
func isErrorCheck(cond ssa.Value) bool {
	cmp, ok := cond.(*ssa.BinOp)
	return ok && (cmp.Op == token.EQL || cmp.Op == token.NEQ) && (isError(cmp.X.Type()) || isError(cmp.Y.Type()))
}

// decidesLock reports whether a branch at the end of b may be about a lock: on one side of it
// an operation on a lock is done, which the other side leaves out, and both go on together.
// If they go on together only by coming to the branch again, as in a loop, it is about a lock if
// that side only releases.
func (c *checker) decidesLock(b *ssa.BasicBlock) bool {
	if is, ok := c.decides[b]; ok {
		return is
	}
	is := c.sideDecides(b, b.Succs[0], b.Succs[1]) || c.sideDecides(b, b.Succs[1], b.Succs[0])
	c.decides[b] = is
	return is
}

func (c *checker) sideDecides(b, side, other *ssa.BasicBlock) bool {
	if len(side.Preds) != 1 {
		return false
	}
	acquire, release, soon := false, false, false
	goesOn, withoutBranch := reaching(other, nil), reaching(other, b)
	for _, op := range c.blocksWithLocks(b.Parent()) {
		if side.Dominates(op.block) && (goesOn[op.block.Index] || op.block == other) {
			acquire, release = acquire || op.acquire, release || op.release
			soon = soon || withoutBranch[op.block.Index] || op.block == other
		}
	}
	return release && !acquire || acquire && soon && !isLoop(b)
}

// lockBlock is a block that acquires or releases a lock.
type lockBlock struct {
	block            *ssa.BasicBlock
	acquire, release bool
}

// blocksWithLocks are the blocks of fn that acquire or release a lock.
func (c *checker) blocksWithLocks(fn *ssa.Function) []lockBlock {
	if all, ok := c.lockBlocks[fn]; ok {
		return all
	}
	var all []lockBlock
	for _, b := range fn.Blocks {
		if acquire, release := c.operates(b); acquire || release {
			all = append(all, lockBlock{b, acquire, release})
		}
	}
	c.lockBlocks[fn] = all
	return all
}

// operates reports whether a block acquires or releases a lock, or calls what may.
func (c *checker) operates(b *ssa.BasicBlock) (acquire, release bool) {
	for _, instr := range b.Instrs {
		call, ok := instr.(ssa.CallInstruction)
		if !ok {
			continue
		}
		if _, m, ok := lockCall(call.Common()); ok {
			acquire, release = acquire || m.op == acquires, release || m.op == releases
			continue
		}
		if sum := c.summaryOf(call.Common()); sum != nil {
			for _, outcome := range sum.Outcomes {
				for _, e := range outcome.Locks {
					acquire, release = acquire || e.Hold == held, release || e.Hold == released
				}
			}
		}
	}
	return acquire, release
}

// reaches reports whether a path leads from one block to another.
func reaches(from, to *ssa.BasicBlock) bool { return reaching(to, nil)[from.Index] }

// reaching says of each block of a function, by its index, whether a path leads from it to one of
// them, and not through another.
func reaching(to, except *ssa.BasicBlock) []bool {
	all := make([]bool, len(to.Parent().Blocks))
	work := []*ssa.BasicBlock{to}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, from := range b.Preds {
			if !all[from.Index] && from != except {
				all[from.Index] = true
				work = append(work, from)
			}
		}
	}
	return all
}
