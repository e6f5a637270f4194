package rqvet

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// known is what a path knows of a value.
type known uint8

const (
	nothing known = iota
	isNil
	notNil
	isTrue
	isFalse
)

func (k known) String() string { return [...]string{"?", "nil", "not nil", "true", "false"}[k] }

func truth(b bool) known {
	if b {
		return isTrue
	}
	return isFalse
}

func nilness(b bool) known {
	if b {
		return isNil
	}
	return notNil
}

func (k known) not() known {
	switch k {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return nothing
}

// val is what a path knows of one value.
type val struct {
	known  known
	path   string     // what it is or points to, as an access path; "" = no better name
	num    string     // an integer in the first iteration of a loop
	lock   string     // it is the unchecked result of acquiring the lock at this path
	object types.Type // an interface that may be a lock: the type of the object in it
}

// An access path names an object in the same way each time that a path of the program
// comes to it. It begins with p0 (a parameter), g:pkg.name (a package variable), f:name
// (a captured variable) or #7# (any other value). Then come .f (a field), @ (what is
// loaded from there), [i] (an element) and ! (the lock behind an interface).
//
// Paths longer than maxPath come from loops that walk a structure. The value gets a
// name of its own instead.
const maxPath = 160

// root is the name of a value that nothing else names.
func (c *checker) root(v ssa.Value) string {
	id, ok := c.ids[v]
	if !ok {
		id = len(c.ids) + 1
		c.ids[v] = id
	}
	return "#" + strconv.Itoa(id) + "#"
}

// path is the access path of v.
func (w *walk) path(s *state, v ssa.Value) string {
	if known, ok := s.env[v]; ok && known.path != "" {
		return known.path
	}
	switch v := v.(type) {
	case *ssa.Parameter:
		for i, p := range v.Parent().Params {
			if p == v {
				return fmt.Sprintf("p%d", i)
			}
		}
	case *ssa.Global:
		return "g:" + v.Pkg.Pkg.Path() + "." + v.Name()
	case *ssa.FreeVar:
		return "f:" + v.Name()
	case *ssa.Const:
		if v.Value != nil {
			return v.Value.ExactString()
		}
		return "nil"
	case *ssa.FieldAddr:
		return w.fit(v, w.path(s, v.X)+"."+fieldName(v.X.Type(), v.Field))
	case *ssa.Field:
		at, loaded := w.fieldPath(s, v)
		if loaded {
			at = s.resolve(val{path: at}, "@").path
		}
		return w.fit(v, at)
	case *ssa.IndexAddr:
		return w.fit(v, w.path(s, v.X)+"["+w.path(s, v.Index)+"]")
	case *ssa.UnOp:
		switch v.Op {
		case token.MUL:
			return w.fit(v, w.path(s, v.X)+"@")
		case token.NOT, token.SUB, token.XOR:
			return w.fit(v, v.Op.String()+"("+w.path(s, v.X)+")")
		}
	case *ssa.BinOp:
		return w.fit(v, "("+w.path(s, v.X)+v.Op.String()+w.path(s, v.Y)+")")
	case *ssa.ChangeType:
		return w.path(s, v.X)
	case *ssa.Convert:
		return w.path(s, v.X)
	case *ssa.ChangeInterface:
		return w.path(s, v.X)
	case *ssa.MakeInterface:
		return w.path(s, v.X)
	case *ssa.Slice:
		if v.Low == nil && v.High == nil && v.Max == nil {
			return w.path(s, v.X)
		}
	case *ssa.Extract:
		return w.c.root(v.Tuple) + strconv.Itoa(v.Index) + "^"
	case *ssa.Call:
		if b, ok := v.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" {
			return w.fit(v, "len("+w.path(s, v.Call.Args[0])+")")
		}
	}
	return w.c.root(v)
}

// fieldPath is the path of a struct value's field. If the struct was loaded, it is the
// path of the field in memory.
func (w *walk) fieldPath(s *state, v *ssa.Field) (path string, loaded bool) {
	x, loaded := strings.CutSuffix(w.path(s, v.X), "@")
	return x + "." + fieldName(v.X.Type(), v.Field), loaded
}

func (w *walk) fit(v ssa.Value, path string) string {
	if len(path) > maxPath {
		return w.c.root(v)
	}
	return path
}

func fieldName(t types.Type, i int) string {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	if st, ok := t.Underlying().(*types.Struct); ok && i < st.NumFields() {
		return st.Field(i).Name()
	}
	return strconv.Itoa(i)
}

