package rqvet

import (
	"go/token"
	"maps"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// target is the lock of one operation.
type target struct {
	path  string
	class string
	name  string    // for messages
	base  ssa.Value // what its address starts from
}

func (w *walk) target(s *state, lock ssa.Value, m method) target {
	return target{path: w.lockPath(s, lock, m.name), class: lockClass(lock), name: lockName(lock), base: base(lock)}
}

// base is the value from which fields and elements lead to v.
func base(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.FieldAddr:
			v = x.X
		case *ssa.IndexAddr:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		case *ssa.MakeInterface:
			v = x.X
		case *ssa.ChangeInterface:
			v = x.X
		default:
			return v
		}
	}
}

// acquire is a call of Lock or of a variant of it, whose result is value. The path goes
// on twice: with the lock, and without it.
func (w *walk) acquire(s *state, t target, m method, value ssa.Value, pos token.Pos) []*state {
	if !m.try {
		w.mayBlock(s, pos, t.name+"."+m.name)
		w.order(s, order{Class: t.class}, pos)
	}
	old, entry := s.locks[t.path]
	if !entry && !m.try && !expected(value) {
		w.noteAcquisition(s, t)
	}
	switch {
	case old.hold == undecided || s.uncertain[t.class] && !entry:
		w.unusedResult(s, t, m, value, pos)
		return []*state{s}
	case old.hold == held:
		if !m.try && !w.mayDiffer(old, t) && !expected(value) {
			w.report(SelfDeadlock, pos, "%s is held since %s on this path: %s fails with ErrDeadlock (AA); unlock it first, or call code that expects it held",
				t.name, w.c.at(old.pos, pos), m.name)
		}
		if w.mayDiffer(old, t) {
			s.giveUp(t.path)
			return []*state{s}
		}
		w.result(s, value, m, false, "")
		return []*state{s}
	}
	callers := old.callers && (old.hold == released || old.hold == failed)
	yes := lockState{hold: held, pos: pos, pinned: m.pinned, reacquired: callers, class: t.class, name: t.name, base: t.base}
	if call, ok := value.(*ssa.Call); ok {
		yes.block = call.Block()
	}
	if w.unusedResult(s, t, m, value, pos) {
		s.locks[t.path] = yes
		return []*state{s}
	}
	no := s.clone()
	s.locks[t.path] = yes
	w.result(s, value, m, true, t.path)
	no.locks[t.path] = lockState{hold: failed, pos: pos, callers: callers, class: t.class, name: t.name, base: t.base}
	w.result(no, value, m, false, t.path)
	return []*state{s, no}
}

// expected reports whether the program asks which error it got, and so expects one.
func expected(err ssa.Value) bool {
	if err == nil {
		return false
	}
	for _, ref := range *err.Referrers() {
		call, ok := ref.(ssa.CallInstruction)
		if !ok {
			continue
		}
		if obj := calleeObject(call.Common()); obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "errors" {
			return true
		}
	}
	return false
}

// result records what the path knows of a call's result.
func (w *walk) result(s *state, value ssa.Value, m method, ok bool, lock string) {
	if value == nil {
		return
	}
	known := nilness(ok)
	if m.try {
		known = truth(ok)
	}
	s.env[value] = val{known: known, lock: lock}
}

// unusedResult reports a result that nothing uses.
func (w *walk) unusedResult(s *state, t target, m method, value ssa.Value, pos token.Pos) bool {
	if value != nil && len(*value.Referrers()) > 0 {
		return false
	}
	w.ignored(s, t.name, m, pos)
	return true
}

func (w *walk) ignored(s *state, name string, m method, pos token.Pos) {
	if m.try {
		w.report(IgnoredError, pos, "the result of %s.TryLock is ignored: false means that the lock is not held; write if %s.TryLock() { … }", name, name)
		return
	}
	f := w.report(IgnoredError, pos, "the error of %s.%s is ignored: after a failure the lock is not held; check the error and do not go on", name, m.name)
	f.fixes = w.fixIgnored(s, pos)
}

// mayDiffer reports whether one access path may have named two locks: its pointer was
// loaded twice, from a field that the package changes.
func (w *walk) mayDiffer(old lockState, t target) bool {
	switch {
	case old.base == nil && t.base == nil: // both by callees
		return strings.Contains(t.path, "@")
	case old.base == t.base:
		return false
	}
	return old.base != nil && w.c.changes(old.base) || t.base != nil && w.c.changes(t.base)
}

