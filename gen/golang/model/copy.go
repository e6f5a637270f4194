// Package model makes what rqlock/internal/model explores. That is a copy of the
// locks' slow paths, in which every shared access is a call of the explorer, and a
// twin of package asm.
package model

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/packages"

	"github.com/rqlock/rqlock/gen/emit"
)

const (
	library  = "github.com/rqlock/rqlock/"
	lockPath = library + "rqlock"
	twins    = lockPath + "/internal/model/"
	engine   = "mc" // the explorer, under twins
)

// A Source is a package of the library that the model copies.
type Source struct {
	Dir   string   // in the repository
	Name  string   // of the copy
	files []string // what is copied; the model has its own reports, events and time

	shared    []string // types, or variables of an unnamed type, whose fields are shared
	constants []string // fields of these that never change
	pausing   []string // functions that end a round of polling
	stubbed   []string // functions that the model has by hand, and that reach an access
}

// Sources lists what is copied.
var Sources = []Source{
	{
		Dir: "rqlock", Name: "lock",
		files:  []string{"mutex.go", "slowpath.go", "sleep.go", "stall.go", "waiter.go", "edges.go", "detect.go", "zfused_go.go"},
		shared: []string{"waiter", "headship", "registry"}, constants: []string{"index"}, pausing: []string{"pause", "park"},
		stubbed: []string{"awaitRecord"},
	},
	{
		Dir: "rqlock/internal/qspin", Name: "qspin",
		files:  []string{"mutex.go", "slowpath.go", "node.go", "wait.go", "zfused_go.go"},
		shared: []string{"node", "Word", "arena"}, constants: []string{"index"}, pausing: []string{"Gosched", "Sleep"},
	},
}

// replaced has the packages that have a twin in the model, and the twins' names.
var replaced = map[string]string{
	library + "asm":             "asm",
	lockPath + "/internal/wait": "wait",
	lockPath + "/internal/park": "park",
	"sync/atomic":               "atomic",
	"sync":                      "sync",
	"time":                      "time",
	"runtime":                   "runtime",
	"context":                   "context",
}

// quiet lists functions and methods of the twins that touch no shared memory.
var quiet = map[string]bool{
	"asm.CurrentG": true, "asm.CurrentGoid": true, "asm.CPURelax": true,
	"context.Cause": true, "context.Done": true, "context.Deadline": true, "park.Init": true,
}

// A copier rewrites the files of one package.
type copier struct {
	Source
	pkg    *packages.Package
	syntax []*ast.File
	// scheduling functions contain an access, themselves or in what they call.
	scheduling map[types.Object]bool

	numbering
	sites   []position        // calls, from firstSite on
	drops   []position        // statements that can be left out, from firstDrop on
	source  map[string][]byte // by file
	current *ast.FuncDecl
}

// A position is a position in the original, and the code there.
type position struct {
	file string
	line int
	fn   string
	text string
}

// numbering has the numbers that the packages copied before have used.
type numbering struct{ firstSite, firstDrop int }

// Copy renders the copies of all sources in the repository at root. It returns the
// files of each copy, by the copy's name. Overlay has files that are about to be
// written, by path relative to root.
func Copy(root string, overlay map[string][]byte) (map[string]map[string][]byte, error) {
	pkgs, err := load(root, overlay)
	if err != nil {
		return nil, err
	}
	copies := map[string]map[string][]byte{}
	var n numbering
	for _, s := range Sources {
		files, err := s.copy(pkgs[library+s.Dir], root, overlay, &n)
		if err != nil {
			return nil, err
		}
		copies[s.Name] = files
	}
	return copies, nil
}

func (s Source) copy(pkg *packages.Package, root string, overlay map[string][]byte, n *numbering) (map[string][]byte, error) {
	var err error
	c := &copier{Source: s, pkg: pkg, numbering: *n, source: map[string][]byte{}, scheduling: map[types.Object]bool{}}
	for _, name := range s.files {
		i := slices.IndexFunc(pkg.Syntax, func(f *ast.File) bool {
			return filepath.Base(pkg.Fset.File(f.Pos()).Name()) == name
		})
		if i < 0 {
			return nil, fmt.Errorf("package %s has no %s: the model copies it", s.Dir, name)
		}
		c.syntax = append(c.syntax, pkg.Syntax[i])
		if c.source[name], err = read(root, path.Join(s.Dir, name), overlay); err != nil {
			return nil, err
		}
	}
	c.findScheduling()
	out := map[string][]byte{}
	for i, f := range c.syntax {
		src, err := c.rewrite(f)
		if err != nil {
			return nil, fmt.Errorf("model's copy of %s/%s: %w", s.Dir, s.files[i], err)
		}
		out["z"+strings.TrimPrefix(s.files[i], "z")] = src
	}
	out["zsites.go"], err = c.table()
	n.firstSite += len(c.sites)
	n.firstDrop += len(c.drops)
	return out, err
}

