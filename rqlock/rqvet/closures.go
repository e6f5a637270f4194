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
	if b, ok := boundMethod(mc); ok {
		if !calledHere(mc) {
			w.escape(s, b.lock)
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
	w.outOfSight(s, w.c.summarize(fn), func(root string) string { return w.free(s, root, root, mc) })
	for i, b := range mc.Bindings {
		at := w.path(s, b)
		if _, ok := s.mem[at]; ok && writes(fn.FreeVars[i]) {
			s.store(at, val{})
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
			if ref.Common().Value != mc {
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
	lock, m, ok := deferredLock(instr)
	if ok && !m.take {
		d.lock = w.path(s, lock)
	} else if ok {
		w.ignored(pretty(lock), m, instr.Pos())
		return
	}
	s.defers = append(s.defers, d)
}

// deferredLock returns the lock method that instr defers.
func deferredLock(instr *ssa.Defer) (ssa.Value, method, bool) {
	if m, ok := lockMethod(calleeObject(&instr.Call)); ok && len(instr.Call.Args) > 0 {
		return instr.Call.Args[0], m, true
	}
	b, ok := boundMethod(instr.Call.Value)
	return b.lock, b.m, ok
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
			if lock, m, ok := deferredLock(d.call); ok {
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
	w.escapeAll(s, &instr.Call)
	if fn := closureOf(instr.Call.Value); fn != nil {
		w.c.explored[fn] = true
		w.c.summarizeOutside(fn)
		if mc, ok := instr.Call.Value.(*ssa.MakeClosure); ok { // what it unlocks is reported there
			w.outOfSight(s, w.c.summaries[fn], func(root string) string { return w.free(s, root, root, mc) })
		}
		return
	}
	if m, ok := lockMethod(calleeObject(&instr.Call)); ok && !m.take {
		w.newGoroutine(instr.Pos(), "it")
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

func (w *walk) newGoroutine(pos token.Pos, lock string) {
	w.report(Unheld, pos, "a new goroutine holds no lock and cannot unlock %s: unlock where the lock was taken", lock)
}
