package golang

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/spec"
)

// prefixed renames all that a package declares besides its rows and words, and its files,
// so that the packages of several tables can share a directory.
func (c *Config) prefixed(files map[string][]byte) (map[string][]byte, error) {
	helpers := map[string]bool{}
	fset := token.NewFileSet()
	parsed := map[string]*ast.File{}
	for name, src := range files {
		if path.Ext(name) != ".go" {
			continue
		}
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			return nil, err
		}
		parsed[name] = f
		for _, u := range unitsOf(f, name) {
			for _, id := range u.names {
				helpers[id] = helpers[id] || !c.ofTable(id)
			}
		}
	}
	out := map[string][]byte{}
	for name, src := range files {
		if f := parsed[name]; f != nil {
			src = renameIn(fset, f, src, helpers, c.rename)
		} else {
			src = assemblySymbol.ReplaceAllFunc(src, func(symbol []byte) []byte {
				if id := strings.TrimPrefix(string(symbol), "·"); helpers[id] {
					return []byte("·" + c.rename(id))
				}
				return symbol
			})
		}
		out[c.FileName(name)] = src
	}
	return out, nil
}

// stepAside renames what only tests declare, if a row takes the name: no test uses what
// implements a row by that name.
func (c *Config) stepAside(files map[string][]byte) error {
	taken := map[string]bool{}
	for _, r := range c.Rows {
		taken[r.Impl()] = !c.has(r.Impl())
	}
	for _, id := range spec.Called() { // but these
		delete(taken, (&spec.Row{Name: id}).Impl())
	}
	fset := token.NewFileSet()
	for name, src := range files {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			return err
		}
		files[name] = renameIn(fset, f, src, taken, func(id string) string { return "test" + strings.ToUpper(id[:1]) + id[1:] })
	}
	return nil
}

// FileName returns what a file of the package is called. Without a prefix no name begins
// with z_.
func (c *Config) FileName(name string) string {
	if c.Prefix == "" {
		return name
	}
	return "z_" + c.Prefix + "_" + strings.TrimPrefix(name, "z")
}

// testOfRow finds the row in the name of a test.
var testOfRow = regexp.MustCompile(`^(?:Fuzz|Benchmark|TestTorture|Test)([A-Z]\w*)$`)

// ofTable reports whether a name comes from the table.
func (c *Config) ofTable(id string) bool {
	for _, w := range c.Words {
		if slices.Contains(w.Names(), id) {
			return true
		}
	}
	for _, r := range c.Rows {
		if slices.Contains(r.Names(), id) {
			return true
		}
		if m := testOfRow.FindStringSubmatch(id); m != nil && strings.HasPrefix(m[1], r.Name) {
			return true
		}
	}
	return id == "init" || id == "_"
}

// rename puts the prefix before a name, which stays exported or not.
func (c *Config) rename(id string) string {
	if m := testOfRow.FindStringSubmatch(id); m != nil {
		kind := strings.TrimSuffix(id, m[1])
		return kind + strings.ToUpper(c.Prefix[:1]) + c.Prefix[1:] + m[1]
	}
	prefix := c.Prefix
	if ast.IsExported(id) {
		prefix = strings.ToUpper(prefix[:1]) + prefix[1:]
	}
	return prefix + strings.ToUpper(id[:1]) + id[1:]
}

// renameIn renames in one file what takes these names from the package.
func renameIn(fset *token.FileSet, f *ast.File, src []byte, helpers map[string]bool, rename func(id string) string) []byte {
	global := map[*ast.Ident]bool{}
	for _, id := range f.Unresolved {
		global[id] = true
	}
	var at []int
	ast.Inspect(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || !helpers[id.Name] || id == f.Name {
			return true
		}
		if global[id] || id.Obj != nil && f.Scope.Lookup(id.Name) == id.Obj {
			at = append(at, fset.Position(id.Pos()).Offset)
		}
		return true
	})
	slices.Sort(at)
	var b bytes.Buffer
	end := 0
	for _, offset := range slices.Compact(at) {
		id := src[offset:]
		n := bytes.IndexFunc(id, func(r rune) bool {
			return r != '_' && !('0' <= r && r <= '9') && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z')
		})
		b.Write(src[end:offset])
		b.WriteString(rename(string(id[:n])))
		end = offset + n
	}
	b.Write(src[end:])
	return b.Bytes()
}
