package rqvet

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// iterations is what a walk knows of the locks that each iteration of a loop acquires
// anew, by the position of the acquisition.
type iterations struct {
	kept     map[token.Pos]lockState // some iteration ends with the lock held
	released map[token.Pos]bool      // some iteration releases it
}

// forget drops what s knows of a value that is computed anew, as the variable of a loop
// is, and records the locks held that lose their names.
func (w *walk) forget(s *state, root *path) {
	w.nameByVariables(s, root)
	for p, l := range s.locks {
		switch {
		case l.hold != held || l.reacquired || l.later || !p.mentions(root):
		case l.record:
			w.report(BadRecord, l.pos, "the record is neither committed nor discarded before the next iteration of the loop reserves another: finish it on each path, before a continue, too")
		default:
			w.iterations.kept[l.pos] = l
			s.lost[l.class] = l
		}
	}
	s.forget(root)
}

// nameByVariables finds the locks that a loop's variable names, too, as the last element of a
// list that was looked at, and calls them by that variable.
func (w *walk) nameByVariables(s *state, root *path) {
	for v, known := range s.env {
		phi, ok := v.(*ssa.Phi)
		if own := w.c.root(v); ok && known.path.mentions(root) && own != root {
			for p, l := range w.movedTo(s, phi, known.path) {
				s.locks[p] = l
			}
		}
	}
}

// movedTo takes the locks out of s to which a path leads, and returns them by what they are called
// from a loop's variable.
func (w *walk) movedTo(s *state, phi *ssa.Phi, from *path) map[*path]lockState {
	moved := map[*path]lockState{}
	own := w.c.root(phi)
	for p, l := range s.locks {
		if !p.leadsFrom(from) {
			continue
		}
		delete(s.locks, p)
		moved[p.with(func(q *path) *path {
			if q == from {
				return own
			}
			return nil
		})] = l
	}
	return moved
}

// checkIterations reports locks that only some iterations of a loop release, and nobody
// else.
func (w *walk) checkIterations() {
	for pos, l := range w.iterations.kept {
		if !w.iterations.released[pos] || lockingName.MatchString(w.top.Name()) {
			continue
		}
		w.kept = append(w.kept, keptLock{l.class, true, w.id(), false, finding{rule: Leak, pos: pos,
			message: l.name + " is still held when the next iteration of the loop acquires another: unlock it on each path, before a continue, too"}})
	}
}

// checkLost reports an exit at which locks are held that earlier iterations of a loop have
// acquired. Another exit, which is no failure if this is none, is behind a loop that releases them
// all. But no release of such a lock leads to this one.
func (w *walk) checkLost(exits []exit, e exit) {
	for _, class := range sortedClasses(e.state.lost) {
		l := e.state.lost[class]
		if e.panics != "" || w.iterations.released[l.pos] || !class.known() || e.block.Parent() != w.top || w.deferred(class) || w.releasesBefore(e, class) {
			continue
		}
		for _, other := range exits {
			if other.panics == "" && w.releasesBefore(other, class) && (e.failure() == notNil || other.failure() != notNil) {
				w.found = append(w.found, finding{rule: Leak, pos: e.pos,
					message: "return with what earlier iterations of the loop have locked (" + l.name + ", " + w.c.at(l.pos, e.pos) + "): unlock all of them on this path, too"})
				break
			}
		}
	}
}

// releasesBefore reports whether a release of a lock of a class leads to an exit.
func (w *walk) releasesBefore(e exit, of class) bool {
	if e.block.Parent() != w.top {
		return true
	}
	return slices.ContainsFunc(w.top.Blocks, func(b *ssa.BasicBlock) bool {
		return (b == e.block || reaches(b, e.block)) && w.c.mayRelease(b, of)
	})
}

// deferred reports whether the function defers something that may release a lock of a class.
func (w *walk) deferred(of class) (found bool) {
	eachInstr(w.top, func(instr ssa.Instruction) {
		_, ok := instr.(*ssa.Defer)
		found = found || ok && w.c.mayRelease(instr.Block(), of)
	})
	return found
}

// mayRelease reports whether a block releases a lock of a class, or calls what may.
func (c *checker) mayRelease(b *ssa.BasicBlock, of class) bool {
	for _, instr := range b.Instrs {
		call, ok := instr.(ssa.CallInstruction)
		if !ok {
			continue
		}
		if lock, m, ok := lockCall(call.Common()); ok {
			if m.op == releases && lockClass(lock) == of {
				return true
			}
			continue
		}
		if fn := closureOf(call.Common().Value); fn != nil {
			if _, ok := onlyUnlocks(fn)[of]; ok {
				return true
			}
		}
		if sum := c.summaryOf(call.Common()); sum != nil && slices.Contains(sum.classes(), of) {
			return true
		}
	}
	return false
}
