package rqvet

import (
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"
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
	Pairs    []pair        // locks that it acquires in an order, of which only callers know the classes
	Blocks   []blockReason // what it does that may block: one operation that lasts, one that seldom does
	Calls    []callback    // parameters that it calls
	Guards   []guard       // functions that it returns, to unlock what it has locked
	Literals []literal     // function literals that it returns
	Copies   []int         // type parameters whose values it copies from where a parameter points
}

// outcome is one way in which a function ends.
type outcome struct {
	Results   []known
	When      []condition // on parameters and flags: what leads to this outcome
	Locks     []effect
	Sets      []setting // what it stores that callers may test: flags, nil, numbers
	Uncertain []class
	Chosen    bool // by a condition that callers do not know
}

// condition is a condition, by its path, and its value.
type condition struct {
	Name *path
	Is   known
}

// setting is what an outcome leaves in a variable.
type setting struct {
	At    *path
	Is    known
	Num   int64
	IsNum bool
}

// effect is what an outcome does to a lock.
type effect struct {
	Path    *path
	Class   class
	Name    string
	Hold    hold
	Readers int
	Pinned  bool
	Record  bool
	Any     bool // any goroutine may release it
	Later   bool // something else releases it later
}

// acquisition is a lock that a function acquires, as its caller left it.
type acquisition struct {
	Path    *path
	Class   class
	Name    string
	Read    bool
	When    []condition
	Perhaps bool // it may return without acquiring it
}

// order is a lock class that a function acquires, perhaps after it has released others
// for its caller.
type order struct {
	Class   class
	Path    *path // if the class is not known
	Read    bool
	Without []class
	When    []condition // what is true each time, of parameters and flags
}

// pair is two locks, of which the second is acquired while the first is held.
type pair struct{ From, To lockRef }

// lockRef names a lock: by its class, or by its path if the class is not known.
type lockRef struct {
	Class class
	Path  *path
	Read  bool
}

// blockReason is something that may block.
type blockReason struct {
	Why  wait
	What string
	When []condition // on parameters, what is true each time
}

// callback is a call of one of a function's parameters, and the locks that it holds then.
type callback struct {
	Parameter int
	Held      []effect
}

// guard is a result of a function that unlocks, when it is called, what the function has locked.
type guard struct {
	Result int
	Lock   string // its name
}

// literal is a result of a function that is a function literal: what callers of that have to know.
type literal struct {
	Result   int
	Acquires []acquisition
	Calls    []callback
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
	return len(s.Outcomes) == 0 && len(s.Acquires) == 0 && len(s.Orders) == 0 && len(s.Pairs) == 0 &&
		len(s.Calls) == 0 && len(s.Guards) == 0 && len(s.Literals) == 0 && len(s.Copies) == 0 && len(s.Blocks) == 0 && s.Returns
}

// adopted is the summary, which was a fact, with paths of a table. The fact stays as it is: it may
// be another package's, which is analyzed at the same time.
func (s *summary) adopted(t *paths) *summary {
	a := *s
	a.Outcomes = each(s.Outcomes, func(o *outcome) {
		o.When, o.Locks = adoptConditions(t, o.When), adoptEffects(t, o.Locks)
		o.Sets = each(o.Sets, func(set *setting) { set.At = t.adopt(set.At) })
	})
	a.Acquires = adoptAcquisitions(t, s.Acquires)
	a.Orders = each(s.Orders, func(o *order) { o.Path, o.When = t.adopt(o.Path), adoptConditions(t, o.When) })
	a.Pairs = each(s.Pairs, func(p *pair) { p.From.Path, p.To.Path = t.adopt(p.From.Path), t.adopt(p.To.Path) })
	a.Blocks = each(s.Blocks, func(b *blockReason) { b.When = adoptConditions(t, b.When) })
	a.Calls = adoptCallbacks(t, s.Calls)
	a.Literals = each(s.Literals, func(l *literal) {
		l.Acquires, l.Calls = adoptAcquisitions(t, l.Acquires), adoptCallbacks(t, l.Calls)
	})
	return &a
}

