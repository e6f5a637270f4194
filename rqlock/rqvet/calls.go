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
	if b := blockingCall(obj); b.Why != 0 && !toMemory(call) && !isTryFlock(obj, call) {
		w.mayBlock(s, pos, b.Why, b.What)
	}
	w.callsMethods(s, obj, call, pos)
	w.callsArguments(s, obj, call, pos)
	if isCleanup(obj) {
		w.cleanup(s, call.Args[len(call.Args)-1])
		return []*state{s}
	}
	if body := goroutineBody(call); body != nil {
		w.goBody(s, body, pos)
		return []*state{s}
	}
	if isReserve(obj) {
		return w.reserve(s, call, value, pos)
	}
	if w.pull(s, call) || w.library(s, obj, call, value) {
		return []*state{s}
	}
	if fn := closureOf(call.Value); fn != nil && w.depth < maxInline {
		return w.inline(s, fn, call, value)
	}
	s.changed(w.c.callWrites(call))
	w.mayFill(s, call, obj)
	w.callsValue(s, call, pos)
	if sum := w.summaryOf(s, call); sum != nil {
		return w.applySummary(s, sum, call, value, pos)
	}
	if call.StaticCallee() == w.top { // its summary is not known yet
		for _, lock := range sortedPaths(w.acquires) {
			w.acquiredByCallee(s, w.acquires[lock], call, pos)
		}
	}
	w.unknownCall(s, call)
	return []*state{s}
}

// splits reports whether a path may go on in several ways after a call.
func (w *walk) splits(s *state, call *ssa.CallCommon) bool {
	if _, m, ok := w.lockCall(s, call); ok {
		return m.acquire()
	}
	if closureOf(call.Value) != nil || isReserve(calleeObject(call)) {
		return true
	}
	sum := w.summaryOf(s, call)
	return sum != nil && len(sum.Outcomes) > 1
}

// operate runs a call of a lock's method.
func (w *walk) operate(s *state, call *ssa.CallCommon, lock ssa.Value, m method, value ssa.Value, pos token.Pos) []*state {
	if w.badLock(s, lock, pos) {
		return nil
	}
	if call.IsInvoke() { // perhaps a method of an object of this package
		s.changed(w.c.callWrites(call))
	}
	w.notNil(s, lock)
	t, m := w.target(s, lock, m)
	switch m.op {
	case acquires:
		return w.acquire(s, t, m, value, pos)
	case releases:
		w.release(s, t, m, pos, nil)
	case downgrades:
		w.downgrade(s, t, pos)
	case uses:
		w.use(s, t, m, pos)
	}
	return []*state{s}
}

// notNil records that the object which has a lock is not nil: the program goes on.
func (w *walk) notNil(s *state, lock ssa.Value) {
	object, _ := fieldOf(lock)
	if object == nil || !isPointer(object.Type()) {
		return
	}
	is := w.eval(s, object)
	is.known, is.path = notNil, w.path(s, object)
	s.env[object] = is
}

// isReserve reports whether obj reserves a record of a ring.
func isReserve(obj *types.Func) bool {
	return obj != nil && obj.Name() == "Reserve" && obj.FullName() == reserveMethod
}

// reserve reserves a record: on one path there is a record, on the other an error.
func (w *walk) reserve(s *state, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if value == nil {
		w.report(BadRecord, pos, "the record of Reserve is dropped: commit or discard it, or the ring stays blocked")
		return []*state{s}
	}
	rec := w.resultPath(value, 0)
	no := s.clone()
	s.locks[rec] = lockState{hold: held, record: true, pos: pos, name: "the record", block: value.(ssa.Instruction).Block()}
	w.extract(s, value, 1, val{known: isNil, lock: rec})
	no.locks[rec] = lockState{hold: failed, record: true, pos: pos, name: "the record"}
	w.extract(no, value, 1, val{known: notNil, lock: rec})
	return []*state{s, no}
}

// isCleanup reports whether obj runs a function at the end of a test.
func isCleanup(obj *types.Func) bool {
	return obj != nil && obj.Name() == "Cleanup" && obj.Pkg() != nil && obj.Pkg().Path() == "testing"
}

// cleanup marks the locks that a function releases at the end of a test. Until then, they are
// held.
func (w *walk) cleanup(s *state, fn ssa.Value) {
	later := func(lock *path) {
		if l := s.locks[lock]; l.hold == held {
			l.later = true
			s.locks[lock] = l
		}
	}
	if lock, m, ok := boundMethod(fn); ok && m.op == releases {
		later(w.lockPath(s, lock, m))
		return
	}
	f := w.functionOf(s, fn)
	if f == nil {
		w.escape(s, fn)
		return
	}
	for _, outcome := range f.sum.Outcomes {
		for _, e := range outcome.Locks {
			if lock, own := s.lockHere(e.Path, f.here); own == nil && e.Hold == released {
				later(lock)
			}
		}
	}
}

// summaryOf is the checker's function of that name, and knows the methods of an object
// that is in an interface.
func (w *walk) summaryOf(s *state, call *ssa.CallCommon) *summary {
	if !call.IsInvoke() {
		return w.c.summaryOf(call)
	}
	t := w.object(s, call.Value).object
	if t == nil {
		if t = w.c.onlyImplementation(call.Value.Type()); t == nil {
			return nil
		}
	}
	return w.c.summaryOfMethod(t, call.Method.Pkg(), call.Method.Name())
}

// summaryOfMethod is the summary of a type's own method; nil if it has none, or embeds it.
func (c *checker) summaryOfMethod(t types.Type, pkg *types.Package, name string) *summary {
	obj, index, _ := types.LookupFieldOrMethod(t, true, pkg, name)
	fn, _ := obj.(*types.Func)
	if fn == nil || len(index) != 1 || !types.Identical(deref(fn.Signature().Recv().Type()), deref(t)) {
		return nil
	}
	return c.summaryOfObject(fn)
}

// library runs a builtin, or a call of a function that only inspects errors.
func (w *walk) library(s *state, obj *types.Func, call *ssa.CallCommon, value ssa.Value) bool {
	if b, ok := call.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "append":
			w.appended(s, call.Args[1])
		case "recover":
			if value != nil && w.depth > 1 { // called by the function that defers it
				s.env[value] = val{known: nilness(!w.panicking)}
			}
		}
		return true
	}
	if obj == nil || obj.Pkg() == nil || obj.Pkg() == w.c.pass.Pkg || !onlyInspects(obj.Pkg().Path()) {
		return false
	}
	switch obj.Pkg().Name() + "." + obj.Name() {
	case "errors.Is", "errors.As":
		if x := w.eval(s, call.Args[0]); value != nil && (x.known == isNil || x.lock != nil) {
			s.env[value] = val{known: falseIf(x.known == isNil), lock: x.lock}
		}
	case "errors.AsType":
		if x := w.eval(s, call.Args[0]); value != nil && (x.known == isNil || x.lock != nil) {
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
			if v.path == nil {
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
