package rqvet

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A lock may be reached in three ways: by its pointer, through an object that embeds
// it, and through an interface whose value is one of the two. The functions of this
// file take a value of any of these kinds, the receiver of the call as it is written,
// and find the lock.
//
// Where the object behind an interface is not known, the path of its lock is that of
// the interface with "!" at its end. A caller of the function may know more.

// within is the path from an object of type t to the lock that the object's method
// works on. It is not ok if that is a method of the object's own, or none.
func within(t types.Type, name string) (path string, ok bool) {
	obj, index, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, _ := obj.(*types.Func)
	if fn == nil {
		return "", false
	}
	for _, i := range index[:len(index)-1] {
		f := structOf(t).Field(i)
		path, t = path+"."+f.Name(), f.Type()
		if isPointer(t) || types.IsInterface(t) {
			path += "@"
		}
	}
	if types.IsInterface(t) {
		return path + "!", locksByInterface(t) && methods[name].fits(fn)
	}
	_, ok = lockMethod(fn)
	return path, ok
}

// embedded is the path from an object of type t to the one lock that all its methods
// of a lock's names work on.
func embedded(t types.Type) (path string, ok bool) {
	path, ok = within(t, "Unlock")
	for name := range methods {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name); obj != nil {
			other, found := within(t, name)
			ok = ok && found && other == path
		}
	}
	return path, ok
}

// locksByInterface reports whether values of an interface or of a type parameter are
// locks that may fail: they can be unlocked, and an acquisition returns an error.
func locksByInterface(t types.Type) bool {
	has := func(name string) bool {
		obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		fn, _ := obj.(*types.Func)
		return fn != nil && methods[name].fits(fn)
	}
	return canUnlock(t) && (has("Lock") || has("LockTimeout") || has("LockContext"))
}

