package rqvet

import (
	"go/types"
	"maps"

	"golang.org/x/tools/go/ssa"
)

// unknownCall is a call of a function of which nothing is known. Its arguments escape.
func (w *walk) unknownCall(s *state, call *ssa.CallCommon) {
	w.escapeAll(s, call)
	if fn := call.StaticCallee(); fn != nil {
		fn = generic(fn)
		if _, begun := w.c.summaries[fn]; begun { // it calls itself
			for class := range onlyUnlocks(fn) {
				w.mayUnlock(s, class)
			}
		}
		return
	}
	if !call.IsInvoke() {
		// Perhaps a closure of this function, from a variable. Its summary may not be
		// known yet.
		s.opaque = s.opaque || call.Signature().Results().Len() > 0
		for _, fn := range closuresOf(w.top) {
			if fn == w.top {
				continue
			}
			for class := range onlyUnlocks(fn) {
				w.mayUnlock(s, class)
			}
		}
		return
	}
	if m, ok := asMethod(call.Method); ok && m.name == "Unlock" {
		s.giveUpIf(func(_ *path, l lockState) bool { return w.c.inInterface[l.class] })
	}
	for _, fn := range w.c.methods(call) {
		for class := range onlyUnlocks(fn) {
			w.mayUnlock(s, class)
		}
	}
}

// mayUnlock gives up on the locks of a class.
func (w *walk) mayUnlock(s *state, class class) {
	if class.known() {
		s.uncertain[class] = true
	}
	s.giveUpIf(func(_ *path, l lockState) bool { return l.class == class })
}

// onlyUnlocks has the classes of the locks that fn unlocks and does not acquire.
func onlyUnlocks(fn *ssa.Function) map[class]bool {
	unlocks, acquires := map[class]bool{}, map[class]bool{}
	eachLockCall(fn, func(m method, class class) {
		if m.acquire() {
			acquires[class] = true
		} else {
			unlocks[class] = true
		}
	})
	for class := range acquires {
		delete(unlocks, class)
	}
	return unlocks
}

// eachLockCall calls f for each call of a lock's method in the source of fn.
func eachLockCall(fn *ssa.Function, f func(m method, class class)) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			call, ok := instr.(ssa.CallInstruction)
			if !ok {
				continue
			}
			if lock, m, ok := lockCall(call.Common()); ok {
				f(m, lockClass(lock))
			}
		}
	}
}

// closuresOf lists the closures of the function that fn is part of.
func closuresOf(fn *ssa.Function) []*ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	var all []*ssa.Function
	var add func(*ssa.Function)
	add = func(fn *ssa.Function) {
		for _, anon := range fn.AnonFuncs {
			all = append(all, anon)
			add(anon)
		}
	}
	add(fn)
	return all
}

func (w *walk) escapeAll(s *state, call *ssa.CallCommon) {
	for _, arg := range call.Args {
		w.escape(s, arg)
	}
}

// escape is a value that goes where its uses cannot be followed.
func (w *walk) escape(s *state, v ssa.Value) {
	if known := w.eval(s, v); known.lock != nil {
		s.giveUp(known.lock)
	}
	if m, ok := v.(*ssa.MakeInterface); ok && isLockPointer(m.X.Type()) {
		v = m.X
	}
	if isRecord(v.Type()) {
		s.giveUp(w.path(s, v))
	}
	if isLockPointer(v.Type()) || canUnlock(v.Type()) {
		lock := w.lockPathNamed(s, v, "Unlock")
		l := s.locks[lock]
		l.class = lockClass(v)
		s.locks[lock] = l
		s.giveUp(lock)
	}
}

// mayFill forgets which pointers to locks are nil in what a callee is given, unless the
// callee is known not to store there.
func (w *walk) mayFill(s *state, call *ssa.CallCommon, callee *types.Func) {
	elsewhere := callee == nil || callee.Pkg() != w.c.pass.Pkg
	for _, arg := range args(call) {
		if m, ok := arg.(*ssa.MakeInterface); ok {
			arg = m.X
		}
		if !isPointer(arg.Type()) {
			continue
		}
		at := w.path(s, arg)
		if t := deref(arg.Type()); isLockPointer(t) || locksByInterface(t) || isInteger(t) || isBool(t) {
			delete(s.mem, at)
		}
		if elsewhere { // else callWrites has the fields
			maps.DeleteFunc(s.mem, func(p *path, is val) bool {
				return (is.known == isNil || is.num.ok) && p != at && p.leadsFrom(at)
			})
		}
	}
}

// appended gives up on the locks of objects that are appended to a slice: whoever
// iterates over it may unlock them.
func (w *walk) appended(s *state, elems ssa.Value) {
	list := w.path(s, elems)
	for at, v := range s.mem {
		if v.path != nil && at.Kind == stepElem && at.From == list {
			s.giveUpIf(func(p *path, _ lockState) bool { return p.leadsFrom(v.path) })
		}
	}
}
