// Package model makes what rqlock/internal/model explores: copies of the locks, in which
// every shared access is a call of the explorer, and a twin of package asm.
package model

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/packages"
)

// A copier makes one copy.
type copier struct {
	Source
	files []*file
	fset  *token.FileSet
	info  types.Info              // of all parts
	pkgs  map[*types.Package]bool // the parts
	funcs map[types.Object]bool   // the functions and methods that are copied
	// scheduling functions contain an access, themselves or in what they call.
	scheduling map[types.Object]bool

	numbering
	sites   []position // calls, from firstSite on
	drops   []position // statements that can be left out, from firstDrop on
	current *ast.FuncDecl
}

// A position is a position in the original, and the code there.
type position struct {
	file string
	line int
	fn   string
	text string
}

// numbering has the numbers that earlier copies have used.
type numbering struct{ firstSite, firstDrop int }

// apart is more numbers than a lock needs that is copied alone.
const apart = 1000

// Copy renders the copies of all sources in the repository at root, and of other locks. It
// returns the files of each copy, by the copy's name. Overlay has files that are about to be
// written, by path relative to root.
func Copy(root string, overlay map[string][]byte, locks []Lock) (map[string]map[string][]byte, error) {
	sources := slices.Clone(Sources)
	for i, l := range locks {
		s := l.source()
		s.first = (i + 1) * apart // so that a change to one lock changes no other's copy
		sources = append(sources, s)
	}
	copies, err := copyAll(root, overlay, sources)
	if err != nil {
		return nil, err
	}
	for _, l := range locks {
		if copies[l.Copy]["zprims.go"], err = l.prims(); err != nil {
			return nil, err
		}
	}
	return copies, nil
}

func copyAll(root string, overlay map[string][]byte, sources []Source) (map[string]map[string][]byte, error) {
	pkgs, err := load(root, overlay, sources)
	if err != nil {
		return nil, err
	}
	copies := map[string]map[string][]byte{}
	var n numbering
	for _, s := range sources {
		files, err := s.find(pkgs, root, overlay)
		if err != nil {
			return nil, err
		}
		if s.first > 0 {
			n = numbering{s.first, s.first}
		}
		c := newCopier(s, pkgs, files, n)
		if copies[s.Name], err = c.copy(); err != nil {
			return nil, fmt.Errorf("model's copy %s: %w", s.Name, err)
		}
		n = numbering{c.firstSite + len(c.sites), c.firstDrop + len(c.drops)}
	}
	return copies, nil
}

func newCopier(s Source, pkgs map[string]*packages.Package, files []*file, n numbering) *copier {
	c := &copier{
		Source: s, files: files, fset: files[0].pkg.Fset, numbering: n,
		info: types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}},
		pkgs: map[*types.Package]bool{}, funcs: map[types.Object]bool{}, scheduling: map[types.Object]bool{},
	}
	for _, p := range s.parts {
		pkg := pkgs[library+p.dir]
		c.pkgs[pkg.Types] = true
		maps.Copy(c.info.Defs, pkg.TypesInfo.Defs)
		maps.Copy(c.info.Uses, pkg.TypesInfo.Uses)
		maps.Copy(c.info.Selections, pkg.TypesInfo.Selections)
	}
	for _, f := range files {
		f.syntax.Decls = slices.DeleteFunc(f.syntax.Decls, c.omits)
	}
	for _, fn := range c.functions() {
		c.funcs[c.info.Defs[fn.Name]] = true
	}
	return c
}

// omits reports whether a declaration is not copied. Of one that declares several names it
// takes away those that are not.
func (c *copier) omits(d ast.Decl) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := functionName(c.info.Defs[d.Name].(*types.Func))
		return slices.Contains(c.stubbed, name) || slices.Contains(c.omitted, name)
	case *ast.GenDecl:
		d.Specs = slices.DeleteFunc(d.Specs, func(s ast.Spec) bool {
			switch s := s.(type) {
			case *ast.ValueSpec:
				return !slices.ContainsFunc(s.Names, func(id *ast.Ident) bool { return !slices.Contains(c.omitted, id.Name) })
			case *ast.TypeSpec:
				return slices.Contains(c.omitted, s.Name.Name)
			}
			return false
		})
		return len(d.Specs) == 0
	}
	return false
}

