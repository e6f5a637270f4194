package rqvet

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"golang.org/x/tools/go/ssa"
)

const (
	maxKnown  = 6    // states per block in which the same is held, before they are joined
	maxStates = 48   // sets of locks held, per block; a function with more is not followed
	maxSteps  = 6000 // blocks entered, per function
	maxFacts  = 1e6  // of its states and of the callees that are applied to them, per function
	maxInline = 4    // depth of closures in closures
)

// walk follows the paths of one function, and of the closures that it calls.
type walk struct {
	c           *checker
	fn          *ssa.Function // being followed: top, or a closure inside
	top         *ssa.Function
	nothingHeld bool // when top begins: main, a test, a goroutine
	steps       int
	facts       int // of the states that have come to a place, and of the callees applied to them
	depth       int
	panicking   bool // the deferred functions that are followed run in a panic
	base        int  // of the defers of the function that is followed
	at          *ssa.BasicBlock
	broken      bool // too many paths: nothing is reported

	found        []finding
	acquires     map[*path]acquisition
	orders       map[class]order
	blocks       []blockReason
	pairs        []pair
	callbacks    map[int][]effect // by parameter: what is held when it is called
	edges        []edge
	hasEdge      map[edgeKey]bool
	kept         []keptLock
	hasUnlocker  map[unlockable]bool
	reached      map[*ssa.BasicBlock]*reached
	live         map[*ssa.Function]*liveness
	nothing      *state                   // that knows nothing
	byValue      map[*ssa.BasicBlock]bool // branches that some path decides by what a variable holds
	releasedHere map[class]bool           // of which some path has come to a release
	toggled      map[*path]bool           // locks that are unlocked where such a branch says so, and were not locked
	unlocks      map[token.Pos]unlockSite
	iterations   iterations
	nils         map[token.Pos]bool // by operation: the lock is nil on each path so far
}

func (c *checker) newWalk(fn *ssa.Function) *walk {
	return &walk{
		c: c, fn: fn, top: fn, acquires: map[*path]acquisition{}, orders: map[class]order{}, callbacks: map[int][]effect{}, hasEdge: map[edgeKey]bool{},
		hasUnlocker: map[unlockable]bool{}, reached: map[*ssa.BasicBlock]*reached{}, live: map[*ssa.Function]*liveness{}, nothing: newState(), byValue: map[*ssa.BasicBlock]bool{}, toggled: map[*path]bool{}, releasedHere: map[class]bool{}, unlocks: map[token.Pos]unlockSite{}, nils: map[token.Pos]bool{},
		iterations: iterations{kept: map[token.Pos]lockState{}, released: map[token.Pos]bool{}},
	}
}

// report adds a finding. It counts only if the whole function can be followed.
func (w *walk) report(rule Rule, pos token.Pos, format string, args ...any) *finding {
	w.found = append(w.found, finding{rule: rule, pos: pos, message: fmt.Sprintf(format, args...)})
	return &w.found[len(w.found)-1]
}

// reportOf is report for what a path does with a lock.
func (w *walk) reportOf(s *state, lock string, rule Rule, pos token.Pos, format string, args ...any) *finding {
	f := w.report(rule, pos, format, args...)
	f.lock, f.forks = lock, s.forks
	return f
}

// exit is the end of a path.
type exit struct {
	state   *state
	results []val
	values  []ssa.Value
	pos     token.Pos
	block   *ssa.BasicBlock
	panics  string // what ends it if it does not return: "panic", or the function called
}

// place is where states are compared: where a block begins, or before a call in it that follows
// one after which the path has gone on in several ways.
type place struct {
	block *ssa.BasicBlock
	index int
}

type point struct {
	place
	state *state
	split bool // behind a call with several outcomes in the block, and not compared since
}

// explore follows every path of fn from the state at its beginning, and returns the
// exits that differ.
func (w *walk) explore(fn *ssa.Function, begin *state) []exit {
	outer := w.fn
	w.fn = fn
	w.depth++
	defer func() { w.fn = outer; w.depth-- }()

	base, outerBase := len(begin.defers), w.base
	w.base = base
	defer func() { w.base = outerBase }()
	visited := map[place]*visits{}
	var exits []exit
	work := []point{{place: place{block: fn.Blocks[0]}, state: begin}}
	for len(work) > 0 && !w.broken {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		if !p.split {
			if p.index == 0 {
				w.prune(fn, p)
			}
			here := visited[p.place]
			if here == nil {
				here = new(visits)
				visited[p.place] = here
			}
			if p.state = w.visit(here, p.state); p.state == nil {
				continue
			}
			w.steps++
			w.facts += p.state.size()
			if len(here.groups) > maxStates || w.steps > maxSteps || w.facts > maxFacts {
				w.broken = true
				break
			}
		}
		next, ends := w.block(p, base)
		work = append(work, next...)
		exits = append(exits, ends...)
	}
	return w.distinct(exits)
}

