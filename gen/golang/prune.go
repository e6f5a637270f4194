package golang

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A unit is a declaration at the top of a Go file.
type unit struct {
	file    string
	decl    ast.Decl
	names   []string        // what it declares; of a method, its type
	method  bool            // the name is the type of its receiver
	uses    []string        // names that it takes from the package
	imports map[string]bool // names that its file imports
}

func (u *unit) test() bool { return strings.HasSuffix(u.file, "_test.go") }

// A package under construction has more in it than its table needs. A pruner knows what to
// leave out.
type pruner struct {
	// roots are the names that users of the package may use.
	roots map[string]bool
	// strange reports whether a file means another thing by a name than the table does.
	strange func(file, name string) bool
}

// prune leaves out what the table does not need: tests of what it does not have, and
// helpers that nobody calls then. The Go files are written as if everything were there, so
// that nothing else has to know what there is.
func (p *pruner) prune(files map[string][]byte) (map[string][]byte, error) {
	fset := token.NewFileSet()
	var units []*unit
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch path.Ext(name) {
		case ".go":
			f, err := parser.ParseFile(fset, name, files[name], parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("rendering Go: %w", err)
			}
			units = append(units, unitsOf(f, name)...)
		case ".s":
			for _, m := range assemblySymbol.FindAllSubmatch(files[name], -1) {
				p.roots[string(m[1])] = true
			}
		}
	}
	sources := slices.DeleteFunc(slices.Clone(units), (*unit).test)
	kept := p.reachable(p.possible(sources))
	kept = p.reachable(p.possible(slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return !u.test() && !slices.Contains(kept, u) })))
	out := map[string][]byte{}
	for name, src := range files {
		var cut []*unit
		left := path.Ext(name) != ".go"
		for _, u := range units {
			switch {
			case u.file != name:
			case slices.Contains(kept, u):
				left = true
			default:
				cut = append(cut, u)
			}
		}
		if !left {
			continue
		}
		var err error
		if out[name], err = without(fset, src, cut); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

// assemblySymbol finds the symbols of the package that assembly defines or uses.
var assemblySymbol = regexp.MustCompile(`·(\w+)`)

// unitsOf lists the declarations of a file, but for its imports.
func unitsOf(f *ast.File, name string) (all []*unit) {
	imports := map[string]bool{}
	for _, i := range f.Imports {
		imports[importName(i)] = true
	}
	global := map[*ast.Ident]bool{}
	for _, id := range f.Unresolved {
		global[id] = true
	}
	for _, decl := range f.Decls {
		u := &unit{file: name, decl: decl, imports: imports}
		switch d := decl.(type) {
		case *ast.FuncDecl:
			u.names = []string{d.Name.Name}
			if d.Recv != nil {
				u.names, u.method = []string{receiver(d)}, true
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				continue
			}
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					u.names = append(u.names, s.Name.Name)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						u.names = append(u.names, id.Name)
					}
				}
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && (global[id] || id.Obj != nil && f.Scope.Lookup(id.Name) == id.Obj) {
				u.uses = append(u.uses, id.Name)
			}
			return true
		})
		all = append(all, u)
	}
	return all
}

func importName(i *ast.ImportSpec) string {
	if i.Name != nil {
		return i.Name.Name
	}
	p, _ := strconv.Unquote(i.Path.Value)
	if strings.HasPrefix(path.Base(p), "v") && path.Dir(p) != "." { // math/rand/v2
		p = path.Dir(p)
	}
	return path.Base(p)
}

func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// possible leaves out what uses a name that nothing declares.
func (p *pruner) possible(units []*unit) []*unit {
	for {
		declared := map[string]bool{}
		for _, u := range units {
			if !u.method {
				for _, name := range u.names {
					declared[name] = true
				}
			}
		}
		some := slices.DeleteFunc(slices.Clone(units), func(u *unit) bool {
			return slices.ContainsFunc(u.uses, func(name string) bool {
				known := declared[name] && !p.strange(u.file, name)
				return !known && !u.imports[name] && types.Universe.Lookup(name) == nil
			})
		})
		if len(some) == len(units) {
			return units
		}
		units = some
	}
}

var rootFunction = regexp.MustCompile(`^(init|_|(Test|Fuzz|Benchmark|Example)($|[A-Z_0-9].*))$`)

// reachable leaves out what neither users nor tests can get at.
func (p *pruner) reachable(units []*unit) []*unit {
	byName := map[string][]*unit{}
	var todo []*unit
	for _, u := range units {
		root := false
		for _, name := range u.names {
			byName[name] = append(byName[name], u)
			root = root || p.roots[name] || rootFunction.MatchString(name) && (u.test() || name == "init" || name == "_")
		}
		if root && !u.method {
			todo = append(todo, u)
		}
	}
	seen := map[*unit]bool{}
	for len(todo) > 0 {
		u := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[u] {
			continue
		}
		seen[u] = true
		for _, name := range append(u.uses, u.names...) {
			todo = append(todo, byName[name]...)
		}
	}
	return slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return !seen[u] })
}

// without cuts declarations out of a file, and imports that it does not need any more.
func without(fset *token.FileSet, src []byte, cut []*unit) ([]byte, error) {
	if len(cut) == 0 {
		return src, nil
	}
	var spans [][2]int
	for _, u := range cut {
		spans = append(spans, span(fset, u.decl))
	}
	src = cutSpans(src, spans)
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, id := range f.Unresolved {
		used[id.Name] = true
	}
	spans = nil
	for _, decl := range f.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.IMPORT {
			continue
		}
		var unused [][2]int
		for _, s := range d.Specs {
			if name := importName(s.(*ast.ImportSpec)); !used[name] && name != "_" {
				unused = append(unused, span(fset, s))
			}
		}
		if len(unused) == len(d.Specs) {
			unused = [][2]int{span(fset, d)}
		}
		spans = append(spans, unused...)
	}
	return format.Source(cutSpans(src, spans))
}

// span returns where a node is in its file, with its comment.
func span(fset *token.FileSet, n ast.Node) [2]int {
	from := n.Pos()
	switch d := n.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			from = d.Doc.Pos()
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			from = d.Doc.Pos()
		}
	}
	return [2]int{fset.Position(from).Offset, fset.Position(n.End()).Offset}
}

// cutSpans cuts pieces out of a text, with the line ends behind them.
func cutSpans(src []byte, spans [][2]int) []byte {
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	var out bytes.Buffer
	end := 0
	for _, s := range spans {
		out.Write(src[end:s[0]])
		end = s[1]
		for end < len(src) && src[end] == '\n' {
			end++
		}
	}
	out.Write(src[end:])
	return out.Bytes()
}
