package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

const (
	goPath = "sync"
	rqPath = "github.com/rqlock/rqlock/rqlock/sync"
)

type options struct {
	dry, undo, force bool
	tags             string
	patterns         []string
	dir              string // where to look for the packages; "" = here
}

// swap changes the imports, and says to w what it has done.
func (o *options) swap(w io.Writer) error {
	from, to := goPath, rqPath
	if o.undo {
		from, to = to, from
	}
	files, err := o.files()
	if err != nil {
		return err
	}
	changed := map[string][]byte{}
	for _, file := range files {
		src, err := changeImport(file, from, to)
		if errors.Is(err, errBoth) {
			fmt.Fprintf(w, "%s: left as it is, since it imports both packages\n", o.relative(file))
			continue
		}
		if err != nil {
			return err
		}
		if src != nil {
			changed[file] = src
		}
	}
	names := slices.Sorted(maps.Keys(changed))
	if !o.force && !o.dry {
		if err := unclean(names); err != nil {
			return err
		}
	}
	for _, name := range names {
		fmt.Fprintf(w, "%s: %s -> %s\n", o.relative(name), from, to)
	}
	did := "changed"
	if o.dry {
		did = "would be changed"
	} else if err := replaceAll(changed); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d of %d files %s\n", len(names), len(files), did)
	return err
}

// relative is how a file is shown.
func (o *options) relative(name string) string {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return name
	}
	if short, err := filepath.Rel(dir, name); err == nil {
		return short
	}
	return name
}

