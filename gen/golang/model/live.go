package model

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

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

// marks finds the calls of fn that take a site. What fn does between two of them
// depends on its live variables, and on what the first of the two returns. So the
// live variables at the first call of each step are its whole state.
func (c *copier) marks(fn *ast.FuncDecl) ([]*callMark, error) {
	graph := cfg.New(fn.Body, func(*ast.CallExpr) bool { return true })
	in := c.liveness(fn, graph)
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
					live, err := c.hashes(in[b][i])
					if err != nil {
						return nil, err
					}
					m.live = live
				}
				marks = append(marks, m)
			}
		}
	}
	for _, call := range c.callsIn(fn.Body) {
		if !found[call] {
			return nil, fmt.Errorf("a call is in no step")
		}
	}
	slices.SortFunc(marks, func(a, b *callMark) int { return int(a.call.Lparen - b.call.Lparen) })
	return marks, nil
}

// callsIn lists the calls in n that take a site, in the order in which their
// first arguments are evaluated.
func (c *copier) callsIn(n ast.Node) []*ast.CallExpr {
	var calls []*ast.CallExpr
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && c.schedules(call) {
			calls = append(calls, call)
		}
		return true
	})
	slices.SortFunc(calls, func(a, b *ast.CallExpr) int { return int(a.Lparen - b.Lparen) })
	return calls
}

// liveness computes the variables that are live before each node.
func (c *copier) liveness(fn *ast.FuncDecl, graph *cfg.CFG) map[*cfg.Block][]varSet {
	always := c.escaping(fn)
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
				for v := range c.results(fn) {
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
		if id, ok := n.(*ast.Ident); ok && !assigned[id] {
			if v := c.local(fn, id); v != nil {
				live[v] = true
			}
		}
		return true
	})
	return live
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

// results returns the named results of fn.
func (c *copier) results(fn *ast.FuncDecl) varSet {
	vars := varSet{}
	if fn.Type.Results != nil {
		for _, f := range fn.Type.Results.List {
			for _, id := range f.Names {
				if v := c.local(fn, id); v != nil {
					vars[v] = true
				}
			}
		}
	}
	return vars
}

// hashes renders the hash of each variable, in the order of declaration.
func (c *copier) hashes(vars varSet) ([]ast.Expr, error) {
	sorted := make([]*types.Var, 0, len(vars))
	for v := range vars {
		sorted = append(sorted, v)
	}
	slices.SortFunc(sorted, func(a, b *types.Var) int { return int(a.Pos() - b.Pos()) })
	var exprs []ast.Expr
	for _, v := range sorted {
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
		return strings.ToUpper(t.Obj().Name()[:1]) + t.Obj().Name()[1:], nil
	case *types.Basic:
		return strings.ToUpper(t.Name()[:1]) + t.Name()[1:], nil
	case *types.Chan:
		return "Chan", nil
	case *types.Struct, *types.Array:
		return "Bucket", nil
	}
	return "", fmt.Errorf("the model cannot hash a %v", t)
}
