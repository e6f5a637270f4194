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
	w.mayRun(s, sum, func(p *path) (val, bool) { return w.captured(s, p, mc) })
	for i, b := range mc.Bindings {
		if writes(mc.Fn.(*ssa.Function).FreeVars[i]) {
			s.store(w.path(s, b), val{})
		}
	}
}

// methodValue makes a function of a method and its receiver. It may run at any time.
func (w *walk) methodValue(s *state, mc *ssa.MakeClosure) {
	w.mayRun(s, w.c.summaryOfMethodValue(mc), func(p *path) (val, bool) {
		if p == w.c.paths.parameter(0) {
			return val{path: w.path(s, mc.Bindings[0])}, true
		}
		return val{}, false
	})
}

// summaryOfMethodValue is the summary of the method of which a function was made; nil if it is not
// the package's.
func (c *checker) summaryOfMethodValue(mc *ssa.MakeClosure) *summary {
	obj, _ := mc.Fn.(*ssa.Function).Object().(*types.Func)
	if obj == nil || obj.Pkg() != c.pass.Pkg {
		return nil
	}
	return c.summaryOfObject(obj)
}

// mayRun gives up on the locks that a function changes, because it may run at any time.
func (w *walk) mayRun(s *state, sum *summary, here func(*path) (val, bool)) {
	if sum == nil {
		return
	}
	for _, outcome := range sum.Outcomes {
		for _, e := range outcome.Locks {
			if e.Hold == failed {
				continue
			}
			lock, _ := s.lockHere(e.Path, here)
			s.locks[lock] = lockState{class: e.Class, name: e.Name}
			s.giveUp(lock)
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
			if ref.Common().Value != mc && goroutineBody(ref.Common()) != mc && !isCleanup(calleeObject(ref.Common())) {
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
	if ok && m.op == releases {
		d.lock = w.lockPath(s, lock, m)
	} else if ok && m.acquire() && m.fails() {
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
			if lock, m, ok := w.lockCall(s, &d.call.Call); ok && d.lock != nil {
				t, m := w.target(s, lock, m)
				if t.path = d.lock; d.lock.Kind == stepReader {
					t.path = d.lock.From
				}
				w.release(s, t, m, d.call.Pos(), d.call)
				next = append(next, s)
				continue
			}
			next = append(next, w.apply(s, &d.call.Call, nil, d.call.Pos())...)
		}
		states = next
		if w.broken = w.broken || len(states) > maxStates; !ran || w.broken {
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
			lock, _ := w.translateLock(s, e.Path, &instr.Call)
			if l := s.locks[lock]; e.Hold == released && l.hold == held {
				if !l.any && !l.record {
					w.newGoroutine(instr.Pos(), l.name)
				}
				s.giveUp(lock)
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
	t, m := w.target(s, lock, m)
	if m.acquire() && m.fails() {
		w.ignored(s, t.name, m, pos)
		return
	}
	if m.op == releases && !t.any && !m.record {
		w.newGoroutine(pos, t.name)
	}
	s.giveUp(t.path)
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