// visits are the states that have come to a place, by the locks that they hold.
type visits struct{ groups []*group }

// group is the states in which the same is held.
type group struct {
	locks  fingerprint
	keys   []fingerprint
	joined *state // what all states after the first maxKnown know
}

// of is the group of the states that hold the same.
func (v *visits) of(locks fingerprint) *group {
	for _, g := range v.groups {
		if g.locks == locks {
			return g
		}
	}
	g := &group{locks: locks}
	v.groups = append(v.groups, g)
	return g
}

// visit returns the state to go on with. It is nil if an equal state has come to the
// place before. If many have come that hold the same locks, it is what they have in
// common.
func (w *walk) visit(v *visits, s *state) *state {
	g := v.of(s.lockKey())
	if len(g.keys) >= maxKnown {
		if g.joined != nil {
			s.join(g.joined)
		}
		g.joined = s.clone()
	}
	key := w.key(s)
	if slices.Contains(g.keys, key) {
		return nil
	}
	g.keys = append(g.keys, key)
	return s
}

// block runs the instructions from p to the end of the block, or to a call with several
// outcomes. Outcomes multiply from call to call, so the path stops before the next such call, too,
// to be compared with others there.
func (w *walk) block(p point, base int) (next []point, ends []exit) {
	s := p.state
	w.at = p.block
	for i := p.index; i < len(p.block.Instrs); i++ {
		instr := p.block.Instrs[i]
		if v, ok := instr.(ssa.Value); ok {
			w.renew(s, v)
		}
		switch instr := instr.(type) {
		case *ssa.Phi:
			// enter has run it
		case *ssa.If:
			return w.branch(p.block, instr, s), nil
		case *ssa.Jump:
			return []point{w.enter(p.block, p.block.Succs[0], s)}, nil
		case *ssa.Return:
			return nil, []exit{w.returns(s, instr)}
		case *ssa.Panic:
			return nil, w.panics(s, instr, base)
		case *ssa.RunDefers:
			states := w.runDefers(s, base)
			if len(states) != 1 {
				return resume(p.block, i+1, states), nil
			}
			s = states[0]
		case *ssa.Call:
			if why := w.c.unwinds(&instr.Call); why != "" {
				if b := blockingCall(calleeObject(&instr.Call)); b.Why != 0 {
					w.mayBlock(s, instr.Pos(), b.Why, b.What)
				}
				return nil, w.unwind(s, instr, base, why)
			}
			if p.split && w.splits(s, &instr.Call) {
				return []point{{place: place{p.block, i}, state: s}}, nil
			}
			states := w.call(s, instr)
			if len(states) != 1 {
				return resume(p.block, i+1, states), nil
			}
			s = states[0]
		default:
			w.instr(s, instr)
		}
	}
	return nil, nil
}

// renew forgets what was known of v, which is computed now. A phi has its value already,
// from enter, and so has the part of a tuple, from the instruction that made the tuple.
func (w *walk) renew(s *state, v ssa.Value) {
	switch v.(type) {
	case *ssa.Phi, *ssa.Extract:
		return
	}
	if !w.liveness(w.fn).again[v.(ssa.Instruction).Block().Index] {
		return
	}
	if root := w.c.paths.known(v); root != nil {
		w.forget(s, root)
	}
	delete(s.env, v)
}

func resume(b *ssa.BasicBlock, index int, states []*state) []point {
	points := make([]point, len(states))
	for i, s := range states {
		points[i] = point{place{b, index}, s, true}
	}
	return points
}