// functionName is how the lists of a Source name a function.
func functionName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	return t.(*types.Named).Obj().Name() + "." + fn.Name()
}

// rename gives what prefixed parts declare its name in the copy.
func (c *copier) rename(f *ast.File) {
	for n := range ast.Preorder(f) {
		if id, ok := n.(*ast.Ident); ok {
			if obj := c.info.ObjectOf(id); obj != nil && obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
				id.Name = c.nameIn(obj.Pkg(), obj.Name())
			}
		}
	}
}

// nameIn is the name in the copy of what a package declares.
func (c *copier) nameIn(pkg *types.Package, name string) string {
	switch prefix := pkg.Name(); {
	case !c.pkgs[pkg] || !slices.Contains(c.prefixed, prefix) || name == "init" || name == "_":
		return name
	case token.IsExported(name):
		return title(prefix) + name
	default:
		return prefix + title(name)
	}
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// functions returns the functions and methods of all files.
func (c *copier) functions() (fns []*ast.FuncDecl) {
	for _, f := range c.files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				fns = append(fns, fn)
			}
		}
	}
	return fns
}

// copy renders the copy.
func (c *copier) copy() (map[string][]byte, error) {
	if err := c.checkNames(); err != nil {
		return nil, err
	}
	c.findScheduling()
	out := map[string][]byte{}
	for _, f := range c.files {
		src, err := c.rewrite(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path(), err)
		}
		out[f.copied()] = src
	}
	var err error
	out["zsites.go"], err = c.table()
	return out, err
}

// checkNames fails if two parts declare the same name, or have files of the same name. A
// part may not declare a name of the language either, since others may use that.
func (c *copier) checkNames() error {
	declared := map[string]string{}
	for _, name := range types.Universe.Names() {
		declared[name] = "the language"
	}
	for _, f := range c.files {
		names := []string{f.copied()}
		scope := f.pkg.Types.Scope()
		for _, name := range scope.Names() {
			if f.has(scope.Lookup(name).Pos()) {
				names = append(names, c.nameIn(f.pkg.Types, name))
			}
		}
		for _, name := range names {
			if other, ok := declared[name]; ok {
				return fmt.Errorf("%s has %s, and so has %s: the copy has both, so rename one", f.path(), name, other)
			}
			declared[name] = f.path()
		}
	}
	return nil
}

// findScheduling marks the copied functions that reach an access.
func (c *copier) findScheduling() {
	for more := true; more; {
		more = false
		for _, fn := range c.functions() {
			if obj := c.info.Defs[fn.Name]; !c.scheduling[obj] && c.reaches(fn) {
				c.scheduling[obj] = true
				more = true
			}
		}
	}
}

// schedules reports whether a call takes a site as its first argument.
func (c *copier) schedules(call *ast.CallExpr) bool {
	fn := c.callee(call)
	switch {
	case fn == nil:
		return c.callsValue(call)
	case fn.Pkg() == nil || settled(call) != nil:
		return false
	case c.funcs[fn]:
		return c.scheduling[fn]
	case c.pkgs[fn.Pkg()]:
		return slices.Contains(c.stubbed, functionName(fn))
	}
	twin, ok := replaced[fn.Pkg().Path()]
	if still, listed := quiet[twin+"."+fn.Name()]; listed {
		return !still
	}
	return ok && !quiet[twin]
}

