package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"sort"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// summary is what callers have to know of a function. It is a fact of its object.
type summary struct {
	Outcomes []outcome     // how it may end, if that matters
	Returns  bool          // it may return
	Panics   bool          // it may panic, with its caller's locks as they were
	Acquires []acquisition // locks that a caller may hold
	Orders   []order       // lock classes that it acquires
	Blocks   string        // something it does that may block
}

// outcome is one way in which a function ends.
type outcome struct {
	Results   []known
	When      []condition // on parameters and flags: what leads to this outcome
	Locks     []effect
	Sets      []condition // what it stores that callers may test: flags and nil
	Uncertain []string
}

// condition is a condition, by its path, and its value.
type condition struct {
	Name string
	Is   known
}

// effect is what an outcome does to a lock.
type effect struct {
	Path, Class, Name string
	Hold              hold
	Pinned            bool
}

// acquisition is a lock that a function acquires, as its caller left it.
type acquisition struct {
	Path, Class, Name string
	When              []condition
	Perhaps           bool // it may return without acquiring it
}

// order is a lock class that a function acquires, perhaps after it has released others
// for its caller.
type order struct {
	Class   string
	Without []string
	When    []condition // what is true each time, of parameters and flags
}

func (*summary) AFact() {}

func (s *summary) String() string {
	var parts []string
	for _, outcome := range s.Outcomes {
		for _, e := range outcome.Locks {
			parts = append(parts, fmt.Sprintf("%s:%d", e.Path, e.Hold))
		}
	}
	return "summary(" + strings.Join(parts, " ") + ")"
}

func (s *summary) trivial() bool {
	return len(s.Outcomes) == 0 && len(s.Acquires) == 0 && len(s.Orders) == 0 && s.Blocks == "" && s.Returns
}

func (s *summary) classes() []string {
	var all []string
	for _, outcome := range s.Outcomes {
		for _, e := range outcome.Locks {
			all = append(all, e.Class)
		}
		all = append(all, outcome.Uncertain...)
	}
	return all
}

// succeeds reports whether the function has acquired a lock for its caller.
func (o outcome) succeeds() bool {
	return slices.ContainsFunc(o.Locks, func(e effect) bool { return e.Hold == held })
}

// summaryOf is the summary of the function that a call names; nil if it is not known.
func (c *checker) summaryOf(call *ssa.CallCommon) *summary {
	if call.IsInvoke() {
		return nil
	}
	fn := call.StaticCallee()
	if fn == nil {
		return nil
	}
	fn = generic(fn)
	if fn.Pkg != nil && fn.Pkg.Pkg == c.pass.Pkg && len(fn.Blocks) > 0 {
		return c.summarize(fn)
	}
	if obj, _ := fn.Object().(*types.Func); obj != nil {
		return c.summaryOfObject(obj)
	}
	return nil
}

func (c *checker) summaryOfObject(obj *types.Func) *summary {
	if obj.Pkg() == c.pass.Pkg {
		if own := c.prog.FuncValue(obj.Origin()); own != nil && len(own.Blocks) > 0 {
			return c.summarize(own)
		}
		return nil
	}
	sum := new(summary)
	if obj.Pkg() != nil && c.pass.ImportObjectFact(obj.Origin(), sum) {
		return sum
	}
	return nil
}

// summarize follows fn, once, and returns its summary.
func (c *checker) summarize(fn *ssa.Function) *summary {
	if sum, ok := c.summaries[fn]; ok {
		return sum
	}
	c.summaries[fn] = nil
	c.summaries[fn] = c.follow(fn, beginsProgram(fn))
	return c.summaries[fn]
}

// summarizeGoroutine follows the body of a goroutine.
func (c *checker) summarizeGoroutine(fn *ssa.Function) {
	if _, ok := c.summaries[fn]; !ok {
		c.summaries[fn] = nil
		c.summaries[fn] = c.follow(fn, true)
	}
}

func beginsProgram(fn *ssa.Function) bool {
	if fn.Parent() != nil || fn.Signature.Recv() != nil {
		return false
	}
	name := fn.Name()
	if fn.Pkg.Pkg.Name() == "main" && name == "main" || strings.HasPrefix(name, "init") && fn.Signature.Params().Len() == 0 {
		return true
	}
	if fn.Signature.Params().Len() != 1 {
		return false
	}
	t := fn.Signature.Params().At(0).Type().String()
	return strings.HasPrefix(name, "Test") && t == "*testing.T" || strings.HasPrefix(name, "Benchmark") && t == "*testing.B"
}

