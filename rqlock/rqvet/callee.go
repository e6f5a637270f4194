package rqvet

import (
	"fmt"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// applySummary goes on in each way in which the callee may have ended.
func (w *walk) applySummary(s *state, sum *summary, call *ssa.CallCommon, value ssa.Value, pos token.Pos) []*state {
	if sum.Blocks != "" {
		w.mayBlock(s, pos, fmt.Sprintf("%s, which calls %s,", calleeName(call), sum.Blocks))
	}
	for _, taken := range sum.Takes {
		w.takenByCallee(s, taken, call, pos)
		if taken.Class == "" { // the callee could not tell, this function may
			w.order(s, order{Class: classHere("", taken.Path, call)}, pos)
		}
	}
	for _, o := range sum.Orders {
		if when, possible := w.conditions(s, o.When, call); possible {
			w.order(s, order{o.Class, o.Without, when}, pos)
		}
	}
	if len(sum.Ways) == 0 {
		if !sum.Returns {
			return nil
		}
		w.escapeAll(s, call)
		return []*state{s}
	}
	if ignoredResult(sum, value) {
		f := w.report(IgnoredError, pos, "the result of %s is ignored: it says whether the lock is held; check it and do not go on without", calleeName(call))
		f.fixes = w.fixIgnored(s, pos)
		for _, way := range sum.Ways {
			if way.succeeds() {
				w.applyWay(s, way, call, value, pos)
				break
			}
		}
		return []*state{s}
	}
	var states []*state
	for _, way := range sum.Ways {
		if next := s.clone(); w.applyWay(next, way, call, value, pos) {
			states = append(states, next)
		}
	}
	return states
}

// ignoredResult reports whether nothing looks at a result that tells what is held.
func ignoredResult(sum *summary, value ssa.Value) bool {
	if value != nil && len(*value.Referrers()) > 0 {
		return false
	}
	yes, no := false, false
	for _, way := range sum.Ways {
		for _, e := range way.Locks {
			yes = yes || e.Hold == held
			no = no || e.Hold == failed
		}
		if len(way.Results) == 0 || way.Results[len(way.Results)-1] == nothing {
			return false
		}
	}
	return yes && no
}

// applyWay changes s by one way in which a callee ends; false if this path cannot
// have gone that way.
func (w *walk) applyWay(s *state, way way, call *ssa.CallCommon, value ssa.Value, pos token.Pos) bool {
	for _, cond := range way.When {
		name, is := w.condition(s, cond.Name, call)
		if is != nothing && is != cond.Is {
			return false
		}
		if is == nothing {
			s.conds[name] = cond.Is
		}
	}
	mark := ""
	for _, e := range way.Locks {
		t := target{path: w.translate(s, e.Path, call), class: classHere(e.Class, e.Path, call), name: w.rename(e, call)}
		switch e.Hold {
		case held, failed:
			mark = t.path
			now := s.locks[t.path]
			if now.hold == held && e.Hold == held && !w.maybeOther(now, e.Path) {
				return false // it cannot have got it
			}
			if now.hold != unsure && now.hold != held {
				s.locks[t.path] = lockState{hold: e.Hold, pos: pos, pinned: e.Pinned, by: calleeID(call), class: t.class, name: t.name}
			}
		case released:
			if !strings.Contains(e.Path, "@") {
				t.base = w.rootArg(e.Path, call)
			}
			w.release(s, t, method{name: "Unlock", pinned: e.Pinned}, pos, nil)
		case unsure:
			s.lose(t.path)
		}
	}
	for _, set := range way.Sets {
		s.store(w.translate(s, set.Name, call), val{known: set.Is})
	}
	for _, class := range way.Fog {
		s.fog[class] = true
	}
	var results []val
	for _, known := range way.Results {
		v := val{known: known}
		if known != nothing {
			v.lock = mark
		}
		results = append(results, v)
	}
	w.results(s, value, results)
	return true
}

// takenByCallee reports a lock that the path holds and the callee takes.
func (w *walk) takenByCallee(s *state, taken taking, call *ssa.CallCommon, pos token.Pos) {
	path := w.translate(s, taken.Path, call)
	l, entry := s.locks[path]
	when, possible := w.conditions(s, taken.When, call)
	if !possible {
		return
	}
	if !entry {
		w.takes[path] = taking{Path: path, Class: classHere(taken.Class, taken.Path, call), Name: taken.Name, When: when}
	}
	if l.hold != held || len(when) > 0 || w.maybeOther(l, taken.Path) || taken.Perhaps && decides(call) {
		return
	}
	w.report(SelfDeadlock, pos, "%s takes %s, which is held since %s on this path: it fails with ErrDeadlock (AA); unlock first, or call code that expects the lock held",
		calleeName(call), l.name, w.c.at(l.pos, pos))
}

// decides reports whether a call has a constant argument, which may be what lets the
// callee return at once.
func decides(call *ssa.CallCommon) bool {
	return slices.ContainsFunc(args(call), func(v ssa.Value) bool { _, ok := v.(*ssa.Const); return ok })
}

// conditions has what is not decided yet of a callee's conditions, by its name here;
// possible is false if one of them does not hold.
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

// maybeOther reports whether the lock at a callee's path may be another than l, which
// has the same name here: one of the pointers may have been changed in between.
func (w *walk) maybeOther(l lockState, path string) bool {
	return strings.Contains(path, "@") && l.by == "" && l.base != nil && w.c.changes(l.base)
}

// condition is what the path knows of a condition of the callee, and its name here.
func (w *walk) condition(s *state, name string, call *ssa.CallCommon) (string, known) {
	for i, arg := range args(call) {
		p := fmt.Sprintf("p%d", i)
		switch name {
		case p:
			return w.testName(s, arg), w.eval(s, arg).known
		case "(" + p + "==nil)":
			is := w.eval(s, arg).known
			s.seen(w.eval(s, arg).lock)
			return "(" + w.path(s, arg) + "==nil)", [...]known{isNil: isTrue, notNil: isFalse, isFalse: nothing}[is]
		}
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

// translate gives a path of the callee its name here.
func (w *walk) translate(s *state, path string, call *ssa.CallCommon) string {
	root, rest := splitPath(path)
	here := root
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			here = w.path(s, arg)
		}
	}
	if mc, ok := call.Value.(*ssa.MakeClosure); ok {
		here = w.free(s, root, here, mc)
	}
	return s.resolve(here, rest)
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
	if i := strings.IndexAny(path[from:], ".@["); i >= 0 {
		return path[:from+i], path[from+i:]
	}
	return path, ""
}

// resolve follows a path from an object, through what is known to be stored.
func (s *state) resolve(at, rest string) string {
	for {
		i := strings.IndexByte(rest, '@')
		if i < 0 {
			return at + rest
		}
		at += rest[:i]
		rest = rest[i+1:]
		if v, ok := s.mem[at]; ok && v.path != "" {
			at = v.path
		} else {
			at += "@"
		}
	}
}

// rename is the name of a callee's lock in terms of the caller's arguments.
func (w *walk) rename(e effect, call *ssa.CallCommon) string {
	root, rest := splitPath(e.Path)
	for i, arg := range args(call) {
		if root == fmt.Sprintf("p%d", i) {
			return pretty(arg) + strings.ReplaceAll(rest, "@", "")
		}
	}
	return e.Name
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
		if path == fmt.Sprintf("p%d", i) {
			return class(arg)
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