// branch goes on along those edges of a condition that this path can take.
func (w *walk) branch(b *ssa.BasicBlock, instr *ssa.If, s *state) []point {
	cond := w.eval(s, instr.Cond)
	s.resultChecked(cond.lock)
	w.choose(s, b, instr.Cond, cond.known)
	switch cond.known {
	case isTrue:
		return []point{w.enter(b, b.Succs[0], s)}
	case isFalse:
		return []point{w.enter(b, b.Succs[1], s)}
	}
	if w.mustEnter(s, b) {
		w.assume(s, instr.Cond, isTrue)
		return []point{w.enter(b, b.Succs[0], s)}
	}
	yes, no := s, s.clone()
	w.chosen(yes, b, instr.Cond, isTrue)
	w.chosen(no, b, instr.Cond, isFalse)
	w.assume(yes, instr.Cond, isTrue)
	w.assume(no, instr.Cond, isFalse)
	return []point{w.enter(b, b.Succs[1], no), w.enter(b, b.Succs[0], yes)}
}

// enter goes on in a block that comes after another. It assigns the phis, all at once.
func (w *walk) enter(from, to *ssa.BasicBlock, s *state) point {
	edge := -1
	for i, p := range to.Preds {
		if p == from {
			edge = i
			break
		}
	}
	type assignment struct {
		phi *ssa.Phi
		val val
	}
	var all []assignment
	for _, instr := range to.Instrs {
		phi, ok := instr.(*ssa.Phi)
		if !ok {
			break
		}
		v := w.eval(s, phi.Edges[edge])
		switch {
		case nilable(phi.Type()):
			if v.path == nil {
				v.path = w.path(s, phi.Edges[edge])
			}
		case isBool(phi.Type()) && v.known == nothing:
			v.path = w.testPath(s, phi.Edges[edge])
		case !isBool(phi.Type()):
			v = val{num: v.num}
		}
		all = append(all, assignment{phi, v})
	}
	moved := map[*path]lockState{}
	for i, a := range all {
		if a.val.path != nil && (w.walksTree(s, a.phi, edge, a.val.path) || slices.ContainsFunc(all, func(b assignment) bool { return a.val.path.mentions(w.c.root(b.phi)) })) {
			maps.Copy(moved, w.movedTo(s, a.phi, a.val.path))
			all[i].val.path = nil
		}
	}
	for _, a := range all {
		root := w.c.root(a.phi)
		w.forget(s, root)
		delete(s.env, a.phi)
	}
	for _, a := range all {
		if a.val != (val{}) {
			s.env[a.phi] = a.val
		}
	}
	maps.Copy(s.locks, moved)
	return point{place: place{block: to}, state: s}
}

// walksTree reports whether a loop goes from a node to one of its children, to which a path leads.
// The paths of all nodes would be too many: there are twice as many after each turn.
func (w *walk) walksTree(s *state, node *ssa.Phi, edge int, child *path) bool {
	chosen := node.Edges[edge]
	if load, ok := chosen.(*ssa.UnOp); ok {
		chosen = load.X
	}
	_, ok := chosen.(*ssa.Phi)
	before := s.env[node].path
	return ok && before != nil && child != before && child.leadsFrom(before)
}

// instr runs an instruction that neither calls nor branches.
func (w *walk) instr(s *state, instr ssa.Instruction) {
	switch instr := instr.(type) {
	case *ssa.UnOp:
		switch instr.Op {
		case token.MUL:
			v := w.load(s, instr)
			if v.path == nil {
				v.path = w.fit(instr, w.path(s, instr.X).load())
			}
			s.env[instr] = v
		case token.ARROW:
			w.mayBlock(s, instr.Pos(), otherWait, "a receive from a channel")
		case token.NOT:
			w.keep(s, instr)
		}
	case *ssa.BinOp:
		w.keep(s, instr)
	case *ssa.TypeAssert:
		w.typeAssert(s, instr)
	case *ssa.Store:
		w.store(s, instr)
	case *ssa.Send:
		w.escape(s, instr.X)
		if !w.hasRoom(s, instr) {
			w.mayBlock(s, instr.Pos(), otherWait, "a send on a channel")
		}
	case *ssa.Select:
		if instr.Blocking {
			w.mayBlock(s, instr.Pos(), otherWait, "a select without default")
		}
	case *ssa.MapUpdate:
		w.escape(s, instr.Value)
	case *ssa.Alloc:
		if p, ok := instr.Type().Underlying().(*types.Pointer); ok {
			w.zero(s, w.path(s, instr), p.Elem())
		}
	case *ssa.MakeClosure:
		w.closure(s, instr)
	case *ssa.Defer:
		w.deferCall(s, instr)
	case *ssa.Go:
		w.goCall(s, instr)
	}
}