// files returns all Go files of the packages, whatever they are built for.
func (o *options) files() ([]string, error) {
	config := &packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedModule, Tests: true, Dir: o.dir}
	if o.tags != "" {
		config.BuildFlags = []string{"-tags=" + o.tags}
	}
	pkgs, err := packages.Load(config, o.patterns...)
	if err != nil {
		return nil, errors.New(oneLine(err.Error()))
	}
	dirs, modules := map[string]bool{}, map[string]string{}
	for _, p := range pkgs {
		if p.PkgPath == "command-line-arguments" {
			return nil, errors.New("give packages, and no files: all files of a package are changed together")
		}
		for _, e := range p.Errors {
			// A package all of whose files are for others has files for us.
			if e.Kind == packages.ListError && len(p.GoFiles)+len(p.IgnoredFiles) == 0 {
				return nil, fmt.Errorf("%s: %s", p.PkgPath, oneLine(e.Msg))
			}
		}
		if p.Module == nil || !p.Module.Main {
			if len(p.GoFiles) > 0 && !strings.HasSuffix(p.ID, ".test") {
				return nil, fmt.Errorf("%s is not of the module that you are in: name your own packages", p.PkgPath)
			}
			continue
		}
		modules[p.Module.Dir] = p.Module.Path
		for _, file := range append(p.GoFiles, p.IgnoredFiles...) {
			if inside(p.Module.Dir, file) { // and not what go test makes
				dirs[filepath.Dir(file)] = true
			}
		}
	}
	for dir, path := range modules {
		for _, pattern := range o.patterns {
			if root, ok := o.rootOf(pattern, dir, path); ok {
				if err := addBelow(dirs, dir, root); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no Go files in %s", strings.Join(o.patterns, " "))
	}
	files := map[string]bool{}
	for dir := range dirs {
		found, err := filepath.Glob(filepath.Join(escape(dir), "*.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			if linked, err := isLink(file); err != nil {
				return nil, err
			} else if !linked { // what it names is changed if it is in a package
				files[file] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(files)), nil
}

// oneLine has what the go command says on one line.
func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") }

// isLink reports whether a file is a symbolic link.
func isLink(file string) (bool, error) {
	info, err := os.Lstat(file)
	return err == nil && info.Mode()&fs.ModeSymlink != 0, err
}

// rootOf returns the directory below which a pattern with dots has packages of a module.
func (o *options) rootOf(pattern, dir, path string) (root string, ok bool) {
	base, ok := strings.CutSuffix(pattern, "...")
	if !ok || strings.Contains(base, "...") || base != "" && !strings.HasSuffix(base, "/") {
		return "", false
	}
	switch rest, ours := strings.CutPrefix(base, path+"/"); {
	case ours:
		return filepath.Join(dir, filepath.FromSlash(rest)), true
	case strings.HasPrefix(base, "./"), strings.HasPrefix(base, "../"):
		root, err := filepath.Abs(filepath.Join(o.dir, filepath.FromSlash(base)))
		return root, err == nil && inside(dir, root)
	case filepath.IsAbs(base):
		return filepath.Clean(base), inside(dir, base)
	}
	return "", false
}

// addBelow adds the directories with Go files from root on that are packages of the module in
// dir. Among them are those all of whose files are for other systems, or have other build tags:
// go list does not find them.
func addBelow(dirs map[string]bool, dir, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if !d.IsDir() {
			if strings.HasSuffix(name, ".go") && name[0] != '.' && name[0] != '_' {
				dirs[filepath.Dir(path)] = true
			}
			return nil
		}
		if path == root {
			return nil
		}
		if name == "vendor" || name == "testdata" || name[0] == '.' || name[0] == '_' {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != dir {
			return fs.SkipDir // another module
		}
		return nil
	})
}

// inside reports whether a file is in a directory or below it.
func inside(dir, file string) bool {
	short, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(short)
}

// escape makes a directory's name stand for itself in a pattern.
func escape(dir string) string {
	if filepath.Separator == '\\' {
		return dir // there is no escaping on Windows, and no file has a star in its name
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// errBoth is for a file that imports both packages. The way back would not be known.
var errBoth = errors.New("it imports both packages")

// changeImport returns the file's text with the other import, or nil if it has none to change. A
// file that was as gofmt has it is so afterwards; of another one no more is changed.
func changeImport(file, from, to string) ([]byte, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("%s does not parse: %w", file, firstOf(err))
	}
	var text []byte
	rest := 0
	both := false
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if both = both || err == nil && path == to; err != nil || path != from {
			continue
		}
		at := fset.PositionFor(i.Path.Pos(), false).Offset
		text = append(append(text, src[rest:at]...), strconv.Quote(to)...)
		rest = at + len(i.Path.Value)
	}
	switch {
	case text == nil:
		return nil, nil
	case both:
		return nil, errBoth
	}
	text = append(text, src[rest:]...)
	if formatted, err := format.Source(src); err != nil {
		return nil, fmt.Errorf("%s does not parse: %w", file, firstOf(err))
	} else if !bytes.Equal(formatted, src) {
		return text, nil
	}
	return format.Source(text)
}

// firstOf returns the first of the errors that a parser has found.
func firstOf(err error) error {
	if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
		return list[0]
	}
	return err
}

// unclean is an error if git does not have these files as they are.
func unclean(names []string) error {
	byDir := map[string][]string{}
	for _, name := range names {
		byDir[filepath.Dir(name)] = append(byDir[filepath.Dir(name)], filepath.Base(name))
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		cmd := exec.Command("git", append([]string{"status", "--porcelain", "--ignored", "--"}, byDir[dir]...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("git does not know %s, so what is changed there could not be taken back: commit first, or use -force", dir)
		}
		if line, _, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "\n"); line != "" {
			return fmt.Errorf("%s has changes that are not committed (%q): commit first, or use -force", dir, line)
		}
	}
	return nil
}

// replaceAll writes all files, or none: what it has written is taken back if one cannot be
// written.
func replaceAll(files map[string][]byte) error {
	old := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		src, err := os.ReadFile(name)
		if err == nil {
			err = replace(name, files[name])
		}
		if err != nil {
			for name, src := range old {
				err = errors.Join(err, replace(name, src))
			}
			return err
		}
		old[name] = src
	}
	return nil
}

// replace writes a file as a whole.
func replace(name string, text []byte) (err error) {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".rqswap-*")
	if err != nil {
		return err
	}
	defer func() {
		if rest := os.Remove(tmp.Name()); err == nil && rest != nil && !errors.Is(rest, fs.ErrNotExist) {
			err = rest
		}
	}()
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
