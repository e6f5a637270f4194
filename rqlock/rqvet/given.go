package rqvet

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A function may call what it is given: a function literal, a method value, the methods of an
// object behind an interface. What such a callee acquires must not be held, neither here nor by
// the function that calls it.

// called is a function that is called with what it has captured.
type called struct {
	sum  *summary
	name string
	here func(*path) (val, bool) // what its paths are here
}

// functionOf is the function that a value is: a literal, a method value, a declared function, a
// field that the package sets once, or what sync.OnceFunc makes of one. It is nil if that is not
// known.
func (w *walk) functionOf(s *state, v ssa.Value) *called {
	switch v := v.(type) {
	case *ssa.ChangeType:
		return w.functionOf(s, v.X)
	case *ssa.MakeInterface:
		return w.functionOf(s, v.X)
	case *ssa.Function:
		if sum := w.c.summaryOfFunction(v); sum != nil {
			return &called{sum, "the function", func(p *path) (val, bool) { return w.argument(p, v.Params) }}
		}
	case *ssa.MakeClosure:
		return w.closureCalled(s, v, func(i int) val { return w.object(s, v.Bindings[i]) })
	case *ssa.Call:
		if obj := calleeObject(&v.Call); obj != nil && wrapsOnce(obj.FullName()) {
			return w.functionOf(s, v.Call.Args[0])
		}
	case *ssa.UnOp:
		return w.fieldCalled(s, v)
	}
	return nil
}

var wrapsOnce = oneOf("sync.OnceFunc sync.OnceValue sync.OnceValues " + syncPackage + ".OnceFunc " + syncPackage + ".OnceValue " + syncPackage + ".OnceValues")

// closureCalled is a closure whose bindings are, here, what the function says.
func (w *walk) closureCalled(s *state, mc *ssa.MakeClosure, binding func(i int) val) *called {
	fn := mc.Fn.(*ssa.Function)
	if obj, _ := fn.Object().(*types.Func); fn.Parent() == nil {
		if obj == nil {
			return nil
		}
		sum := w.c.summaryOfObject(obj)
		if sum == nil {
			return nil
		}
		return &called{sum, obj.Name(), func(p *path) (val, bool) {
			if p == w.c.paths.parameter(0) {
				return binding(0), true
			}
			return w.argument(p, append([]*ssa.Parameter{nil}, fn.Params...))
		}}
	}
	sum := w.c.summarize(fn)
	if sum == nil {
		return nil
	}
	return &called{sum, "the function literal", func(p *path) (val, bool) {
		for i, fv := range fn.FreeVars {
			if p.Kind == rootCaptured && p.Name == fv.Name() {
				return val{path: binding(i).path}, true
			}
		}
		return w.argument(p, fn.Params)
	}}
}

// argument is what a parameter is of a function that something else calls: an object that has no
// other name here. It is none of this function's parameters, which have the same paths.
func (w *walk) argument(p *path, params []*ssa.Parameter) (val, bool) {
	if p.Kind != rootParameter || p.N >= len(params) {
		return val{}, false
	}
	return val{path: w.c.paths.of(params[p.N])}, true
}

// fieldCalled is the function in a field that the package sets once. What the function has
// captured of the object that has the field is here that object.
func (w *walk) fieldCalled(s *state, load *ssa.UnOp) *called {
	at, ok := load.X.(*ssa.FieldAddr)
	if !ok || load.Op != token.MUL {
		return nil
	}
	set := w.c.fieldFunctions[classAt(at)]
	if set == nil || set.times != 1 {
		return nil
	}
	mc, ok := set.value.(*ssa.MakeClosure)
	if !ok {
		if _, ok := set.value.(*ssa.Function); ok {
			return w.functionOf(s, set.value)
		}
		return nil
	}
	object := w.object(s, at.X)
	f := w.closureCalled(s, mc, func(i int) val {
		if sameObject(mc.Bindings[i], set.object) {
			return object
		}
		return val{path: w.c.root(mc.Bindings[i])}
	})
	if f == nil || mc.Fn.(*ssa.Function).Parent() == nil {
		return f
	}
	inner := f.here
	f.here = func(p *path) (val, bool) {
		for i, fv := range mc.Fn.(*ssa.Function).FreeVars {
			at := p.loaded()
			if at != nil && at.Kind == rootCaptured && at.Name == fv.Name() && sameObject(mc.Bindings[i], set.object) && isPointer(deref(fv.Type())) {
				return object, true // the variable itself was captured
			}
		}
		return inner(p)
	}
	return f
}

