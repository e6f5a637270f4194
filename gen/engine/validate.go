package engine

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/spec"
)

// Validate returns what is wrong with the table, in one line each, and nothing if Files
// will succeed.
func (t Table) Validate() []error {
	var errs []error
	if err := CheckPackage(t.name()); err != nil {
		errs = append(errs, err)
	}
	if err := t.checkImportable(); err != nil {
		errs = append(errs, err)
	}
	if t.Prefix != "" && !prefixes.MatchString(t.Prefix) {
		errs = append(errs, fmt.Errorf("prefix %q: use lower-case letters and digits, a letter first", t.Prefix))
	}
	if strings.ContainsAny(t.Source, "\r\n") {
		errs = append(errs, fmt.Errorf("source %q has more than one line", t.Source))
	}
	for i, a := range t.archs() {
		if slices.IndexFunc(t.archs(), func(o *Arch) bool { return o.Name == a.Name }) < i {
			errs = append(errs, fmt.Errorf("architecture %s is there twice", a.Name))
		}
	}
	if missing := t.missing(); len(missing) > 0 {
		return append(errs, missing...)
	}
	rows, err := spec.Derive(pointers(t.Rows), pointers(t.Words)...)
	errs = append(errs, separate(err)...)
	if err == nil {
		errs = append(errs, t.checkNames(rows)...)
	}
	return errs
}

// missing returns what nobody has said or done for the operations of the rows.
func (t Table) missing() (errs []error) {
	seen := map[Op]bool{}
	for _, r := range t.Rows {
		o := r.Op.Get()
		if o == nil || seen[r.Op] {
			continue // spec.Derive refuses what nobody knows
		}
		for _, piece := range o.Missing() {
			errs = append(errs, fmt.Errorf("operation %s has no %s", r.Op, piece))
		}
		for _, a := range t.archs() {
			if a.Emitters[r.Op] == nil && (a.Inlines == nil || !a.Inlines(&r)) {
				errs = append(errs, fmt.Errorf("row %s: %s has no emitter for operation %s", r.Name, a.Name, r.Op))
				seen[r.Op] = true
			}
		}
		seen[r.Op] = seen[r.Op] || len(o.Missing()) > 0
	}
	return errs
}

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// pointers returns the addresses of copies.
func pointers[T any](values []T) []*T {
	all := make([]*T, len(values))
	for i := range values {
		v := values[i]
		all[i] = &v
	}
	return all
}

// separate returns the errors that were joined.
func separate(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func (t Table) archs() []*Arch {
	if t.Archs == nil {
		return Archs()
	}
	return t.Archs
}

func (t Table) dir() string {
	if t.Dir == "" {
		return "."
	}
	return t.Dir
}

// name returns the name of the package. A directory that cannot be looked up has none.
func (t Table) name() string {
	if t.Package != "" {
		return t.Package
	}
	dir, err := resolve(t.dir())
	if err != nil {
		return ""
	}
	return filepath.Base(dir)
}

// resolve returns a directory without links and dots.
func resolve(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	return abs, nil // it does not exist
}

// CheckPackage refuses names of packages that nobody can import.
func CheckPackage(name string) error {
	switch {
	case !token.IsIdentifier(name) || name == "_":
		return fmt.Errorf("%q is not a package name", name)
	case name == "main" || name == "init" || name == "documentation" || strings.HasSuffix(name, "_test"):
		return fmt.Errorf("package %q cannot be imported", name)
	}
	return nil
}

// importable has the characters that elements of import paths may have.
var importable = regexp.MustCompile(`^[A-Za-z0-9\-_~+.]+$`)

// checkImportable refuses a directory that no import path leads to, in the module that it
// is in.
func (t Table) checkImportable() error {
	dir, err := resolve(t.dir())
	if err != nil {
		return fmt.Errorf("directory %s: %w", t.dir(), err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil || at == filepath.Dir(at) {
			return nil
		}
		switch name := filepath.Base(at); {
		case name[0] == '_' || name[0] == '.' || name == "testdata" || name == "vendor":
			return fmt.Errorf("directory %s: the go command skips %q, so nobody can import the package", t.dir(), name)
		case at == dir && (!importable.MatchString(name) || name[len(name)-1] == '.'):
			return fmt.Errorf("directory %s: %q cannot be in an import path: use letters, digits and -_~+. in its name", t.dir(), name)
		}
	}
}

// checkNames refuses names that two parts of the package would declare, or that Go has
// declared already. It does not depend on which rows the table has besides.
func (t Table) checkNames(rows []*spec.Row) []error {
	helpers, err := golang.Helpers(t.config(nil))
	if err != nil {
		return []error{err}
	}
	owner := map[string]string{}
	var errs []error
	claim := func(who string, names []string) {
		for _, name := range names {
			problem := ""
			switch {
			case owner[name] == who:
			case owner[name] != "":
				problem = owner[name] + " declares it, too"
			case spec.Predeclared(name) || name == "init":
				problem = "it is Go's own"
			case helpers[name]:
				problem = "the generated package has it for itself"
			}
			if problem != "" {
				errs = append(errs, fmt.Errorf("%s: the name %s is taken: %s", who, name, problem))
				return
			}
			owner[name] = who
		}
	}
	for _, w := range t.Words {
		claim("word "+w.Name, w.Names())
	}
	for _, r := range rows {
		claim("row "+r.Name, r.Names())
	}
	return errs
}

// checkDir finds a missing or wrong directory before anything is rendered.
func (t Table) checkDir() error {
	info, err := os.Stat(t.dir())
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("directory %s does not exist; make it first", t.dir())
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", t.dir())
	}
	return t.checkNeighbours()
}

// checkNeighbours refuses a directory that holds another package already, and names that
// another file there declares, such as another table's.
func (t Table) checkNeighbours() error {
	mine := map[string]string{} // who declares a name
	for _, w := range t.Words {
		for _, name := range w.Names() {
			mine[name] = "word " + w.Name
		}
	}
	for _, r := range t.Rows {
		for _, name := range r.Declares() {
			mine[name] = "row " + r.Name
		}
	}
	paths, err := filepath.Glob(filepath.Join(escapeGlob(t.dir()), "*.go"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil || ignored(f) {
			continue // the compiler reports it, or does not see it
		}
		if name := strings.TrimSuffix(f.Name.Name, "_test"); name != t.name() {
			return fmt.Errorf("%s is of package %s, not %s: remove it, or generate package %s, or into another directory", path, name, t.name(), name)
		}
		if strings.HasSuffix(f.Name.Name, "_test") || t.names(filepath.Base(path)) && isGenerated(f) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.Scope.Objects)) {
			if who := mine[name]; who != "" {
				return fmt.Errorf("%s: %s declares %s, too: give one of them another name, or remove that file if no table has it any more", who, path, name)
			}
		}
	}
	return nil
}

// isGenerated reports whether rqlock/gen has written a file.
func isGenerated(f *ast.File) bool {
	return len(f.Comments) > 0 && emit.Generated(f.Comments[0].List[0].Text)
}

// ignored reports whether no build has the file, as is usual for programs that generate.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if regexp.MustCompile(`^//go:build\s+ignore\s*$`).MatchString(c.Text) {
				return true
			}
		}
	}
	return false
}