// canUnlock reports whether t is an interface that a lock can be unlocked through.
func canUnlock(t types.Type) bool {
	if !types.IsInterface(t) {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Unlock")
	fn, _ := obj.(*types.Func)
	return fn != nil && methods["Unlock"].fits(fn)
}

// lockCall returns the lock and the method if call is of a lock's method, by its name,
// by a method value or by a method expression.
func lockCall(call *ssa.CallCommon) (lock ssa.Value, m method, ok bool) {
	if lock, m, ok = boundMethod(call.Value); ok {
		return lock, m, true
	}
	if all := args(call); len(all) > 0 {
		m, ok = methodOn(all[0], calleeObject(call))
		return all[0], m, ok
	}
	return nil, method{}, false
}

// boundMethod returns the lock and the method of a method value: l.Unlock without the call.
func boundMethod(v ssa.Value) (lock ssa.Value, m method, ok bool) {
	mc, isClosure := v.(*ssa.MakeClosure)
	if !isClosure || len(mc.Bindings) != 1 || !strings.HasSuffix(mc.Fn.Name(), "$bound") {
		return nil, method{}, false
	}
	obj, _ := mc.Fn.(*ssa.Function).Object().(*types.Func)
	m, ok = methodOn(mc.Bindings[0], obj)
	return mc.Bindings[0], m, ok
}

// methodOn returns the method of a lock that fn is for a receiver v. A method of an
// interface is one if the interface is that of a lock, or v is known to hold one.
func methodOn(v ssa.Value, fn *types.Func) (m method, ok bool) {
	if m, ok = lockMethod(fn); ok || fn == nil || !types.IsInterface(v.Type()) {
		return m, ok
	}
	m = methods[fn.Name()]
	if !m.fits(fn) {
		return m, false
	}
	if t := objectType(v); t != nil {
		_, ok = within(t, m.name)
		return m, ok
	}
	return m, locksByInterface(v.Type())
}

// objectType is the type of the object in an interface that was made here; else nil.
func objectType(v ssa.Value) types.Type {
	switch v := v.(type) {
	case *ssa.MakeInterface:
		if t := v.X.Type(); !types.IsInterface(t) { // a type parameter is one
			return t
		}
	case *ssa.ChangeInterface:
		return objectType(v.X)
	}
	return nil
}

// mayLock reports whether it pays to remember that an interface holds an object of
// type t.
func mayLock(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Unlock")
	return obj != nil
}

// lockCall is the function of that name with what the path knows of the object in an
// interface, which may be a lock or have a method of its own.
func (w *walk) lockCall(s *state, call *ssa.CallCommon) (lock ssa.Value, m method, ok bool) {
	if lock, m, ok = lockCall(call); ok && !types.IsInterface(lock.Type()) {
		return lock, m, true
	}
	if call.IsInvoke() {
		lock, m = call.Value, methods[call.Method.Name()]
	} else if !ok {
		return nil, method{}, false
	}
	if is := w.object(s, lock); is.object != nil && m.fits(calleeObject(call)) {
		_, ok = s.lockIn(is, m.name)
	}
	return lock, m, ok
}

// object is what the path knows of v as an object: its path, and its type.
func (w *walk) object(s *state, v ssa.Value) val {
	is := w.eval(s, v)
	is.path = w.path(s, v)
	if is.object == nil && !types.IsInterface(v.Type()) {
		is.object = v.Type()
	}
	return is
}

// lockPath is the path of the lock that method name of v works on.
func (w *walk) lockPath(s *state, v ssa.Value, name string) string {
	path, _ := s.lockIn(w.object(s, v), name)
	return path
}

// lockIn is the path of the lock that method name of an object works on. It is not ok
// if that is a method of the object's own.
func (s *state) lockIn(is val, name string) (path string, ok bool) {
	if is.object == nil {
		return is.path + "!", true
	}
	inner, ok := within(is.object, name)
	if !ok {
		return is.path + "!", false
	}
	path, own := s.lockAt(is.inside(inner))
	return path, own == nil
}

// inside is what to give to lockAt for a path inside an object. A copy of a struct has
// the same pointers as what it was copied from.
func (is val) inside(path string) (from val, rest string) {
	if is.object == nil || isPointer(is.object) {
		return is, path
	}
	if address, ok := strings.CutSuffix(is.path, "@"); ok {
		is.path = address
		return is, path
	}
	return is, strings.Replace(path, "@", "", 1) // fields of a value
}

// lockAt follows a lock's path from an object. If the path leads to an interface that
// holds an object with methods of its own, own is the type of that object.
func (s *state) lockAt(from val, path string) (here string, own types.Type) {
	inner, byInterface := strings.CutSuffix(path, "!")
	at := s.resolve(from, inner)
	if !byInterface {
		return at.path, nil
	}
	if at.object == nil {
		return at.path + "!", nil
	}
	inner, ok := embedded(at.object)
	if !ok {
		return at.path + "!", at.object
	}
	return s.lockAt(at.inside(inner))
}

// lockClass is class for the lock that v leads to.
func lockClass(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.MakeInterface:
		return lockClass(v.X)
	case *ssa.ChangeInterface:
		return lockClass(v.X)
	}
	t := v.Type()
	if isLockPointer(t) || types.IsInterface(t) {
		return class(v)
	}
	obj, index, _ := types.LookupFieldOrMethod(t, true, nil, "Unlock")
	if obj == nil || len(index) < 2 {
		return ""
	}
	outer := class(v)
	for _, i := range index[:len(index)-1] {
		if n, ok := types.Unalias(deref(t)).(*types.Named); ok && n.Obj().Pkg() != nil {
			outer = n.Obj().Pkg().Path() + "." + n.Obj().Name()
		}
		f := structOf(t).Field(i)
		outer, t = outer+"."+f.Name(), f.Type()
	}
	return outer
}

// lockName is the lock that v leads to as the programmer writes it before the dot of
// a call. An embedded lock goes by the name of the object: t.Lock().
func lockName(v ssa.Value) string {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return lockName(x.X)
	case *ssa.ChangeInterface:
		return lockName(x.X)
	}
	for outer := v; ; {
		if load, ok := outer.(*ssa.UnOp); ok && load.Op == token.MUL {
			outer = load.X
		}
		object, i := fieldOf(outer)
		if object == nil || !promotes(object.Type(), i) {
			return pretty(v)
		}
		outer = object
		if pretty(outer) != nameless {
			v = outer
		}
	}
}

// fieldOf is the object of which v is a field, or a field's address; else nil.
func fieldOf(v ssa.Value) (object ssa.Value, i int) {
	switch v := v.(type) {
	case *ssa.FieldAddr:
		return v.X, v.Field
	case *ssa.Field:
		return v.X, v.Field
	}
	return nil, 0
}

// promotes reports whether t has the methods of a lock from its field i.
func promotes(t types.Type, i int) bool {
	if _, ok := embedded(t); !ok {
		return false
	}
	_, index, _ := types.LookupFieldOrMethod(t, true, nil, "Unlock")
	return len(index) > 1 && index[0] == i
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// deref is what t points to, or t.
func deref(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// structOf is the struct that t is or points to; nil if it is none.
func structOf(t types.Type) *types.Struct {
	st, _ := deref(t).Underlying().(*types.Struct)
	return st
}
