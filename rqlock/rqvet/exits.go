package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// keptLock is a lock that a function holds at its end. It is a leak unless some code
// unlocks such locks for the function.
type keptLock struct {
	class   string
	keeper  string // the function's id
	finding finding
}

// lockingName matches the names of functions that are expected to acquire a lock for
// their caller.
var lockingName = regexp.MustCompile(`(^(lock|acquire|take|hold|begin|pin|reserve)|Lock|Acquire|Take|Hold|Begin|Pin|Reserve)([^a-z]|ed|$)`)

// checkUnlocks reports unlocks of a lock that only some of the paths to them acquire.
func (w *walk) checkUnlocks() {
	for pos, u := range w.unlocks {
		if u.acquiredAt.IsValid() && u.callers {
			w.report(Unheld, pos, "%s is unlocked, but only some paths to here lock it (%s): unlock on those", u.name, w.c.at(u.acquiredAt, pos))
		}
	}
}

// checkExits reports paths that end with a lock held.
func (w *walk) checkExits(exits []exit) {
	for _, e := range exits {
		for _, path := range e.state.heldPaths() {
			w.checkHeld(exits, e, path)
		}
	}
}

// checkHeld reports a lock that is held at an exit, or keeps it for later.
func (w *walk) checkHeld(exits []exit, e exit, path string) {
	l := e.state.locks[path]
	switch {
	case anyElement(path) && !sameIteration(l.block, e.block): // another loop may have unlocked it
	case l.reacquired, e.state.uncertain[l.class] && l.class != "":
	case e.panics != "":
		w.found = append(w.found, w.leak(e, l))
	case passedOn(e, path):
		w.hasUnlocker[l.class] = true
	case w.swapped(e, l):
	case w.failsHolding(exits, e, path):
		w.found = append(w.found, w.leak(e, l))
	case w.nothingHeld, w.ownVariable(l.base), w.mixed(exits, e, path):
		w.found = append(w.found, w.leak(e, l))
	case lockingName.MatchString(w.top.Name()), w.top.Parent() != nil, l.class == "", w.public(l):
	default:
		f := w.leak(e, l)
		f.message += "; if it locks for its caller, its name should say so (lock, acquire)"
		w.c.kept = append(w.c.kept, keptLock{l.class, w.id(), f})
	}
}

// leak is the finding that e leaves l held.
func (w *walk) leak(e exit, l lockState) finding {
	pos := e.pos
	if !pos.IsValid() { // the end of the body
		pos = endOf(w.top)
	}
	unlock := l.name + ".Unlock()"
	if l.pinned {
		unlock = l.name + ".UnlockPinned()"
	}
	format := "return with %s held (%s): call %s on this path, or defer it after the error check"
	if e.panics != "" {
		format = e.panics + " with %s held (%s) and nothing deferred to unlock it: defer %s after the error check"
	}
	return finding{rule: Leak, pos: pos, message: fmt.Sprintf(format, l.name, w.c.at(l.pos, pos), unlock)}
}

// id is the function that is followed, as calleeID names it.
func (w *walk) id() string {
	if obj := funcObject(w.top); obj != nil {
		return obj.FullName()
	}
	return "?"
}

// sameIteration reports whether a path that ends at end has come through acquired in
// the same iteration of a loop.
func sameIteration(acquired, end *ssa.BasicBlock) bool {
	return acquired != nil && acquired.Parent() == end.Parent() && acquired.Dominates(end)
}

// passedOn reports whether the function returns the lock's object, or has stored it
// where others find it.
func passedOn(e exit, path string) bool {
	for _, r := range e.results {
		if r.path != "" && r.path != "nil" && strings.HasPrefix(path, r.path) {
			return true
		}
	}
	for at, v := range e.state.mem {
		if v.path != "" && !strings.HasPrefix(at, "#") && strings.HasPrefix(path, v.path) && strings.ContainsAny(v.path, "@#") {
			return true
		}
	}
	return false
}