// sameObject reports whether two values are one object, or one is the variable that the other was
// loaded from.
func sameObject(x, y ssa.Value) bool {
	variable := func(v ssa.Value) ssa.Value {
		if load, ok := v.(*ssa.UnOp); ok && load.Op == token.MUL {
			return load.X
		}
		return v
	}
	return x == y || variable(x) == variable(y)
}

// fieldFunction is what the package stores in a field of a function type.
type fieldFunction struct {
	times  int
	value  ssa.Value
	object ssa.Value // that has the field
}

// noteFieldFunction records a store to a field of a function type.
func (c *checker) noteFieldFunction(st *ssa.Store) {
	at, ok := st.Addr.(*ssa.FieldAddr)
	if !ok {
		return
	}
	if _, ok := deref(at.Type()).Underlying().(*types.Signature); !ok {
		return
	}
	if k, ok := st.Val.(*ssa.Const); ok && k.IsNil() {
		return
	}
	key := classAt(at)
	set := c.fieldFunctions[key]
	if set == nil {
		set = new(fieldFunction)
		c.fieldFunctions[key] = set
	}
	set.times++
	set.value, set.object = st.Val, at.X
	if call, ok := st.Val.(*ssa.ChangeType); ok {
		set.value = call.X
	}
}

// callsValue is a call of a function value: what it is, is perhaps known, or it is a parameter, of
// which callers know more, or a literal that a function has returned.
func (w *walk) callsValue(s *state, call *ssa.CallCommon, pos token.Pos) {
	if call.IsInvoke() || call.StaticCallee() != nil {
		return
	}
	w.mayPanic(s, pos)
	if maker, _ := resultOf(call.Value); !pos.IsValid() && maker != nil { // a range over a function
		pos = maker.Pos()
	}
	if p := w.path(s, call.Value); p.Kind == rootParameter {
		w.callsParameter(s, p.N, nil)
		return
	}
	if f := w.functionOf(s, call.Value); f != nil {
		w.callsFunction(s, f, nil, pos, f.name)
		return
	}
	maker, result := resultOf(call.Value)
	if maker == nil {
		return
	}
	for _, l := range w.literalsOf(s, maker, result) {
		here := w.here(s, maker)
		name := "the function that " + calleeName(maker) + " returns"
		w.callsFunction(s, &called{&summary{Acquires: l.Acquires, Returns: true}, name, here}, nil, pos, name)
		for _, cb := range l.Calls {
			if cb.Parameter < len(call.Args) {
				if f := w.functionOf(s, call.Args[cb.Parameter]); f != nil {
					w.callsFunction(s, f, w.heldThere(s, cb.Held, here, maker), pos, f.name)
				}
			}
		}
	}
}

// mayPanic is a call that may panic. If the function recovers, it returns as if nothing had been.
func (w *walk) mayPanic(s *state, pos token.Pos) {
	if w.panicking || len(s.heldPaths()) == 0 || !slices.ContainsFunc(s.defers[w.base:], func(d deferred) bool { return recovers(d.call) }) {
		return
	}
	w.panicking = true
	defer func() { w.panicking = false }()
	for _, end := range w.runDefers(s.clone(), w.base) {
		for _, p := range end.heldPaths() {
			if l := end.locks[p]; !l.reacquired && !l.record && !l.later {
				w.reportOf(end, l.name, Leak, pos, "a panic here is recovered with %s held (%s): defer %s.Unlock() after the error check", l.name, w.c.at(l.pos, pos), l.name)
			}
		}
	}
}

