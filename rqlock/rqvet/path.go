package rqvet

import (
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A path names an object in the same way each time that a path of the program comes to it. It
// is a root and the steps from there. A condition and an index are paths, too: of operators and
// their operands. Equal paths are one pointer, because they come from one table.
//
// The exported fields cross packages in facts. What is read from a fact is not in a table until
// [paths.adopt] has put it there.
type path struct {
	Kind  pathKind
	N     int    // which parameter, result, part or value
	Name  string // a field's, variable's or function's; an operator; a constant's text
	Pkg   string // a package variable's package
	From  *path  // what a step leads on from; the left operand
	Other *path  // an element's index; the right operand; the next argument

	table    *paths
	id       int
	size     int
	here     bool      // it depends on a value that means nothing outside of the function
	elem     bool      // it has a step to an element whose index is not constant
	value    ssa.Value // of a rootValue
	variable int       // the number of a field's or package variable's name; 0 if it is neither
}

type pathKind uint8

const (
	rootParameter pathKind = iota + 1
	rootResult
	rootGlobal
	rootCaptured
	rootConstant
	rootValue // any other value of a function
	stepField
	stepLoad   // what is stored there
	stepElem   // an element, by its index
	stepPart   // one of a call's results
	stepLock   // the lock behind an interface
	stepReader // the lock for reading that RLocker returns
	opUnary
	opBinary
	opCall // the result of a function that only computes
	opList // an argument, and those behind it
)

// maxSize is how long a path may be. Longer ones come from loops that walk a structure. The
// value gets a name of its own instead.
const maxSize = 16

// maxPortable is how long a path may be to mean something to callers. A condition on what a caller
// has made of its own parameters is longer for its caller, and so on.
const maxPortable = 2 * maxSize

// paths is a package's table of paths. Those that mean something in one function only are in a
// scope, which ends when the function has been followed.
type paths struct {
	all    map[pathKey]*path
	next   int
	names  map[string]int // of fields and package variables, from 1
	scopes []*scope       // of functions, each of which is followed for the one before it
}

type scope struct {
	paths  map[pathKey]*path
	values map[ssa.Value]*path // the paths of values that nothing else names
}

type pathKey struct {
	kind        pathKind
	n           int
	name, pkg   string
	from, other *path
}

func newPaths() *paths { return &paths{all: map[pathKey]*path{}, names: map[string]int{}} }

// nameID is the number of the name of a field or package variable.
func (t *paths) nameID(name string) int {
	id := t.names[name]
	if id == 0 {
		id = len(t.names) + 1
		t.names[name] = id
	}
	return id
}

// begin begins the scope of a function.
func (t *paths) begin() {
	t.scopes = append(t.scopes, &scope{map[pathKey]*path{}, map[ssa.Value]*path{}})
}

// end ends the scope that has begun last.
func (t *paths) end() { t.scopes = t.scopes[:len(t.scopes)-1] }

func (t *paths) scope() *scope { return t.scopes[len(t.scopes)-1] }

func (t *paths) get(k pathKey) *path {
	here := k.kind == rootValue || k.from != nil && k.from.here || k.other != nil && k.other.here
	all := t.all
	if here {
		all = t.scope().paths
	}
	if p := all[k]; p != nil {
		return p
	}
	t.next++
	p := &path{Kind: k.kind, N: k.n, Name: k.name, Pkg: k.pkg, From: k.from, Other: k.other, table: t, id: t.next, size: 1, here: here}
	if k.kind == stepField || k.kind == rootGlobal {
		p.variable = t.nameID(k.name)
	}
	p.elem = k.kind == stepElem && k.other.Kind != rootConstant
	for _, o := range [...]*path{k.from, k.other} {
		if o != nil {
			p.size += o.size
			p.elem = p.elem || o.elem
		}
	}
	all[k] = p
	return p
}

func (t *paths) parameter(i int) *path { return t.get(pathKey{kind: rootParameter, n: i}) }
func (t *paths) result(i int) *path    { return t.get(pathKey{kind: rootResult, n: i}) }
func (t *paths) global(pkg, name string) *path {
	return t.get(pathKey{kind: rootGlobal, pkg: pkg, name: name})
}
func (t *paths) captured(name string) *path { return t.get(pathKey{kind: rootCaptured, name: name}) }
func (t *paths) constant(text string) *path { return t.get(pathKey{kind: rootConstant, name: text}) }

// of is the path of a value that nothing else names.
func (t *paths) of(v ssa.Value) *path {
	values := t.scope().values
	p := values[v]
	if p == nil {
		p = t.get(pathKey{kind: rootValue, n: len(values) + 1})
		p.value = v
		values[v] = p
	}
	return p
}

// known is the path of a value if it has one already.
func (t *paths) known(v ssa.Value) *path { return t.scope().values[v] }

// local is a path that means something in this function only, for one that has changed since the
// function began or is too long for callers.
func (t *paths) local(p *path) *path {
	if p.here {
		return p
	}
	return t.get(pathKey{kind: rootValue, n: -p.id})
}

func (t *paths) call(name string, args []*path) *path {
	var list *path
	for i := len(args) - 1; i >= 0; i-- {
		list = t.get(pathKey{kind: opList, from: args[i], other: list})
	}
	return t.get(pathKey{kind: opCall, name: name, from: list})
}

func (p *path) step(k pathKind) *path { return p.table.get(pathKey{kind: k, from: p}) }
func (p *path) load() *path           { return p.step(stepLoad) }
func (p *path) lock() *path           { return p.step(stepLock) }
func (p *path) field(name string) *path {
	return p.table.get(pathKey{kind: stepField, name: name, from: p})
}
func (p *path) element(index *path) *path {
	return p.table.get(pathKey{kind: stepElem, from: p, other: index})
}
func (p *path) part(i int) *path      { return p.table.get(pathKey{kind: stepPart, n: i, from: p}) }
func (p *path) unary(op string) *path { return p.table.get(pathKey{kind: opUnary, name: op, from: p}) }
func (p *path) binary(op string, q *path) *path {
	return p.table.get(pathKey{kind: opBinary, name: op, from: p, other: q})
}

// adopt returns the path of the table that equals p, which comes from a fact.
func (t *paths) adopt(p *path) *path {
	if p == nil || p.table == t {
		return p
	}
	return t.get(pathKey{p.Kind, p.N, p.Name, p.Pkg, t.adopt(p.From), t.adopt(p.Other)})
}

// with is p with another root or operand: f replaces the parts for which it is not nil.
func (p *path) with(f func(*path) *path) *path {
	if p == nil {
		return nil
	}
	if q := f(p); q != nil {
		return q
	}
	from, other := p.From.with(f), p.Other.with(f)
	if from == p.From && other == p.Other {
		return p
	}
	return p.table.get(pathKey{p.Kind, p.N, p.Name, p.Pkg, from, other})
}

// isStep reports whether p leads on from another object.
func (p *path) isStep() bool { return stepField <= p.Kind && p.Kind <= stepReader }

// root is what the steps begin with.
func (p *path) root() *path {
	for p.isStep() {
		p = p.From
	}
	return p
}

// leadsFrom reports whether p is q, or steps lead from q to p.
func (p *path) leadsFrom(q *path) bool {
	if q == nil {
		return false
	}
	for ; p != nil; p = p.From {
		if p == q {
			return true
		}
		if !p.isStep() {
			return false
		}
	}
	return false
}

// mentions reports whether q is p, or a part of it.
func (p *path) mentions(q *path) bool {
	if p == nil || p.id < q.id { // parts are made before what they are part of
		return false
	}
	return p == q || p.From.mentions(q) || p.Other.mentions(q)
}

// has reports whether f holds for p or one of its parts.
func (p *path) has(f func(*path) bool) bool {
	return p != nil && (f(p) || p.From.has(f) || p.Other.has(f))
}

// isNamed reports whether q is a field or a package variable of the same name as p, which is one.
func (p *path) isNamed(q *path) bool { return q.variable == p.variable }

// loads reports whether the value of p depends on what is stored in some variables, or may do so.
func (p *path) loads(some func(variable *path) bool) bool {
	return p.has(func(q *path) bool { return q.Kind == stepLoad && some(q.From) || q.Kind == opCall })
}

// loaded is where p was loaded from, or nil.
func (p *path) loaded() *path {
	if p != nil && p.Kind == stepLoad {
		return p.From
	}
	return nil
}

// indirect reports whether some step of p is a load, or its root is a value of a function.
func (p *path) indirect() bool {
	return p.has(func(q *path) bool { return q.Kind == stepLoad || q.Kind == rootValue })
}

// byLoad reports whether some step of p is a load.
func (p *path) byLoad() bool {
	for ; p.isStep(); p = p.From {
		if p.Kind == stepLoad {
			return true
		}
	}
	return false
}

// dependsOnState reports whether the value of p depends on what is stored.
func (p *path) dependsOnState() bool {
	return p.has(func(q *path) bool { return q.Kind == stepLoad || q.Kind == opCall })
}

// portable reports whether p means the same to a function's callers.
func (p *path) portable() bool {
	return !p.here && p.size <= maxPortable && !p.has(func(q *path) bool { return q.Kind == rootResult })
}

// similar reports whether p and q differ only in indices and arguments.
func (p *path) similar(q *path) bool {
	if p == q {
		return true
	}
	if p == nil || q == nil || p.Kind != q.Kind || p.Name != q.Name || p.N != q.N {
		return false
	}
	if p.Kind == opCall {
		return p.From != nil && q.From != nil && p.From.From == q.From.From // the first argument
	}
	return p.isStep() && p.From.similar(q.From)
}

// String is for tests and debugging.
func (p *path) String() string {
	if p == nil {
		return "-"
	}
	switch p.Kind {
	case rootParameter:
		return "p" + strconv.Itoa(p.N)
	case rootResult:
		return "r" + strconv.Itoa(p.N)
	case rootGlobal:
		return p.Pkg + "." + p.Name
	case rootCaptured:
		return "captured " + p.Name
	case rootConstant:
		return p.Name
	case rootValue:
		return "#" + strconv.Itoa(p.N)
	case stepField:
		return p.From.String() + "." + p.Name
	case stepLoad:
		return "*" + p.From.String()
	case stepElem:
		return p.From.String() + "[" + p.Other.String() + "]"
	case stepPart:
		return p.From.String() + "^" + strconv.Itoa(p.N)
	case stepLock:
		return p.From.String() + "!"
	case stepReader:
		return p.From.String() + ".RLocker()"
	case opUnary:
		return p.Name + "(" + p.From.String() + ")"
	case opBinary:
		return "(" + p.From.String() + p.Name + p.Other.String() + ")"
	case opCall:
		return p.Name + "(" + p.From.String() + ")"
	}
	return strings.TrimSuffix(p.From.String()+", "+p.Other.String(), ", -")
}

// A class is a set of locks, as in lockdep: a field of a type, or a package variable. The zero
// class is that of locks of which neither is known.
type class struct {
	Pkg  string // import path
	Name string // variable, or Type.field; [] is an element of one
}

func (c class) known() bool { return c != class{} }

// String is the class without its import path.
func (c class) String() string { return c.Pkg[strings.LastIndexByte(c.Pkg, '/')+1:] + "." + c.Name }

func (c class) within(field string) class { return class{c.Pkg, c.Name + "." + field} }
