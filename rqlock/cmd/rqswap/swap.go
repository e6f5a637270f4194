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
		return nil, err
	}
	dirs := map[string]bool{}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			// A package all of whose files are for others has files for us.
			if e.Kind == packages.ListError && len(p.GoFiles)+len(p.IgnoredFiles) == 0 {
				return nil, fmt.Errorf("%s: %s", p.PkgPath, strings.ReplaceAll(strings.TrimSpace(e.Msg), "\n", "; "))
			}
		}
		if p.Module == nil || !p.Module.Main {
			if len(p.GoFiles) > 0 && !strings.HasSuffix(p.ID, ".test") {
				return nil, fmt.Errorf("%s is not of the module that you are in: name your own packages", p.PkgPath)
			}
			continue
		}
		for _, file := range append(p.GoFiles, p.IgnoredFiles...) {
			if inside(p.Module.Dir, file) { // and not what go test makes
				dirs[filepath.Dir(file)] = true
			}
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no Go files in %s", strings.Join(o.patterns, " "))
	}
	var files []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		found, err := filepath.Glob(filepath.Join(escape(dir), "*.go"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
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
	for _, i := range f.Imports {
		if path, err := strconv.Unquote(i.Path.Value); err != nil || path != from {
			continue
		}
		at := fset.PositionFor(i.Path.Pos(), false).Offset
		text = append(append(text, src[rest:at]...), strconv.Quote(to)...)
		rest = at + len(i.Path.Value)
	}
	if text == nil {
		return nil, nil
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
