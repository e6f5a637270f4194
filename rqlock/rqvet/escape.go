package rqvet

import (
	"go/types"
	"maps"
	"strings"

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
		for _, fn := range closuresOf(w.top) {
			for class := range onlyUnlocks(fn) {
				w.mayUnlock(s, class)
			}
		}
		return
	}
	if call.Method.Name() == "Unlock" && methods["Unlock"].fits(call.Method) {
		s.giveUpIf(func(_ string, l lockState) bool { return w.c.inInterface[l.class] })
	}
	for _, fn := range w.c.methods(call) {
		for class := range onlyUnlocks(fn) {
			w.mayUnlock(s, class)
		}
	}
}

// mayUnlock gives up on the locks of a class.
func (w *walk) mayUnlock(s *state, class string) {
	s.uncertain[class] = true
	s.giveUpIf(func(_ string, l lockState) bool { return l.class == class })
}

// onlyUnlocks has the classes of the locks that fn unlocks and does not acquire.
func onlyUnlocks(fn *ssa.Function) map[string]bool {
	unlocks, acquires := map[string]bool{}, map[string]bool{}
	eachLockCall(fn, func(m method, class string) {
		if m.acquire {
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
func eachLockCall(fn *ssa.Function, f func(m method, class string)) {
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
	if known := w.eval(s, v); known.lock != "" {
		s.giveUp(known.lock)
	}
	if m, ok := v.(*ssa.MakeInterface); ok && isLockPointer(m.X.Type()) {
		v = m.X
	}
	if isLockPointer(v.Type()) || canUnlock(v.Type()) {
		path := w.lockPath(s, v, "Unlock")
		l := s.locks[path]
		l.class = lockClass(v)
		s.locks[path] = l
		s.giveUp(path)
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
		path := w.path(s, arg)
		if t := deref(arg.Type()); isLockPointer(t) || locksByInterface(t) {
			delete(s.mem, path)
		}
		if elsewhere { // else callWrites has the fields
			maps.DeleteFunc(s.mem, func(at string, is val) bool {
				return is.known == isNil && strings.HasPrefix(at, path+".")
			})
		}
	}
}

// appended gives up on the locks of objects that are appended to a slice: whoever
// iterates over it may unlock them.
func (w *walk) appended(s *state, elems ssa.Value) {
	list := w.path(s, elems) + "["
	for at, v := range s.mem {
		if v.path != "" && strings.HasPrefix(at, list) {
			s.giveUpIf(func(path string, _ lockState) bool { return strings.HasPrefix(path, v.path) })
		}
	}
}