// hasRoom reports whether a send goes to a channel that the function has made, with more room than
// sends lead to this one.
func (w *walk) hasRoom(s *state, send *ssa.Send) bool {
	ch := w.madeChannel(s, send.Chan)
	if ch == nil {
		return false
	}
	size, ok := ch.Size.(*ssa.Const)
	if !ok || reaches(send.Block(), send.Block()) && !reaches(ch.Block(), ch.Block()) {
		return false
	}
	before := int64(0)
	eachInstr(send.Parent(), func(instr ssa.Instruction) {
		other, ok := instr.(*ssa.Send)
		if ok && other != send && w.madeChannel(s, other.Chan) == ch && (other.Block() == send.Block() && other.Pos() < send.Pos() || reaches(other.Block(), send.Block())) {
			before++
		}
	})
	room := constantInt(size)
	return room.ok && before < room.n
}

// madeChannel is where a channel is made, if that is in the function; else nil.
func (w *walk) madeChannel(s *state, v ssa.Value) *ssa.MakeChan {
	switch v := v.(type) {
	case *ssa.MakeChan:
		return v
	case *ssa.ChangeType:
		return w.madeChannel(s, v.X)
	case *ssa.UnOp:
		alloc, ok := v.X.(*ssa.Alloc) // a variable that a closure has captured
		if !ok {
			return w.madeInField(s, v)
		}
		var made *ssa.MakeChan
		for _, ref := range *alloc.Referrers() {
			if st, ok := ref.(*ssa.Store); ok && st.Addr == alloc {
				if made != nil {
					return nil
				}
				made, _ = st.Val.(*ssa.MakeChan)
			}
		}
		return made
	}
	return nil
}

// madeInField is where the channel in a field is made, if the function has made it, and holds no
// lock that it has acquired since; else nil. So nobody else has sent to it.
func (w *walk) madeInField(s *state, field *ssa.UnOp) *ssa.MakeChan {
	at := w.load(s, field).path
	if at == nil || at.Kind != rootValue {
		return nil
	}
	made, ok := at.value.(*ssa.MakeChan)
	if !ok || made.Parent() != field.Parent() {
		return nil
	}
	for _, l := range s.locks {
		if l.hold == held && !heldAt(l, made) {
			return nil
		}
	}
	return made
}

// heldAt reports whether a lock that is held is held since before an instruction.
func heldAt(l lockState, instr ssa.Instruction) bool {
	b := instr.Block()
	switch {
	case l.block == nil || l.block.Parent() != b.Parent():
		return false
	case l.block == b:
		return l.pos < instr.Pos()
	}
	return l.block.Dominates(b)
}

// keep remembers the value of a comparison that tells whether a lock was acquired.
func (w *walk) keep(s *state, v ssa.Value) {
	if known := w.eval(s, v); known.known != nothing || known.lock != nil {
		s.env[v] = known
	}
}

// zero records the zero value of a new variable, as far as programs test it.
func (w *walk) zero(s *state, at *path, t types.Type) {
	switch {
	case nilable(t):
		s.mem[at] = val{known: isNil}
	case isBool(t):
		s.mem[at] = val{known: isFalse}
	case isInteger(t):
		s.mem[at] = val{num: number{ok: true}}
	}
	eachLockPointer(at, t, func(field *path) { s.mem[field] = val{known: isNil} })
}

// typeAssert runs x.(T), whose result is the object in x. A nil interface has no type.
func (w *walk) typeAssert(s *state, instr *ssa.TypeAssert) {
	x := w.object(s, instr.X)
	result := val{path: x.path}
	if types.IsInterface(instr.AssertedType) {
		result.object = x.object
	} else if !instr.CommaOk {
		w.assertType(s, instr, x)
	}
	if !instr.CommaOk {
		result.known = notNil
		s.env[instr] = result
		return
	}
	w.extract(s, instr, 0, result)
	if x.known == isNil || x.lock != nil {
		w.extract(s, instr, 1, val{known: falseIf(x.known == isNil), lock: x.lock})
	}
}

// assertType records the type of the object in x. The lock behind x is from now on known
// as the lock in that object.
func (w *walk) assertType(s *state, instr *ssa.TypeAssert, x val) {
	if x.object != nil {
		return
	}
	behind := x.path.lock()
	x.object = instr.AssertedType
	s.env[instr.X] = x
	if lock, ok := s.lockIn(x, "Unlock"); ok {
		if l, entry := s.locks[behind]; entry {
			delete(s.locks, behind)
			s.locks[lock] = l
		}
	}
}