// recovers reports whether what is deferred is a function literal that recovers.
func recovers(d *ssa.Defer) (found bool) {
	fn := closureOf(d.Call.Value)
	if fn == nil {
		return false
	}
	eachInstr(fn, func(instr ssa.Instruction) {
		call, ok := instr.(*ssa.Call)
		if !ok {
			return
		}
		b, ok := call.Call.Value.(*ssa.Builtin)
		found = found || ok && b.Name() == "recover"
	})
	return found
}

// resultOf is the call of which v is a result, and which; nil if it is none.
func resultOf(v ssa.Value) (maker *ssa.CallCommon, result int) {
	if e, ok := v.(*ssa.Extract); ok {
		v, result = e.Tuple, e.Index
	}
	if call, ok := v.(*ssa.Call); ok {
		return &call.Call, result
	}
	return nil, 0
}

// literalsOf has what is known of a function literal that a call returns.
func (w *walk) literalsOf(s *state, maker *ssa.CallCommon, result int) []literal {
	sum := w.summaryOf(s, maker)
	if sum == nil {
		return nil
	}
	var all []literal
	for _, l := range sum.Literals {
		if l.Result == result {
			all = append(all, l)
		}
	}
	return all
}

// callsParameter records for callers that a parameter is called, and what is held then, by this
// function and by a callee.
func (w *walk) callsParameter(s *state, n int, more []effect) {
	all := slices.Clone(more)
	for _, p := range s.heldPaths() {
		l := s.locks[p]
		if p.portable() && !l.record {
			all = append(all, effect{Path: p, Class: l.class, Name: l.name, Hold: held, Readers: l.readers})
		}
	}
	old := w.callbacks[n]
	for _, e := range all {
		if !slices.Contains(old, e) {
			old = append(old, e)
		}
	}
	w.callbacks[n] = old
}

// heldThere are the locks that a callee holds when it calls a parameter, as they are known here.
func (w *walk) heldThere(s *state, all []effect, here func(*path) (val, bool), call *ssa.CallCommon) []effect {
	var locks []effect
	for _, e := range all {
		lock, own := s.lockHere(e.Path, here)
		if own != nil {
			continue
		}
		e.Class = w.classHere(e.Class, e.Path, call)
		e.Path, e.Name = lock, w.rename(e, call)
		locks = append(locks, e)
	}
	return locks
}

// callbacksOf applies what is known of the parameters that a callee calls.
func (w *walk) callbacksOf(s *state, sum *summary, call *ssa.CallCommon, pos token.Pos) {
	for _, cb := range sum.Calls {
		all := args(call)
		if cb.Parameter >= len(all) {
			continue
		}
		there := w.heldThere(s, cb.Held, w.here(s, call), call)
		arg := all[cb.Parameter]
		if p := w.path(s, arg); p.Kind == rootParameter {
			var more []effect
			for _, e := range there {
				if e.Path.portable() {
					more = append(more, e)
				}
			}
			w.callsParameter(s, p.N, more)
		} else if f := w.functionOf(s, arg); f != nil {
			w.callsFunction(s, f, there, pos, f.name)
		}
	}
}