// callsValue reports whether what is called is the value of a variable.
func (c *copier) callsValue(call *ast.CallExpr) bool {
	id, ok := call.Fun.(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = c.info.Uses[id].(*types.Var)
	return ok
}

// settled returns the method's name if the call loads an entry of the table of
// chunks, else nil. The model makes its only chunk before an execution begins.
func settled(call *ast.CallExpr) *ast.Ident {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Load" {
		return nil
	}
	entry, ok := method.X.(*ast.IndexExpr)
	if !ok {
		return nil
	}
	if table, ok := entry.X.(*ast.SelectorExpr); !ok || table.Sel.Name != "chunks" {
		return nil
	}
	return method.Sel
}

// callee returns the function or method that is called, or nil. A generic one is
// returned as it is declared.
func (c *copier) callee(call *ast.CallExpr) *types.Func {
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	}
	if id == nil {
		return nil
	}
	fn, _ := c.info.Uses[id].(*types.Func)
	if fn == nil {
		return nil
	}
	return fn.Origin()
}

// rewrite renders one file of the copy.
func (c *copier) rewrite(from *file) ([]byte, error) {
	f := from.syntax
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			if err := c.function(fn); err != nil {
				return nil, fmt.Errorf("%s: %w", fn.Name.Name, err)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if method := settled(call); method != nil {
				method.Name = "Peek"
			}
		}
		return true
	})
	c.rename(f)
	if err := c.unqualify(from); err != nil {
		return nil, err
	}
	imports, err := c.imports(f)
	if err != nil {
		return nil, err
	}
	f.Name.Name = path.Base(c.Name)
	f.Doc, f.Comments = nil, nil
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			n.Doc = nil
		case *ast.GenDecl:
			n.Doc = nil
		case *ast.Field:
			n.Doc, n.Comment = nil, nil
		case *ast.ValueSpec:
			n.Doc, n.Comment = nil, nil
		case *ast.TypeSpec:
			n.Doc, n.Comment = nil, nil
		case *ast.ImportSpec:
			n.Doc, n.Comment = nil, nil
		}
		return true
	})
	var code bytes.Buffer
	if err := format.Node(&code, c.fset, f); err != nil {
		return nil, err
	}
	clause, rest, _ := strings.Cut(code.String(), "\n")
	return format.Source(fmt.Appendf(nil, "// %s\n\n// This is %s as the explorer runs it.\n\n%s\n\n%s%s",
		c.header(), from.path(), clause, imports, rest))
}

// unqualify makes references to other parts references to the copy: queue.Enter is Enter.
func (c *copier) unqualify(f *file) (err error) {
	astutil.Apply(f.syntax, func(cur *astutil.Cursor) bool {
		sel, ok := cur.Node().(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, _ := sel.X.(*ast.Ident)
		pkg, _ := c.info.Uses[id].(*types.PkgName)
		if pkg == nil || !c.pkgs[pkg.Imported()] {
			return true
		}
		all := f.pkg.Types.Scope()
		in, _ := all.Innermost(sel.Pos()).LookupParent(sel.Sel.Name, sel.Pos())
		if in != nil && in != all && in != types.Universe {
			err = fmt.Errorf("line %d: a local %s hides %s.%[2]s, as the copy has no packages: rename one",
				c.fset.Position(sel.Pos()).Line, sel.Sel.Name, id.Name)
		}
		cur.Replace(sel.Sel)
		return true
	}, nil)
	return err
}

// imports takes the imports out of f and returns them as a block, with the twins' paths,
// and without the parts. What gofmt makes of imports that were changed in the syntax is
// not the same in all versions of Go.
func (c *copier) imports(f *ast.File) (string, error) {
	parts := map[string]bool{}
	for pkg := range c.pkgs {
		parts[pkg.Path()] = true
	}
	used := map[string]bool{"unsafe": true}
	for n := range ast.Preorder(f) {
		if id, ok := n.(*ast.Ident); ok {
			if pkg, ok := c.info.Uses[id].(*types.PkgName); ok {
				used[pkg.Imported().Path()] = true
			}
		}
	}
	var std, others []string
	add := func(path string) {
		if strings.Contains(path, ".") {
			others = append(others, strconv.Quote(path))
		} else {
			std = append(std, strconv.Quote(path))
		}
	}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || spec.Name != nil {
			return "", fmt.Errorf("import %s has a name: the model cannot copy it", spec.Path.Value)
		}
		switch twin, ok := replaced[path]; {
		case parts[path], !used[path]: // what used it is not copied
		case ok:
			add(twins + twin)
		case strings.HasPrefix(path, library):
			return "", fmt.Errorf("import %q: the model neither copies it nor has a twin", path)
		default:
			add(path)
		}
	}
	for n := range ast.Preorder(f) {
		if id, ok := n.(*ast.Ident); ok && id.Name == engine {
			add(twins + engine)
			break
		}
	}
	f.Imports = nil
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		return ok && g.Tok == token.IMPORT
	})
	if len(std)+len(others) == 0 {
		return "", nil
	}
	slices.Sort(std)
	slices.Sort(others)
	return "import (\n" + strings.Join(slices.Concat(std, []string{""}, others), "\n") + "\n)\n\n", nil
}

