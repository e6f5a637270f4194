package rqvet

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

func (w *walk) call(s *state, call *ssa.Call) []*state {
	return w.apply(s, &call.Call, call, call.Pos())
}

// apply runs a call whose result is value, or nil if there is none to use.
func (w *walk) apply(s *state, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if lock, m, ok := w.lockCall(s, call); ok {
		return w.operate(s, call, lock, m, value, pos)
	}
	if call.IsInvoke() && w.eval(s, call.Value).known == isNil { // it panics: err.Error()
		return nil
	}
	obj := calleeObject(call)
	if neverReturns(obj) {
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
	w.mayFill(s, call, obj)
	if sum := w.summaryOf(s, call); sum != nil {
		return w.applySummary(s, sum, call, value, pos)
	}
	if call.StaticCallee() == w.top { // its summary is not known yet
		for _, path := range sortedKeys(w.acquires) {
			w.acquiredByCallee(s, w.acquires[path], call, pos)
		}
	}
	w.unknownCall(s, call)
	return []*state{s}
}

// operate runs a call of a lock's method.
func (w *walk) operate(s *state, call *ssa.CallCommon, lock ssa.Value, m method, value ssa.Value, pos token.Pos) []*state {
	if w.badLock(s, lock, pos) {
		return nil
	}
	if call.IsInvoke() { // perhaps a method of an object of this package
		for name := range w.c.callWrites(call) {
			s.changed(name)
		}
	}
	t := w.target(s, lock, m)
	if m.acquire {
		return w.acquire(s, t, m, value, pos)
	}
	w.release(s, t, m, pos, nil)
	return []*state{s}
}

// summaryOf is the checker's function of that name, and knows the methods of an object
// that is in an interface.
func (w *walk) summaryOf(s *state, call *ssa.CallCommon) *summary {
	if !call.IsInvoke() {
		return w.c.summaryOf(call)
	}
	is := w.object(s, call.Value)
	if is.object == nil {
		return nil
	}
	obj, index, _ := types.LookupFieldOrMethod(is.object, true, call.Method.Pkg(), call.Method.Name())
	fn, _ := obj.(*types.Func)
	if fn == nil || len(index) != 1 || !types.Identical(fn.Signature().Recv().Type(), is.object) {
		return nil
	}
	return w.c.summaryOfObject(fn)
}

// library runs a builtin, or a call of a function that only inspects errors.
func (w *walk) library(s *state, obj *types.Func, call *ssa.CallCommon, value ssa.Value) bool {
	if b, ok := call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" {
			w.appended(s, call.Args[1])
		}
		return true
	}
	if obj == nil || obj.Pkg() == nil || obj.Pkg() == w.c.pass.Pkg || !onlyInspects(obj.Pkg().Path()) {
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

// closureOf is the function literal that v is, or nil.
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

// inline follows a closure from the call site.
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

// results assigns the values that a call returns.
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
