package model

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/rqlock/rqlock/gen/emit"
)

const (
	library  = "github.com/rqlock/rqlock/"
	lockPath = library + "rqlock"
	rooms    = lockPath + "/internal/"
	twins    = rooms + "model/"
	engine   = "mc" // the explorer, under twins
)

// A Source is a package of the model that is copied from packages of the library, each of
// which is in one copy only. The copy has the declarations of all of them: what the
// library calls queue.Enter is Enter there.
//
// Functions in its lists are named as in "Enter", and methods as in "Parker.Wait".
type Source struct {
	Name  string // of the copy: its directory, under rqlock/internal/model
	parts []part
	table string // the file that has the table ("" = rqlock's own)
	first int    // its numbering begins there (0 = where that of the source before ends)

	shared    []string // types, or variables of an unnamed type, whose fields are shared
	constants []string // fields of these that never change
	pausing   []string // functions that end a round of polling
	prefixed  []string // parts whose names begin with the part's in the copy: gate.Lock is GateLock
	stubbed   []string // functions that the model has by hand, and that reach an access
	omitted   []string // other declarations that are not copied; the model may have them by hand
	reading   []string // functions that do nothing where nobody reads
}

// header is the first line of the copy's files.
func (s Source) header() string {
	if s.table == "" {
		return header
	}
	return emit.Header(s.table)
}

// A part is a package of the library, with the files that are copied. What the copy needs
// of its other files the model has by hand. There may be none to copy.
type part struct {
	dir   string // in the repository
	files []string
}

// Sources lists what is copied.
var Sources = []Source{
	{
		Name: "lock",
		parts: []part{
			{"rqlock", []string{"mutex.go", "slowpath.go", "fused.go", "zfused_go.go", "rwmutex.go", "rwslowpath.go", "zrwfused_go.go"}},
			{"rqlock/internal/waiter", []string{"waiter.go", "table.go", "reading.go"}},
			{"rqlock/internal/queue", []string{"queue.go"}},
			{"rqlock/internal/waitgraph", []string{"waitgraph.go"}},
			{"rqlock/internal/gate", []string{"gate.go", "handover.go", "norace.go"}},
			{"rqlock/internal/readers", []string{"readers.go", "scan.go", "overflow.go", "heat.go", "blocked.go", "stale.go"}},
			{"rqlock/internal/stall", []string{"stall.go"}},
			{"rqlock/internal/park", []string{"limit.go"}},
			{"rqlock/internal/clock", nil},
		},
		shared: []string{"Waiter", "Node", "Edge", "Head", "Reading", "registry"}, constants: []string{"Index"},
		pausing: []string{"pause", "Park", "Sleep"}, prefixed: []string{"gate", "readers"},
		stubbed: []string{
			"Wanted", "Parker.Signal", "Parker.Wait", "Parker.WaitFor", "Parker.Pause", "isClosed",
			"HandedOver", "claims", "RWMutex.spin", "grow",
		},
		omitted: []string{
			"RWMutex.awaitBeside", "RWMutex.listedBriefly", // there are no bubbles
			"RWMutex.SetName", "RWMutex.SetStallTimeout", "RWMutex.RLocker", "rlocker", "rlocker.Lock", "rlocker.Unlock", "Locker",
			"Lock.EachReader", "Each", "Number", // for reports and tests
			"makeFirst", "firstChunk", "maxChunks", "run", "retry", "budget", "Few", "sweepAfter", "patience", // sizes
		},
		reading: []string{"Blocked.Enter", "Blocked.Leave", "KindWord.Load", "KindWord.Store"},
	},
	{
		Name: "qspin",
		parts: []part{
			{"rqlock/internal/qspin", []string{"mutex.go", "slowpath.go", "node.go", "wait.go", "zfused_go.go"}},
		},
		shared: []string{"node", "Word", "arena"}, constants: []string{"index"}, pausing: []string{"Gosched", "Sleep"},
	},
}

// replaced has the packages that have a twin in the model, and the twins' names. Of a
// package that is copied, the copy itself is the twin.
var replaced = map[string]string{
	library + "asm":  "asm",
	rooms + "wait":   "wait",
	rooms + "park":   "park",
	rooms + "events": "events",
	rooms + "report": "report",
	"sync/atomic":    "atomic",
	"sync":           "sync",
	"time":           "time",
	"runtime":        "runtime",
	"context":        "context",
}

// quiet says which twins touch no shared memory, and which functions and methods differ
// in that from the rest of their twin.
var quiet = map[string]bool{
	"wait": true, "events": true, "report": true, "time": true, "time.Sleep": false,
	"asm.CurrentG": true, "asm.CurrentGoid": true, "asm.CPURelax": true,
	"context.Cause": true, "context.Done": true, "context.Deadline": true, "park.Init": true,
}

// A file is a file that is copied.
type file struct {
	dir, name string
	pkg       *packages.Package
	syntax    *ast.File
	src       []byte
}

func (f *file) path() string { return path.Join(f.dir, f.name) }

// copied is the name of the file's copy.
func (f *file) copied() string { return "z" + strings.TrimPrefix(f.name, "z") }

func (f *file) has(p token.Pos) bool { return f.syntax.FileStart <= p && p < f.syntax.FileEnd }

// find returns the files of the copy among loaded packages.
func (s Source) find(pkgs map[string]*packages.Package, root string, overlay map[string][]byte) (files []*file, err error) {
	for _, p := range s.parts {
		pkg := pkgs[library+p.dir]
		for _, name := range p.files {
			f := &file{dir: p.dir, name: name, pkg: pkg}
			i := slices.IndexFunc(pkg.Syntax, func(f *ast.File) bool {
				return filepath.Base(pkg.Fset.File(f.Pos()).Name()) == name
			})
			if i < 0 {
				return nil, fmt.Errorf("package %s has no %s: the model copies it", p.dir, name)
			}
			f.syntax = pkg.Syntax[i]
			if f.src, err = read(root, f.path(), overlay); err != nil {
				return nil, err
			}
			files = append(files, f)
		}
	}
	return files, nil
}

// read returns a file as it is going to be.
func read(root, name string, overlay map[string][]byte) ([]byte, error) {
	if src, ok := overlay[filepath.FromSlash(name)]; ok {
		return src, nil
	}
	return os.ReadFile(filepath.Join(root, name))
}

// load returns the type-checked packages of all sources, by import path.
func load(root string, overlay map[string][]byte, sources []Source) (map[string]*packages.Package, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var paths []string
	copied := map[string]bool{} // directories
	for _, s := range sources {
		for _, p := range s.parts {
			paths = append(paths, library+p.dir)
			copied[filepath.Join(root, filepath.FromSlash(p.dir))] = true
		}
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