// follow explores fn, reports what is wrong in it, and returns what callers have to know.
func (c *checker) follow(fn *ssa.Function, nothingHeld bool) *summary {
	if len(fn.Blocks) == 0 {
		return nil
	}
	if !c.concernsLocks(fn) {
		return &summary{Returns: true}
	}
	w := c.newWalk(fn)
	w.nothingHeld = nothingHeld
	exits := w.explore(fn, newState())
	if w.broken {
		sum := c.unknown(fn)
		for _, class := range sum.classes() {
			c.hasUnlocker[class] = true
		}
		return sum
	}
	w.checkNils()
	w.checkUnlocks()
	w.checkExits(exits)
	w.checkIterations()
	for _, f := range w.found {
		c.report(f)
	}
	for class := range w.hasUnlocker {
		c.hasUnlocker[class] = true
	}
	c.edges = append(c.edges, w.edges...)
	return w.summary(exits)
}

// classesOf are the classes of the locks that a function leaves changed.
func (c *checker) classesOf(fn *types.Func) []string {
	if sum := c.summaryOfObject(fn); sum != nil {
		return sum.classes()
	}
	return nil
}

// unknown is the summary of a function that was not followed. It may do anything to
// locks of the classes that it names.
func (c *checker) unknown(fn *ssa.Function) *summary {
	classes := map[string]bool{}
	eachLockCall(fn, func(_ method, class string) { classes[class] = true })
	if len(classes) == 0 {
		return &summary{Returns: true}
	}
	return &summary{Returns: true, Outcomes: []outcome{{Uncertain: sortedKeys(classes)}}}
}

// concernsLocks reports whether fn operates on locks, may block, may not return, or sets
// a flag.
func (c *checker) concernsLocks(fn *ssa.Function) bool {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			switch instr := instr.(type) {
			case *ssa.Send, *ssa.Select:
				return true
			case *ssa.UnOp:
				if instr.Op == token.ARROW {
					return true
				}
			case *ssa.Panic:
				if instr.Pos().IsValid() {
					return true
				}
			case *ssa.MakeClosure:
				return true
			case *ssa.Store:
				if _, own := base(instr.Addr).(*ssa.Alloc); !own && isFlag(instr.Val) {
					return true
				}
			case ssa.CallInstruction:
				call := instr.Common()
				obj := calleeObject(call)
				if _, _, ok := lockCall(call); ok || blockingCall(obj) != "" || neverReturns(obj) || closureOf(call.Value) != nil {
					return true
				}
				if sum := c.summaryOf(call); sum != nil && !sum.trivial() {
					return true
				}
			}
		}
	}
	return false
}

// isFlag reports whether v is true, false or nil. A function that stores such a value
// tells what it has done.
func isFlag(v ssa.Value) bool {
	k, ok := v.(*ssa.Const)
	return ok && (k.IsNil() || isBool(k.Type()))
}

// summary is what a caller has to know of the paths that were followed.
func (w *walk) summary(exits []exit) *summary {
	sum := &summary{Blocks: w.blocks}
	for _, path := range sortedKeys(w.acquires) {
		if portable(path) {
			t := w.acquires[path]
			t.Perhaps = slices.ContainsFunc(exits, func(e exit) bool { return e.panics == "" && e.state.locks[path] == lockState{} })
			sum.Acquires = append(sum.Acquires, t)
		}
	}
	for _, class := range sortedKeys(w.orders) {
		sum.Orders = append(sum.Orders, w.orders[class])
	}
	heldForCaller := map[string]bool{}
	for _, e := range exits {
		for _, path := range e.state.heldPaths() {
			heldForCaller[path] = true
		}
	}
	known := map[string]int{}
	for _, e := range exits {
		if e.panics != "" {
			sum.Panics = sum.Panics || !e.state.releasesCallers()
			continue
		}
		sum.Returns = true
		outcome := w.outcome(e, heldForCaller)
		key, sets := fmt.Sprint(outcome), w.sets(e)
		if i, ok := known[key]; ok {
			sum.Outcomes[i].Sets = common(sum.Outcomes[i].Sets, sets)
			continue
		}
		known[key] = len(sum.Outcomes)
		outcome.Sets = sets
		sum.Outcomes = append(sum.Outcomes, outcome)
	}
	switch {
	case trivialOutcomes(sum.Outcomes):
		sum.Outcomes = nil
	case len(sum.Outcomes) > maxOutcomes:
		sum.Outcomes = []outcome{{Uncertain: (&summary{Outcomes: sum.Outcomes}).classes()}}
	}
	return sum
}