// function makes the mutants of fn, and its accesses visible. If it schedules, it takes a
// site, and tells the explorer where it is and in which state. So do the function literals
// in it, but for the site.
func (c *copier) function(fn *ast.FuncDecl) error {
	c.current = fn
	if slices.Contains(c.reading, functionName(c.info.Defs[fn.Name].(*types.Func))) {
		defer func() { fn.Body.List = slices.Insert(fn.Body.List, 0, c.unlessReading(fn)) }()
	}
	if !c.scheduling[c.info.Defs[fn.Name]] {
		c.mutants(fn.Body)
		c.plain(fn)
		c.owned(fn)
		return nil
	}
	bodies := c.bodies(fn)
	for _, b := range bodies {
		var err error
		if b.marks, err = c.marks(fn, b); err != nil {
			return err
		}
	}
	c.mutants(fn.Body)
	c.rounds(fn)
	for _, b := range bodies {
		b.frame = c.firstSite + len(c.sites) // a function is named by its first site
		for _, m := range b.marks {
			c.sites = append(c.sites, c.positionOf(m.call, m.call))
		}
	}
	for _, b := range bodies {
		for i, m := range b.marks {
			if site := m.argument(b.frame + i + 1); c.callsValue(m.call) {
				m.call.Fun = &ast.CallExpr{Fun: selector(engine, "Via"), Args: []ast.Expr{site, m.call.Fun}}
			} else {
				m.call.Args = slices.Insert(m.call.Args, 0, site)
			}
		}
	}
	c.plain(fn)
	c.owned(fn)
	for _, b := range bodies {
		enter := &ast.ExprStmt{X: &ast.CallExpr{Fun: selector(engine, "Enter"), Args: []ast.Expr{number(b.frame)}}}
		leave := &ast.DeferStmt{Call: &ast.CallExpr{Fun: selector(engine, "Leave")}}
		b.block.List = slices.Insert(b.block.List, 0, ast.Stmt(enter), ast.Stmt(leave))
	}
	site := &ast.Field{Names: []*ast.Ident{ast.NewIdent("_")}, Type: selector(engine, "Site")}
	fn.Type.Params.List = slices.Insert(fn.Type.Params.List, 0, site)
	return nil
}

// unlessReading makes a function return at once, with 0 if it returns something.
func (c *copier) unlessReading(fn *ast.FuncDecl) ast.Stmt {
	back := &ast.ReturnStmt{}
	if fn.Type.Results != nil {
		back.Results = []ast.Expr{number(0)}
	}
	return &ast.IfStmt{Cond: &ast.UnaryExpr{Op: token.NOT, X: ast.NewIdent("AnyReaders")}, Body: &ast.BlockStmt{List: []ast.Stmt{back}}}
}

func number(n int) ast.Expr { return &ast.BasicLit{Kind: token.INT, Value: strconv.Itoa(n)} }

func selector(x, sel string) ast.Expr {
	return &ast.SelectorExpr{X: ast.NewIdent(x), Sel: ast.NewIdent(sel)}
}