// callsFunction reports what a function acquires that is called now, with what is held here and,
// besides, there.
func (w *walk) callsFunction(s *state, f *called, there []effect, pos token.Pos, name string) {
	for _, a := range f.sum.Acquires {
		lock, own := s.lockHere(a.Path, f.here)
		if open, possible := w.conditionsAt(s, a.When, f.here); own != nil || !possible || len(open) > 0 {
			continue
		}
		if l := s.locks[lock]; l.hold == held {
			if !(l.reading() && a.Read) && !w.mayBeAnother(l, a.Path) {
				w.deadlockInCallee(s, lock, l, a.Read, name, pos)
			}
			continue
		}
		for _, e := range there {
			if e.Path == lock && !(e.Readers > 0 && a.Read) {
				rule, how := SelfDeadlock, ""
				if e.Readers > 0 {
					rule, how = Upgrade, " for reading"
				}
				w.report(rule, pos, "%s acquires %s, which is held%s where it is called: it fails with ErrDeadlock (AA); unlock before the call, or let it expect the lock held", name, e.Name, how)
			}
		}
		if _, entry := s.locks[lock]; !entry && lock.portable() && len(there) == 0 {
			if _, ok := w.acquires[lock]; !ok {
				w.acquires[lock] = acquisition{Path: lock, Class: a.Class, Name: a.Name, Read: a.Read, When: s.flags(), Perhaps: a.Perhaps}
			}
		}
	}
	for _, o := range f.sum.Orders {
		open, possible := w.conditionsAt(s, o.When, f.here)
		if !possible {
			continue
		}
		o.When = open
		w.order(s, o, pos)
		for _, e := range there {
			w.pair(lockRef{e.Class, e.Path, e.Readers > 0}, lockRef{o.Class, nil, o.Read}, nil, pos)
		}
	}
	w.mayBlockIn(s, pos, f.sum.Blocks, name, func(when []condition) ([]condition, bool) {
		return w.conditionsAt(s, when, f.here)
	})
}

// callsArguments is a call of a library function that calls the functions that it is given, before
// it returns.
func (w *walk) callsArguments(s *state, obj *types.Func, call *ssa.CallCommon, pos token.Pos) {
	if obj == nil || obj.Pkg() == nil || !callsWhatItIsGiven(obj.Pkg().Path()) && !callsItsArgument(obj.FullName()) {
		return
	}
	for _, arg := range call.Args {
		if _, ok := arg.Type().Underlying().(*types.Signature); !ok {
			continue
		}
		if f := w.functionOf(s, arg); f != nil {
			w.callsFunction(s, f, nil, pos, f.name)
		}
	}
}

var callsWhatItIsGiven = oneOf("slices sort maps strings bytes path/filepath io/fs")

var callsItsArgument = oneOf("(*sync.Once).Do (*sync.Map).Range")

// callsMethods is a call of a library function that calls methods of what it is given.
func (w *walk) callsMethods(s *state, obj *types.Func, call *ssa.CallCommon, pos token.Pos) {
	if obj == nil || obj.Pkg() == nil || len(s.heldPaths()) == 0 {
		return
	}
	names, ok := methodsCalled[obj.Pkg().Path()]
	if !ok {
		return
	}
	for i, arg := range listedArgs(call) {
		is := w.object(s, arg)
		if m, ok := arg.(*ssa.MakeInterface); ok {
			is = w.object(s, m.X)
		}
		if is.object == nil || types.IsInterface(is.object) {
			continue
		}
		if printing(obj.Pkg().Path()) && i > 0 && !formats(call) {
			continue
		}
		for _, name := range names {
			fn, _, _ := types.LookupFieldOrMethod(is.object, false, nil, name)
			if m, ok := fn.(*types.Func); !ok || m.Signature().Recv() == nil {
				continue
			}
			if sum := w.c.summaryOfMethod(is.object, nil, name); sum != nil {
				w.callsFunction(s, &called{sum, name, func(p *path) (val, bool) { return is, p == w.c.paths.parameter(0) }}, nil, pos,
					obj.Pkg().Name()+"."+obj.Name()+" calls "+name+", which")
			}
			if one := printing(obj.Pkg().Path()) && name != "Write"; one {
				break // only the first of them is called
			}
		}
	}
}