// maxOutcomes is how many outcomes callers follow.
const maxOutcomes = 8

// trivialOutcomes reports whether outcomes tell a caller nothing: no lock changes, and
// whatever the caller knows, there is an outcome.
func trivialOutcomes(outcomes []outcome) bool {
	always := false
	values := map[string]known{}
	for _, outcome := range outcomes {
		if len(outcome.Locks) > 0 || len(outcome.Uncertain) > 0 || len(outcome.Sets) > 0 {
			return false
		}
		always = always || len(outcome.When) == 0
		for _, c := range outcome.When {
			always = always || values[c.Name] == c.Is.not() && c.Is.not() != nothing
			values[c.Name] = c.Is
		}
	}
	return always
}

// outcome is what callers have to know of one exit. heldForCaller has the locks that
// some exit holds for them.
func (w *walk) outcome(e exit, heldForCaller map[string]bool) outcome {
	var out outcome
	for _, r := range e.results {
		out.Results = append(out.Results, r.known)
	}
	uncertain := map[string]bool{}
	for class := range e.state.uncertain {
		uncertain[class] = true
	}
	for _, path := range sortedKeys(e.state.locks) {
		l := e.state.locks[path]
		switch {
		case l.hold == failed && l.callers:
			l.hold = released
		case l.hold == held && l.reacquired, l.hold == released && !l.callers, l.hold == failed && !heldForCaller[path]:
			continue // as it was
		case l.hold == held && returnsMore(e):
			l.hold = undecided // the caller may unlock through what it is given
		}
		if !portable(path) {
			if l.hold == held || l.hold == undecided {
				uncertain[l.class] = true
			}
			continue
		}
		out.Locks = append(out.Locks, effect{path, l.class, l.name, l.hold, l.pinned})
	}
	for _, name := range sortedKeys(e.state.conds) {
		if knownToCaller(name) {
			out.When = append(out.When, condition{name, e.state.conds[name]})
		}
	}
	out.Uncertain = sortedKeys(uncertain)
	return out
}

// sets is what an exit has stored that callers may test.
func (w *walk) sets(e exit) []condition {
	var all []condition
	for _, path := range sortedKeys(e.state.mem) {
		if is := e.state.mem[path].known; portable(path) && is != nothing && is != notNil {
			all = append(all, condition{path, is})
		}
	}
	return all
}

// returnsMore reports whether a function returns something through which its caller
// may unlock: a transaction, a guard, a function.
func returnsMore(e exit) bool {
	for i, v := range e.values {
		_, basic := v.Type().Underlying().(*types.Basic)
		if !basic && !isError(v.Type()) && e.results[i].known != isNil {
			return true
		}
	}
	return false
}

// knownToCaller reports whether a caller can know a condition: it depends on parameters
// and package variables only.
func knownToCaller(name string) bool {
	return portable(strings.TrimPrefix(name, "("))
}

// portable reports whether a path means the same to callers.
func portable(path string) bool {
	if strings.Contains(path, "#") {
		return false
	}
	return strings.HasPrefix(path, "p") || strings.HasPrefix(path, "g:") || strings.HasPrefix(path, "f:")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// noteAcquisition records, for callers, a lock that is acquired as the caller left it.
func (w *walk) noteAcquisition(s *state, t target) {
	if _, ok := w.acquires[t.path]; ok || !portable(t.path) {
		return
	}
	w.acquires[t.path] = acquisition{Path: t.path, Class: t.class, Name: t.name, When: s.flags()}
}

// flags are the conditions of s that a caller may know: parameters and flags.
func (s *state) flags() []condition {
	var all []condition
	for _, name := range sortedKeys(s.conds) {
		if knownToCaller(name) && !strings.HasPrefix(name, "(") {
			all = append(all, condition{name, s.conds[name]})
		}
	}
	return all
}

// exportSummaries makes facts of the summaries that other packages may need.
func (c *checker) exportSummaries() {
	for fn, sum := range c.summaries {
		if sum == nil || sum.trivial() || fn.Parent() != nil {
			continue
		}
		if obj := funcObject(fn); obj != nil && obj.Pkg() == c.pass.Pkg {
			c.pass.ExportObjectFact(obj, sum)
		}
	}
}
