package model

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/cfg"
)

// A callMark is a call that takes a site, with the variables on which depends what
// the function does from there on.
type callMark struct {
	call    *ast.CallExpr
	follows bool       // another such call comes before it in the same step
	live    []ast.Expr // hashes of the live variables
}

type varSet map[*types.Var]bool

// A body is that of a function, or of a function literal in it.
type body struct {
	block *ast.BlockStmt
	typ   *ast.FuncType
	frame int // what the explorer calls it
	marks []*callMark
}

// bodies returns fn's own body, and those of the literals in it that schedule.
func (c *copier) bodies(fn *ast.FuncDecl) []*body {
	all := []*body{{block: fn.Body, typ: fn.Type}}
	for n := range ast.Preorder(fn.Body) {
		if lit, ok := n.(*ast.FuncLit); ok && len(c.callsIn(lit.Body)) > 0 {
			all = append(all, &body{block: lit.Body, typ: lit.Type})
		}
	}
	return all
}

// reaches reports whether a function schedules, or a literal in it does.
func (c *copier) reaches(fn *ast.FuncDecl) bool {
	return fn.Body != nil && slices.ContainsFunc(c.bodies(fn), func(b *body) bool { return len(c.callsIn(b.block)) > 0 })
}

// marks finds the calls of b, in fn, that take a site. What b does between two of them
// depends on its live variables, and on what the first of the two returns. So the
// live variables at the first call of each step are its whole state.
func (c *copier) marks(fn *ast.FuncDecl, in *body) ([]*callMark, error) {
	graph := cfg.New(in.block, func(*ast.CallExpr) bool { return true })
	live := c.liveness(fn, in, graph)
	var marks []*callMark
	found := map[*ast.CallExpr]bool{}
	for _, b := range graph.Blocks {
		for i, n := range b.Nodes {
			calls := c.callsIn(n)
			for j, call := range calls {
				if found[call] {
					return nil, fmt.Errorf("a call is in two steps")
				}
				found[call] = true
				m := &callMark{call: call, follows: j > 0}
				if j == 0 {
					var err error
					if m.live, err = c.hashes(live[b][i]); err != nil {
						return nil, err
					}
				}
				marks = append(marks, m)
			}
		}
	}
	for _, call := range c.callsIn(in.block) {
		if !found[call] {
			return nil, fmt.Errorf("a call is in no step")
		}
	}
	slices.SortFunc(marks, func(a, b *callMark) int { return int(a.call.Lparen - b.call.Lparen) })
	return marks, nil
}

// callsIn lists the calls in n that take a site, in the order in which their
// first arguments are evaluated. Those in function literals are not among them.
func (c *copier) callsIn(n ast.Node) []*ast.CallExpr {
	var calls []*ast.CallExpr
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && c.schedules(call) {
			calls = append(calls, call)
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	slices.SortFunc(calls, func(a, b *ast.CallExpr) int { return int(a.Lparen - b.Lparen) })
	return calls
}

// liveness computes the variables that are live before each node.
func (c *copier) liveness(fn *ast.FuncDecl, of *body, graph *cfg.CFG) map[*cfg.Block][]varSet {
	always := c.escaping(fn)
	last := c.outliving(fn, of)
	in := map[*cfg.Block][]varSet{}
	for _, b := range graph.Blocks {
		in[b] = make([]varSet, len(b.Nodes)+1)
	}
	for changed := true; changed; {
		changed = false
		for i := len(graph.Blocks) - 1; i >= 0; i-- {
			b := graph.Blocks[i]
			live := varSet{}
			for _, s := range b.Succs {
				for v := range in[s][0] {
					live[v] = true
				}
			}
			if len(b.Succs) == 0 {
				for v := range last {
					live[v] = true
				}
			}
			for n := len(b.Nodes); n >= 0; n-- {
				if n < len(b.Nodes) {
					live = c.before(fn, b.Nodes[n], live, always)
				}
				if len(live) != len(in[b][n]) {
					changed = true
				}
				in[b][n] = live
			}
		}
	}
	return in
}

// before returns what is live before n if after is live after it.
func (c *copier) before(fn *ast.FuncDecl, n ast.Node, after, always varSet) varSet {
	live := varSet{}
	for v := range after {
		live[v] = true
	}
	assigned := map[*ast.Ident]bool{}
	if a, ok := n.(*ast.AssignStmt); ok && (a.Tok == token.ASSIGN || a.Tok == token.DEFINE) {
		for _, lhs := range a.Lhs {
			if id, ok := lhs.(*ast.Ident); ok {
				assigned[id] = true
				for v := range live { // a type switch has a variable for each clause
					if v.Pos() == id.Pos() {
						delete(live, v)
					}
				}
				if v := c.local(fn, id); v != nil && (a.Tok == token.DEFINE || !always[v]) {
					delete(live, v)
				}
			}
		}
	}
	if s, ok := n.(*ast.ValueSpec); ok {
		for _, id := range s.Names {
			assigned[id] = true
			delete(live, c.local(fn, id))
		}
	}
	if id, ok := n.(*ast.Ident); ok && c.info.Defs[id] != nil { // of a range
		delete(live, c.local(fn, id))
		return live
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			c.uses(fn, &body{block: lit.Body, typ: lit.Type}, live)
			return false
		}
		if id, ok := n.(*ast.Ident); ok && !assigned[id] {
			if v := c.local(fn, id); v != nil {
				live[v] = true
				c.usesOf(fn, v, live)
			}
		}
		return true
	})
	return live
}