func adoptConditions(t *paths, all []condition) []condition {
	return each(all, func(c *condition) { c.Name = t.adopt(c.Name) })
}

func adoptEffects(t *paths, all []effect) []effect {
	return each(all, func(e *effect) { e.Path = t.adopt(e.Path) })
}

func adoptAcquisitions(t *paths, all []acquisition) []acquisition {
	return each(all, func(a *acquisition) { a.Path, a.When = t.adopt(a.Path), adoptConditions(t, a.When) })
}

func adoptCallbacks(t *paths, all []callback) []callback {
	return each(all, func(c *callback) { c.Held = adoptEffects(t, c.Held) })
}

// each returns a copy of a list to whose elements f has been applied.
func each[T any](all []T, f func(*T)) []T {
	all = slices.Clone(all)
	for i := range all {
		f(&all[i])
	}
	return all
}

// size is how many facts the summary has.
func (s *summary) size() int {
	n := 1 + len(s.Acquires) + len(s.Orders) + len(s.Pairs) + len(s.Calls)
	for _, a := range s.Acquires {
		n += len(a.When)
	}
	for _, o := range s.Orders {
		n += len(o.When)
	}
	for _, b := range s.Blocks {
		n += len(b.When)
	}
	for _, o := range s.Outcomes {
		n += len(o.When) + len(o.Locks) + len(o.Sets) + len(o.Uncertain)
	}
	return n
}

func (s *summary) classes() []class {
	var all []class
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
	return c.summaryOfFunction(call.StaticCallee())
}

func (c *checker) summaryOfFunction(fn *ssa.Function) *summary {
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
	if sum, ok := c.imported[obj.Origin()]; ok {
		return sum
	}
	sum := new(summary)
	if obj.Pkg() != nil && c.pass.ImportObjectFact(obj.Origin(), sum) {
		sum = sum.adopted(c.paths)
	} else {
		sum = nil
	}
	c.imported[obj.Origin()] = sum
	return sum
}

// summarize follows fn, once, and returns its summary. Functions that call each other are followed
// again when the first of them has been followed.
func (c *checker) summarize(fn *ssa.Function) *summary {
	if sum, ok := c.summaries[fn]; ok {
		if i := slices.IndexFunc(c.following, func(f *following) bool { return f.fn == fn }); i >= 0 {
			last := c.following[len(c.following)-1]
			last.first = min(last.first, i)
		}
		return sum
	}
	depth, before := len(c.following), len(c.inCycle)
	here := &following{fn: fn, first: depth + 1}
	c.summaries[fn] = nil
	c.following = append(c.following, here)
	c.summaries[fn] = c.follow(fn, beginsProgram(fn))
	c.following = c.following[:depth]
	if here.first > depth {
		return c.summaries[fn] // it does not call itself
	}
	c.inCycle = append(c.inCycle, fn)
	if here.first < depth {
		caller := c.following[depth-1]
		caller.first = min(caller.first, here.first)
		return c.summaries[fn]
	}
	cycle := slices.Clone(c.inCycle[before:])
	c.inCycle = c.inCycle[:before]
	c.followAgain(cycle)
	return c.summaries[fn]
}

// following is a function that is being followed, for the one before it.
type following struct {
	fn    *ssa.Function
	first int // the index of the first function that it calls again, perhaps through others
}

