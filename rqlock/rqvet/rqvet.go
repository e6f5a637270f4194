package rqvet

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ssa"
)

// Analyzer reports misuse of rqlock's locks.
var Analyzer = New()

// New returns an analyzer with flags of its own, as [Analyzer] is one.
func New() *analysis.Analyzer {
	opts := new(options)
	a := &analysis.Analyzer{
		Name: "rqvet",
		Doc: `check the use of locks that may fail (rqlock)

Reports ignored errors of Lock, unlocks of a lock that is not held, paths that end
with a lock held, self-deadlocks, inversions of the lock order, and calls that may
block while preemption is off. A comment "//rqvet:ignore RULE REASON" on the line of
a finding, or on the line above, silences it.`,
		URL:       docs + "README.md",
		Run:       func(pass *analysis.Pass) (any, error) { return run(pass, opts) },
		Requires:  []*analysis.Analyzer{inspect.Analyzer, ctrlflow.Analyzer},
		FactTypes: []analysis.Fact{new(summary), new(lockEdges)},
	}
	a.Flags.BoolVar(&opts.blocks, "blocks", false, "report channel operations, waits, sleeps and I/O while a lock is held, too")
	return a
}

// options are the analyzer's flags.
type options struct {
	blocks bool
}

// checker analyzes one package.
type checker struct {
	pass  *analysis.Pass
	opts  *options
	prog  *ssa.Program
	paths *paths

	classIDs map[class]uint64
	typeIDs  map[types.Type]uint64

	// What is known of the package's functions.
	summaries map[*ssa.Function]*summary // nil until the function has been followed
	imported  map[*types.Func]*summary   // of other packages; nil if there is none
	results   map[*ssa.Function]*result
	explored  map[*ssa.Function]bool // closures that were followed from their call site
	written   map[*ssa.Function]*numbers
	computes  map[*ssa.Function]bool
	following []*following           // each calls the next
	inCycle   []*ssa.Function        // have been followed, and call one of those that are being followed
	used      map[*ssa.Function]bool // by the package, in whatever way
	byName    map[string][]*ssa.Function

	// What is known of its variables and types.
	stored          map[class]bool // fields that change after their object was made
	inInterface     map[class]bool // locks that are put into an interface
	fieldFunctions  map[class]*fieldFunction
	implementations map[*types.Named]types.Type
	instances       map[class]map[string]bool // of generic types, by the type; see instancesOf

	decides     map[*ssa.BasicBlock]bool // by a branch's block: it may be about a lock
	leads       map[*ssa.BasicBlock]bool // by a branch's block: it leads to an acquisition
	lockBlocks  map[*ssa.Function][]lockBlock
	hasUnlocker map[unlockable]bool
	unfollowed  []ast.Node // the functions that have too many paths
	edges       []edge
	findings    []finding
}

// result is what following a function has led to.
type result struct {
	findings []finding
	kept     []keptLock
	edges    []edge
}

type finding struct {
	rule    Rule
	pos     token.Pos
	end     token.Pos
	message string
	fixes   []analysis.SuggestedFix

	lock  string            // it is about the lock of this name
	forks []*ssa.BasicBlock // the branches that its path could not decide
}

func run(pass *analysis.Pass, opts *options) (any, error) {
	if !reachesLock(pass) {
		return nil, nil
	}
	src, err := buildSSA(pass)
	if err != nil {
		return nil, err
	}
	c := &checker{
		pass: pass, opts: opts, prog: src.Pkg.Prog, paths: newPaths(),
		classIDs: map[class]uint64{}, typeIDs: map[types.Type]uint64{},
		summaries: map[*ssa.Function]*summary{}, imported: map[*types.Func]*summary{}, results: map[*ssa.Function]*result{},
		explored: map[*ssa.Function]bool{}, written: map[*ssa.Function]*numbers{},
		computes: map[*ssa.Function]bool{}, used: map[*ssa.Function]bool{},
		byName: map[string][]*ssa.Function{}, stored: map[class]bool{}, inInterface: map[class]bool{},
		fieldFunctions: map[class]*fieldFunction{}, implementations: map[*types.Named]types.Type{},
		decides: map[*ssa.BasicBlock]bool{}, leads: map[*ssa.BasicBlock]bool{}, lockBlocks: map[*ssa.Function][]lockBlock{}, hasUnlocker: map[unlockable]bool{},
	}
	c.checkFunctions(src.SrcFuncs)
	c.checkOrder()
	c.checkCopies()
	c.reportAll()
	return nil, nil
}

// checkFunctions follows every function of the package, callees first. Then it follows
// the closures that were not followed from a call site.
func (c *checker) checkFunctions(funcs []*ssa.Function) {
	for _, fn := range funcs {
		c.byName[fn.Name()] = append(c.byName[fn.Name()], fn)
		c.noteFunction(fn)
		c.checkForged(fn)
		c.checkMoves(fn)
		c.checkLoads(fn)
	}
	for _, fn := range funcs {
		if fn.Parent() == nil {
			c.summarize(fn)
		}
	}
	for _, fn := range funcs {
		if fn.Parent() != nil && !c.explored[fn] {
			c.summarize(fn)
		}
	}
	c.exportSummaries()
	for _, fn := range funcs {
		if r := c.results[fn]; r != nil {
			c.findings = append(c.findings, r.findings...)
			c.edges = append(c.edges, r.edges...)
			c.reportKept(r.kept)
		}
	}
}

func (c *checker) report(f finding) { c.findings = append(c.findings, f) }

// reportAll reports each finding once, in the order of the source, except those that a
// comment silences.
func (c *checker) reportAll() {
	ignored := c.readIgnores()
	slices.SortStableFunc(c.findings, func(x, y finding) int { return c.compare(x.pos, y.pos) })
	type place struct {
		pos  token.Pos
		rule Rule
	}
	reported := map[place]bool{}
	for _, f := range c.findings {
		key := place{f.pos, f.rule}
		if reported[key] || ignored.covers(c.pass.Fset.Position(f.pos), f.rule) {
			continue
		}
		reported[key] = true
		c.emit(f)
	}
	c.reportUnused(ignored)
}

func (c *checker) emit(f finding) {
	c.pass.Report(analysis.Diagnostic{
		Pos:            f.pos,
		End:            f.end,
		Category:       string(f.rule),
		Message:        fmt.Sprintf("%s (%s)", f.message, f.rule),
		URL:            f.rule.URL(),
		SuggestedFixes: f.fixes,
	})
}

// compare orders positions by file name and offset. Files are parsed in any order.
func (c *checker) compare(x, y token.Pos) int {
	p, q := c.pass.Fset.Position(x), c.pass.Fset.Position(y)
	return cmp.Or(cmp.Compare(p.Filename, q.Filename), cmp.Compare(p.Offset, q.Offset))
}

// at names a position for a message at another: by the line, and by the file if that
// is another, too.
func (c *checker) at(pos, from token.Pos) string {
	p, q := c.pass.Fset.Position(pos), c.pass.Fset.Position(from)
	if p.Filename == q.Filename {
		return fmt.Sprintf("line %d", p.Line)
	}
	return fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
}
