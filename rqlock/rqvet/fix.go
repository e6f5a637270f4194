package rqvet

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/ssa"
)

// fixIgnored puts a bare l.Lock() into an error check. It does so only if the function
// returns an error last, the zero values of its other results can be written, and the
// return leaves no lock held.
func (w *walk) fixIgnored(s *state, pos token.Pos) []analysis.SuggestedFix {
	for _, held := range s.heldPaths() {
		if !slices.ContainsFunc(s.defers, func(d deferred) bool { return d.lock == held }) {
			return nil
		}
	}
	c := w.c
	path := c.enclosing(pos)
	var stmt *ast.ExprStmt
	for i, n := range path {
		switch n := n.(type) {
		case *ast.ExprStmt:
			if stmt == nil && i+1 < len(path) && hasList(path[i+1]) {
				stmt = n
			}
		case *ast.FuncDecl:
			return c.checkThenReturn(stmt, n.Type)
		case *ast.FuncLit:
			return c.checkThenReturn(stmt, n.Type)
		case *ast.DeferStmt, *ast.GoStmt:
			return nil
		}
	}
	return nil
}

// hasList reports whether a statement in parent is one of a list, where an if may stand.
// The post statement of a for is none, for example.
func hasList(parent ast.Node) bool {
	switch parent.(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

func (c *checker) checkThenReturn(stmt *ast.ExprStmt, fn *ast.FuncType) []analysis.SuggestedFix {
	if stmt == nil || fn.Results == nil || !isError(c.pass.TypesInfo.TypeOf(stmt.X)) {
		return nil
	}
	var zeros []string
	for _, field := range fn.Results.List {
		for range max(1, len(field.Names)) {
			zeros = append(zeros, zeroOf(c.pass.TypesInfo.TypeOf(field.Type)))
		}
	}
	last := fn.Results.List[len(fn.Results.List)-1]
	if !isError(c.pass.TypesInfo.TypeOf(last.Type)) {
		return nil
	}
	zeros[len(zeros)-1] = "err"
	for _, z := range zeros {
		if z == "" {
			return nil
		}
	}
	return []analysis.SuggestedFix{{Message: "return the error", TextEdits: []analysis.TextEdit{
		{Pos: stmt.Pos(), End: stmt.Pos(), NewText: []byte("if err := ")},
		{Pos: stmt.End(), End: stmt.End(), NewText: []byte("; err != nil {\n\t\treturn " + strings.Join(zeros, ", ") + "\n\t}")},
	}}}
}

// zeroOf is the zero value of t if it can be written without naming t; else "".
func zeroOf(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsNumeric != 0:
			return "0"
		case u.Info()&types.IsString != 0:
			return `""`
		}
	case *types.Interface:
		if _, param := t.(*types.TypeParam); param {
			return ""
		}
		return "nil"
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		return "nil"
	}
	return ""
}

// fixGuard calls what a deferred call at pos returns: the call itself is to be made now.
func (c *checker) fixGuard(pos token.Pos) []analysis.SuggestedFix {
	for _, n := range c.enclosing(pos) {
		if d, ok := n.(*ast.DeferStmt); ok {
			return []analysis.SuggestedFix{{Message: "defer what it returns", TextEdits: []analysis.TextEdit{
				{Pos: d.Call.End(), End: d.Call.End(), NewText: []byte("()")},
			}}}
		}
	}
	return nil
}

// fixKind replaces the name of the method that is called at pos.
func (c *checker) fixKind(pos token.Pos, name string) []analysis.SuggestedFix {
	for _, n := range c.enclosing(pos) {
		call, ok := n.(*ast.CallExpr)
		if d, isDefer := n.(*ast.DeferStmt); isDefer {
			call, ok = d.Call, true
		}
		if !ok {
			continue
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		fn, _ := c.pass.TypesInfo.Uses[sel.Sel].(*types.Func)
		if _, ok := lockMethod(fn); !ok {
			return nil // of an interface, or the program's own
		}
		return []analysis.SuggestedFix{{Message: "call " + name, TextEdits: []analysis.TextEdit{
			{Pos: sel.Sel.Pos(), End: sel.Sel.End(), NewText: []byte(name)},
		}}}
	}
	return nil
}

// fixDefer moves a defer that stands between "err := l.Lock()", which is at acquired, and
// "if err != nil" behind the latter.
func (c *checker) fixDefer(d *ssa.Defer, acquired token.Pos) []analysis.SuggestedFix {
	path := c.enclosing(d.Pos())
	for i, n := range path {
		block, ok := n.(*ast.BlockStmt)
		if !ok {
			continue
		}
		at := slices.IndexFunc(block.List, func(s ast.Stmt) bool { return i > 0 && s == path[i-1] })
		if at < 1 || at+1 == len(block.List) {
			return nil
		}
		stmt, ok := block.List[at].(*ast.DeferStmt)
		check, isIf := block.List[at+1].(*ast.IfStmt)
		lock := block.List[at-1]
		if !ok || !isIf || acquired < lock.Pos() || lock.End() <= acquired || !checks(check, lock) {
			return nil
		}
		line := c.line(stmt, check.Pos())
		if line == "" {
			return nil
		}
		return []analysis.SuggestedFix{{Message: "put the defer after the check", TextEdits: []analysis.TextEdit{
			{Pos: stmt.Pos(), End: stmt.Pos() + token.Pos(len(line))},
			{Pos: check.End(), End: check.End(), NewText: []byte("\n\t" + strings.TrimSpace(line))},
		}}}
	}
	return nil
}

// checks reports whether check is "if err != nil { … return }" of the variable that
// stmt assigns.
func checks(check *ast.IfStmt, stmt ast.Stmt) bool {
	assign, ok := stmt.(*ast.AssignStmt)
	cond, isBinary := check.Cond.(*ast.BinaryExpr)
	if !ok || !isBinary || cond.Op != token.NEQ || check.Init != nil || check.Else != nil || len(assign.Lhs) != 1 {
		return false
	}
	if types.ExprString(cond.X) != types.ExprString(assign.Lhs[0]) || types.ExprString(cond.Y) != "nil" || len(check.Body.List) == 0 {
		return false
	}
	_, returns := check.Body.List[len(check.Body.List)-1].(*ast.ReturnStmt)
	return returns
}

// line is the text of a statement, with the comment beside it. It ends at end, where the
// next statement begins, or earlier. It is "" if the file cannot be read.
func (c *checker) line(stmt ast.Stmt, end token.Pos) string {
	file := c.pass.Fset.File(stmt.Pos())
	src, err := c.pass.ReadFile(file.Name())
	if err != nil || file.Offset(end) > len(src) {
		return ""
	}
	stop := file.Offset(end)
	if i := bytes.IndexByte(src[file.Offset(stmt.End()):stop], '\n'); i >= 0 {
		stop = file.Offset(stmt.End()) + i + 1
	}
	return string(src[file.Offset(stmt.Pos()):stop])
}

// enclosing is the syntax at pos, innermost first.
func (c *checker) enclosing(pos token.Pos) []ast.Node {
	for _, f := range c.pass.Files {
		if f.FileStart <= pos && pos < f.FileEnd {
			path, _ := astutil.PathEnclosingInterval(f, pos, pos+1)
			return path
		}
	}
	return nil
}
