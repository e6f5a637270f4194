package rqvet

import (
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
	path   *path      // what it is or points to; nil = no better name
	num    number     // a constant that a variable has
	lock   *path      // it is the unchecked result of acquiring this lock
	object types.Type // an interface that may be a lock: the type of the object in it
}

// number is an integer, if the path knows it.
type number struct {
	n  int64
	ok bool
}

// root is the name of a value that nothing else names.
func (c *checker) root(v ssa.Value) *path { return c.paths.of(v) }

// path is the path of v.
func (w *walk) path(s *state, v ssa.Value) *path {
	if known, ok := s.env[v]; ok && known.path != nil {
		return known.path
	}
	t := w.c.paths
	switch v := v.(type) {
	case *ssa.Parameter:
		for i, p := range v.Parent().Params {
			if p == v {
				return t.parameter(i)
			}
		}
	case *ssa.Global:
		return t.global(v.Pkg.Pkg.Path(), v.Name())
	case *ssa.FreeVar:
		return t.captured(v.Name())
	case *ssa.Const:
		if v.Value != nil {
			return t.constant(v.Value.ExactString())
		}
		return t.constant("nil")
	case *ssa.FieldAddr:
		return w.fit(v, w.path(s, v.X).field(fieldName(v.X.Type(), v.Field)))
	case *ssa.Field:
		at, loaded := w.fieldPath(s, v)
		if !loaded {
			return w.fit(v, at)
		}
		if known, ok := s.mem[at]; ok && known.path != nil {
			return known.path
		}
		return w.fit(v, at.load())
	case *ssa.IndexAddr:
		return w.fit(v, w.path(s, v.X).element(w.path(s, v.Index)))
	case *ssa.UnOp:
		switch v.Op {
		case token.MUL:
			return w.fit(v, w.path(s, v.X).load())
		case token.NOT, token.SUB, token.XOR:
			return w.fit(v, w.path(s, v.X).unary(v.Op.String()))
		}
	case *ssa.BinOp:
		return w.fit(v, w.path(s, v.X).binary(v.Op.String(), w.path(s, v.Y)))
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
		return w.c.root(v.Tuple).part(v.Index)
	case *ssa.Call:
		return w.callPath(s, v)
	}
	return w.c.root(v)
}

// callPath is the path of a call's result. If the function only computes, it is the same for
// the same arguments.
func (w *walk) callPath(s *state, v *ssa.Call) *path {
	if b, ok := v.Call.Value.(*ssa.Builtin); ok && b.Name() == "len" {
		return w.fit(v, w.path(s, v.Call.Args[0]).unary("len"))
	}
	if m, ok := converterOf(&v.Call); ok {
		return w.fit(v, w.lockPath(s, v.Call.Args[0], m).step(stepReader))
	}
	fn := v.Call.StaticCallee()
	if fn == nil || !w.c.onlyComputes(fn) {
		return w.c.root(v)
	}
	var all []*path
	for _, arg := range v.Call.Args {
		all = append(all, w.path(s, arg))
	}
	if len(all) == 0 {
		return w.c.root(v)
	}
	return w.fit(v, w.c.paths.call(fn.String(), all))
}

// fieldPath is the path of a struct value's field. If the struct was loaded, it is the
// path of the field in memory.
func (w *walk) fieldPath(s *state, v *ssa.Field) (p *path, loaded bool) {
	x := w.path(s, v.X)
	if at := x.loaded(); at != nil {
		x, loaded = at, true
	}
	return x.field(fieldName(v.X.Type(), v.Field)), loaded
}

func (w *walk) fit(v ssa.Value, p *path) *path {
	if p.size > maxSize {
		return w.c.root(v)
	}
	return p
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
		return val{num: constantInt(v)}
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
			x.path = nil
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
		if stored.known == nothing && stored.path != nil {
			stored.known = s.conds[stored.path]
		}
		return stored
	}
	if g, ok := v.X.(*ssa.Global); ok && isError(v.Type()) && (g.Pkg != w.top.Pkg || strings.HasPrefix(strings.ToLower(g.Name()), "err")) {
		return val{known: notNil}
	}
	return val{known: s.conds[w.path(s, v)]}
}

// number is the value of v if it is an integer that the path knows: a constant, a variable
// that holds one, or a loop's variable in the first iteration. So a loop with a constant bound
// is known to run.
func (w *walk) number(s *state, v ssa.Value) number {
	switch v := v.(type) {
	case *ssa.Const:
		return constantInt(v)
	case *ssa.BinOp:
		if v.Op != token.ADD && v.Op != token.SUB {
			return number{}
		}
		x, y := w.number(s, v.X), w.number(s, v.Y)
		if v.Op == token.SUB {
			y.n = -y.n
		}
		return number{x.n + y.n, x.ok && y.ok}
	case *ssa.Convert:
		return w.number(s, v.X)
	}
	return w.eval(s, v).num
}

func constantInt(v *ssa.Const) number {
	if v.Value == nil || v.Value.Kind() != constant.Int {
		return number{}
	}
	n, ok := constant.Int64Val(v.Value)
	return number{n, ok && -1<<31 <= n && n < 1<<31}
}

func (x number) compare(op token.Token, y number) bool {
	return constant.Compare(constant.MakeInt64(x.n), op, constant.MakeInt64(y.n))
}

