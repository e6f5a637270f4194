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
var speaksOfLocks = regexp.MustCompile(`(^(lock|acquire|hold|begin|pin|reserve)|Lock|Acquire|Hold|Begin|Pin|Reserve)([^a-z]|ed|$)`)

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
	case e.panics:
		w.found = append(w.found, w.leak(e, l))
	case passedOn(e, path):
		w.handed[l.class] = true
	case w.swapped(e, l):
	case w.outside, w.ownVariable(l.base), w.mixed(exits, e, path):
		w.found = append(w.found, w.leak(e, l))
	case speaksOfLocks.MatchString(w.top.Name()), w.top.Parent() != nil, l.class == "", w.public(l):
	default:
		w.c.kept = append(w.c.kept, keptLock{l.class, w.id(), w.leak(e, l)})
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
	if e.panics {
		format = "panic with %s held (%s) and nothing deferred to unlock it: defer %s after the error check"
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

// mixed reports whether another way out that tells the caller the same does not
// keep the lock.
func (w *walk) mixed(exits []exit, e exit, path string) bool {
	for _, other := range exits {
		if other.panics || !sameResults(e, other) {
			continue
		}
		l := other.state.locks[path]
		if l.hold != released && !compatible(e.state, other.state) {
			continue
		}
		if l.hold != held && l.hold != unsure && !l.theirs && !(other.state.fog[l.class]) {
			return true
		}
	}
	return false
}

func sameResults(x, y exit) bool {
	for i := range x.results {
		a, b := x.results[i].known, y.results[i].known
		if a != b {
			return false
		}
		if a == nothing && x.values[i] != y.values[i] && tells(x.values[i].Type()) {
			return false // undecided
		}
	}
	return true
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
