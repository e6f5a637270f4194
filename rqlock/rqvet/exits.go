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
	class   class
	each    bool   // in each iteration of a loop
	keeper  string // the function's id
	never   bool   // nobody calls the function, so nobody unlocks
	finding finding
}

// lockingName matches the names of functions that are expected to acquire a lock for
// their caller.
var lockingName = regexp.MustCompile(`(^((r|w|try)?lock|acquire|take|hold|begin|pin|reserve)|Lock|Acquire|Take|Hold|Begin|Pin|Reserve)([^a-z]|ed|$)`)

// checkUnlocks reports unlocks of a lock that only some of the paths to them acquire.
func (w *walk) checkUnlocks() {
	for pos, u := range w.unlocks {
		if !u.acquiredAt.IsValid() {
			continue
		}
		for _, o := range u.callers {
			if !w.ambiguous(o.lock, o.forks) {
				w.report(Unheld, pos, "%s is unlocked, but only some paths to here lock it (%s): unlock on those", u.name, w.c.at(u.acquiredAt, pos))
				break
			}
		}
	}
}

// checkExits reports paths that end with a lock held.
func (w *walk) checkExits(exits []exit) {
	for _, e := range exits {
		w.checkLost(exits, e)
		for _, lock := range e.state.heldPaths() {
			w.checkHeld(exits, e, lock)
		}
	}
}

// checkHeld reports a lock that is held at an exit, or keeps it for later.
func (w *walk) checkHeld(exits []exit, e exit, lock *path) {
	l := e.state.locks[lock]
	switch {
	case l.later, w.ambiguous(l.name, e.state.forks):
	case l.record:
		if e.panics == "" && !passedOn(e, lock) {
			w.found = append(w.found, w.unfinished(e, l))
		}
	case lock.elem && !sameIteration(l.block, e.block) && !w.iterations.released[l.pos]: // another loop may have unlocked it
	case l.reacquired, e.state.uncertain[l.class] && l.class.known():
	case e.panics != "":
		w.found = append(w.found, w.leak(e, l))
	case passedOn(e, lock):
		w.hasUnlocker[unlockable{class: l.class}] = true
	case w.swapped(e, l):
	case w.failsHolding(exits, e, lock):
		w.found = append(w.found, w.leak(e, l))
	case w.nothingHeld && !l.any, w.ownVariable(l.base), w.mixed(exits, e, lock), w.toggled[lock]:
		w.found = append(w.found, w.leak(e, l))
	case w.neverReleases(l), lock.here && w.iterations.released[l.pos]:
		w.found = append(w.found, w.leak(e, l))
	case lockingName.MatchString(w.top.Name()), w.top.Parent() != nil, w.public(l):
	case !l.class.known() && !(w.c.unreachable(w.top) && lock.root().Kind == rootParameter):
	default:
		f := w.leak(e, l)
		f.message += "; if it locks for its caller, its name should say so (lock, acquire)"
		w.kept = append(w.kept, keptLock{l.class, false, w.id(), w.c.unreachable(w.top), f})
	}
}

// neverReleases reports whether the function has a release of such a lock that no path comes to.
func (w *walk) neverReleases(l lockState) (found bool) {
	if !l.class.known() || w.iterations.released[l.pos] || l.block == nil || l.block.Parent() != w.top || w.deferred(l.class) {
		return false
	}
	eachLockCall(w.top, func(m method, class class) { found = found || m.op == releases && class == l.class })
	return found && !w.releasedHere[l.class]
}

// unreachable reports whether the package never uses a function that others cannot use.
func (c *checker) unreachable(fn *ssa.Function) bool {
	return fn.Parent() == nil && fn.Object() != nil && !fn.Object().Exported() && fn.Object().Name() != "init" && !c.used[fn] && fn.Signature.Recv() == nil
}

// unfinished is the finding that a path leaves a record neither committed nor discarded.
func (w *walk) unfinished(e exit, l lockState) finding {
	pos := e.pos
	if !pos.IsValid() {
		pos = endOf(w.top)
	}
	return finding{rule: BadRecord, pos: pos, message: fmt.Sprintf("return with a reserved record (%s) neither committed nor discarded: the ring stays blocked behind it", w.c.at(l.pos, pos))}
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
func passedOn(e exit, lock *path) bool {
	for _, r := range e.results {
		if r.path != nil && r.path.Kind != rootConstant && lock.leadsFrom(r.path) {
			return true
		}
	}
	for at, v := range e.state.mem {
		if v.path != nil && at.root().Kind != rootValue && lock.leadsFrom(v.path) && (v.path.indirect() || at.root() != lock.root()) {
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
	for _, p := range sortedPaths(e.state.locks) {
		other := e.state.locks[p]
		if other.hold == released && other.callers && other.pos > l.pos {
			w.report(WrongUnlock, other.pos, "%s", w.c.wrongUnlock(other.name, other.pos, l))
			return true
		}
	}
	return false
}

// mixed reports whether other exits, which return the same as e, do not keep the lock. If
// the path does not know a result of e, there must be such an exit for either value.
func (w *walk) mixed(exits []exit, e exit, lock *path) bool {
	yes, no := false, false
	for _, other := range exits {
		if other.panics != "" || e.keptBy(other, lock) {
			continue
		}
		y, n := sameToCaller(e, other)
		yes, no = yes || y, no || n
	}
	return yes && no
}

// failsHolding reports whether e returns an error and keeps a lock that an exit without
// an error does not keep. No helper keeps a lock for its caller just when it fails.
func (w *walk) failsHolding(exits []exit, e exit, lock *path) bool {
	if e.failure() != notNil {
		return false
	}
	for _, other := range exits {
		if other.panics == "" && other.failure() == isNil && other.state.locks[lock].hold == released && !other.state.locks[lock].callers {
			return true
		}
	}
	return false
}

// failure is what is known of the error that e returns last: not nil is a failure. If a function
// returns true or false, too, and no error, false is one.
func (e exit) failure() known {
	last := nothing
	for i, r := range e.results {
		switch t := e.values[i].Type(); {
		case isError(t) && r.known != isNil:
			return r.known
		case isError(t) && last == nothing:
			last = isNil
		case isBool(t) && r.known == isTrue:
			last = isNil
		case isBool(t) && r.known == isFalse:
			last = notNil
		}
	}
	return last
}

// keptBy reports whether the lock that e holds may be held at the other exit, too, or
// the caller knows which of the two exits it was.
func (e exit) keptBy(other exit, lock *path) bool {
	l := other.state.locks[lock]
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
	for name, is := range x.given {
		if y.given[name] != nothing && y.given[name] != is {
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
	for name := range strings.SplitSeq(l.class.Name, ".") {
		if !token.IsExported(strings.TrimSuffix(name, "[]")) {
			return false
		}
	}
	return l.class.known()
}

// unlockable is a class of locks, or a function that acquires one for its caller, by its id.
type unlockable struct {
	class class
	each  bool // of all elements, in a loop
	id    string
}

// reportKept reports the locks that functions keep and nobody unlocks.
func (c *checker) reportKept(all []keptLock) {
	for _, k := range all {
		if k.never || !c.hasUnlocker[unlockable{class: k.class, each: k.each}] && !c.hasUnlocker[unlockable{id: k.keeper}] {
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
