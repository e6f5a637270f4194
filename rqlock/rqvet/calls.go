package rqvet

import (
	"fmt"
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
	obj := calleeObject(call)
	if m, ok := lockMethod(obj); ok {
		if len(call.Args) == 0 || w.badLock(call.Args[0], pos) {
			return []*state{s}
		}
		t := w.target(s, call.Args[0])
		if m.take {
			return w.take(s, t, m, value, pos)
		}
		w.release(s, t, m, pos, nil)
		return []*state{s}
	}
	if ends(obj) {
		return nil
	}
	if name := blockingCall(obj); name != "" {
		w.mayBlock(s, pos, name)
	}
	if w.library(s, obj, call, value) {
		return []*state{s}
	}
	if bound, ok := boundMethod(call.Value); ok {
		t := w.target(s, bound.lock)
		if bound.m.take {
			return w.take(s, t, bound.m, value, pos)
		}
		w.release(s, t, bound.m, pos, nil)
		return []*state{s}
	}
	if fn := closureOf(call.Value); fn != nil && w.depth < maxInline {
		return w.inline(s, fn, call, value)
	}
	if sum := w.c.summaryOf(call); sum != nil {
		return w.applySummary(s, sum, call, value, pos)
	}
	w.unknownCall(s, call)
	return []*state{s}
}

// library knows the functions that look at errors without deciding anything.
func (w *walk) library(s *state, obj *types.Func, call *ssa.CallCommon, value ssa.Value) bool {
	if b, ok := call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" {
			for _, arg := range call.Args {
				w.escape(s, arg)
			}
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

// bound is a method value of a lock: l.Unlock without the call.
type bound struct {
	m    method
	lock ssa.Value
}

func boundMethod(v ssa.Value) (bound, bool) {
	mc, ok := v.(*ssa.MakeClosure)
	if !ok || len(mc.Bindings) != 1 {
		return bound{}, false
	}
	fn := mc.Fn.(*ssa.Function)
	obj, _ := fn.Object().(*types.Func)
	m, ok := lockMethod(obj)
	return bound{m, mc.Bindings[0]}, ok && strings.HasSuffix(fn.Name(), "$bound")
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
		if e.panics {
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

// applySummary goes on in each way in which the callee may have ended.
func (w *walk) applySummary(s *state, sum *summary, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if sum.Blocks != "" {
		w.mayBlock(s, pos, fmt.Sprintf("%s, which calls %s,", calleeName(call), sum.Blocks))
	}
	for _, taken := range sum.Takes {
		w.takenByCallee(s, taken, call, pos)
	}
	for _, o := range sum.Orders {
		w.orderThrough(s, o, call, pos)
	}
	if len(sum.Ways) == 0 {
		if !sum.Returns {
			return nil
		}
		w.escapeAll(s, call)
		return []*state{s}
	}
	if ignoredResult(sum, value) {
		w.ignored(calleeName(call), methods["Lock"], pos)
		w.found[len(w.found)-1].message = fmt.Sprintf("the result of %s is ignored: it says whether the lock is held; check it and do not go on without", calleeName(call))
		for _, way := range sum.Ways {
			if way.succeeds() {
				w.applyWay(s, way, call, value, pos)
				break
			}
		}
		return []*state{s}
	}
	var states []*state
	for _, way := range sum.Ways {
		if next := s.clone(); w.applyWay(next, way, call, value, pos) {
			states = append(states, next)
		}
	}
	return states
}

// ignoredResult reports whether nothing looks at a result that tells what is held.
func ignoredResult(sum *summary, value ssa.Value) bool {
	if value != nil && len(*value.Referrers()) > 0 {
		return false
	}
	yes, no := false, false
	for _, way := range sum.Ways {
		for _, e := range way.Locks {
			yes = yes || e.Hold == held
			no = no || e.Hold == failed
		}
		if len(way.Results) == 0 || way.Results[len(way.Results)-1] == nothing {
			return false
		}
	}
	return yes && no
}

// applyWay changes s by one way in which a callee ends; false if this path cannot
// have gone that way.
func (w *walk) applyWay(s *state, way way, call *ssa.CallCommon, value ssa.Value, pos token.Pos) bool {
	for _, cond := range way.When {
		name, is := w.condition(s, cond.Name, call)
		if is != nothing && is != cond.Is {
			return false
		}
		if is == nothing && len(way.Locks) > 0 {
			s.conds[name] = cond.Is
		}
	}
	mark := ""
	for _, e := range way.Locks {
		t := target{path: w.translate(s, e.Path, call), class: e.Class, name: w.rename(e, call)}
		switch e.Hold {
		case held, failed:
			mark = t.path
			if now := s.locks[t.path].hold; now != unsure && now != held {
				s.locks[t.path] = lockState{hold: e.Hold, pos: pos, pinned: e.Pinned, by: calleeID(call), class: e.Class, name: t.name}
			}
		case released:
			if !strings.Contains(e.Path, "@") {
				t.base = w.rootArg(e.Path, call)
			}
			w.release(s, t, method{name: "Unlock", pinned: s.locks[t.path].pinned}, pos, nil)
		case unsure:
			s.lose(t.path)
		}
	}
	for _, class := range way.Fog {
		s.fog[class] = true
	}
	var results []val
	for _, known := range way.Results {
		v := val{known: known}
		if known != nothing {
			v.lock = mark
		}
		results = append(results, v)
	}
	w.results(s, value, results)
	return true
}

// takenByCallee reports a lock that the path holds and the callee takes.
func (w *walk) takenByCallee(s *state, taken taking, call *ssa.CallCommon, pos token.Pos) {
	path := w.translate(s, taken.Path, call)
	l, entry := s.locks[path]
	decided := true
	var when []condition
	for _, cond := range taken.When {
		name, is := w.condition(s, cond.Name, call)
		if is != nothing && is != cond.Is {
			return
		}
		decided = decided && is != nothing
		when = append(when, condition{name, cond.Is})
	}
	if !entry {
		w.takes[path] = taking{Path: path, Class: taken.Class, Name: taken.Name, When: when}
	}
	if l.hold != held || !decided || strings.Contains(taken.Path, "@") && l.by == "" && w.pathChanges(l) {
		return
	}
	w.found = append(w.found, finding{rule: SelfDeadlock, pos: pos, related: w.c.since(l.pos, "taken here"),
		message: fmt.Sprintf("%s takes %s, which is held since %s on this path: it fails with ErrDeadlock (AA); unlock first, or call code that expects the lock held",
			calleeName(call), l.name, w.c.at(l.pos, pos))})
}

func (w *walk) pathChanges(l lockState) bool { return l.base != nil && w.c.changes(l.base) }

// condition is what the path knows of a condition of the callee, and its name here.
func (w *walk) condition(s *state, name string, call *ssa.CallCommon) (string, known) {
	args := args(call)
	for i, arg := range args {
		p := fmt.Sprintf("p%d", i)
		switch name {
		case p:
			return w.testName(s, arg), w.eval(s, arg).known
		case "(" + p + "==nil)":
			is := w.eval(s, arg).known
			s.seen(w.eval(s, arg).lock)
			return "(" + w.path(s, arg) + "==nil)", [...]known{isNil: isTrue, notNil: isFalse, isFalse: nothing}[is]
		}
	}
	here := w.translate(s, name, call)
	if is := s.conds[here]; is != nothing {
		return here, is
	}
	return here, s.mem[strings.TrimSuffix(here, "@")].known
}

// args are the arguments with the receiver first, as parameters count them.
func args(call *ssa.CallCommon) []ssa.Value {
	if call.IsInvoke() {
		return append([]ssa.Value{call.Value}, call.Args...)
	}
	return call.Args
}

// translate gives a path of the callee its name here.
func (w *walk) translate(s *state, path string, call *ssa.CallCommon) string {
	root, rest := splitPath(path)
	here := root
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			here = w.path(s, arg)
		}
	}
	if mc, ok := call.Value.(*ssa.MakeClosure); ok {
		here = w.free(s, root, here, mc)
	}
	return s.resolve(here, rest)
}

func (w *walk) free(s *state, root, here string, mc *ssa.MakeClosure) string {
	for i, fv := range mc.Fn.(*ssa.Function).FreeVars {
		if root == "f:"+fv.Name() {
			return w.path(s, mc.Bindings[i])
		}
	}
	return here
}

// splitPath cuts the root off a path.
func splitPath(path string) (root, rest string) {
	from := 0
	if i := strings.LastIndexByte(path, '/'); strings.HasPrefix(path, "g:") {
		from = max(i, 0)
		if dot := strings.IndexByte(path[from:], '.'); dot >= 0 {
			from += dot + 1
		}
	}
	if i := strings.IndexAny(path[from:], ".@["); i >= 0 {
		return path[:from+i], path[from+i:]
	}
	return path, ""
}

// resolve follows a path from an object, through what is known to be stored.
func (s *state) resolve(at, rest string) string {
	for {
		i := strings.IndexByte(rest, '@')
		if i < 0 {
			return at + rest
		}
		at += rest[:i]
		rest = rest[i+1:]
		if v, ok := s.mem[at]; ok && v.path != "" {
			at = v.path
		} else {
			at += "@"
		}
	}
}

// rename is the name of a callee's lock in terms of the caller's arguments.
func (w *walk) rename(e effect, call *ssa.CallCommon) string {
	root, rest := splitPath(e.Path)
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			return pretty(arg) + strings.ReplaceAll(rest, "@", "")
		}
	}
	return e.Name
}