// swapped reports a function that keeps the lock it has acquired and unlocks another.
func (w *walk) swapped(e exit, l lockState) bool {
	if lockingName.MatchString(w.top.Name()) {
		return false
	}
	for _, p := range sortedKeys(e.state.locks) {
		other := e.state.locks[p]
		if other.hold == released && other.callers && other.pos > l.pos {
			w.report(WrongUnlock, other.pos, "%s is unlocked, but the lock held is %s (%s): unlock the one that was acquired", other.name, l.name, w.c.at(l.pos, other.pos))
			return true
		}
	}
	return false
}

// mixed reports whether other exits, which return the same as e, do not keep the lock. If
// the path does not know a result of e, there must be such an exit for either value.
func (w *walk) mixed(exits []exit, e exit, path string) bool {
	yes, no := false, false
	for _, other := range exits {
		if other.panics != "" || e.keptBy(other, path) {
			continue
		}
		y, n := sameToCaller(e, other)
		yes, no = yes || y, no || n
	}
	return yes && no
}

// failsHolding reports whether e returns an error and keeps a lock that an exit without
// an error does not keep. No helper keeps a lock for its caller just when it fails.
func (w *walk) failsHolding(exits []exit, e exit, path string) bool {
	if e.failure() != notNil {
		return false
	}
	for _, other := range exits {
		if other.panics == "" && other.failure() == isNil && other.state.locks[path].hold == released && !other.state.locks[path].callers {
			return true
		}
	}
	return false
}

// failure is what is known of the error that e returns last.
func (e exit) failure() known {
	n := len(e.results)
	if n == 0 || !isError(e.values[n-1].Type()) {
		return nothing
	}
	return e.results[n-1].known
}

// keptBy reports whether the lock that e holds may be held at the other exit, too, or
// the caller knows which of the two exits it was.
func (e exit) keptBy(other exit, path string) bool {
	l := other.state.locks[path]
	if l.hold != released && !compatible(e.state, other.state) {
		return true
	}
	return l.hold == held || l.hold == undecided || l.callers || other.state.uncertain[l.class]
}

// sameToCaller reports whether x and y return the same. If x does not know a result, yes
// is for true or not nil, and no is for false or nil.
func sameToCaller(x, y exit) (yes, no bool) {
	yes, no = true, true
	for i := range x.results {
		switch a, b := x.results[i].known, y.results[i].known; {
		case a == nothing && b != nothing:
			yes = yes && (b == isTrue || b == notNil)
			no = no && (b == isFalse || b == isNil)
		case a != b, a == nothing && x.values[i] != y.values[i] && tells(x.values[i].Type()): // or undecided
			return false, false
		}
	}
	return yes, no
}

// tells reports whether callers test results of type t.
func tells(t types.Type) bool { return isBool(t) || nilable(t) }

// compatible reports whether the same arguments may lead to both states.
func compatible(x, y *state) bool {
	for name, is := range x.conds {
		if knownToCaller(name) && y.conds[name] != nothing && y.conds[name] != is {
			return false
		}
	}
	return true
}

// public reports whether other packages can unlock l for this function's callers: the
// function, the field and the type that has it are exported.
func (w *walk) public(l lockState) bool {
	obj := w.top.Object()
	if obj == nil || !obj.Exported() {
		return false
	}
	names := l.class[strings.LastIndexByte(l.class, '.')+1:]
	for _, p := range append(w.c.pass.Pkg.Imports(), w.c.pass.Pkg) {
		if inPackage, ok := strings.CutPrefix(l.class, p.Path()+"."); ok {
			names = inPackage
		}
	}
	for name := range strings.SplitSeq(names, ".") {
		if !token.IsExported(strings.TrimSuffix(name, "[]")) {
			return false
		}
	}
	return true
}

// reportKept reports the locks that functions keep and nobody unlocks.
func (c *checker) reportKept() {
	for _, k := range c.kept {
		if !c.hasUnlocker[k.class] && !c.hasUnlocker[k.keeper] {
			c.report(k.finding)
		}
	}
}

// endOf is the closing brace of a function.
func endOf(fn *ssa.Function) token.Pos {
	if n := fn.Syntax(); n != nil {
		return n.End() - 1
	}
	return fn.Pos()
}