// argument tells the explorer where a call is made, and in which state.
func (m *callMark) argument(site int) ast.Expr {
	if m.follows {
		return number(site)
	}
	return &ast.CallExpr{Fun: selector(engine, "Mark"), Args: append([]ast.Expr{number(site)}, m.live...)}
}

func (c *copier) positionOf(at, shown ast.Node) position {
	p := c.fset.Position(at.Pos())
	var b bytes.Buffer
	format.Node(&b, c.fset, shown)
	text, _, more := strings.Cut(b.String(), "\n")
	if more {
		text += " ..."
	}
	fn := c.current.Name.Name
	if pkg := c.info.Defs[c.current.Name].Pkg(); slices.Contains(c.prefixed, pkg.Name()) {
		fn = pkg.Name() + "." + c.info.Defs[c.current.Name].Name()
	}
	return position{filepath.Base(p.Filename), p.Line, fn, text}
}

// rounds marks the loops that poll, which are those that pause. When a round begins
// depends on nothing that was read before the round before it.
func (c *copier) rounds(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		if !ok {
			return true
		}
		for _, call := range c.callsIn(loop) {
			if f := c.callee(call); f != nil && slices.Contains(c.pausing, f.Name()) {
				round := &ast.ExprStmt{X: &ast.CallExpr{Fun: selector(engine, "Forget")}}
				loop.Body.List = slices.Insert(loop.Body.List, 0, ast.Stmt(round))
				break
			}
		}
		return true
	})
}

// plain makes accesses to the plain fields of shared records visible. x.f becomes
// *mc.Write(&x.f) if it is assigned to, else *mc.Read(&x.f).
func (c *copier) plain(fn *ast.FuncDecl) {
	written := map[ast.Expr]bool{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for _, lhs := range a.Lhs {
				written[lhs] = true
			}
		}
		return true
	})
	astutil.Apply(fn.Body, nil, func(cur *astutil.Cursor) bool {
		sel, ok := cur.Node().(*ast.SelectorExpr)
		if !ok || !c.isShared(sel) {
			return true
		}
		switch p := cur.Parent().(type) {
		case *ast.UnaryExpr:
			if p.Op == token.AND {
				return true
			}
		case *ast.SelectorExpr: // its field or method is what is accessed
			return true
		}
		f := "Read"
		if written[sel] {
			f = "Write"
		}
		cur.Replace(&ast.StarExpr{X: &ast.CallExpr{Fun: selector(engine, f), Args: []ast.Expr{&ast.UnaryExpr{Op: token.AND, X: sel}}}})
		return true
	})
}

// owned tells the explorer of the variables of fn that have a shared type. Nobody else sees
// them, so accesses to their fields are none of its own.
func (c *copier) owned(fn *ast.FuncDecl) {
	astutil.Apply(fn.Body, nil, func(cur *astutil.Cursor) bool {
		stmt, ok := cur.Node().(*ast.DeclStmt)
		if !ok {
			return true
		}
		for _, s := range stmt.Decl.(*ast.GenDecl).Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for _, id := range v.Names {
				if n, ok := types.Unalias(c.info.Defs[id].Type()).(*types.Named); ok && c.sharesType(n) {
					own := &ast.CallExpr{Fun: selector(engine, "Own"), Args: []ast.Expr{&ast.UnaryExpr{Op: token.AND, X: ast.NewIdent(id.Name)}}}
					cur.InsertAfter(&ast.ExprStmt{X: own})
				}
			}
		}
		return true
	})
}

// isShared reports whether sel is a plain field of a shared record.
func (c *copier) isShared(sel *ast.SelectorExpr) bool {
	s := c.info.Selections[sel]
	if s == nil || s.Kind() != types.FieldVal || slices.Contains(c.constants, sel.Sel.Name) {
		return false
	}
	switch t := s.Type().Underlying().(type) {
	case *types.Basic:
		if t.Info()&(types.IsInteger|types.IsBoolean) == 0 {
			return false
		}
	case *types.Struct: // all of its fields, if they are shared
		if n, ok := types.Unalias(s.Type()).(*types.Named); !ok || !c.sharesType(n) {
			return false
		}
	default:
		return false
	}
	t := s.Recv()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return c.sharesType(n)
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && slices.Contains(c.shared, id.Name)
}

