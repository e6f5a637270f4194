package rqvet

import (
	"strings"

	"golang.org/x/tools/go/ssa"
)

// unknownCall is a call of which nothing is known: what it is given is lost.
func (w *walk) unknownCall(s *state, call *ssa.CallCommon) {
	w.escapeAll(s, call)
	if fn := call.StaticCallee(); fn != nil {
		fn = generic(fn)
		if _, making := w.c.summaries[fn]; making { // it calls itself
			for class := range onlyUnlocks(fn) {
				w.mayUnlock(s, class)
			}
		}
		return
	}
	if !call.IsInvoke() {
		// A closure of this function, perhaps, from a variable.
		for _, fn := range family(w.top) {
			for class := range onlyUnlocks(fn) { // not its summary, which may be in the making
				w.mayUnlock(s, class)
			}
		}
		return
	}
	// One of the package's methods of that name may be the one called.
	for _, fn := range w.c.methods(call) {
		for class := range onlyUnlocks(fn) {
			w.mayUnlock(s, class)
		}
	}
}

// mayUnlock gives up on the locks of a class.
func (w *walk) mayUnlock(s *state, class string) {
	s.fog[class] = true
	s.loseIf(func(_ string, l lockState) bool { return l.class == class })
}

// onlyUnlocks has the classes of lock that fn unlocks and does not take.
func onlyUnlocks(fn *ssa.Function) map[string]bool {
	unlocks, takes := map[string]bool{}, map[string]bool{}
	eachLockCall(fn, func(m method, class string) {
		if m.take {
			takes[class] = true
		} else {
			unlocks[class] = true
		}
	})
	for class := range takes {
		delete(unlocks, class)
	}
	return unlocks
}

// eachLockCall calls f for each operation on a lock in the text of fn.
func eachLockCall(fn *ssa.Function, f func(m method, class string)) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			call, ok := instr.(ssa.CallInstruction)
			if !ok {
				continue
			}
			if lock, m, ok := lockCall(call.Common()); ok {
				f(m, class(lock))
			}
		}
	}
}

// family lists the closures of the function that fn is part of.
func family(fn *ssa.Function) []*ssa.Function {
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

// escape is a value that goes where it cannot be followed.
func (w *walk) escape(s *state, v ssa.Value) {
	if known := w.eval(s, v); known.lock != "" {
		s.lose(known.lock)
	}
	if m, ok := v.(*ssa.MakeInterface); ok {
		v = m.X
	}
	if isLockPointer(v.Type()) {
		path := w.path(s, v)
		l := s.locks[path]
		l.class = class(v)
		s.locks[path] = l
		s.lose(path)
	}
}

// appended gives up on the locks of objects that are appended to a slice: whoever goes
// over it may unlock them.
func (w *walk) appended(s *state, elems ssa.Value) {
	list := w.path(s, elems) + "["
	for at, v := range s.mem {
		if v.path != "" && strings.HasPrefix(at, list) {
			s.loseIf(func(path string, _ lockState) bool { return strings.HasPrefix(path, v.path) })
		}
	}
}