func falseIf(b bool) known {
	if b {
		return isFalse
	}
	return nothing
}

// extract assigns part i of a tuple, ahead of the instruction that extracts it.
func (w *walk) extract(s *state, tuple ssa.Value, i int, v val) {
	for _, ref := range *tuple.Referrers() {
		if e, ok := ref.(*ssa.Extract); ok && e.Index == i {
			s.env[e] = v
		}
	}
}

// store writes memory. If a result of Lock goes where its uses cannot be followed, the
// lock is undecided.
func (w *walk) store(s *state, instr *ssa.Store) {
	v := w.eval(s, instr.Val)
	if v.path == nil {
		v.path = w.path(s, instr.Val)
	}
	if isInteger(instr.Val.Type()) {
		v.num = w.number(s, instr.Val)
	}
	if !w.local(s, instr.Addr) {
		if v.lock != nil {
			s.giveUp(v.lock)
			v.lock = nil
		}
		if canUnlock(instr.Val.Type()) && s.locks[w.lockPathNamed(s, instr.Val, "Unlock")].hold == held {
			w.escape(s, instr.Val)
		}
		if isRecord(instr.Val.Type()) {
			w.escape(s, instr.Val)
		}
	}
	at := w.path(s, instr.Addr)
	s.store(at, v)
	if from := v.path.loaded(); from != nil {
		eachLockPointer(at, instr.Val.Type(), func(field *path) {
			s.mem[field] = s.resolve(field.load(), func(p *path) (val, bool) { return val{path: from}, p == at })
		})
	}
}

// eachLockPointer calls f for the pointers to locks in a struct at a path, by their paths. An
// embedded interface that is a lock is one.
func eachLockPointer(at *path, t types.Type, f func(field *path)) {
	st, ok := t.Underlying().(*types.Struct)
	if !ok || kindOf(t) != nil {
		return
	}
	for field := range st.Fields() {
		here := at.field(field.Name())
		if t := field.Type(); isLockPointer(t) || field.Embedded() && locksByInterface(t) {
			f(here)
		} else {
			eachLockPointer(here, t, f)
		}
	}
}

// local reports whether addr is a variable that only this function and its closures
// use.
func (w *walk) local(s *state, addr ssa.Value) bool {
	switch addr := addr.(type) {
	case *ssa.Alloc:
		for _, ref := range *addr.Referrers() {
			switch ref := ref.(type) {
			case *ssa.Store:
				if ref.Val == addr {
					return false
				}
			case *ssa.UnOp, *ssa.MakeClosure, *ssa.DebugRef:
			default:
				return false
			}
		}
		return true
	case *ssa.FreeVar:
		_, inlined := s.env[addr]
		return inlined
	}
	return false
}

// returns is the end of a path by return.
func (w *walk) returns(s *state, instr *ssa.Return) exit {
	e := exit{state: s, pos: instr.Pos(), block: instr.Block(), values: instr.Results}
	for _, r := range instr.Results {
		v := w.eval(s, r)
		if v.path == nil {
			v.path = w.path(s, r)
		}
		e.results = append(e.results, v)
	}
	return e
}

// panics is the end of a path by panic, where what is deferred still runs. The panics
// that x/tools puts after calls that do not return, and after a select, are none of the
// program's.
func (w *walk) panics(s *state, instr *ssa.Panic, base int) []exit {
	if !instr.Pos().IsValid() {
		return nil
	}
	if m, ok := instr.X.(*ssa.MakeInterface); ok {
		if k, ok := m.X.(*ssa.Const); ok && k.Value != nil && k.Value.Kind() == constant.String && constant.StringVal(k.Value) == "noreturn" {
			return nil
		}
	}
	w.mayBlock(s, instr.Pos(), panicWait, "a panic")
	return w.unwind(s, instr, base, "panic")
}

// unwind is the end of a path that does not return: it runs what is deferred.
func (w *walk) unwind(s *state, instr ssa.Instruction, base int, why string) []exit {
	var ends []exit
	outer := w.panicking
	w.panicking = true
	defer func() { w.panicking = outer }()
	for _, end := range w.runDefers(s, base) {
		ends = append(ends, exit{state: end, pos: instr.Pos(), block: instr.Block(), panics: why})
	}
	return ends
}

