package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// keptLock is a lock that a function always ends with. It is a leak unless some
// code unlocks such locks for others.
type keptLock struct {
	class   string
	keeper  string // the function
	finding finding
}

// speaksOfLocks matches names of functions that are expected to keep a lock.
var speaksOfLocks = regexp.MustCompile(`(^(lock|acquire|take|hold|begin|pin|reserve)|Lock|Acquire|Take|Hold|Begin|Pin|Reserve)([^a-z]|ed|$)`)

// checkUnlocks reports unlocks that only some paths have a lock for.
func (w *walk) checkUnlocks() {
	for pos, u := range w.unlocks {
		if u.takenAt.IsValid() && u.given {
			w.report(Unheld, pos, "%s is unlocked, but only some paths to here lock it (%s): unlock on those", u.name, w.c.at(u.takenAt, pos))
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

// checkHeld judges one lock that is held at one exit.
func (w *walk) checkHeld(exits []exit, e exit, path string) {
	l := e.state.locks[path]
	switch {
	case anyElement(path) && !sameRound(l.block, e.block): // another loop may have unlocked it
	case l.again, e.state.fog[l.class] && l.class != "":
	case e.panics != "":
		w.found = append(w.found, w.leak(e, l))
	case passedOn(e, path):
		w.handed[l.class] = true
	case w.swapped(e, l):
	case w.failsHolding(exits, e, path):
		w.found = append(w.found, w.leak(e, l))
	case w.outside, w.ownVariable(l.base), w.mixed(exits, e, path):
		w.found = append(w.found, w.leak(e, l))
	case speaksOfLocks.MatchString(w.top.Name()), w.top.Parent() != nil, l.class == "", w.public(l):
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

// id is calleeID of the function that is followed.
func (w *walk) id() string {
	if obj := funcObject(w.top); obj != nil {
		return obj.FullName()
	}
	return "?"
}

// sameRound reports whether who comes to end has come from taken in the same round of
// a loop.
func sameRound(taken, end *ssa.BasicBlock) bool {
	return taken != nil && taken.Parent() == end.Parent() && taken.Dominates(end)
}

// passedOn reports whether the lock's object is what the function returns, or was
// stored for somebody to find.
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

// swapped reports a function that keeps one lock and unlocks another.
func (w *walk) swapped(e exit, l lockState) bool {
	if speaksOfLocks.MatchString(w.top.Name()) {
		return false
	}
	for _, p := range sortedKeys(e.state.locks) {
		other := e.state.locks[p]
		if other.hold == released && other.theirs && other.pos > l.pos {
			w.report(WrongUnlock, other.pos, "%s is unlocked, but the lock held is %s (%s): unlock the one that was taken", other.name, l.name, w.c.at(l.pos, other.pos))
			return true
		}
	}
	return false
}

// mixed reports whether other ways out that tell the caller the same do not keep the
// lock: for either value of a result that e leaves open.
func (w *walk) mixed(exits []exit, e exit, path string) bool {
	yes, no := false, false
	for _, other := range exits {
		if other.panics != "" || e.keptBy(other, path) {
			continue
		}
		y, n := tellSame(e, other)
		yes, no = yes || y, no || n
	}
	return yes && no
}

// failsHolding reports whether e returns an error with a lock held that is not held
// where there is none: no helper keeps a lock just for its failures.
func (w *walk) failsHolding(exits []exit, e exit, path string) bool {
	if e.failure() != notNil {
		return false
	}
	for _, other := range exits {
		if other.panics == "" && other.failure() == isNil && other.state.locks[path].hold == released && !other.state.locks[path].theirs {
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

// keptBy reports whether the lock that e holds may be held at the other end, too, or the
// caller knows which of the two it is.
func (e exit) keptBy(other exit, path string) bool {
	l := other.state.locks[path]
	if l.hold != released && !compatible(e.state, other.state) {
		return true
	}
	return l.hold == held || l.hold == unsure || l.theirs || other.state.fog[l.class]
}

// tellSame reports whether x tells a caller the same as y if the result that x leaves
// open is true or not nil, and if it is false or nil.
func tellSame(x, y exit) (yes, no bool) {
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

// tells reports whether a result of type t can tell a caller what happened.
func tells(t types.Type) bool { return isBool(t) || nilable(t) }

// compatible reports whether the caller's arguments do not tell the two apart.
func compatible(x, y *state) bool {
	for name, is := range x.conds {
		if about(name) && y.conds[name] != nothing && y.conds[name] != is {
			return false
		}
	}
	return true
}

// public reports whether other packages can unlock l for this function's callers.
func (w *walk) public(l lockState) bool {
	name := l.class[strings.LastIndexByte(l.class, '.')+1:]
	obj := w.top.Object()
	return obj != nil && obj.Exported() && token.IsExported(strings.TrimSuffix(name, "[]"))
}

// reportKept reports the locks that functions keep and nobody unlocks.
func (c *checker) reportKept() {
	for _, k := range c.kept {
		if !c.handed[k.class] && !c.handed[k.keeper] {
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