// followAgain follows functions that call each other, so that each knows what the others acquire,
// and again if there are few, so that a lock goes round the whole cycle. One that calls itself has
// been looked at when it did (see walk.apply).
func (c *checker) followAgain(cycle []*ssa.Function) {
	if len(cycle) == 1 {
		return
	}
	rounds := 2
	if len(cycle) > 50 {
		rounds = 1
	}
	for range rounds {
		for _, fn := range cycle {
			c.summaries[fn] = c.follow(fn, beginsProgram(fn))
		}
	}
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
		return &summary{Returns: true, Copies: c.copiesThrough(fn)}
	}
	c.summarizeCallees(fn)
	c.paths.begin()
	defer c.paths.end()
	w := c.newWalk(fn)
	w.nothingHeld = nothingHeld
	var exits []exit
	if w.broken = len(fn.Blocks) > maxSteps; !w.broken {
		exits = w.explore(fn, newState())
	}
	if w.broken {
		if n := fn.Syntax(); n != nil {
			c.unfollowed = append(c.unfollowed, n)
		}
		sum := c.unknown(fn)
		for _, class := range sum.classes() {
			c.hasUnlocker[unlockable{class: class}] = true
		}
		return sum
	}
	w.checkNils()
	w.checkUnlocks()
	w.checkExits(exits)
	w.checkIterations()
	r := c.results[fn]
	if r == nil {
		r = new(result)
		c.results[fn] = r
	}
	*r = result{edges: w.edges, kept: w.kept}
	for _, f := range w.found {
		if !w.ambiguous(f.lock, f.forks) {
			r.findings = append(r.findings, f)
		}
	}
	for k := range w.hasUnlocker {
		c.hasUnlocker[k] = true
	}
	return w.summary(exits)
}

// summarizeCallees follows what fn calls, and what its function literals call, before fn has
// states. If they were followed when a state of fn comes to them, there would be the states of all
// functions that lead to the last one at once.
func (c *checker) summarizeCallees(fn *ssa.Function) {
	eachInstr(fn, func(instr ssa.Instruction) {
		switch instr := instr.(type) {
		case ssa.CallInstruction:
			if closureOf(instr.Common().Value) == nil {
				c.summaryOf(instr.Common())
			}
		case *ssa.MakeClosure:
			if literal := closureOf(instr); literal != nil {
				c.summarizeCallees(literal)
			} else {
				c.summaryOfMethodValue(instr)
			}
		}
	})
}

// classesOf are the classes of the locks that a function leaves changed.
func (c *checker) classesOf(fn *types.Func) []class {
	if sum := c.summaryOfObject(fn); sum != nil {
		return sum.classes()
	}
	return nil
}

