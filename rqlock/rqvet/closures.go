package rqvet

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// closure is a function literal in the making: it shares the variables that it
// captures, and if it is not only called from here, the locks that it changes are
// out of sight.
func (w *walk) closure(s *state, mc *ssa.MakeClosure) {
	fn := mc.Fn.(*ssa.Function)
	if lock, _, ok := boundMethod(mc); ok {
		if !calledHere(mc) {
			w.escape(s, lock)
		}
		return
	}
	if fn.Parent() == nil {
		w.methodValue(s, mc)
		return
	}
	for i, fv := range fn.FreeVars {
		v := w.eval(s, mc.Bindings[i])
		v.path = w.path(s, mc.Bindings[i])
		s.env[fv] = v
	}
	if calledHere(mc) || len(fn.Blocks) == 0 {
		return
	}
	w.closureAnytime(s, w.c.summarize(fn), mc)
}

// closureAnytime gives up on what a closure may change at any time: locks, and the
// variables that it captures.
func (w *walk) closureAnytime(s *state, sum *summary, mc *ssa.MakeClosure) {
	w.outOfSight(s, sum, func(root string) string { return w.free(s, root, root, mc) })
	for i, b := range mc.Bindings {
		if writes(mc.Fn.(*ssa.Function).FreeVars[i]) {
			s.store(w.path(s, b), val{})
		}
	}
}

// methodValue is a method with its receiver: it may be called at any time.
func (w *walk) methodValue(s *state, mc *ssa.MakeClosure) {
	obj, _ := mc.Fn.(*ssa.Function).Object().(*types.Func)
	if obj == nil || obj.Pkg() != w.c.pass.Pkg {
		return
	}
	fn := w.c.prog.FuncValue(obj.Origin())
	if fn == nil || len(fn.Blocks) == 0 {
		return
	}
	w.outOfSight(s, w.c.summarize(fn), func(root string) string {
		if root == "p0" {
			return w.path(s, mc.Bindings[0])
		}
		return root
	})
}

// outOfSight gives up on the locks that a function may change at any time.
func (w *walk) outOfSight(s *state, sum *summary, here func(root string) string) {
	if sum == nil {
		return
	}
	for _, way := range sum.Ways {
		for _, e := range way.Locks {
			root, rest := splitPath(e.Path)
			path := s.resolve(here(root), rest)
			s.locks[path] = lockState{class: e.Class, name: e.Name}
			s.lose(path)
		}
		for _, class := range way.Fog {
			s.fog[class] = true
		}
	}
}

// writes reports whether a closure, or one inside, stores to a captured variable.
func writes(fv *ssa.FreeVar) bool {
	for _, ref := range *fv.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Store:
			if ref.Addr == fv {
				return true
			}
		case *ssa.MakeClosure:
			for i, b := range ref.Bindings {
				if b == fv && writes(ref.Fn.(*ssa.Function).FreeVars[i]) {
					return true
				}
			}
		}
	}
	return false
}

// calledHere reports whether a function value is only called or deferred, or the
// body of a goroutine.
func calledHere(mc *ssa.MakeClosure) bool {
	for _, ref := range *mc.Referrers() {
		switch ref := ref.(type) {
		case ssa.CallInstruction:
			if ref.Common().Value != mc && goroutineBody(ref.Common()) != mc {
				return false
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

// deferCall puts a call on the defer stack.
func (w *walk) deferCall(s *state, instr *ssa.Defer) {
	d := deferred{call: instr}
	lock, m, ok := lockCall(&instr.Call)
	if ok && !m.take {
		d.lock = w.path(s, lock)
	} else if ok {
		w.ignored(s, pretty(lock), m, instr.Pos())
		return
	}
	s.defers = append(s.defers, d)
}

// runDefers runs what the current function has deferred, last first.
func (w *walk) runDefers(s *state, base int) []*state {
	states := []*state{s}
	for {
		var next []*state
		ran := false
		for _, s := range states {
			if len(s.defers) <= base {
				next = append(next, s)
				continue
			}
			ran = true
			d := s.defers[len(s.defers)-1]
			s.defers = s.defers[:len(s.defers)-1]
			if lock, m, ok := lockCall(&d.call.Call); ok {
				t := w.target(s, lock)
				t.path = d.lock
				w.release(s, t, m, d.call.Pos(), d.call)
				next = append(next, s)
				continue
			}
			next = append(next, w.apply(s, &d.call.Call, nil, d.call.Pos())...)
		}
		states = next
		if !ran || len(states) > maxStates {
			return states
		}
	}
}

// goCall starts a goroutine, which holds nothing.
func (w *walk) goCall(s *state, instr *ssa.Go) {
	if lock, m, ok := lockCall(&instr.Call); ok {
		w.goLock(s, lock, m, instr.Pos())
		return
	}
	w.escapeAll(s, &instr.Call)
	if fn := closureOf(instr.Call.Value); fn != nil {
		w.goClosure(s, fn, instr.Call.Value)
		return
	}
	// A function that unlocks for its caller: not for this one.
	sum := w.c.summaryOf(&instr.Call)
	if sum == nil {
		return
	}
	for _, way := range sum.Ways {
		for _, e := range way.Locks {
			path := w.translate(s, e.Path, &instr.Call)
			if e.Hold == released && s.locks[path].hold == held {
				w.newGoroutine(instr.Pos(), s.locks[path].name)
				s.lose(path)
			}
		}
	}
}

// goBody is a function value that a library starts as a goroutine.
func (w *walk) goBody(s *state, body ssa.Value, pos token.Pos) {
	if lock, m, ok := boundMethod(body); ok {
		w.goLock(s, lock, m, pos)
	} else if fn := closureOf(body); fn != nil {
		w.goClosure(s, fn, body)
	}
}

// goLock is a method of a lock as a goroutine.
func (w *walk) goLock(s *state, lock ssa.Value, m method, pos token.Pos) {
	if m.take {
		w.ignored(s, pretty(lock), m, pos)
		return
	}
	w.newGoroutine(pos, pretty(lock))
	s.lose(w.path(s, lock))
}

// goClosure is a function literal as a goroutine: what it unlocks is reported there.
func (w *walk) goClosure(s *state, fn *ssa.Function, value ssa.Value) {
	w.c.explored[fn] = true
	w.c.summarizeOutside(fn)
	if mc, ok := value.(*ssa.MakeClosure); ok {
		w.closureAnytime(s, w.c.summaries[fn], mc)
	}
}

func (w *walk) newGoroutine(pos token.Pos, lock string) {
	w.report(Unheld, pos, "a new goroutine holds no lock and cannot unlock %s: unlock where the lock was taken", lock)
}
