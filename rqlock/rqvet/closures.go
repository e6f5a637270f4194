package rqvet

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// closure makes a function literal. It shares the variables that it captures. If it is
// not only called here, it may run at any time, so that the locks on which it operates
// are undecided.
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
	w.closureMayRun(s, w.c.summarize(fn), mc)
}

// closureMayRun gives up on the locks and the captured variables that a closure changes,
// because it may run at any time.
func (w *walk) closureMayRun(s *state, sum *summary, mc *ssa.MakeClosure) {
	w.mayRun(s, sum, func(root string) string { return w.free(s, root, root, mc) })
	for i, b := range mc.Bindings {
		if writes(mc.Fn.(*ssa.Function).FreeVars[i]) {
			s.store(w.path(s, b), val{})
		}
	}
}

// methodValue makes a function of a method and its receiver. It may run at any time.
func (w *walk) methodValue(s *state, mc *ssa.MakeClosure) {
	obj, _ := mc.Fn.(*ssa.Function).Object().(*types.Func)
	if obj == nil || obj.Pkg() != w.c.pass.Pkg {
		return
	}
	fn := w.c.prog.FuncValue(obj.Origin())
	if fn == nil || len(fn.Blocks) == 0 {
		return
	}
	w.mayRun(s, w.c.summarize(fn), func(root string) string {
		if root == "p0" {
			return w.path(s, mc.Bindings[0])
		}
		return root
	})
}

// mayRun gives up on the locks that a function changes, because it may run at any time.
func (w *walk) mayRun(s *state, sum *summary, here func(root string) string) {
	if sum == nil {
		return
	}
	for _, outcome := range sum.Outcomes {
		for _, e := range outcome.Locks {
			root, rest := splitPath(e.Path)
			path, _ := s.lockAt(val{path: here(root)}, rest)
			s.locks[path] = lockState{class: e.Class, name: e.Name}
			s.giveUp(path)
		}
		for _, class := range outcome.Uncertain {
			s.uncertain[class] = true
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

// deferCall pushes a call on the defer stack.
func (w *walk) deferCall(s *state, instr *ssa.Defer) {
	d := deferred{call: instr}
	lock, m, ok := w.lockCall(s, &instr.Call)
	if ok && !m.acquire {
		d.lock = w.lockPath(s, lock, m.name)
	} else if ok {
		w.ignored(s, lockName(lock), m, instr.Pos())
		return
	}
	s.defers = append(s.defers, d)
}

// runDefers runs what the current function has deferred, the last first.
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
			if lock, m, ok := w.lockCall(s, &d.call.Call); ok && d.lock != "" {
				t := w.target(s, lock, m)
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

// goCall starts a goroutine, which holds nothing. So a function that unlocks for its
// caller is wrong there.
func (w *walk) goCall(s *state, instr *ssa.Go) {
	if lock, m, ok := w.lockCall(s, &instr.Call); ok {
		w.goLock(s, lock, m, instr.Pos())
		return
	}
	w.escapeAll(s, &instr.Call)
	if fn := closureOf(instr.Call.Value); fn != nil {
		w.goClosure(s, fn, instr.Call.Value)
		return
	}
	sum := w.summaryOf(s, &instr.Call)
	if sum == nil {
		return
	}
	for _, outcome := range sum.Outcomes {
		for _, e := range outcome.Locks {
			path, _ := w.translateLock(s, e.Path, &instr.Call)
			if e.Hold == released && s.locks[path].hold == held {
				w.newGoroutine(instr.Pos(), s.locks[path].name)
				s.giveUp(path)
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

// goLock is a lock's method that runs as a goroutine.
func (w *walk) goLock(s *state, lock ssa.Value, m method, pos token.Pos) {
	if m.acquire {
		w.ignored(s, lockName(lock), m, pos)
		return
	}
	w.newGoroutine(pos, lockName(lock))
	s.giveUp(w.lockPath(s, lock, m.name))
}

// goClosure is a function literal that runs as a goroutine. What is wrong in it is
// reported there.
func (w *walk) goClosure(s *state, fn *ssa.Function, value ssa.Value) {
	w.c.explored[fn] = true
	w.c.summarizeGoroutine(fn)
	if mc, ok := value.(*ssa.MakeClosure); ok {
		w.closureMayRun(s, w.c.summaries[fn], mc)
	}
}

func (w *walk) newGoroutine(pos token.Pos, lock string) {
	w.report(Unheld, pos, "a new goroutine holds no lock and cannot unlock %s: unlock where the lock was acquired", lock)
}