// read returns a file as it is going to be.
func read(root, name string, overlay map[string][]byte) ([]byte, error) {
	if src, ok := overlay[filepath.FromSlash(name)]; ok {
		return src, nil
	}
	return os.ReadFile(filepath.Join(root, name))
}

// load returns the type-checked packages of all sources, by import path.
func load(root string, overlay map[string][]byte) (map[string]*packages.Package, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var paths []string
	copied := map[string]bool{} // directories
	for _, s := range Sources {
		paths = append(paths, library+s.Dir)
		copied[filepath.Join(root, filepath.FromSlash(s.Dir))] = true
	}
	config := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports | packages.NeedDeps,
		Dir:        root,
		BuildFlags: []string{"-tags=purego"}, // the fast paths in Go
		Overlay:    map[string][]byte{},
		ParseFile: func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
			if !copied[filepath.Dir(name)] {
				return parseDeclarations(fset, name, src)
			}
			return parser.ParseFile(fset, name, src, parser.ParseComments)
		},
	}
	for name, src := range overlay {
		config.Overlay[filepath.Join(root, name)] = src
	}
	pkgs, err := packages.Load(config, paths...)
	if err != nil {
		return nil, err
	}
	byPath := map[string]*packages.Package{}
	for _, pkg := range pkgs {
		for _, e := range pkg.Errors {
			return nil, fmt.Errorf("package %s: %w", pkg.PkgPath, e)
		}
		byPath[pkg.PkgPath] = pkg
	}
	return byPath, nil
}

// parseDeclarations parses a file that is only imported. Without the functions'
// bodies, type-checking takes half the time. It finds fault with that, in packages
// whose errors nobody looks at.
func parseDeclarations(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
	f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if f != nil {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				fn.Body = nil
			}
		}
	}
	return f, err
}

// findScheduling marks the copied functions that reach an access.
func (c *copier) findScheduling() {
	for more := true; more; {
		more = false
		for _, f := range c.syntax {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || c.scheduling[c.pkg.TypesInfo.Defs[fn.Name]] {
					continue
				}
				ast.Inspect(fn, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok && c.schedules(call) {
						c.scheduling[c.pkg.TypesInfo.Defs[fn.Name]] = true
						more = true
					}
					return true
				})
			}
		}
	}
}

// schedules reports whether a call takes a site as its first argument.
func (c *copier) schedules(call *ast.CallExpr) bool {
	fn := c.callee(call)
	if fn == nil || fn.Pkg() == nil || settled(call) != nil {
		return false
	}
	if twin, ok := replaced[fn.Pkg().Path()]; ok {
		return twin != "wait" && (twin != "time" || fn.Name() == "Sleep") && !quiet[twin+"."+fn.Name()]
	}
	return c.scheduling[fn] || fn.Pkg() == c.pkg.Types && slices.Contains(c.stubbed, fn.Name())
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
	fn, _ := c.pkg.TypesInfo.Uses[id].(*types.Func)
	if fn == nil {
		return nil
	}
	return fn.Origin()
}