// methodsCalled has, by package, the methods that its functions call of what they are given.
var methodsCalled = map[string][]string{
	"fmt":            {"Write", "Format", "Error", "String"},
	"log":            {"Write", "Format", "Error", "String"},
	"log/slog":       {"LogValue", "Error", "String", "MarshalText"},
	"errors":         {"Is", "As", "Unwrap", "Error"},
	"encoding/json":  {"MarshalJSON", "UnmarshalJSON", "MarshalText"},
	"encoding/xml":   {"MarshalXML", "UnmarshalXML", "MarshalText"},
	"encoding/gob":   {"GobEncode", "GobDecode", "MarshalBinary"},
	"sort":           {"Len", "Less", "Swap"},
	"container/heap": {"Len", "Less", "Swap", "Push", "Pop"},
	"io":             {"Read", "Write", "ReadFrom", "WriteTo", "ReadByte", "WriteString", "ReadAt", "Seek"},
	"bufio":          {"Read", "Write"},
}

// formats reports whether the format of a call, if it has one, has a verb that asks for text.
func formats(call *ssa.CallCommon) bool {
	for _, arg := range call.Args {
		k, ok := arg.(*ssa.Const)
		if !ok || k.Value == nil || k.Value.Kind() != constant.String {
			continue
		}
		if text := constant.StringVal(k.Value); strings.Contains(text, "%") {
			return strings.ContainsAny(text, "vsqxXw")
		}
	}
	return true
}

// listedArgs are the arguments of a call as they are written: those of a variadic parameter one by
// one.
func listedArgs(call *ssa.CallCommon) []ssa.Value {
	all := args(call)
	if len(all) == 0 || !listed(all[len(all)-1]) {
		return all
	}
	list := all[len(all)-1].(*ssa.Slice).X.(*ssa.Alloc)
	all = slices.Clone(all[:len(all)-1])
	for _, ref := range *list.Referrers() {
		at, ok := ref.(*ssa.IndexAddr)
		if !ok {
			continue
		}
		for _, use := range *at.Referrers() {
			if st, ok := use.(*ssa.Store); ok && st.Addr == at {
				all = append(all, st.Val)
			}
		}
	}
	return all
}

// pull follows the functions that iter.Pull returns. An iterator holds what it holds from next to
// stop.
func (w *walk) pull(s *state, call *ssa.CallCommon) bool {
	maker, result := resultOf(call.Value)
	if maker == nil || call.IsInvoke() {
		return false
	}
	obj := calleeObject(maker)
	if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "iter" {
		return false
	}
	source, of := resultOf(maker.Args[0])
	if source == nil {
		return true
	}
	for _, l := range w.literalsOf(s, source, of) {
		for _, cb := range l.Calls {
			for _, e := range w.heldThere(s, cb.Held, w.here(s, source), source) {
				old, entry := s.locks[e.Path]
				switch {
				case result == 0 && !entry:
					s.locks[e.Path] = lockState{hold: held, readers: e.Readers, later: true, pos: call.Pos(), class: e.Class, name: e.Name}
				case result == 1 && old.later:
					delete(s.locks, e.Path)
				}
			}
		}
	}
	return true
}

// guards are the results that unlock, when they are called, what the function has locked.
func (w *walk) guards(exits []exit) []guard {
	var all []guard
	for _, e := range exits {
		for i, v := range e.values {
			if lock, m, ok := boundMethod(v); ok && m.op == releases {
				if l := e.state.locks[w.lockPath(e.state, lock, m)]; l.hold == held || l.hold == undecided && l.pos.IsValid() {
					all = append(all, guard{i, lockName(lock)})
				}
				continue
			}
			mc, ok := v.(*ssa.MakeClosure)
			if !ok || closureOf(mc) == nil {
				continue
			}
			if sum := w.c.summarize(mc.Fn.(*ssa.Function)); sum != nil {
				for _, outcome := range sum.Outcomes {
					for _, effect := range outcome.Locks {
						if effect.Hold == released {
							all = append(all, guard{i, effect.Name})
						}
					}
				}
			}
		}
	}
	slices.SortFunc(all, func(x, y guard) int { return x.Result - y.Result })
	return slices.CompactFunc(all, func(x, y guard) bool { return x.Result == y.Result })
}