// usesOf adds the variables that the literal uses which v is, if it is one.
func (c *copier) usesOf(fn *ast.FuncDecl, v *types.Var, vars varSet) {
	if _, ok := v.Type().Underlying().(*types.Signature); !ok {
		return
	}
	for n := range ast.Preorder(fn.Body) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
			continue
		}
		id, named := a.Lhs[0].(*ast.Ident)
		if lit, ok := a.Rhs[0].(*ast.FuncLit); ok && named && c.info.ObjectOf(id) == v {
			c.uses(fn, &body{block: lit.Body, typ: lit.Type}, vars)
		}
	}
}

// local returns the variable of fn that id names, or nil.
func (c *copier) local(fn *ast.FuncDecl, id *ast.Ident) *types.Var {
	v, _ := c.info.ObjectOf(id).(*types.Var)
	if v == nil || v.IsField() || v.Pos() < fn.Pos() || v.Pos() >= fn.End() {
		return nil
	}
	return v
}

// escaping returns the variables whose address is taken. They stay live when they
// are assigned to, because the old value may be read by the pointer.
func (c *copier) escaping(fn *ast.FuncDecl) varSet {
	vars := varSet{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.AND {
			if id, ok := u.X.(*ast.Ident); ok {
				if v := c.local(fn, id); v != nil {
					vars[v] = true
				}
			}
		}
		return true
	})
	return vars
}

// outliving returns the variables that are live where a body of fn ends: its named
// results and, if it is a literal's, all variables of fn that it uses.
func (c *copier) outliving(fn *ast.FuncDecl, of *body) varSet {
	vars := varSet{}
	if of.typ.Results != nil {
		for _, f := range of.typ.Results.List {
			for _, id := range f.Names {
				if v := c.local(fn, id); v != nil {
					vars[v] = true
				}
			}
		}
	}
	if of.block != fn.Body {
		c.uses(fn, of, vars)
	}
	return vars
}

// uses adds the variables of fn that a literal in it uses.
func (c *copier) uses(fn *ast.FuncDecl, lit *body, vars varSet) {
	for n := range ast.Preorder(lit.block) {
		if id, ok := n.(*ast.Ident); ok {
			if v := c.local(fn, id); v != nil && (v.Pos() < lit.typ.Pos() || v.Pos() >= lit.block.End()) {
				vars[v] = true
			}
		}
	}
}

// hashes renders the hash of each variable, in the order of declaration. A function has
// none: it is a parameter, for which the caller's state stands, or a literal, and then
// what that uses is live as long as it is.
func (c *copier) hashes(vars varSet) ([]ast.Expr, error) {
	sorted := make([]*types.Var, 0, len(vars))
	for v := range vars {
		sorted = append(sorted, v)
	}
	slices.SortFunc(sorted, func(a, b *types.Var) int { return int(a.Pos() - b.Pos()) })
	var exprs []ast.Expr
	for _, v := range sorted {
		if _, ok := v.Type().Underlying().(*types.Signature); ok {
			continue
		}
		f, err := hashFunc(v.Type())
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name(), err)
		}
		exprs = append(exprs, &ast.CallExpr{Fun: ast.NewIdent(f), Args: []ast.Expr{ast.NewIdent(v.Name())}})
	}
	return exprs, nil
}

// hashFunc returns the name of the function that hashes a value. For integers it is
// a conversion. For others it is written by hand in the model's package, such as
// hashWaiterPtr for *waiter and hashSteps for []step.
func hashFunc(t types.Type) (string, error) {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		name, err := typeName(t.Elem())
		return "hash" + name + "Ptr", err
	case *types.Slice:
		name, err := typeName(t.Elem())
		return "hash" + name + "s", err
	}
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsInteger != 0 {
		return "uint64", nil
	}
	name, err := typeName(t)
	return "hash" + name, err
}

func typeName(t types.Type) (string, error) {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		return title(t.Obj().Name()), nil
	case *types.Basic:
		return title(t.Name()), nil
	case *types.Chan:
		return "Chan", nil
	case *types.Struct, *types.Array:
		return "Bucket", nil
	}
	return "", fmt.Errorf("the model cannot hash a %v", t)
}