// eval is what the path knows of v.
func (w *walk) eval(s *state, v ssa.Value) val {
	if known, ok := s.env[v]; ok {
		return known
	}
	switch v := v.(type) {
	case *ssa.Const:
		switch {
		case v.Value == nil && nilable(v.Type()):
			return val{known: isNil}
		case v.Value != nil && v.Value.Kind() == constant.Bool:
			return val{known: truth(constant.BoolVal(v.Value))}
		}
		return val{}
	case *ssa.MakeInterface:
		return w.inInterface(s, v)
	case *ssa.Alloc, *ssa.MakeClosure, *ssa.MakeMap, *ssa.MakeChan, *ssa.FieldAddr, *ssa.Function, *ssa.Global:
		return val{known: notNil}
	case *ssa.ChangeInterface:
		return w.eval(s, v.X)
	case *ssa.ChangeType:
		return w.eval(s, v.X)
	case *ssa.UnOp:
		switch v.Op {
		case token.NOT:
			x := w.eval(s, v.X)
			x.known = x.known.not()
			if x.known == nothing {
				x.known = s.conds[w.path(s, v.X)].not()
			}
			x.path = ""
			return x
		case token.MUL:
			return w.load(s, v)
		}
	case *ssa.BinOp:
		return w.compare(s, v)
	case *ssa.Field:
		if _, zero := v.X.(*ssa.Const); zero && nilable(v.Type()) {
			return val{known: isNil}
		}
		if at, loaded := w.fieldPath(s, v); loaded {
			if stored, ok := s.mem[at]; ok {
				return stored
			}
		}
	}
	if s.conds[w.path(s, v)] != nothing {
		return val{known: s.conds[w.path(s, v)]}
	}
	return val{}
}

// inInterface is an object that has been put into an interface.
func (w *walk) inInterface(s *state, v *ssa.MakeInterface) val {
	is := val{known: notNil}
	switch t := v.X.Type(); {
	case types.IsInterface(t): // a type parameter
		is.object = w.eval(s, v.X).object
	case mayLock(t):
		is.object = t
	}
	return is
}

// load is the value at an address: what this path has stored there, or a package's error
// variable, which is never nil: programs compare with it.
func (w *walk) load(s *state, v *ssa.UnOp) val {
	at := w.path(s, v.X)
	if stored, ok := s.mem[at]; ok {
		if stored.known == nothing && stored.path != "" {
			stored.known = s.conds[stored.path]
		}
		return stored
	}
	if g, ok := v.X.(*ssa.Global); ok && isError(v.Type()) && strings.HasPrefix(strings.ToLower(g.Name()), "err") {
		return val{known: notNil}
	}
	return val{known: s.conds[w.path(s, v)]}
}

// number is the value of v if it is an integer that the path knows: a constant, or a
// loop's variable in the first iteration. So a loop with a constant bound is known to
// run.
func (w *walk) number(s *state, v ssa.Value) constant.Value {
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value != nil && v.Value.Kind() == constant.Int {
			return v.Value
		}
	case *ssa.Phi:
		if first := s.env[v].num; first != "" {
			if n := constant.MakeFromLiteral(strings.TrimPrefix(first, "-"), token.INT, 0); n.Kind() == constant.Int {
				if first[0] == '-' {
					n = constant.UnaryOp(token.SUB, n, 0)
				}
				return n
			}
		}
	case *ssa.BinOp:
		if v.Op != token.ADD && v.Op != token.SUB {
			return nil
		}
		if x, y := w.number(s, v.X), w.number(s, v.Y); x != nil && y != nil {
			return constant.BinaryOp(x, v.Op, y)
		}
	}
	return nil
}

// compare evaluates a comparison. If an operand is the unchecked result of acquiring a
// lock, so is the comparison.
func (w *walk) compare(s *state, v *ssa.BinOp) val {
	switch v.Op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if x, y := w.number(s, v.X), w.number(s, v.Y); x != nil && y != nil {
			return val{known: truth(constant.Compare(x, v.Op, y))}
		}
	}
	if v.Op != token.EQL && v.Op != token.NEQ {
		return val{known: w.remembered(s, v)}
	}
	x, y := w.eval(s, v.X), w.eval(s, v.Y)
	result := val{lock: x.lock}
	if result.lock == "" {
		result.lock = y.lock
	}
	switch {
	case x.known == nothing || y.known == nothing:
		result.known = w.remembered(s, v)
		return result
	case x.known == notNil && y.known == notNil:
		return result // equal or not
	default:
		result.known = truth((x.known == y.known) == (v.Op == token.EQL))
	}
	return result
}

// remembered is the value of a comparison on which an earlier branch depended.
func (w *walk) remembered(s *state, v *ssa.BinOp) known {
	name, not := w.relation(s, v)
	if not {
		return s.conds[name].not()
	}
	return s.conds[name]
}

// relation is the name of a comparison: one for x == y and x != y, and one for x < y,
// y > x, x >= y and y <= x. With not, v is true where the comparison of that name is
// false.
func (w *walk) relation(s *state, v *ssa.BinOp) (name string, not bool) {
	x, y, op := w.path(s, v.X), w.path(s, v.Y), v.Op
	switch op {
	case token.NEQ:
		op, not = token.EQL, true
	case token.GTR:
		x, y, op = y, x, token.LSS
	case token.GEQ:
		op, not = token.LSS, true
	case token.LEQ:
		x, y, op, not = y, x, token.LSS, true
	}
	return w.fit(v, "("+x+op.String()+y+")"), not
}