// changes reports whether v was loaded from memory that is written after its object was
// made.
func (c *checker) changes(v ssa.Value) bool {
	load, ok := v.(*ssa.UnOp)
	if !ok || load.Op != token.MUL {
		return false
	}
	switch at := load.X.(type) {
	case *ssa.FieldAddr:
		return c.stored[class(at)] || class(at) == "" || c.changes(base(at))
	case *ssa.Alloc, *ssa.FreeVar: // a variable: stores to it are followed
		return false
	case *ssa.Global:
		return c.stored[class(at)]
	}
	return true
}

// noteStores records the fields and variables that fn writes, except those of objects
// that it makes.
func (c *checker) noteStores(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			st, ok := instr.(*ssa.Store)
			if !ok {
				continue
			}
			if _, fresh := base(st.Addr).(*ssa.Alloc); !fresh && fn.Synthetic == "" {
				c.stored[class(st.Addr)] = true
			}
		}
	}
}

// noteInterfaces records the classes of the locks that fn puts into an interface: what
// is unlocked through an interface may be one of them.
func (c *checker) noteInterfaces(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, instr := range b.Instrs {
			if v, ok := instr.(*ssa.MakeInterface); ok {
				if _, ok := embedded(v.X.Type()); ok {
					c.inInterface[lockClass(v.X)] = true
				}
			}
		}
	}
}

// unlockSite is a call site of Unlock for a lock that the function's caller may hold.
type unlockSite struct {
	name       string
	acquiredAt token.Pos // by some path of the function, if valid
	callers    bool      // some path has not acquired it
}

// release is a call of Unlock or UnlockPinned, deferred if d is not nil.
func (w *walk) release(s *state, t target, m method, pos token.Pos, d *ssa.Defer) {
	old := s.locks[t.path]
	now := lockState{hold: released, pos: pos, pinned: m.pinned, class: t.class, name: t.name, base: t.base}
	switch old.hold {
	case undecided:
		return
	case held:
		if !old.reacquired {
			w.noteUnlock(pos, t, old.pos)
		}
		w.iterations.released[old.pos] = true
		if old.by != "" {
			w.hasUnlocker[old.by] = true
		}
		w.checkKind(old, t, m, pos)
		now.callers = old.reacquired
	case failed:
		w.releaseFailed(old, t, pos, d)
	case released:
		if w.mayDiffer(old, t) {
			s.giveUp(t.path)
		} else if !w.otherHeld(s, t, pos) {
			w.report(Unheld, pos, "%s is unlocked twice on this path (%s): unlock once", t.name, w.c.at(old.pos, pos))
		}
		return
	default:
		if s.uncertain[t.class] {
			return
		}
		if w.callerMayHold(t) {
			now.callers = true
			w.hasUnlocker[t.class] = true
			if strings.HasSuffix(t.path, "!") {
				maps.Copy(w.hasUnlocker, w.c.inInterface)
			}
			if w.mayBe(s, t) {
				return
			}
			if !anyElement(t.path) {
				w.noteUnlock(pos, t, token.NoPos)
			}
			break
		}
		now.callers = w.nothingHeld // whoever started the goroutine may think so
		if !w.otherHeld(s, t, pos) {
			w.report(Unheld, pos, "%s is unlocked where it was not locked: only the goroutine that holds a lock may unlock it", t.name)
		}
	}
	s.locks[t.path] = now
	s.resultChecked(t.path)
}

// checkKind reports a release of the other kind than the acquisition.
func (w *walk) checkKind(old lockState, t target, m method, pos token.Pos) {
	switch {
	case old.pinned && !m.pinned:
		f := w.report(WrongUnlock, pos, "%s was acquired with LockPinned (%s): release it with UnlockPinned, or the goroutine stays pinned", t.name, w.c.at(old.pos, pos))
		f.fixes = w.c.fixKind(pos, "UnlockPinned")
	case !old.pinned && m.pinned:
		f := w.report(WrongUnlock, pos, "%s was not acquired with LockPinned (%s): release it with Unlock", t.name, w.c.at(old.pos, pos))
		f.fixes = w.c.fixKind(pos, "Unlock")
	}
}