// compare evaluates a comparison. If an operand is the unchecked result of acquiring a
// lock, so is the comparison.
func (w *walk) compare(s *state, v *ssa.BinOp) val {
	switch v.Op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if x, y := w.number(s, v.X), w.number(s, v.Y); x.ok && y.ok {
			return val{known: truth(x.compare(v.Op, y))}
		}
	}
	if v.Op != token.EQL && v.Op != token.NEQ {
		return val{known: w.remembered(s, v)}
	}
	x, y := w.eval(s, v.X), w.eval(s, v.Y)
	result := val{lock: x.lock}
	if result.lock == nil {
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
	is := s.conds[name]
	if is == nothing {
		is = w.implied(s, name)
	}
	if not {
		return is.not()
	}
	return is
}

// implied is the value of x == k if the path knows that x equals another constant.
func (w *walk) implied(s *state, name *path) known {
	if name.Kind != opBinary || name.Name != token.EQL.String() || name.Other.Kind != rootConstant {
		return nothing
	}
	for cond, is := range s.conds {
		if is == isTrue && cond.Kind == opBinary && cond.Name == name.Name && cond.From == name.From &&
			cond.Other.Kind == rootConstant && cond.Other != name.Other {
			return isFalse
		}
	}
	return nothing
}

// relation is the name of a comparison: one for x == y and x != y, and one for x < y,
// y > x, x >= y and y <= x. With not, v is true where the comparison of that name is
// false. Comparisons of a length or an unsigned number with 0 are one, however they are written.
func (w *walk) relation(s *state, v *ssa.BinOp) (name *path, not bool) {
	x, y, op := w.path(s, v.X), w.path(s, v.Y), v.Op
	if _, left := v.X.(*ssa.Const); left && (op == token.EQL || op == token.NEQ) {
		x, y = y, x
	}
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
	if zero := w.c.paths.constant("0"); op == token.LSS && x == zero && neverNegative(v, y) {
		x, y, op, not = y, x, token.EQL, !not // 0 < y
	} else if one := w.c.paths.constant("1"); op == token.LSS && y == one && neverNegative(v, x) {
		y, op = zero, token.EQL // x < 1
	}
	return w.fit(v, x.binary(op.String(), y)), not
}

// neverNegative reports whether an operand of a comparison is a length, or unsigned.
func neverNegative(v *ssa.BinOp, operand *path) bool {
	b, ok := v.X.Type().Underlying().(*types.Basic)
	return operand.Kind == opUnary && operand.Name == "len" || ok && b.Info()&types.IsUnsigned != 0
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
		if s.atBeginning(name) {
			s.given[name] = holds
		}
	}
}

// worthRemembering reports whether a condition may be asked again: it is a flag of the
// program, or tested more than once, or about a parameter or a field, of which callers may know
// more.
func (w *walk) worthRemembering(cond ssa.Value) bool {
	name := w.testName(w.nothing, cond)
	if w.liveness(w.fn).tests[name] > 1 {
		return true
	}
	switch v := cond.(type) {
	case *ssa.UnOp:
		return v.Op == token.MUL || v.Op == token.NOT && w.worthRemembering(v.X)
	case *ssa.Parameter, *ssa.Field, *ssa.Phi:
		return true
	case *ssa.Call:
		return name.Kind == opCall
	case *ssa.BinOp:
		return name.portable() && (isParameter(v.X) || isParameter(v.Y) || !isErrorCheck(v) && (isState(v.X) || isState(v.Y)))
	}
	return false
}

func isParameter(v ssa.Value) bool {
	_, ok := v.(*ssa.Parameter)
	return ok
}

// isState reports whether v was loaded from a field or a variable.
func isState(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	return ok && load.Op == token.MUL
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

func isInteger(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

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
		return pretty(v.X) + "[" + prettyIndex(v.Index) + "]"
	case *ssa.UnOp:
		return pretty(v.X)
	case *ssa.Lookup:
		return pretty(v.X) + "[" + prettyIndex(v.Index) + "]"
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
			return prettyCall(fn, &v.Call)
		}
	}
	return nameless
}

func prettyCall(fn *types.Func, call *ssa.CallCommon) string {
	all := args(call)
	name := fn.Name()
	if fn.Signature().Recv() != nil && len(all) > 0 {
		if receiver := pretty(all[0]); receiver != nameless {
			name = receiver + "." + name
		}
		all = all[1:]
	}
	var names []string
	for _, arg := range all {
		names = append(names, prettyIndex(arg))
	}
	return name + "(" + strings.Join(names, ", ") + ")"
}

const nameless = "the lock"

// prettyIndex is an index as the programmer writes it, if that is a name or a constant.
func prettyIndex(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value != nil {
			return v.Value.ExactString()
		}
	case *ssa.Convert:
		return prettyIndex(v.X)
	case *ssa.BinOp:
		x, y := prettyIndex(v.X), prettyIndex(v.Y)
		if x == "…" || y == "…" {
			return "…"
		}
		return x + v.Op.String() + y
	}
	if name := pretty(v); name != nameless && !strings.HasPrefix(name, "range") {
		return name
	}
	return "…"
}

// classAt is the class of the lock at v.
func classAt(v ssa.Value) class {
	switch v := v.(type) {
	case *ssa.Global:
		return class{v.Pkg.Pkg.Path(), v.Name()}
	case *ssa.FieldAddr:
		t := v.X.Type().Underlying().(*types.Pointer).Elem()
		if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
			return class{n.Obj().Pkg().Path(), n.Obj().Name()}.within(fieldName(t, v.Field))
		}
		if outer := classAt(v.X); outer.known() {
			return outer.within(fieldName(t, v.Field))
		}
	case *ssa.IndexAddr:
		if outer := classAt(v.X); outer.known() {
			return class{outer.Pkg, outer.Name + "[]"}
		}
	case *ssa.UnOp:
		if v.Op == token.MUL {
			return classAt(v.X)
		}
	case *ssa.ChangeType:
		return classAt(v.X)
	}
	return class{}
}