// droppedGuards reports a call whose result would unlock, if somebody called it.
func (w *walk) droppedGuards(s *state, sum *summary, call *ssa.CallCommon, value ssa.Value, pos token.Pos) {
	for _, g := range sum.Guards {
		if value != nil && usesResult(value, g.Result) {
			continue
		}
		f := w.report(Leak, pos, "the function that %s returns is dropped, which would unlock %s: call it, or defer it (defer %s(…)())", calleeName(call), g.Lock, calleeName(call))
		if value == nil && call.Signature().Results().Len() == 1 {
			f.fixes = w.c.fixGuard(pos)
		}
	}
}

// usesResult reports whether a call's result is used.
func usesResult(call ssa.Value, i int) bool {
	if _, ok := call.Type().(*types.Tuple); !ok {
		return len(*call.Referrers()) > 0
	}
	for _, ref := range *call.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Extract:
			if ref.Index == i && len(*ref.Referrers()) > 0 {
				return true
			}
		case *ssa.Return, *ssa.Call:
			return true
		}
	}
	return false
}

// literals are the results that are function literals.
func (w *walk) literals(exits []exit) []literal {
	var all []literal
	for _, e := range exits {
		for i, v := range e.values {
			if ct, ok := v.(*ssa.ChangeType); ok {
				v = ct.X
			}
			mc, ok := v.(*ssa.MakeClosure)
			if !ok || closureOf(mc) == nil {
				continue
			}
			sum := w.c.summarize(mc.Fn.(*ssa.Function))
			if sum == nil || len(sum.Acquires) == 0 && len(sum.Calls) == 0 {
				continue
			}
			l := literal{Result: i}
			for _, a := range sum.Acquires {
				if a.Path = w.outside(e.state, a.Path, mc); a.Path.portable() && len(a.When) == 0 {
					l.Acquires = append(l.Acquires, a)
				}
			}
			for _, cb := range sum.Calls {
				var locks []effect
				for _, h := range cb.Held {
					if h.Path = w.outside(e.state, h.Path, mc); h.Path.portable() {
						locks = append(locks, h)
					}
				}
				l.Calls = append(l.Calls, callback{cb.Parameter, locks})
			}
			all = append(all, l)
		}
	}
	return all
}

// outside is a closure's path where the closure was made.
func (w *walk) outside(s *state, p *path, mc *ssa.MakeClosure) *path {
	return s.resolve(p, func(p *path) (val, bool) { return w.captured(s, p, mc) }).path
}

// onlyImplementation is the one type of the package that implements an interface which the package
// declares for itself; nil if there are none or several.
func (c *checker) onlyImplementation(t types.Type) types.Type {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() != c.pass.Pkg || named.Obj().Exported() {
		return nil
	}
	if only, ok := c.implementations[named]; ok {
		return only
	}
	iface, ok := named.Underlying().(*types.Interface)
	if !ok || iface.NumMethods() == 0 || named.TypeArgs().Len() > 0 {
		return nil
	}
	var all []types.Type
	scope := c.pass.Pkg.Scope()
	for _, name := range scope.Names() {
		obj, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || types.IsInterface(obj.Type()) || obj.IsAlias() {
			continue
		}
		if n, ok := obj.Type().(*types.Named); !ok || n.TypeParams().Len() > 0 {
			continue
		}
		if p := types.NewPointer(obj.Type()); types.Implements(p, iface) {
			all = append(all, p)
		}
	}
	if len(all) != 1 {
		all = []types.Type{nil}
	}
	c.implementations[named] = all[0]
	return all[0]
}
