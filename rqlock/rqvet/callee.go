package rqvet

import (
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// applySummary goes on once for each outcome of the callee.
func (w *walk) applySummary(s *state, sum *summary, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if w.facts += sum.size(); w.facts > maxFacts {
		w.broken = true
		return nil
	}
	w.mayBlockIn(s, pos, sum.Blocks, calleeName(call), func(when []condition) ([]condition, bool) {
		return w.conditions(s, when, call)
	})
	for _, acquired := range sum.Acquires {
		w.acquiredByCallee(s, acquired, call, pos)
		if !acquired.Class.known() { // only the caller can tell
			w.order(s, order{Class: w.classHere(class{}, acquired.Path, call), Path: w.translate(s, acquired.Path, call), Read: acquired.Read}, pos)
		}
	}
	for _, o := range sum.Orders {
		if when, possible := w.conditions(s, o.When, call); possible {
			o.When = when
			w.order(s, o, pos)
		}
	}
	for _, p := range sum.Pairs {
		w.pair(w.refHere(s, p.From, call), w.refHere(s, p.To, call), nil, pos)
	}
	w.callbacksOf(s, sum, call, pos)
	w.copiesHere(sum, call, pos)
	if len(sum.Outcomes) == 0 {
		if !sum.Returns {
			return nil
		}
		w.escapeAll(s, call)
		return []*state{s}
	}
	if ignoredResult(sum, value) {
		f := w.report(IgnoredError, pos, "the result of %s is ignored: it says whether the lock is held; check it and do not go on without", calleeName(call))
		f.fixes = w.fixIgnored(s, pos)
		for _, outcome := range sum.Outcomes {
			if outcome.succeeds() {
				w.applyOutcome(s, outcome, call, value, pos)
				break
			}
		}
		return []*state{s}
	}
	w.droppedGuards(s, sum, call, value, pos)
	var possible []outcome
	for _, outcome := range sum.Outcomes {
		if _, ok := w.conditions(s, outcome.When, call); ok {
			possible = append(possible, outcome)
		}
	}
	w.giveUpUnclear(s, possible, call)
	var states []*state
	for _, outcome := range possible {
		if next := s.clone(); w.applyOutcome(next, outcome, call, value, pos) {
			states = append(states, next)
		}
	}
	return states
}

// giveUpUnclear gives up on the locks that a callee keeps in some of its possible outcomes and
// not in others, if the caller cannot tell them apart by the results: the callee knows by a
// condition which it was, and its next call knows it, too.
func (w *walk) giveUpUnclear(s *state, possible []outcome, call *ssa.CallCommon) {
	for i, x := range possible {
		for _, y := range possible[i+1:] {
			if !slices.Equal(x.Results, y.Results) || !x.dependsOnState() && !y.dependsOnState() {
				continue
			}
			for _, e := range slices.Concat(x.Locks, y.Locks) {
				if x.does(e.Path) != y.does(e.Path) {
					lock, _ := w.translateLock(s, e.Path, call)
					s.giveUp(lock)
				}
			}
		}
	}
}

// dependsOnState reports whether a condition of the outcome is about what is stored, not only
// about parameters.
func (o outcome) dependsOnState() bool {
	return o.Chosen || slices.ContainsFunc(o.When, func(c condition) bool { return c.Name.dependsOnState() })
}

// does is what an outcome does to a lock.
func (o outcome) does(lock *path) (does struct {
	hold hold
	read bool
}) {
	for _, e := range o.Locks {
		if e.Path == lock && e.Hold != failed {
			does.hold, does.read = e.Hold, e.Readers > 0
		}
	}
	return does
}

// ignoredResult reports whether nothing uses a result that tells what is held.
func ignoredResult(sum *summary, value ssa.Value) bool {
	if value != nil && len(*value.Referrers()) > 0 {
		return false
	}
	yes, no := false, false
	for _, outcome := range sum.Outcomes {
		for _, e := range outcome.Locks {
			yes = yes || e.Hold == held
			no = no || e.Hold == failed
		}
		if len(outcome.Results) == 0 || outcome.Results[len(outcome.Results)-1] == nothing {
			return false
		}
	}
	return yes && no
}

// applyOutcome changes s as the callee does when it ends so. It is false if the callee
// cannot have ended so on this path.
func (w *walk) applyOutcome(s *state, outcome outcome, call *ssa.CallCommon, value ssa.Value, pos token.Pos) bool {
	for _, cond := range outcome.When {
		name, is := w.condition(s, cond.Name, call)
		if is != nothing && is != cond.Is {
			return false
		}
		if is == nothing {
			s.conds[name] = cond.Is
			if !s.atBeginning(name) { // callers do not know it, but it is one thing or the other
				name = w.c.paths.local(name)
			}
			s.given[name] = cond.Is
		}
	}
	var decided *path // the lock that the results tell of
	for _, e := range outcome.Locks {
		lock, own := w.translateLock(s, e.Path, call)
		if own != nil {
			w.ownMethods(s, own)
			continue
		}
		if e.Path.Kind == rootResult {
			if value == nil {
				continue
			}
			lock = w.resultPath(value, e.Path.N)
		}
		t := target{path: lock, class: w.classHere(e.Class, e.Path, call), name: w.rename(e, call), record: e.Record, any: e.Any || w.anyArg(e.Path, call)}
		switch e.Hold {
		case held, failed:
			decided = t.path
			now := s.locks[t.path]
			switch {
			case now.reading() && e.Hold == held && e.Readers > 0:
				now.readers += e.Readers
				s.locks[t.path] = now
			case now.hold == held && e.Hold == held && !w.mayBeAnother(now, e.Path):
				return false // the callee cannot have acquired it
			case now.hold != undecided && now.hold != held:
				l := lockState{hold: e.Hold, readers: e.Readers, pos: pos, pinned: e.Pinned, record: e.Record, any: t.any, later: e.Later, by: calleeID(call), class: t.class, name: t.name}
				if instr, ok := value.(ssa.Instruction); ok {
					l.block = instr.Block()
				}
				s.locks[t.path] = l
			}
		case released:
			if !e.Path.byLoad() {
				t.base = w.rootArg(e.Path, call)
			}
			w.release(s, t, method{name: "Unlock", op: releases, pinned: e.Pinned, read: e.Readers > 0, record: e.Record}, pos, nil)
		case undecided:
			s.giveUp(t.path)
		}
	}
	for _, set := range outcome.Sets {
		s.store(w.translate(s, set.At, call), val{known: set.Is, num: number{set.Num, set.IsNum}})
	}
	for _, class := range outcome.Uncertain {
		s.uncertain[class] = true
	}
	var results []val
	for _, known := range outcome.Results {
		v := val{known: known}
		if known != nothing {
			v.lock = decided
		}
		results = append(results, v)
	}
	w.results(s, value, results)
	return true
}

// resultPath is what a call's result is called.
func (w *walk) resultPath(value ssa.Value, i int) *path {
	if _, ok := value.Type().(*types.Tuple); ok {
		return w.c.root(value).part(i)
	}
	return w.c.root(value)
}

// ownMethods gives up on the locks that an object's own methods change. A callee has
// locked or unlocked the object by them.
func (w *walk) ownMethods(s *state, object types.Type) {
	for name := range lockNames {
		obj, _, _ := types.LookupFieldOrMethod(object, true, nil, name)
		if fn, _ := obj.(*types.Func); fn != nil {
			for _, class := range w.c.classesOf(fn) {
				w.mayUnlock(s, class)
			}
		}
	}
}

// acquiredByCallee reports a lock that the path holds and the callee acquires.
func (w *walk) acquiredByCallee(s *state, acquired acquisition, call *ssa.CallCommon, pos token.Pos) {
	lock, own := w.translateLock(s, acquired.Path, call)
	l, entry := s.locks[lock]
	when, possible := w.conditions(s, acquired.When, call)
	if !possible || own != nil {
		return
	}
	local := func(c condition) bool { return !c.Name.portable() } // no caller can decide it
	if !entry && !slices.ContainsFunc(when, local) {
		w.acquires[lock] = acquisition{Path: lock, Class: w.classHere(acquired.Class, acquired.Path, call), Name: acquired.Name, Read: acquired.Read, When: when}
	}
	if l.hold != held || l.reading() && acquired.Read || len(when) > 0 || w.mayBeAnother(l, acquired.Path) ||
		acquired.Perhaps && (hasConstant(call) || w.hasTested(s, call)) {
		return
	}
	w.deadlockInCallee(s, lock, l, acquired.Read, calleeName(call), pos)
}

// deadlockInCallee reports that a callee acquires a lock that the path holds.
func (w *walk) deadlockInCallee(s *state, lock *path, l lockState, read bool, callee string, pos token.Pos) {
	rule, how := SelfDeadlock, ""
	if l.reading() && !read {
		rule, how = Upgrade, " for reading"
	}
	w.reportOf(s, l.name, rule, pos, "%s acquires %s, which is held%s since %s on this path: it fails with ErrDeadlock (AA); unlock first, or call code that expects the lock held",
		callee, l.name, how, w.c.at(l.pos, pos))
}

// hasTested reports whether the path has tested an argument of call, which may be what lets
// the callee return at once.
func (w *walk) hasTested(s *state, call *ssa.CallCommon) bool {
	return slices.ContainsFunc(args(call), func(v ssa.Value) bool {
		if _, ok := v.Type().Underlying().(*types.Basic); !ok {
			return false
		}
		at := w.path(s, v)
		for cond := range s.conds {
			if at.Kind != rootConstant && cond.mentions(at) {
				return true
			}
		}
		return false
	})
}

// hasConstant reports whether an argument of call is constant, which may be what lets
// the callee return at once.
func hasConstant(call *ssa.CallCommon) bool {
	return slices.ContainsFunc(args(call), func(v ssa.Value) bool { _, ok := v.(*ssa.Const); return ok })
}

// conditionsAt is conditions for a function whose paths are, here, what the function says.
func (w *walk) conditionsAt(s *state, all []condition, here func(*path) (val, bool)) (open []condition, possible bool) {
	for _, cond := range all {
		name := s.resolve(cond.Name, here).path
		is := w.conditionHere(s, name)
		if is != nothing && is != cond.Is {
			return nil, false
		}
		if is == nothing {
			open = append(open, condition{name, cond.Is})
		}
	}
	return open, true
}

// conditions are those of the callee that this path has not decided, by their names in
// the caller. It is not possible if one of them does not hold.
func (w *walk) conditions(s *state, all []condition, call *ssa.CallCommon) (open []condition, possible bool) {
	for _, cond := range all {
		name, is := w.condition(s, cond.Name, call)
		if is != nothing && is != cond.Is {
			return nil, false
		}
		if is == nothing {
			open = append(open, condition{name, cond.Is})
		}
	}
	return open, true
}

// mayBeAnother reports whether the lock at a callee's path may be another than l, which
// has the same name here: a pointer on the path may have changed in between.
func (w *walk) mayBeAnother(l lockState, lock *path) bool {
	return lock.byLoad() && l.by == "" && l.base != nil && w.c.changes(l.base)
}

// condition is the name in the caller of a callee's condition, and what the path knows of
// it.
func (w *walk) condition(s *state, name *path, call *ssa.CallCommon) (*path, known) {
	t := w.c.paths
	for i, arg := range args(call) {
		p := t.parameter(i)
		switch name {
		case p:
			return w.testName(s, arg), w.eval(s, arg).known
		case p.binary("==", t.constant("nil")):
			is := w.eval(s, arg).known
			s.resultChecked(w.eval(s, arg).lock)
			return w.path(s, arg).binary("==", t.constant("nil")), [...]known{isNil: isTrue, notNil: isFalse, isFalse: nothing}[is]
		}
	}
	here := w.translate(s, name, call)
	return here, w.conditionHere(s, here)
}

// conditionHere is what the path knows of a condition.
func (w *walk) conditionHere(s *state, cond *path) known {
	if is := s.conds[cond]; is != nothing {
		return is
	}
	if cond.Kind == opBinary {
		return w.comparePaths(s, cond)
	}
	if at := cond.loaded(); at != nil {
		return s.mem[at].known
	}
	return s.mem[cond].known
}

// comparePaths is the value of a comparison of two paths, if both are numbers that the path of
// the program knows, or one is nil.
func (w *walk) comparePaths(s *state, cond *path) known {
	x, y := s.valueAt(cond.From), s.valueAt(cond.Other)
	op := token.EQL
	if cond.Name == token.LSS.String() {
		op = token.LSS
	}
	switch {
	case x.num.ok && y.num.ok:
		return truth(x.num.compare(op, y.num))
	case op == token.EQL && (x.known == isNil && y.known != nothing || y.known == isNil && x.known != nothing):
		return truth(x.known == y.known)
	}
	return w.implied(s, cond)
}

// valueAt is what the path of the program knows of a path's value.
func (s *state) valueAt(p *path) val {
	if p.Kind == rootConstant {
		n, err := strconv.ParseInt(p.Name, 10, 32)
		return val{known: nilConstant(p), num: number{n, err == nil}}
	}
	if at := p.loaded(); at != nil {
		return s.mem[at]
	}
	return val{}
}

func nilConstant(p *path) known {
	if p.Name == "nil" {
		return isNil
	}
	return nothing
}

// args are the arguments with the receiver first, as parameters count them.
func args(call *ssa.CallCommon) []ssa.Value {
	if call.IsInvoke() {
		return append([]ssa.Value{call.Value}, call.Args...)
	}
	return call.Args
}

// translate returns what a path of the callee is in the caller.
func (w *walk) translate(s *state, p *path, call *ssa.CallCommon) *path {
	return s.resolve(p, w.here(s, call)).path
}

// translateLock is translate for the path of a lock. If that is the lock of an
// interface which holds, here, an object with methods of its own, own is its type.
func (w *walk) translateLock(s *state, p *path, call *ssa.CallCommon) (lock *path, own types.Type) {
	return s.lockHere(p, w.here(s, call))
}

func (s *state) lockHere(p *path, here func(*path) (val, bool)) (lock *path, own types.Type) {
	if p.Kind == stepLock {
		return s.lockBehind(s.resolve(p.From, here))
	}
	return s.resolve(p, here).path, nil
}

// here says what the callee's parameters, and the variables that it has captured, are in the
// caller.
func (w *walk) here(s *state, call *ssa.CallCommon) func(*path) (val, bool) {
	all := args(call)
	mc, _ := call.Value.(*ssa.MakeClosure)
	return func(p *path) (val, bool) {
		switch {
		case p.Kind == rootParameter && p.N < len(all):
			return w.object(s, all[p.N]), true
		case p.Kind == rootCaptured && mc != nil:
			return w.captured(s, p, mc)
		}
		return val{}, false
	}
}

// captured is what a variable that a closure has captured is where the closure was made.
func (w *walk) captured(s *state, p *path, mc *ssa.MakeClosure) (val, bool) {
	for i, fv := range mc.Fn.(*ssa.Function).FreeVars {
		if p.Kind == rootCaptured && p.Name == fv.Name() {
			return val{path: w.path(s, mc.Bindings[i])}, true
		}
	}
	return val{}, false
}

// rename is the name of a callee's lock in terms of the caller's arguments.
func (w *walk) rename(e effect, call *ssa.CallCommon) string {
	root := e.Path.root()
	if root.Kind != rootParameter || root.N >= len(args(call)) {
		return e.Name
	}
	arg := args(call)[root.N]
	if e.Path.Kind == stepLock && e.Path.From == root {
		return lockName(arg)
	}
	var fields []string
	for p := e.Path; p != root; p = p.From {
		switch {
		case p.Kind == stepElem:
			return e.Name
		case p.Kind == stepField && (len(fields) > 0 || strings.HasSuffix(e.Name, p.Name)): // else it is embedded
			fields = append(fields, p.Name)
		}
	}
	slices.Reverse(fields)
	return strings.Join(append([]string{pretty(arg)}, fields...), ".")
}

func (w *walk) rootArg(lock *path, call *ssa.CallCommon) ssa.Value {
	if root := lock.root(); root.Kind == rootParameter && root.N < len(args(call)) {
		return base(args(call)[root.N])
	}
	return nil
}

// anyArg reports whether a callee's lock, which it reaches through a parameter, is one that any
// goroutine may release.
func (w *walk) anyArg(lock *path, call *ssa.CallCommon) bool {
	root := lock.root()
	return lock == root && root.Kind == rootParameter && root.N < len(args(call)) && anyGoroutine(args(call)[root.N].Type())
}

// classHere is the class of a callee's lock, of which the callee may know only that it
// is a parameter.
func (w *walk) classHere(its class, lock *path, call *ssa.CallCommon) class {
	if its.known() || lock == nil {
		return its
	}
	if lock.Kind == stepLock {
		lock = lock.From
	}
	if lock.Kind == rootParameter && lock.N < len(args(call)) {
		return lockClass(args(call)[lock.N])
	}
	return class{}
}

// refHere is a callee's lock as the caller knows it.
func (w *walk) refHere(s *state, r lockRef, call *ssa.CallCommon) lockRef {
	if r.Class.known() {
		return r
	}
	return lockRef{Class: w.classHere(class{}, r.Path, call), Path: w.translate(s, r.Path, call), Read: r.Read}
}

// calleeID tells the functions of a program apart.
func calleeID(call *ssa.CallCommon) string {
	if obj := calleeObject(call); obj != nil {
		return obj.Origin().FullName()
	}
	return "?"
}

func calleeName(call *ssa.CallCommon) string {
	if obj := calleeObject(call); obj != nil {
		return obj.Name()
	}
	return "the function"
}