// releaseFailed reports a release on the path where the acquisition failed.
func (w *walk) releaseFailed(old lockState, t target, pos token.Pos, d *ssa.Defer) {
	if d == nil {
		w.report(Unheld, pos, "%s is unlocked on a path where acquiring it (%s) failed: unlock only what is held", t.name, w.c.at(old.pos, pos))
		return
	}
	f := w.report(EarlyDefer, pos, "the deferred unlock of %s also runs where acquiring it (%s) failed: put the defer after the error check, or let it ask whether the lock is held",
		t.name, w.c.at(old.pos, pos))
	f.fixes = w.c.fixDefer(d, old.pos)
}

// callerMayHold reports whether a lock that this path has not touched may be held by
// the function's caller, so that unlocking it is right.
func (w *walk) callerMayHold(t target) bool {
	switch {
	case anyElement(t.path):
		return true
	case w.ownVariable(t.base):
		return false
	}
	return !w.nothingHeld || !w.variable(t)
}

// otherHeld reports that t is unlocked although the lock held is another, if so.
func (w *walk) otherHeld(s *state, t target, pos token.Pos) bool {
	for _, p := range s.heldPaths() {
		if p != t.path {
			other := s.locks[p]
			w.report(WrongUnlock, pos, "%s is unlocked, but the lock held is %s (%s): unlock the one that was acquired", t.name, other.name, w.c.at(other.pos, pos))
			return true
		}
	}
	return false
}

// mayBe gives up on the locks held that t may be by another name.
func (w *walk) mayBe(s *state, t target) (found bool) {
	s.giveUpIf(func(path string, l lockState) bool {
		alias := l.hold == held && (l.class == t.class && strings.ContainsAny(path+t.path, "@#") ||
			strings.HasSuffix(path, "!") != strings.HasSuffix(t.path, "!"))
		found = found || alias
		return alias
	})
	return found
}

// variable reports whether the lock is in a variable, rather than in what a call
// returned, perhaps locked.
func (w *walk) variable(t target) bool {
	switch t.base.(type) {
	case *ssa.Global, *ssa.FreeVar, *ssa.Parameter, *ssa.Alloc:
		return true
	case *ssa.UnOp:
		return !strings.HasPrefix(t.path, "#")
	}
	return false
}

// anyElement reports whether the path names a different lock in each iteration of some
// loop. Whether the loop ran at all is more than a path can tell.
func anyElement(path string) bool {
	for {
		_, rest, ok := strings.Cut(path, "[")
		if !ok {
			return false
		}
		if rest == "" || rest[0] < '0' || rest[0] > '9' {
			return true
		}
		path = rest
	}
}

// noteUnlock records how an unlock was reached: with a lock that this function has
// acquired, or with none.
func (w *walk) noteUnlock(pos token.Pos, t target, acquiredAt token.Pos) {
	u := w.unlocks[pos]
	u.name = t.name
	if acquiredAt.IsValid() {
		u.acquiredAt = acquiredAt
	} else {
		u.callers = true
	}
	w.unlocks[pos] = u
}

// ownVariable reports whether the lock belongs to a variable that no other function
// can reach, so that no other can have locked it.
func (w *walk) ownVariable(base ssa.Value) bool {
	alloc, ok := base.(*ssa.Alloc)
	return ok && onlyHere(alloc, 0)
}

func onlyHere(v ssa.Value, depth int) bool {
	for _, ref := range *v.Referrers() {
		switch ref := ref.(type) {
		case *ssa.FieldAddr:
			if depth > 3 || !onlyHere(ref, depth+1) {
				return false
			}
		case *ssa.IndexAddr:
			if depth > 3 || !onlyHere(ref, depth+1) {
				return false
			}
		case *ssa.MakeInterface:
			if !onlyHere(ref, depth) {
				return false
			}
		case *ssa.Store:
			if ref.Val == v {
				return false
			}
		case *ssa.UnOp, *ssa.DebugRef:
		case ssa.CallInstruction:
			if _, _, ok := lockCall(ref.Common()); !ok {
				return false
			}
			if _, ok := ref.(*ssa.Go); ok {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// mayBlock reports an operation that may block while a pinned lock is held.
func (w *walk) mayBlock(s *state, pos token.Pos, what string) {
	if w.blocks == "" && what != "a panic" {
		w.blocks = what
	}
	l, ok := s.pinned()
	if !ok {
		return
	}
	w.report(BlockPinned, pos, "%s may block while %s is held with LockPinned (%s), which crashes the program: move it after UnlockPinned, or use Lock",
		what, l.name, w.c.at(l.pos, pos))
}