// assume records the value of a condition that a branch depends on, under the name that
// the same condition has elsewhere.
func (w *walk) assume(s *state, cond ssa.Value, holds known) {
	name, again := w.testName(s, cond), w.worthRemembering(cond)
	for {
		not, ok := cond.(*ssa.UnOp)
		if !ok || not.Op != token.NOT {
			break
		}
		cond, holds = not.X, holds.not()
	}
	is := w.eval(s, cond)
	is.known = holds
	s.env[cond] = is
	if v, ok := cond.(*ssa.BinOp); ok {
		if _, not := w.relation(s, v); not {
			holds = holds.not()
		}
		w.assumeNil(s, v, holds)
	}
	if again {
		s.conds[name] = holds
	}
}

// worthRemembering reports whether a condition may be asked again: it is a flag of the
// program, or tested more than once, or about a parameter, of which callers may know
// more.
func (w *walk) worthRemembering(cond ssa.Value) bool {
	name := w.testName(newState(), cond)
	if w.c.liveness(w.fn).tests[name] > 1 {
		return true
	}
	switch v := cond.(type) {
	case *ssa.UnOp:
		return v.Op == token.MUL || v.Op == token.NOT && w.worthRemembering(v.X)
	case *ssa.Parameter, *ssa.Field:
		return true
	case *ssa.BinOp:
		if v.Op != token.EQL && v.Op != token.NEQ {
			return false
		}
		_, x := v.X.(*ssa.Parameter)
		_, y := v.Y.(*ssa.Parameter)
		return x || y
	}
	return false
}

// assumeNil records whether x == nil holds for a value of which that was not known.
func (w *walk) assumeNil(s *state, v *ssa.BinOp, holds known) {
	if v.Op != token.EQL && v.Op != token.NEQ {
		return
	}
	x, y := v.X, v.Y
	if c, ok := x.(*ssa.Const); ok && c.IsNil() {
		x, y = y, x
	}
	if c, ok := y.(*ssa.Const); !ok || !c.IsNil() {
		return
	}
	is := w.eval(s, x)
	is.known = nilness(holds == isTrue)
	is.path = w.path(s, x)
	s.env[x] = is
}

func nilable(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		return true
	}
	return false
}

var errorType = types.Universe.Lookup("error").Type()

func isError(t types.Type) bool { return types.Identical(t, errorType) }

func isBool(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// pretty is v as the programmer writes it, for a message.
func pretty(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Parameter, *ssa.FreeVar, *ssa.Global:
		return v.Name()
	case *ssa.Alloc:
		if v.Comment != "" && v.Comment != "complit" && v.Comment != "new" {
			return v.Comment
		}
	case *ssa.Phi:
		if v.Comment != "" {
			return v.Comment
		}
	case *ssa.FieldAddr, *ssa.Field:
		object, i := fieldOf(v)
		if name := pretty(object); name != nameless {
			return name + "." + fieldName(object.Type(), i)
		}
		return fieldName(object.Type(), i)
	case *ssa.IndexAddr:
		if i, ok := v.Index.(*ssa.Const); ok {
			return pretty(v.X) + "[" + i.Value.ExactString() + "]"
		}
		return pretty(v.X) + "[…]"
	case *ssa.UnOp:
		return pretty(v.X)
	case *ssa.Lookup:
		return pretty(v.X) + "[…]"
	case *ssa.Extract:
		return pretty(v.Tuple)
	case *ssa.TypeAssert:
		return pretty(v.X)
	case *ssa.MakeInterface:
		return pretty(v.X)
	case *ssa.ChangeInterface:
		return pretty(v.X)
	case *ssa.Call:
		if fn := calleeObject(&v.Call); fn != nil {
			return fn.Name() + "()"
		}
	}
	return nameless
}

const nameless = "the lock"

// class is the lock class of the lock at v, as in lockdep: a field of a type or a package
// variable. It is "" if neither is known.
func class(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Global:
		return v.Pkg.Pkg.Path() + "." + v.Name()
	case *ssa.FieldAddr:
		t := v.X.Type().Underlying().(*types.Pointer).Elem()
		if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
			return n.Obj().Pkg().Path() + "." + n.Obj().Name() + "." + fieldName(t, v.Field)
		}
		if outer := class(v.X); outer != "" {
			return outer + "." + fieldName(t, v.Field)
		}
	case *ssa.IndexAddr:
		if outer := class(v.X); outer != "" {
			return outer + "[]"
		}
	case *ssa.UnOp:
		if v.Op == token.MUL {
			return class(v.X)
		}
	case *ssa.ChangeType:
		return class(v.X)
	}
	return ""
}
