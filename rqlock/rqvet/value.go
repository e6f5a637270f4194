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

// known is what is known of a value on a path.
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

// val is a value on a path.
type val struct {
	known known
	path  string // what it is or points to, as an access path; "" = no better name
	num   string // an integer in the first round of a loop
	lock  string // it is the unseen result of taking the lock at this path
}

// An access path names an object the same way each time a path of the program
// comes to it: p0 and g:pkg.name and #7# are roots (parameter, package variable,
// any other value), .f a field, @ what is loaded from there, [i] an element.
//
// Paths longer than this come from loops that walk a structure; the value's own
// name does then.
const maxPath = 160

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
		return w.fit(v, w.path(s, v.X)+"."+fieldName(v.X.Type(), v.Field))
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
	case *ssa.Alloc, *ssa.MakeInterface, *ssa.MakeClosure, *ssa.MakeMap, *ssa.MakeChan, *ssa.FieldAddr, *ssa.Function, *ssa.Global:
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
	}
	if s.conds[w.path(s, v)] != nothing {
		return val{known: s.conds[w.path(s, v)]}
	}
	return val{}
}

// load is the value at an address: what this path stored there, or a global error,
// which is one of the sentinels that programs compare with.
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

// number is the value of v if it is an integer that the path knows: a constant, or
// a loop's variable in its first round, so that a loop of a constant number of rounds
// is known to run.
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

// compare evaluates x == y and x != y, and keeps track of whose lock it looks at.
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
		return result // two things that are there: equal or not
	default:
		result.known = truth((x.known == y.known) == (v.Op == token.EQL))
	}
	return result
}

// remembered is what an earlier branch told of a comparison.
func (w *walk) remembered(s *state, v *ssa.BinOp) known {
	name, not := w.relation(s, v)
	if not {
		return s.conds[name].not()
	}
	return s.conds[name]
}

// relation is the name of a comparison, one for x == y and x != y, and one for
// x < y, y > x, x >= y and y <= x; not says that v is true where that is false.
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

// assume records what a branch tells of a condition, under the name that the same
// condition has elsewhere.
func (w *walk) assume(s *state, cond ssa.Value, holds known) {
	name, again := w.testName(s, cond), w.comesAgain(cond)
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

// comesAgain reports whether it may pay to remember a condition: it is a flag of
// the program, or looked at more than once, or about a parameter, of which callers
// may know more.
func (w *walk) comesAgain(cond ssa.Value) bool {
	name := w.testName(newState(), cond)
	if w.c.liveness(w.fn).tests[name] > 1 {
		return true
	}
	switch v := cond.(type) {
	case *ssa.UnOp:
		return v.Op == token.MUL || v.Op == token.NOT && w.comesAgain(v.X)
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

// assumeNil records x == nil of a value whose nilness was not known.
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

// pretty is v as its programmer would write it, for a message.
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
	case *ssa.FieldAddr:
		if of := pretty(v.X); of != nameless {
			return of + "." + fieldName(v.X.Type(), v.Field)
		}
		return fieldName(v.X.Type(), v.Field)
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
	case *ssa.Call:
		if fn := calleeObject(&v.Call); fn != nil {
			return fn.Name() + "()"
		}
	}
	return nameless
}

const nameless = "the lock"

// class is the kind of lock at v, as the lock order sees it: a field of a type or a
// package variable; "" if there is no telling.
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
	}
	return ""
}
