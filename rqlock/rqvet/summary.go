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
	Ways    []way    // how it may end, if that matters
	Returns bool     // it may return
	Panics  bool     // it may panic, with its caller's locks as they were
	Takes   []taking // locks that it takes and that a caller may hold
	Orders  []order  // classes of lock that it waits for
	Blocks  string   // something it does that may block
}

// way is one way in which a function ends.
type way struct {
	Results []known
	When    []condition // what this way knows of parameters and flags
	Locks   []effect
	Sets    []condition // what it stores that can be asked for: flags and nil
	Fog     []string
}

// condition is a condition, by its path, and its value.
type condition struct {
	Name string
	Is   known
}

// effect is what a way does to a lock.
type effect struct {
	Path, Class, Name string
	Hold              hold
	Pinned            bool
}

// taking is a lock that a function takes without having released it.
type taking struct {
	Path, Class, Name string
	When              []condition
	Perhaps           bool // it may return without
}

// order is a class of lock that a function waits for, perhaps after it has released
// some for its caller.
type order struct {
	Class   string
	Without []string
	When    []condition // what is true each time, of parameters and flags
}

func (*summary) AFact() {}

func (s *summary) String() string {
	var parts []string
	for _, w := range s.Ways {
		for _, e := range w.Locks {
			parts = append(parts, fmt.Sprintf("%s:%d", e.Path, e.Hold))
		}
	}
	return "summary(" + strings.Join(parts, " ") + ")"
}

func (s *summary) trivial() bool {
	return len(s.Ways) == 0 && len(s.Takes) == 0 && len(s.Orders) == 0 && s.Blocks == "" && s.Returns
}

func (s *summary) classes() []string {
	var all []string
	for _, w := range s.Ways {
		for _, e := range w.Locks {
			all = append(all, e.Class)
		}
		all = append(all, w.Fog...)
	}
	return all
}

// succeeds reports whether this way ends with what the function was to get.
func (w way) succeeds() bool {
	return slices.ContainsFunc(w.Locks, func(e effect) bool { return e.Hold == held })
}

// summaryOf is the summary of the function that a call names.
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
	obj, _ := fn.Object().(*types.Func)
	if obj == nil {
		return nil
	}
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

// summarize follows fn once, with the state of a function that may be called from
// anywhere.
func (c *checker) summarize(fn *ssa.Function) *summary {
	if sum, ok := c.summaries[fn]; ok {
		return sum
	}
	c.summaries[fn] = nil
	c.summaries[fn] = c.follow(fn, beginsProgram(fn))
	return c.summaries[fn]
}

// summarizeOutside follows the body of a goroutine.
func (c *checker) summarizeOutside(fn *ssa.Function) {
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

// follow explores fn, reports what it finds, and says what callers have to know.
func (c *checker) follow(fn *ssa.Function, outside bool) *summary {
	if len(fn.Blocks) == 0 {
		return nil
	}
	if !c.interesting(fn) {
		return &summary{Returns: true}
	}
	w := c.newWalk(fn)
	w.outside = outside
	exits := w.explore(fn, newState())
	if w.broken {
		sum := c.unknown(fn)
		for _, class := range sum.classes() {
			c.handed[class] = true
		}
		return sum
	}
	w.checkNils()
	w.checkUnlocks()
	w.checkExits(exits)
	w.checkRounds()
	for _, f := range w.found {
		c.report(f)
	}
	for class := range w.handed {
		c.handed[class] = true
	}
	c.edges = append(c.edges, w.edges...)
	return w.summary(exits)
}

// unknown is the summary of a function that was not followed: it may do anything to
// the kinds of locks that it names.
func (c *checker) unknown(fn *ssa.Function) *summary {
	fog := map[string]bool{}
	eachLockCall(fn, func(_ method, class string) { fog[class] = true })
	if len(fog) == 0 {
		return &summary{Returns: true}
	}
	return &summary{Returns: true, Ways: []way{{Fog: sorted(fog)}}}
}

func sorted(set map[string]bool) []string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	sort.Strings(all)
	return all
}

