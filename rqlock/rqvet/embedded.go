package rqvet

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A lock may be reached in three ways: by its pointer, through an object that embeds
// it, and through an interface whose value is one of the two. The functions of this
// file take a value of any of these kinds, the receiver of the call as it is written,
// and find the lock.
//
// Where the object behind an interface is not known, the path of its lock is that of
// the interface with a last step of its own (stepLock). A caller of the function may know more.

// A step leads from an object to one inside it.
type step struct {
	kind pathKind
	name string
}

// within has the steps from an object of type t to the lock that the object's method works
// on. It is not ok if that is a method of the object's own, or none.
func within(t types.Type, name string) (steps []step, ok bool) {
	obj, index, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, _ := obj.(*types.Func)
	if fn == nil {
		return nil, false
	}
	for _, i := range index[:len(index)-1] {
		f := structOf(t).Field(i)
		steps, t = append(steps, step{stepField, f.Name()}), f.Type()
		if isPointer(t) || types.IsInterface(t) {
			steps = append(steps, step{kind: stepLoad})
		}
	}
	if types.IsInterface(t) {
		_, fits := asMethod(fn)
		return append(steps, step{kind: stepLock}), locksByInterface(t) && fits
	}
	_, ok = lockMethod(fn)
	return steps, ok
}

// embedded has the steps from an object of type t to the one lock that all its methods of a
// lock's names work on.
func embedded(t types.Type) (steps []step, ok bool) {
	steps, ok = within(t, "Unlock")
	for name, m := range lockNames {
		if m.op == converts {
			continue
		}
		if obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name); obj != nil {
			other, found := within(t, name)
			ok = ok && found && slices.Equal(other, steps)
		}
	}
	return steps, ok
}

// methodOf is the method of a type that a lock would have.
func methodOf(t types.Type, name string) (method, bool) {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, _ := obj.(*types.Func)
	return asMethod(fn)
}

// locksByInterface reports whether values of an interface or of a type parameter are locks:
// they can be acquired and released.
func locksByInterface(t types.Type) bool {
	for _, name := range []string{"Lock", "LockTimeout", "LockContext"} {
		if _, ok := methodOf(t, name); ok {
			return canUnlock(t)
		}
	}
	return false
}

// canUnlock reports whether t is an interface that a lock can be unlocked through.
func canUnlock(t types.Type) bool {
	if !types.IsInterface(t) {
		return false
	}
	_, ok := methodOf(t, "Unlock")
	return ok
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
	if m, ok = asMethod(fn); !ok {
		return m, false
	}
	if t := objectType(v); t != nil {
		_, ok = within(t, m.name)
		return m, ok
	}
	return m, locksByInterface(v.Type())
}

