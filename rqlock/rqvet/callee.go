package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// applySummary goes on once for each outcome of the callee.
func (w *walk) applySummary(s *state, sum *summary, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if sum.Blocks != "" {
		w.mayBlock(s, pos, fmt.Sprintf("%s, which calls %s,", calleeName(call), sum.Blocks))
	}
	for _, acquired := range sum.Acquires {
		w.acquiredByCallee(s, acquired, call, pos)
		if acquired.Class == "" { // only the caller can tell
			w.order(s, order{Class: classHere("", acquired.Path, call)}, pos)
		}
	}
	for _, o := range sum.Orders {
		if when, possible := w.conditions(s, o.When, call); possible {
			w.order(s, order{o.Class, o.Without, when}, pos)
		}
	}
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
	var states []*state
	for _, outcome := range sum.Outcomes {
		if next := s.clone(); w.applyOutcome(next, outcome, call, value, pos) {
			states = append(states, next)
		}
	}
	return states
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
		}
	}
	decided := "" // the lock that the results tell of
	for _, e := range outcome.Locks {
		path, own := w.translateLock(s, e.Path, call)
		if own != nil {
			w.ownMethods(s, own)
			continue
		}
		t := target{path: path, class: classHere(e.Class, e.Path, call), name: w.rename(e, call)}
		switch e.Hold {
		case held, failed:
			decided = t.path
			now := s.locks[t.path]
			if now.hold == held && e.Hold == held && !w.mayBeAnother(now, e.Path) {
				return false // the callee cannot have acquired it
			}
			if now.hold != undecided && now.hold != held {
				s.locks[t.path] = lockState{hold: e.Hold, pos: pos, pinned: e.Pinned, by: calleeID(call), class: t.class, name: t.name}
			}
		case released:
			if !strings.Contains(e.Path, "@") {
				t.base = w.rootArg(e.Path, call)
			}
			w.release(s, t, method{name: "Unlock", pinned: e.Pinned}, pos, nil)
		case undecided:
			s.giveUp(t.path)
		}
	}
	for _, set := range outcome.Sets {
		s.store(w.translate(s, set.Name, call), val{known: set.Is})
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

// ownMethods gives up on the locks that an object's own methods change. A callee has
// locked or unlocked the object by them.
func (w *walk) ownMethods(s *state, object types.Type) {
	for name := range methods {
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
	path, own := w.translateLock(s, acquired.Path, call)
	l, entry := s.locks[path]
	when, possible := w.conditions(s, acquired.When, call)
	if !possible || own != nil {
		return
	}
	if !entry {
		w.acquires[path] = acquisition{Path: path, Class: classHere(acquired.Class, acquired.Path, call), Name: acquired.Name, When: when}
	}
	if l.hold != held || len(when) > 0 || w.mayBeAnother(l, acquired.Path) || acquired.Perhaps && hasConstant(call) {
		return
	}
	w.report(SelfDeadlock, pos, "%s acquires %s, which is held since %s on this path: it fails with ErrDeadlock (AA); unlock first, or call code that expects the lock held",
		calleeName(call), l.name, w.c.at(l.pos, pos))
}

// hasConstant reports whether an argument of call is constant, which may be what lets
// the callee return at once.
func hasConstant(call *ssa.CallCommon) bool {
	return slices.ContainsFunc(args(call), func(v ssa.Value) bool { _, ok := v.(*ssa.Const); return ok })
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
func (w *walk) mayBeAnother(l lockState, path string) bool {
	return strings.Contains(path, "@") && l.by == "" && l.base != nil && w.c.changes(l.base)
}

// condition is the name in the caller of a callee's condition, and what the path knows of
// it.
func (w *walk) condition(s *state, name string, call *ssa.CallCommon) (string, known) {
	for i, arg := range args(call) {
		p := fmt.Sprintf("p%d", i)
		switch name {
		case p:
			return w.testName(s, arg), w.eval(s, arg).known
		case "(" + p + "==nil)":
			is := w.eval(s, arg).known
			s.resultChecked(w.eval(s, arg).lock)
			return "(" + w.path(s, arg) + "==nil)", [...]known{isNil: isTrue, notNil: isFalse, isFalse: nothing}[is]
		}
	}
	if strings.HasPrefix(name, "(") {
		here := w.translateIndexes(s, name, call)
		return here, s.conds[here]
	}
	here := w.translate(s, name, call)
	if is := s.conds[here]; is != nothing {
		return here, is
	}
	return here, s.mem[strings.TrimSuffix(here, "@")].known
}

// args are the arguments with the receiver first, as parameters count them.
func args(call *ssa.CallCommon) []ssa.Value {
	if call.IsInvoke() {
		return append([]ssa.Value{call.Value}, call.Args...)
	}
	return call.Args
}

// translate returns what a path of the callee is in the caller.
func (w *walk) translate(s *state, path string, call *ssa.CallCommon) string {
	from, rest := w.rootHere(s, path, call)
	return s.resolve(from, rest).path
}

// translateLock is translate for the path of a lock. If that is the lock of an
// interface which holds, here, an object with methods of its own, own is its type.
func (w *walk) translateLock(s *state, path string, call *ssa.CallCommon) (here string, own types.Type) {
	return s.lockAt(w.rootHere(s, path, call))
}

// rootHere is what a callee's path begins with, as the caller knows it, and the rest
// of the path.
func (w *walk) rootHere(s *state, path string, call *ssa.CallCommon) (from val, rest string) {
	root, rest := splitPath(path)
	rest = w.translateIndexes(s, rest, call)
	from = val{path: root}
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			from = w.object(s, arg)
		}
	}
	if mc, ok := call.Value.(*ssa.MakeClosure); ok {
		from.path = w.free(s, root, from.path, mc)
	}
	return from, rest
}

// parameter matches the parameters in an index or a comparison. It also matches string
// constants, in which there are none.
var parameter = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[[(<>=+*/%&|^-]p[0-9]+\b`)

// translateIndexes replaces the callee's parameters in an index or a comparison.
func (w *walk) translateIndexes(s *state, text string, call *ssa.CallCommon) string {
	return parameter.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '"' {
			return found
		}
		i, err := strconv.Atoi(found[2:])
		if all := args(call); err == nil && i < len(all) {
			return found[:1] + w.path(s, all[i])
		}
		return found
	})
}

func (w *walk) free(s *state, root, here string, mc *ssa.MakeClosure) string {
	for i, fv := range mc.Fn.(*ssa.Function).FreeVars {
		if root == "f:"+fv.Name() {
			return w.path(s, mc.Bindings[i])
		}
	}
	return here
}

// splitPath cuts the root off a path.
func splitPath(path string) (root, rest string) {
	from := 0
	if i := strings.LastIndexByte(path, '/'); strings.HasPrefix(path, "g:") {
		from = max(i, 0)
		if dot := strings.IndexByte(path[from:], '.'); dot >= 0 {
			from += dot + 1
		}
	}
	if i := strings.IndexAny(path[from:], ".@[!"); i >= 0 {
		return path[:from+i], path[from+i:]
	}
	return path, ""
}

// resolve follows a path from an object, through what is known to be stored.
func (s *state) resolve(at val, rest string) val {
	for rest != "" {
		i := strings.IndexByte(rest, '@')
		if i < 0 {
			return val{path: at.path + rest}
		}
		from := at.path + rest[:i]
		rest = rest[i+1:]
		if v, ok := s.mem[from]; ok && v.path != "" {
			at = v
		} else {
			at = val{path: from + "@"}
		}
	}
	return at
}

// rename is the name of a callee's lock in terms of the caller's arguments.
func (w *walk) rename(e effect, call *ssa.CallCommon) string {
	root, rest := splitPath(e.Path)
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			if rest == "!" {
				return lockName(arg)
			}
			return pretty(arg) + withoutEmbedded(strings.NewReplacer("@", "", "!", "").Replace(rest), e.Name)
		}
	}
	return e.Name
}

// withoutEmbedded drops the fields at the end of a path that the lock's name does not
// have: those that are embedded.
func withoutEmbedded(path, name string) string {
	for {
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 || strings.HasSuffix(name, path[dot+1:]) {
			return path
		}
		path = path[:dot]
	}
}

func (w *walk) rootArg(path string, call *ssa.CallCommon) ssa.Value {
	root, _ := splitPath(path)
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			return base(arg)
		}
	}
	return nil
}

// classHere is the class of a callee's lock, of which the callee may know only that it
// is a parameter.
func classHere(its, path string, call *ssa.CallCommon) string {
	if its != "" {
		return its
	}
	for i, arg := range args(call) {
		if p := fmt.Sprintf("p%d", i); path == p || path == p+"!" {
			return lockClass(arg)
		}
	}
	return ""
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