// distinct drops exits that equal another.
func (w *walk) distinct(exits []exit) []exit {
	keys := map[fingerprint]bool{}
	var out []exit
	for _, e := range exits {
		key := w.key(e.state)
		for i, r := range e.results {
			key.add(8, uint64(i), uint64(r.known), r.path.number())
		}
		key.add(9, uint64(e.pos))
		if !keys[key] {
			keys[key] = true
			out = append(out, e)
		}
	}
	return out
}

// liveness has, for each block of a function, the values that are still used.
type liveness struct {
	ids   map[ssa.Value]int
	in    []numbers     // by block
	again []bool        // by block: a path may come to it more than once
	tests map[*path]int // by condition: how many branches depend on it
}

// prune drops what s knows of values that are not used any more.
func (w *walk) prune(fn *ssa.Function, p point) {
	live := w.liveness(fn)
	for v := range p.state.env {
		if v.Parent() == fn && !live.in[p.block.Index].has(live.ids[v]) {
			if _, free := v.(*ssa.FreeVar); !free {
				delete(p.state.env, v)
			}
		}
	}
}

func (w *walk) liveness(fn *ssa.Function) *liveness {
	if l := w.live[fn]; l != nil {
		return l
	}
	l := &liveness{ids: map[ssa.Value]int{}, in: make([]numbers, len(fn.Blocks)), tests: map[*path]int{}, again: cyclic(fn)}
	w.live[fn] = l
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if phi, ok := instr.(*ssa.Phi); ok {
				for i, v := range phi.Edges {
					l.use(v, b.Preds[i])
				}
				continue
			}
			for _, op := range instr.Operands(nil) {
				l.use(*op, b)
			}
		}
	}
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if cond, ok := instr.(*ssa.If); ok {
				l.tests[w.testName(w.nothing, cond.Cond)]++
			}
		}
	}
	return l
}

// cyclic says of each block of a function whether a path leads back to it. A deferred function,
// or one that is called in a loop, begins anew each time.
func cyclic(fn *ssa.Function) []bool {
	all := make([]bool, len(fn.Blocks))
	for _, b := range fn.Blocks {
		all[b.Index] = fn.Parent() != nil || reaches(b, b)
	}
	return all
}

// use marks a value that b uses. The path of a value is found through its operands at
// each use, so they are used, too.
func (l *liveness) use(v ssa.Value, b *ssa.BasicBlock) {
	switch v.(type) {
	case nil, *ssa.Const, *ssa.Global, *ssa.Function, *ssa.Builtin:
		return
	}
	if !l.mark(v, b) {
		return
	}
	switch v := v.(type) {
	case *ssa.FieldAddr, *ssa.Field, *ssa.IndexAddr, *ssa.ChangeType, *ssa.Convert, *ssa.ChangeInterface,
		*ssa.MakeInterface, *ssa.Slice, *ssa.BinOp, *ssa.UnOp, *ssa.Extract:
		for _, op := range v.(ssa.Instruction).Operands(nil) {
			l.use(*op, b)
		}
	}
}

// mark makes v live from its definition to b. It is false if v was live already.
func (l *liveness) mark(v ssa.Value, b *ssa.BasicBlock) bool {
	id := l.ids[v]
	if id == 0 {
		id = len(l.ids) + 1
		l.ids[v] = id
	}
	in := &l.in[b.Index]
	if in.has(id) {
		return false
	}
	if instr, ok := v.(ssa.Instruction); ok && instr.Block() == b {
		if _, phi := v.(*ssa.Phi); phi {
			in.add(id)
		}
		return true
	}
	in.add(id)
	for _, p := range b.Preds {
		l.mark(v, p)
	}
	return true
}

// testName is the name under which a condition is remembered.
func (w *walk) testName(s *state, cond ssa.Value) *path {
	switch v := cond.(type) {
	case *ssa.UnOp:
		if v.Op == token.NOT {
			return w.testName(s, v.X)
		}
	case *ssa.BinOp:
		name, _ := w.relation(s, v)
		return name
	}
	return w.path(s, cond)
}

// testPath is the path of a condition that may be remembered; nil if it is negated.
func (w *walk) testPath(s *state, cond ssa.Value) *path {
	switch v := cond.(type) {
	case *ssa.UnOp:
		if v.Op == token.NOT {
			return nil
		}
	case *ssa.BinOp:
		if name, not := w.relation(s, v); !not {
			return name
		}
		return nil
	}
	return w.path(s, cond)
}