// interesting reports whether fn does something with locks, or may keep its caller
// from going on without one.
func (c *checker) interesting(fn *ssa.Function) bool {
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
				if _, ok := lockMethod(obj); ok || blockingCall(obj) != "" || ends(obj) || closureOf(call.Value) != nil {
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

// isFlag reports whether v is true, false or nil: what a function that stores it
// says of the state it leaves.
func isFlag(v ssa.Value) bool {
	k, ok := v.(*ssa.Const)
	return ok && (k.IsNil() || isBool(k.Type()))
}

// summary says what a caller has to know of the paths that were followed.
func (w *walk) summary(exits []exit) *summary {
	sum := &summary{Blocks: w.blocks}
	for _, path := range sortedKeys(w.takes) {
		if portable(path) {
			t := w.takes[path]
			t.Perhaps = slices.ContainsFunc(exits, func(e exit) bool { return e.panics == "" && e.state.locks[path] == lockState{} })
			sum.Takes = append(sum.Takes, t)
		}
	}
	for _, class := range sortedKeys(w.takings) {
		sum.Orders = append(sum.Orders, w.takings[class])
	}
	gives := map[string]bool{}
	for _, e := range exits {
		for _, path := range e.state.heldPaths() {
			gives[path] = true
		}
	}
	seen := map[string]int{}
	for _, e := range exits {
		if e.panics != "" {
			sum.Panics = sum.Panics || !e.state.unlocksTheirs()
			continue
		}
		sum.Returns = true
		way := w.way(e, gives)
		key, sets := fmt.Sprint(way), w.sets(e)
		if i, ok := seen[key]; ok {
			sum.Ways[i].Sets = common(sum.Ways[i].Sets, sets)
			continue
		}
		seen[key] = len(sum.Ways)
		way.Sets = sets
		sum.Ways = append(sum.Ways, way)
	}
	switch {
	case tellNothing(sum.Ways):
		sum.Ways = nil
	case len(sum.Ways) > maxWays:
		sum.Ways = []way{{Fog: (&summary{Ways: sum.Ways}).classes()}}
	}
	return sum
}

// maxWays is how many ways to end callers follow.
const maxWays = 8

// tellNothing reports whether ways tell a caller nothing: no lock changes, and
// whatever the caller knows, there is a way.
func tellNothing(ways []way) bool {
	always := false
	values := map[string]known{}
	for _, way := range ways {
		if len(way.Locks) > 0 || len(way.Fog) > 0 || len(way.Sets) > 0 {
			return false
		}
		always = always || len(way.When) == 0
		for _, c := range way.When {
			always = always || values[c.Name] == c.Is.not() && c.Is.not() != nothing
			values[c.Name] = c.Is
		}
	}
	return always
}

// way is what callers have to know of one exit. gives has the locks that some exit
// holds for them.
func (w *walk) way(e exit, gives map[string]bool) way {
	var out way
	for _, r := range e.results {
		out.Results = append(out.Results, r.known)
	}
	fog := map[string]bool{}
	for class := range e.state.fog {
		fog[class] = true
	}
	for _, path := range sortedKeys(e.state.locks) {
		l := e.state.locks[path]
		switch {
		case l.hold == failed && l.theirs:
			l.hold = released
		case l.hold == held && l.again, l.hold == released && !l.theirs, l.hold == failed && !gives[path]:
			continue // as it was
		case l.hold == held && givesMore(e):
			l.hold = unsure // the caller may unlock through what it is given
		}
		if !portable(path) {
			if l.hold == held || l.hold == unsure {
				fog[l.class] = true
			}
			continue
		}
		out.Locks = append(out.Locks, effect{path, l.class, l.name, l.hold, l.pinned})
	}
	for _, name := range sortedKeys(e.state.conds) {
		if about(name) {
			out.When = append(out.When, condition{name, e.state.conds[name]})
		}
	}
	out.Fog = sorted(fog)
	return out
}

// sets is what an exit has stored for the caller to ask.
func (w *walk) sets(e exit) []condition {
	var all []condition
	for _, path := range sortedKeys(e.state.mem) {
		if is := e.state.mem[path].known; portable(path) && is != nothing && is != notNil {
			all = append(all, condition{path, is})
		}
	}
	return all
}

// givesMore reports whether a function returns something through which its caller
// may unlock: a transaction, a guard, a function.
func givesMore(e exit) bool {
	for i, v := range e.values {
		_, basic := v.Type().Underlying().(*types.Basic)
		if !basic && !isError(v.Type()) && e.results[i].known != isNil {
			return true
		}
	}
	return false
}

// about reports whether a caller can know a condition: it speaks of parameters and
// package variables only.
func about(name string) bool {
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

// noteTaking records, for callers, a lock that is taken as it was found.
func (w *walk) noteTaking(s *state, t target) {
	if _, ok := w.takes[t.path]; ok || !portable(t.path) {
		return
	}
	w.takes[t.path] = taking{Path: t.path, Class: t.class, Name: t.name, When: s.flags()}
}

// flags are the conditions of s that a caller may know: parameters and flags.
func (s *state) flags() []condition {
	var all []condition
	for _, name := range sortedKeys(s.conds) {
		if about(name) && !strings.HasPrefix(name, "(") {
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
