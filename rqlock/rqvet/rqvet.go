package rqvet

import (
	"cmp"
	"fmt"
	"go/token"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ssa"
)

// Analyzer reports misuse of rqlock's locks.
var Analyzer = &analysis.Analyzer{
	Name: "rqvet",
	Doc: `check the use of locks that may fail (rqlock)

Reports ignored errors of Lock, unlocks of a lock that is not held, paths that end
with a lock held, self-deadlocks, inversions of the lock order, and calls that may
block while preemption is off. A comment "//rqvet:ignore RULE REASON" on the line of
a finding, or on the line above, silences it.`,
	URL:       docs + "README.md",
	Run:       run,
	Requires:  []*analysis.Analyzer{inspect.Analyzer, ctrlflow.Analyzer},
	FactTypes: []analysis.Fact{new(summary), new(lockEdges)},
}

// checker analyzes one package.
type checker struct {
	pass        *analysis.Pass
	prog        *ssa.Program
	ids         map[ssa.Value]int
	summaries   map[*ssa.Function]*summary // nil until the function has been followed
	live        map[*ssa.Function]*liveness
	explored    map[*ssa.Function]bool // closures that were followed from their call site
	stored      map[string]bool        // classes of fields that change after their object was made
	written     map[*ssa.Function]map[string]bool
	byName      map[string][]*ssa.Function
	inInterface map[string]bool // classes of locks that are put into an interface
	hasUnlocker map[string]bool // classes of locks, and ids of functions, for which some code unlocks
	kept        []keptLock
	edges       []edge
	findings    []finding
}

type finding struct {
	rule    Rule
	pos     token.Pos
	end     token.Pos
	message string
	fixes   []analysis.SuggestedFix
}

func run(pass *analysis.Pass) (any, error) {
	if !reachesLock(pass) {
		return nil, nil
	}
	src, err := buildSSA(pass)
	if err != nil {
		return nil, err
	}
	c := &checker{
		pass:        pass,
		prog:        src.Pkg.Prog,
		ids:         map[ssa.Value]int{},
		summaries:   map[*ssa.Function]*summary{},
		live:        map[*ssa.Function]*liveness{},
		explored:    map[*ssa.Function]bool{},
		stored:      map[string]bool{},
		written:     map[*ssa.Function]map[string]bool{},
		inInterface: map[string]bool{},
		byName:      map[string][]*ssa.Function{},
		hasUnlocker: map[string]bool{},
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
		c.noteStores(fn)
		c.noteInterfaces(fn)
		c.checkForged(fn)
		c.checkMoves(fn)
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
	c.reportKept()
}

func (c *checker) report(f finding) { c.findings = append(c.findings, f) }

// reportAll reports each finding once, in the order of the source, except those that a
// comment silences.
func (c *checker) reportAll() {
	ignored := c.readIgnores()
	slices.SortStableFunc(c.findings, func(x, y finding) int { return c.compare(x.pos, y.pos) })
	reported := map[string]bool{}
	for _, f := range c.findings {
		key := fmt.Sprint(f.pos, f.rule)
		if reported[key] || ignored.covers(c.pass.Fset.Position(f.pos), f.rule) {
			continue
		}
		reported[key] = true
		c.pass.Report(analysis.Diagnostic{
			Pos:            f.pos,
			End:            f.end,
			Category:       string(f.rule),
			Message:        fmt.Sprintf("%s (%s)", f.message, f.rule),
			URL:            f.rule.URL(),
			SuggestedFixes: f.fixes,
		})
	}
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
