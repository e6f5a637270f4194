package rqvet

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

func (w *walk) call(s *state, call *ssa.Call) []*state {
	return w.apply(s, &call.Call, call, call.Pos())
}

// apply runs a call whose result is value (nil: nobody takes it).
func (w *walk) apply(s *state, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if lock, m, ok := lockCall(call); ok {
		if w.badLock(s, lock, pos) {
			return nil
		}
		t := w.target(s, lock)
		if m.take {
			return w.take(s, t, m, value, pos)
		}
		w.release(s, t, m, pos, nil)
		return []*state{s}
	}
	obj := calleeObject(call)
	if ends(obj) {
		return nil
	}
	if name := blockingCall(obj); name != "" && !toMemory(call) {
		w.mayBlock(s, pos, name)
	}
	if body := goroutineBody(call); body != nil {
		w.goBody(s, body, pos)
		return []*state{s}
	}
	if w.library(s, obj, call, value) {
		return []*state{s}
	}
	if fn := closureOf(call.Value); fn != nil && w.depth < maxInline {
		return w.inline(s, fn, call, value)
	}
	for name := range w.c.callWrites(call) {
		s.changed(name)
	}
	if sum := w.c.summaryOf(call); sum != nil {
		return w.applySummary(s, sum, call, value, pos)
	}
	if call.StaticCallee() == w.top { // its summary is in the making
		for _, path := range sortedKeys(w.takes) {
			w.takenByCallee(s, w.takes[path], call, pos)
		}
	}
	w.unknownCall(s, call)
	return []*state{s}
}

// library knows the functions that look at errors without deciding anything.
func (w *walk) library(s *state, obj *types.Func, call *ssa.CallCommon, value ssa.Value) bool {
	if b, ok := call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" {
			w.appended(s, call.Args[1])
		}
		return true
	}
	if obj == nil || obj.Pkg() == nil || obj.Pkg() == w.c.pass.Pkg || !looksOnly(obj.Pkg().Path()) {
		return false
	}
	switch obj.Pkg().Name() + "." + obj.Name() {
	case "errors.Is", "errors.As":
		if x := w.eval(s, call.Args[0]); value != nil && (x.known == isNil || x.lock != "") {
			s.env[value] = val{known: falseIf(x.known == isNil), lock: x.lock}
		}
	case "errors.AsType":
		if x := w.eval(s, call.Args[0]); value != nil && (x.known == isNil || x.lock != "") {
			w.extract(s, value, 1, val{known: falseIf(x.known == isNil), lock: x.lock})
		}
	case "errors.New", "fmt.Errorf":
		if value != nil {
			s.env[value] = val{known: notNil}
		}
	}
	return true
}

// lockCall returns the lock and the method if call is of one, or of a method value of one.
func lockCall(call *ssa.CallCommon) (lock ssa.Value, m method, ok bool) {
	if lock, m, ok = boundMethod(call.Value); ok {
		return lock, m, true
	}
	if m, ok = lockMethod(calleeObject(call)); ok && len(call.Args) > 0 {
		return call.Args[0], m, true
	}
	return nil, method{}, false
}

// boundMethod returns them of a method value: l.Unlock without the call.
func boundMethod(v ssa.Value) (lock ssa.Value, m method, ok bool) {
	mc, isClosure := v.(*ssa.MakeClosure)
	if !isClosure || len(mc.Bindings) != 1 || !strings.HasSuffix(mc.Fn.Name(), "$bound") {
		return nil, method{}, false
	}
	obj, _ := mc.Fn.(*ssa.Function).Object().(*types.Func)
	m, ok = lockMethod(obj)
	return mc.Bindings[0], m, ok
}

// closureOf returns the function literal that is called, if there is no doubt.
func closureOf(v ssa.Value) *ssa.Function {
	switch v := v.(type) {
	case *ssa.MakeClosure:
		if fn := v.Fn.(*ssa.Function); fn.Parent() != nil && len(fn.Blocks) > 0 {
			return fn
		}
	case *ssa.Function:
		if v.Parent() != nil && len(v.Blocks) > 0 {
			return v
		}
	}
	return nil
}

// inline follows a closure from the place of its call.
func (w *walk) inline(s *state, fn *ssa.Function, call *ssa.CallCommon, value ssa.Value) []*state {
	w.c.explored[fn] = true
	for i, p := range fn.Params {
		if i < len(call.Args) {
			v := w.eval(s, call.Args[i])
			if v.path == "" {
				v.path = w.path(s, call.Args[i])
			}
			s.env[p] = v
		}
	}
	base := len(s.defers)
	var states []*state
	for _, e := range w.explore(fn, s) {
		if e.panics != "" {
			continue
		}
		e.state.defers = e.state.defers[:min(base, len(e.state.defers))]
		w.results(e.state, value, e.results)
		states = append(states, e.state)
	}
	return states
}

// results gives the results of a call their values.
func (w *walk) results(s *state, value ssa.Value, results []val) {
	if value == nil {
		return
	}
	if len(results) == 1 {
		s.env[value] = results[0]
		return
	}
	for i, r := range results {
		w.extract(s, value, i, r)
	}
}