// unknown is the summary of a function that was not followed. It may do anything to
// locks of the classes that it names.
func (c *checker) unknown(fn *ssa.Function) *summary {
	classes := map[class]bool{}
	eachLockCall(fn, func(_ method, class class) { classes[class] = true })
	if len(classes) == 0 {
		return &summary{Returns: true}
	}
	return &summary{Returns: true, Outcomes: []outcome{{Uncertain: sortedClasses(classes)}}}
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
				if _, _, ok := lockCall(call); ok || blockingCall(obj).Why != 0 || neverReturns(obj) || closureOf(call.Value) != nil || isReserve(obj) {
					return true
				}
				if _, ok := call.Value.(*ssa.Parameter); ok {
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

// isFlag reports whether v is true, false, nil or a small number. A function that stores such a
// value tells what it has done.
func isFlag(v ssa.Value) bool {
	k, ok := v.(*ssa.Const)
	return ok && (k.IsNil() || isBool(k.Type()) || constantInt(k).ok)
}

// summary is what a caller has to know of the paths that were followed.
func (w *walk) summary(exits []exit) *summary {
	sum := &summary{Blocks: w.blocks, Pairs: w.pairs, Copies: w.c.copiesThrough(w.top)}
	for _, lock := range sortedPaths(w.acquires) {
		if lock.portable() && lock.size <= maxSize/2 && len(sum.Acquires) < maxAcquires {
			t := w.acquires[lock]
			t.Perhaps = slices.ContainsFunc(exits, func(e exit) bool { return e.panics == "" && e.state.locks[lock] == lockState{} })
			sum.Acquires = append(sum.Acquires, t)
		}
	}
	for _, class := range sortedClasses(w.orders)[:min(len(w.orders), maxOrders)] {
		sum.Orders = append(sum.Orders, w.orders[class])
	}
	for _, i := range slices.Sorted(maps.Keys(w.callbacks)) {
		sum.Calls = append(sum.Calls, callback{i, w.callbacks[i]})
	}
	sum.Guards = w.guards(exits)
	sum.Literals = w.literals(exits)
	heldForCaller := map[*path]bool{}
	for _, e := range exits {
		for _, lock := range e.state.heldPaths() {
			heldForCaller[lock] = true
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

// maxAcquires is how many acquisitions callers compare with what they hold.
const maxAcquires = 32

// maxOrders is how many lock classes callers compare with those that they hold.
const maxOrders = 64

// maxOutcomes is how many outcomes callers follow.
const maxOutcomes = 8

// maxConditions and maxSettings are how many of each are told to callers, for an outcome.
const (
	maxConditions = 64
	maxSettings   = 64
)

// trivialOutcomes reports whether outcomes tell a caller nothing: no lock changes, and
// whatever the caller knows, there is an outcome.
func trivialOutcomes(outcomes []outcome) bool {
	always := false
	values := map[*path]known{}
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
func (w *walk) outcome(e exit, heldForCaller map[*path]bool) outcome {
	var out outcome
	for _, r := range e.results {
		out.Results = append(out.Results, r.known)
	}
	uncertain := maps.Clone(e.state.uncertain)
	for _, lock := range sortedPaths(e.state.locks) {
		l := e.state.locks[lock]
		at := w.forCaller(e, lock)
		switch {
		case l.hold == failed && l.callers:
			l.hold = released
		case l.hold == held && l.reacquired, l.hold == released && !l.callers, l.hold == failed && !heldForCaller[lock]:
			continue // as it was
		case l.hold == held && !l.record && returnsMore(e):
			l.hold = undecided // the caller may unlock through what it is given
		}
		if at == nil {
			if (l.hold == held || l.hold == undecided) && !l.record {
				uncertain[l.class] = true
			}
			continue
		}
		out.Locks = append(out.Locks, effect{at, l.class, l.name, l.hold, l.readers, l.pinned, l.record, l.any, l.later})
	}
	for _, name := range sortedPaths(e.state.given) {
		if name.here || len(out.When) == maxConditions {
			out.Chosen = true
			continue
		}
		out.When = append(out.When, condition{name, e.state.given[name]})
	}
	out.Uncertain = sortedClasses(uncertain)
	return out
}

// forCaller is how callers name a lock: by its path, or as the result that it is; else nil.
func (w *walk) forCaller(e exit, lock *path) *path {
	if lock.portable() {
		return lock
	}
	for i, r := range e.results {
		if r.path == lock {
			return w.c.paths.result(i)
		}
	}
	return nil
}

// sets is what an exit has stored that callers may test.
func (w *walk) sets(e exit) []setting {
	var all []setting
	for _, at := range sortedPaths(e.state.mem) {
		is := e.state.mem[at]
		if is.known == nothing && is.path != nil {
			is.known = e.state.conds[is.path]
		}
		if len(all) < maxSettings && at.portable() && (is.known != nothing && is.known != notNil || is.num.ok) {
			all = append(all, setting{at, is.known, is.num.n, is.num.ok})
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

func sortedPaths[V any](m map[*path]V) []*path {
	all := slices.Collect(maps.Keys(m))
	sortPaths(all)
	return all
}

func sortedClasses[V any](m map[class]V) []class {
	return slices.SortedFunc(maps.Keys(m), func(x, y class) int {
		return cmp.Or(cmp.Compare(x.Pkg, y.Pkg), cmp.Compare(x.Name, y.Name))
	})
}

// noteAcquisition records, for callers, a lock that is acquired as the caller left it.
func (w *walk) noteAcquisition(s *state, t target, m method) {
	old, ok := w.acquires[t.path]
	if !t.path.portable() || ok && (!old.Read || m.read) {
		return
	}
	w.acquires[t.path] = acquisition{Path: t.path, Class: t.class, Name: t.name, Read: m.read, When: s.flags()}
}

// flags are the conditions of s that a caller may know: parameters, flags, comparisons of both.
func (s *state) flags() []condition {
	var all []condition
	for _, name := range sortedPaths(s.given) {
		if !name.here && !name.has(isSynthetic) {
			all = append(all, condition{name, s.given[name]})
		}
	}
	return all
}

// isSynthetic reports whether p is a variable that go/ssa has made, for the body of a range over a
// function. It says how the last iteration has ended.
func isSynthetic(p *path) bool { return p.Kind == rootCaptured && strings.Contains(p.Name, "$") }

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