// rewrite renders one file of the copy.
func (c *copier) rewrite(f *ast.File) ([]byte, error) {
	name := filepath.Base(c.pkg.Fset.File(f.Pos()).Name())
	for _, d := range f.Decls {
		switch fn, ok := d.(*ast.FuncDecl); {
		case !ok:
		case c.scheduling[c.pkg.TypesInfo.Defs[fn.Name]]:
			if err := c.function(fn); err != nil {
				return nil, err
			}
		case fn.Body != nil:
			c.plain(fn)
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
	imports, err := c.imports(f)
	if err != nil {
		return nil, err
	}
	f.Name.Name = c.Name
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
	if err := format.Node(&code, c.pkg.Fset, f); err != nil {
		return nil, err
	}
	clause, rest, _ := strings.Cut(code.String(), "\n")
	return format.Source(fmt.Appendf(nil, "// %s\n\n// This is %s/%s as the explorer runs it.\n\n%s\n\n%s%s",
		emit.Header, c.Dir, name, clause, imports, rest))
}

// imports takes the imports out of f and returns them as a block, with the twins'
// paths. What gofmt makes of imports that were changed in the syntax is not the same
// in all versions of Go.
func (c *copier) imports(f *ast.File) (string, error) {
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
		if twin, ok := replaced[path]; ok {
			path = twins + twin
		}
		add(path)
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

// function gives fn a site, tells the explorer where it is and in which state, and
// makes its accesses visible.
func (c *copier) function(fn *ast.FuncDecl) error {
	c.current = fn
	marks, err := c.marks(fn)
	if err != nil {
		return fmt.Errorf("%s: %w", fn.Name.Name, err)
	}
	frame := c.firstSite + len(c.sites) // a function is named by its first site
	c.mutants(fn.Body)
	c.rounds(fn)
	for _, m := range marks {
		c.sites = append(c.sites, c.positionOf(m.call, m.call))
	}
	for i, m := range marks {
		m.call.Args = slices.Insert(m.call.Args, 0, m.argument(frame+i+1))
	}
	c.plain(fn)
	site := &ast.Field{Names: []*ast.Ident{ast.NewIdent("_")}, Type: selector(engine, "Site")}
	fn.Type.Params.List = slices.Insert(fn.Type.Params.List, 0, site)
	enter := &ast.ExprStmt{X: &ast.CallExpr{Fun: selector(engine, "Enter"), Args: []ast.Expr{number(frame)}}}
	leave := &ast.DeferStmt{Call: &ast.CallExpr{Fun: selector(engine, "Leave")}}
	fn.Body.List = slices.Insert(fn.Body.List, 0, ast.Stmt(enter), ast.Stmt(leave))
	return nil
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
	p := c.pkg.Fset.Position(at.Pos())
	var b bytes.Buffer
	format.Node(&b, c.pkg.Fset, shown)
	text, _, more := strings.Cut(b.String(), "\n")
	if more {
		text += " ..."
	}
	return position{path.Base(filepath.ToSlash(p.Filename)), p.Line, c.current.Name.Name, text}
}

// rounds marks the loops that poll, which are those that pause. When a round begins
// depends on nothing that was read before the round before it.
func (c *copier) rounds(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		if !ok {
			return true
		}
		for _, call := range c.callsIn(loop.Body) {
			if f := c.callee(call); slices.Contains(c.pausing, f.Name()) {
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

// isShared reports whether sel is a plain field of a shared record.
func (c *copier) isShared(sel *ast.SelectorExpr) bool {
	s := c.pkg.TypesInfo.Selections[sel]
	if s == nil || s.Kind() != types.FieldVal || slices.Contains(c.constants, sel.Sel.Name) {
		return false
	}
	switch t := s.Type().Underlying().(type) {
	case *types.Basic:
		if t.Info()&(types.IsInteger|types.IsBoolean) == 0 {
			return false
		}
	case *types.Struct: // all of its fields, if they are shared
		if n, ok := types.Unalias(s.Type()).(*types.Named); !ok || !slices.Contains(c.shared, n.Obj().Name()) {
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
		return slices.Contains(c.shared, n.Obj().Name())
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && slices.Contains(c.shared, id.Name)
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
	if !ok {
		return false
	}
	fn := c.callee(call)
	if fn == nil || fn.Pkg() != c.pkg.Types {
		return false
	}
	file := filepath.Base(c.pkg.Fset.Position(fn.Pos()).Filename)
	return slices.Contains(c.files, file)
}

func inClause(n ast.Node) bool {
	_, ok := n.(*ast.CaseClause)
	return ok
}

// table renders the tables of sites and of statements that can be left out.
func (c *copier) table() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage %s\n\nimport %q\n\n", emit.Header, c.Name, twins+engine)
	write := func(doc, name string, ps []position) {
		fmt.Fprintf(&b, "// %s\nvar %s = []mc.SiteInfo{\n", doc, name)
		for _, p := range ps {
			fmt.Fprintf(&b, "{File: %q, Line: %d, Func: %q, Text: %q},\n", p.file, p.line, p.fn, p.text)
		}
		b.WriteString("}\n\n")
	}
	fmt.Fprintf(&b, "// Sources has the files that were copied, and the SHA-256 of each.\nvar Sources = map[string]string{\n")
	for _, name := range c.files {
		fmt.Fprintf(&b, "%q: \"%x\",\n", c.Dir+"/"+name, sha256.Sum256(c.source[name]))
	}
	b.WriteString("}\n\n")
	fmt.Fprintf(&b, "// The numbers of the first of Sites and the first of Drops.\nconst FirstSite, FirstDrop = %d, %d\n\n", c.firstSite+1, c.firstDrop+1)
	write("Sites are the calls that the explorer takes part in, by number.", "Sites", c.sites)
	write("Drops are the statements and branches that a mutant leaves out, by number.", "Drops", c.drops)
	return format.Source(b.Bytes())
}