// converterOf returns the method if call is of RLocker.
func converterOf(call *ssa.CallCommon) (m method, ok bool) {
	fn := call.StaticCallee()
	if fn == nil || fn.Name() != "RLocker" {
		return method{}, false
	}
	m, ok = lockMethod(funcObject(fn))
	return m, ok && m.op == converts && len(call.Args) == 1
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
	fits := ok
	if call.IsInvoke() {
		lock = call.Value
		m, fits = asMethod(call.Method)
	} else if !ok {
		return nil, method{}, false
	}
	if is := w.object(s, lock); is.object != nil && fits {
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

// lockPath is the path of the lock or record that method m of v works on.
func (w *walk) lockPath(s *state, v ssa.Value, m method) *path {
	if isRecord(v.Type()) {
		return w.path(s, v)
	}
	return w.lockPathNamed(s, v, m.name)
}

func (w *walk) lockPathNamed(s *state, v ssa.Value, name string) *path {
	lock, _ := s.lockIn(w.object(s, v), name)
	return lock
}

// lockIn is the path of the lock that a method of an object works on. It is not ok if that
// is a method of the object's own.
func (s *state) lockIn(is val, name string) (lock *path, ok bool) {
	if is.path.Kind == stepReader {
		return is.path, true
	}
	if is.object == nil {
		return is.path.lock(), true
	}
	steps, ok := within(is.object, name)
	if !ok {
		return is.path.lock(), false
	}
	lock, own := s.lockAt(is, steps)
	return lock, own == nil
}

// lockAt follows the steps to a lock from an object. If they lead to an interface that holds
// an object with methods of its own, own is the type of that object.
//
// A copy of a struct has the same pointers as what it was copied from, and the fields of a
// value are not loaded.
func (s *state) lockAt(at val, steps []step) (lock *path, own types.Type) {
	if at.object != nil && !isPointer(at.object) {
		if address := at.path.loaded(); address != nil {
			at.path = address
		} else if i := slices.Index(steps, step{kind: stepLoad}); i >= 0 {
			steps = slices.Delete(slices.Clone(steps), i, i+1)
		}
	}
	for _, st := range steps {
		switch st.kind {
		case stepField:
			at = val{path: at.path.field(st.name)}
		case stepLoad:
			at = s.at(at.path)
		case stepLock:
			return s.lockBehind(at)
		}
	}
	return at.path, nil
}

// lockBehind is the lock behind an interface.
func (s *state) lockBehind(at val) (lock *path, own types.Type) {
	if at.path.Kind == stepReader {
		return at.path, nil
	}
	if at.object == nil {
		return at.path.lock(), nil
	}
	if steps, ok := embedded(at.object); ok {
		return s.lockAt(at, steps)
	}
	return at.path.lock(), at.object
}

// at is what is stored at an address.
func (s *state) at(address *path) val {
	if v, ok := s.mem[address]; ok && v.path != nil {
		return v
	}
	return val{path: address.load()}
}

// resolve follows a path through what is known to be stored. The function says what some
// of its parts are here; it returns false for the others.
func (s *state) resolve(p *path, here func(*path) (val, bool)) val {
	if v, ok := here(p); ok {
		return v
	}
	if !p.isStep() {
		return val{path: p.with(func(q *path) *path {
			if v, ok := here(q); ok {
				return v.path
			}
			return nil
		})}
	}
	at := s.resolve(p.From, here)
	switch p.Kind {
	case stepLoad:
		return s.at(at.path)
	case stepField:
		if at.object != nil && !isPointer(at.object) {
			if address := at.path.loaded(); address != nil {
				at.path = address
			}
		}
		return val{path: at.path.field(p.Name)}
	case stepElem:
		return val{path: at.path.element(s.resolve(p.Other, here).path)}
	}
	return val{path: at.path.table.get(pathKey{kind: p.Kind, n: p.N, name: p.Name, from: at.path})}
}

// lockClass is classAt for the lock that v leads to.
func lockClass(v ssa.Value) class {
	switch v := v.(type) {
	case *ssa.MakeInterface:
		return lockClass(v.X)
	case *ssa.ChangeInterface:
		return lockClass(v.X)
	case *ssa.Call:
		if _, ok := converterOf(&v.Call); ok {
			return lockClass(v.Call.Args[0])
		}
	}
	t := v.Type()
	if isLockPointer(t) || types.IsInterface(t) {
		return classAt(v)
	}
	obj, index, _ := types.LookupFieldOrMethod(t, true, nil, "Unlock")
	if obj == nil || len(index) < 2 {
		return class{}
	}
	outer := classAt(v)
	for _, i := range index[:len(index)-1] {
		if n, ok := types.Unalias(deref(t)).(*types.Named); ok && n.Obj().Pkg() != nil {
			outer = class{n.Obj().Pkg().Path(), n.Obj().Name()}
		}
		f := structOf(t).Field(i)
		outer, t = outer.within(f.Name()), f.Type()
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
	case *ssa.Call:
		if _, ok := converterOf(&x.Call); ok {
			return lockName(x.Call.Args[0])
		}
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