func (c *copier) sharesType(n *types.Named) bool {
	return c.pkgs[n.Obj().Pkg()] && slices.Contains(c.shared, n.Obj().Name())
}

// mutants makes statements that can be left out: calls, assignments, and the bodies
// of if statements without else.
func (c *copier) mutants(body *ast.BlockStmt) {
	keep := func(shown ast.Node, at ast.Node) ast.Expr {
		c.drops = append(c.drops, c.positionOf(at, shown))
		return &ast.CallExpr{Fun: selector(engine, "Keep"), Args: []ast.Expr{number(c.firstDrop + len(c.drops))}}
	}
	astutil.Apply(body, nil, func(cur *astutil.Cursor) bool {
		switch s := cur.Node().(type) {
		case *ast.ExprStmt:
			if _, ok := cur.Parent().(*ast.BlockStmt); (ok || inClause(cur.Parent())) && (len(c.callsIn(s)) > 0 || c.copies(s)) {
				cur.Replace(&ast.IfStmt{Cond: keep(s, s), Body: &ast.BlockStmt{List: []ast.Stmt{s}}})
			}
		case *ast.AssignStmt:
			if _, ok := cur.Parent().(*ast.BlockStmt); ok && s.Tok != token.DEFINE {
				cur.Replace(&ast.IfStmt{Cond: keep(s, s), Body: &ast.BlockStmt{List: []ast.Stmt{s}}})
			}
		case *ast.IfStmt:
			if call, ok := s.Cond.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Keep" {
					return true
				}
			}
			if s.Else == nil {
				// The table has it as "if init; cond", without the body.
				shown := &ast.IfStmt{Init: s.Init, Cond: s.Cond, Body: &ast.BlockStmt{}}
				s.Cond = &ast.BinaryExpr{X: keep(shown, s), Op: token.LAND, Y: &ast.ParenExpr{X: s.Cond}}
			}
		}
		return true
	})
}

// copies reports whether a statement calls a function of the copy.
func (c *copier) copies(s *ast.ExprStmt) bool {
	call, ok := s.X.(*ast.CallExpr)
	return ok && c.funcs[c.callee(call)]
}

func inClause(n ast.Node) bool {
	_, ok := n.(*ast.CaseClause)
	return ok
}

// table renders the tables of sites and of statements that can be left out.
func (c *copier) table() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage %s\n\nimport %q\n\n", c.header(), path.Base(c.Name), twins+engine)
	write := func(doc, name string, ps []position) {
		fmt.Fprintf(&b, "// %s\nvar %s = []mc.SiteInfo{\n", doc, name)
		for _, p := range ps {
			fmt.Fprintf(&b, "{File: %q, Line: %d, Func: %q, Text: %q},\n", p.file, p.line, p.fn, p.text)
		}
		b.WriteString("}\n\n")
	}
	fmt.Fprintf(&b, "// Sources has the files that were copied, and the SHA-256 of each.\nvar Sources = map[string]string{\n")
	for _, f := range c.files {
		fmt.Fprintf(&b, "%q: \"%x\",\n", f.path(), sha256.Sum256(f.src))
	}
	b.WriteString("}\n\n")
	fmt.Fprintf(&b, "// The numbers of the first of Sites and the first of Drops.\nconst FirstSite, FirstDrop = %d, %d\n\n", c.firstSite+1, c.firstDrop+1)
	write("Sites are the calls that the explorer takes part in, by number.", "Sites", c.sites)
	write("Drops are the statements and branches that a mutant leaves out, by number.", "Drops", c.drops)
	return format.Source(b.Bytes())
}