func (w *walk) rootArg(path string, call *ssa.CallCommon) ssa.Value {
	root, _ := splitPath(path)
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			return base(arg)
		}
	}
	return nil
}

// calleeID tells the functions of a program apart.
func calleeID(call *ssa.CallCommon) string {
	if obj := calleeObject(call); obj != nil {
		return obj.Origin().FullName()
	}
	return "?"
}

func calleeName(call *ssa.CallCommon) string {
	if obj := calleeObject(call); obj != nil {
		return obj.Name()
	}
	return "the function"
}

// unknownCall is a call of which nothing is known: what it is given is lost.
func (w *walk) unknownCall(s *state, call *ssa.CallCommon) {
	w.escapeAll(s, call)
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
	for _, fn := range w.c.byName[call.Method.Name()] {
		if fn.Signature.Recv() == nil {
			continue
		}
		w.mayRun(s, w.c.summaries[fn])
	}
}

// mayRun gives up on the kinds of locks that a function changes.
func (w *walk) mayRun(s *state, sum *summary) {
	if sum == nil {
		return
	}
	for _, class := range sum.classes() {
		w.mayUnlock(s, class)
	}
}

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
			if m, ok := lockMethod(calleeObject(call.Common())); ok {
				f(m, class(call.Common().Args[0]))
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
		if v, ok := s.mem[at]; ok && writes(fn.FreeVars[i]) {
			s.loseIf(func(path string, _ lockState) bool { return v.path != "" && strings.HasPrefix(path, v.path) })
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
		if l := s.locks[d.lock]; l.hold == failed {
			// Reported here, once; the path that got the lock goes on.
			w.release(s, w.target(s, lock), m, instr.Pos(), instr)
			return
		}
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
		w.found = append(w.found, finding{rule: Unheld, pos: instr.Pos(),
			message: "a new goroutine holds no lock and cannot unlock one: unlock where the lock was taken"})
	}
}
