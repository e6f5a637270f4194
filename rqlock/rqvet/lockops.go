package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// target is the lock or record of one operation.
type target struct {
	path   *path
	class  class
	name   string    // for messages
	base   ssa.Value // what its address starts from
	from   *path     // the pointer to it, if it was loaded: what it would be if nothing had been stored there
	any    bool      // any goroutine may release it
	record bool
}

// target has the lock that method m of a value works on, and the method of the lock itself: the
// Lock of what RLocker returns is its RLock.
func (w *walk) target(s *state, lock ssa.Value, m method) (target, method) {
	t := target{
		path: w.lockPath(s, lock, m), class: lockClass(lock), name: lockName(lock), base: base(lock),
		any: anyGoroutine(lock.Type()) || plainInterface(lock.Type()), record: m.record,
	}
	if load, ok := lock.(*ssa.UnOp); ok && load.Op == token.MUL {
		t.from = w.path(s, load.X).load()
	}
	if lock, ok := t.path.From, t.path.Kind == stepReader; ok {
		t.path, m.read = lock, true
	}
	return t, m
}

// plainInterface reports whether t is an interface of package sync's locks, which do not fail.
func plainInterface(t types.Type) bool {
	m, ok := methodOf(t, "Lock")
	return types.IsInterface(t) && ok && !m.fails()
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

// acquire is a call of Lock or of a variant of it, whose result is value. If it may fail, the
// path goes on twice: with the lock, and without it.
func (w *walk) acquire(s *state, t target, m method, value ssa.Value, pos token.Pos) []*state {
	if !m.try {
		w.mayBlock(s, pos, lockWait, t.name+"."+m.name)
		w.order(s, order{Class: t.class, Path: t.path, Read: m.read}, pos)
	}
	old, entry := s.locks[t.path]
	if !entry && !m.try && !expected(value) {
		w.noteAcquisition(s, t, m)
	}
	switch {
	case old.hold == undecided || s.uncertain[t.class] && !entry:
		w.unusedResult(s, t, m, value, pos)
		return []*state{s}
	case old.hold == held:
		return w.acquireHeld(s, t, m, value, pos)
	}
	callers := old.callers && (old.hold == released || old.hold == failed)
	yes := lockState{hold: held, readers: one(m.read), pos: pos, pinned: m.pinned, any: t.any, reacquired: callers, class: t.class, name: t.name, base: t.base}
	if instr, ok := value.(ssa.Instruction); ok {
		yes.block = instr.Block()
	}
	if !m.fails() || w.unusedResult(s, t, m, value, pos) {
		s.locks[t.path] = yes
		return []*state{s}
	}
	if onlyPrinted(value) {
		s.locks[t.path] = yes
		s.giveUp(t.path)
		return []*state{s}
	}
	no := s.clone()
	s.locks[t.path] = yes
	w.result(s, value, m, true, t.path)
	no.locks[t.path] = lockState{hold: failed, pos: pos, callers: callers, class: t.class, name: t.name, base: t.base}
	w.result(no, value, m, false, t.path)
	return []*state{s, no}
}

// onlyPrinted reports whether a result goes nowhere but into an interface, to be printed.
func onlyPrinted(v ssa.Value) bool {
	for _, ref := range *v.Referrers() {
		if _, ok := ref.(*ssa.MakeInterface); !ok {
			return false
		}
	}
	return true
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// maxReaders is how often a path may hold a lock for reading.
const maxReaders = 3

// acquireHeld acquires a lock that the path holds. To read again is right. All else fails.
func (w *walk) acquireHeld(s *state, t target, m method, value ssa.Value, pos token.Pos) []*state {
	old := s.locks[t.path]
	switch {
	case w.mayDiffer(old, t), old.readers == maxReaders:
		s.giveUp(t.path)
		return []*state{s}
	case old.reading() && m.read:
		more := old
		more.readers++
		if m.try {
			s.locks[t.path] = more
			w.result(s, value, m, true, nil)
			return []*state{s}
		}
		if !m.fails() || w.unusedResult(s, t, m, value, pos) {
			s.locks[t.path] = more
			return []*state{s}
		}
		no := s.clone()
		w.result(no, value, m, false, nil)
		s.locks[t.path] = more
		w.result(s, value, m, true, t.path)
		return []*state{s, no}
	}
	if !m.try && !expected(value) {
		w.deadlock(s, t.path, old, m.read, pos, m.name)
	}
	w.result(s, value, m, false, nil)
	return []*state{s}
}

// deadlock reports that a lock is acquired, by what is called there, which the path holds.
func (w *walk) deadlock(s *state, lock *path, old lockState, read bool, pos token.Pos, what string) {
	rule, how := SelfDeadlock, "is held"
	switch {
	case old.reading() && !read:
		rule, how = Upgrade, "is held for reading"
	case read:
		how = "is held for writing"
	}
	w.reportOf(s, old.name, rule, pos, "%s %s since %s on this path: %s fails with ErrDeadlock (AA); unlock it first, or call code that expects it held",
		old.name, how, w.c.at(old.pos, pos), what)
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
func (w *walk) result(s *state, value ssa.Value, m method, ok bool, lock *path) {
	if value == nil || !m.fails() {
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
	if !m.fails() || value != nil && len(*value.Referrers()) > 0 {
		return false
	}
	w.ignored(s, t.name, m, pos)
	return true
}

func (w *walk) ignored(s *state, name string, m method, pos token.Pos) {
	if m.try {
		w.report(IgnoredError, pos, "the result of %s.%s is ignored: false means that the lock is not held; write if %s.%s() { … }", name, m.name, name, m.name)
		return
	}
	f := w.report(IgnoredError, pos, "the error of %s.%s is ignored: after a failure the lock is not held; check the error and do not go on", name, m.name)
	f.fixes = w.fixIgnored(s, pos)
}

// mayDiffer reports whether one access path may have named two locks: its pointer was
// loaded twice, from a field that the package changes.
func (w *walk) mayDiffer(old lockState, t target) bool {
	switch {
	case t.record:
		return false
	case old.base == nil && t.base == nil: // both by callees
		return t.path.byLoad()
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
		return c.stored[classAt(at)] || !classAt(at).known() || c.changes(base(at))
	case *ssa.Alloc, *ssa.FreeVar: // a variable: stores to it are followed
		return false
	case *ssa.Global:
		return c.stored[classAt(at)]
	}
	return true
}

// noteFunction records the fields and variables that fn writes, except those of objects that
// it makes; the functions that it stores in fields, and those that it uses; and the classes of
// the locks that it puts into an interface: what is unlocked through an interface may be one of
// them.
func (c *checker) noteFunction(fn *ssa.Function) {
	var operands []*ssa.Value
	eachInstr(fn, func(instr ssa.Instruction) {
		operands = instr.Operands(operands[:0])
		for _, op := range operands {
			if used, ok := (*op).(*ssa.Function); ok {
				c.used[generic(used)] = true
			}
		}
		switch instr := instr.(type) {
		case *ssa.Store:
			if _, fresh := base(instr.Addr).(*ssa.Alloc); !fresh && fn.Synthetic == "" {
				c.stored[classAt(instr.Addr)] = true
			}
			c.noteFieldFunction(instr)
		case ssa.CallInstruction:
			c.checkMoving(instr.Common(), instr.Pos())
		case *ssa.MakeInterface:
			if _, ok := embedded(instr.X.Type()); ok {
				c.inInterface[lockClass(instr.X)] = true
			}
		}
	})
}

// ownAcquires reports whether fn acquires locks of a class.
func (c *checker) ownAcquires(fn *ssa.Function, of class) (found bool) {
	eachLockCall(fn, func(m method, class class) { found = found || m.acquire() && class == of })
	return found
}

// unlockSite is a call site of Unlock for a lock that the function's caller may hold.
type unlockSite struct {
	name       string
	acquiredAt token.Pos    // by some path of the function, if valid
	callers    []occurrence // the paths that have not acquired it
}

// occurrence is a lock at the end of a path.
type occurrence struct {
	lock  string // its name
	forks []*ssa.BasicBlock
}

// release is a call of Unlock or of a variant of it, deferred if d is not nil.
func (w *walk) release(s *state, t target, m method, pos token.Pos, d *ssa.Defer) {
	w.releasedHere[t.class] = true
	old := s.locks[t.path]
	now := lockState{hold: released, pos: pos, pinned: m.pinned, record: t.record, any: t.any, class: t.class, name: t.name, base: t.base}
	now.readers = one(m.read)
	switch old.hold {
	case undecided:
		return
	case held:
		if !old.reacquired {
			w.noteUnlock(s, pos, t, old.pos)
		}
		w.iterations.released[old.pos] = true
		if old.by != "" {
			w.hasUnlocker[unlockable{id: old.by}] = true
		}
		w.checkKind(old, t, m, pos)
		if old.readers > 1 {
			old.readers--
			s.locks[t.path] = old
			return
		}
		now.callers = old.reacquired
	case failed:
		w.releaseFailed(s, old, t, m, pos, d)
	case released:
		w.releaseAgain(s, old, t, m, pos)
		return
	default:
		if s.uncertain[t.class] {
			return
		}
		if w.callerMayHold(s, t) {
			if w.indexDiffers(s, t, pos) || t.from != t.path && s.locks[t.from].hold == held && w.otherHeld(s, t, pos) {
				return
			}
			now.callers = true
			w.noteUnlocker(s, t)
			if w.mayBe(s, t) {
				return
			}
			if !t.path.elem {
				w.noteUnlock(s, pos, t, token.NoPos)
			}
			break
		}
		now.callers = w.nothingHeld // whoever started the goroutine may think so
		if !w.otherHeld(s, t, pos) {
			w.reportOf(s, t.name, Unheld, pos, "%s is unlocked where it was not locked: only the goroutine that holds a lock may unlock it", t.name)
		}
	}
	s.locks[t.path] = now
	s.resultChecked(t.path)
}

// noteUnlocker records that somebody unlocks locks of a class for those who have locked them. The
// function itself may have done so, in another loop or by another name.
func (w *walk) noteUnlocker(s *state, t target) {
	own := false
	for fn := w.fn; fn != nil; fn = fn.Parent() {
		own = own || w.c.ownAcquires(fn, t.class)
	}
	for _, l := range s.locks {
		own = own || l.hold == held && l.class == t.class
	}
	if !own {
		w.hasUnlocker[unlockable{class: t.class}] = true
		w.hasUnlocker[unlockable{class: t.class, each: t.path.elem}] = true
	}
	if t.path.Kind == stepLock {
		for class := range w.c.inInterface {
			w.hasUnlocker[unlockable{class: class}] = true
		}
	}
}

// releaseAgain is a release of what the path has released.
func (w *walk) releaseAgain(s *state, old lockState, t target, m method, pos token.Pos) {
	switch {
	case t.record:
		w.reportOf(s, t.name, BadRecord, pos, "the record is finished twice on this path (%s): commit or discard it once", w.c.at(old.pos, pos))
	case w.mayDiffer(old, t), old.callers && (old.readers > 0 || m.read || t.any), t.path.elem: // another goroutine may have locked it meanwhile
		s.giveUp(t.path)
	case !w.otherHeld(s, t, pos):
		w.reportOf(s, t.name, Unheld, pos, "%s is unlocked twice on this path (%s): unlock once", t.name, w.c.at(old.pos, pos))
	}
}

// use is a call of a method that needs a record which is not finished.
func (w *walk) use(s *state, t target, m method, pos token.Pos) {
	if old := s.locks[t.path]; old.hold == released {
		w.reportOf(s, t.name, BadRecord, pos, "%s of a record that is finished (%s): another record may have its bytes; use it before", m.name, w.c.at(old.pos, pos))
	}
}

// downgrade turns a write lock into a read lock.
func (w *walk) downgrade(s *state, t target, pos token.Pos) {
	old := s.locks[t.path]
	switch {
	case old.reading():
		w.reportOf(s, t.name, WrongUnlock, pos, "%s is held for reading (%s): Downgrade needs the write lock", t.name, w.c.at(old.pos, pos))
	case old.hold == held:
		old.readers = 1
		s.locks[t.path] = old
	default:
		s.giveUp(t.path)
	}
}

// checkKind reports a release of the other kind than the acquisition.
func (w *walk) checkKind(old lockState, t target, m method, pos token.Pos) {
	var f *finding
	right := ""
	at := w.c.at(old.pos, pos)
	switch {
	case t.record:
		return
	case old.readers > 0 && !m.read:
		right = "RUnlock"
		f = w.report(WrongUnlock, pos, "%s is held for reading (%s): release it with RUnlock", t.name, at)
	case old.readers == 0 && m.read:
		right = "Unlock"
		f = w.report(WrongUnlock, pos, "%s is held for writing (%s): release it with Unlock", t.name, at)
	case old.pinned && !m.pinned:
		right = "UnlockPinned"
		f = w.report(WrongUnlock, pos, "%s was acquired with LockPinned (%s): release it with UnlockPinned, or the goroutine stays pinned", t.name, at)
	case !old.pinned && m.pinned:
		right = "Unlock"
		f = w.report(WrongUnlock, pos, "%s was not acquired with LockPinned (%s): release it with Unlock", t.name, at)
	default:
		return
	}
	f.fixes = w.c.fixKind(pos, right)
}

// releaseFailed reports a release on the path where the acquisition failed.
func (w *walk) releaseFailed(s *state, old lockState, t target, m method, pos token.Pos, d *ssa.Defer) {
	switch at := w.c.at(old.pos, pos); {
	case t.record:
		w.reportOf(s, t.name, BadRecord, pos, "%s of a record on a path where Reserve (%s) failed: there is none to finish", m.name, at)
	case d == nil:
		w.reportOf(s, t.name, Unheld, pos, "%s is unlocked on a path where acquiring it (%s) failed: unlock only what is held", t.name, at)
	default:
		f := w.reportOf(s, t.name, EarlyDefer, pos, "the deferred unlock of %s also runs where acquiring it (%s) failed: put the defer after the error check, or let it ask whether the lock is held",
			t.name, at)
		f.fixes = w.c.fixDefer(d, old.pos)
	}
}

// callerMayHold reports whether a lock that this path has not touched may be held by
// the function's caller, so that unlocking it is right.
func (w *walk) callerMayHold(s *state, t target) bool {
	switch {
	case t.path.elem, t.record:
		return true
	case w.ownVariable(t.base) && !t.any, madeHere(t.path):
		return false
	}
	return !w.nothingHeld || t.any || s.opaque || !w.variable(t)
}

// madeHere reports whether a lock was made by new in the function.
func madeHere(p *path) bool {
	alloc, ok := p.value.(*ssa.Alloc)
	return ok && alloc.Heap && isLockPointer(alloc.Type())
}

// indexDiffers reports that t is unlocked although the lock held has another index, if so.
func (w *walk) indexDiffers(s *state, t target, pos token.Pos) bool {
	for _, p := range s.heldPaths() {
		if p != t.path && p.similar(t.path) && s.locks[p].class == t.class {
			return w.otherHeld(s, t, pos)
		}
	}
	return false
}

// otherHeld reports that t is unlocked although the lock held is another, if so.
func (w *walk) otherHeld(s *state, t target, pos token.Pos) bool {
	for _, p := range s.heldPaths() {
		if other := s.locks[p]; p != t.path && !other.record {
			w.reportOf(s, other.name, WrongUnlock, pos, "%s", w.c.wrongUnlock(t.name, pos, other))
			return true
		}
	}
	return false
}

// wrongUnlock is the message that a lock is unlocked while another is held. Both have one name if
// what the name stands for has changed.
func (c *checker) wrongUnlock(name string, pos token.Pos, other lockState) string {
	at := c.at(other.pos, pos)
	if name == other.name {
		return fmt.Sprintf("%s is unlocked, which is another lock than the %s that was acquired (%s): keep a pointer to that one, and unlock it", name, name, at)
	}
	return fmt.Sprintf("%s is unlocked, but the lock held is %s (%s): unlock the one that was acquired", name, other.name, at)
}

// mayBe gives up on the locks held that t may be by another name.
func (w *walk) mayBe(s *state, t target) (found bool) {
	s.giveUpIf(func(p *path, l lockState) bool {
		alias := l.hold == held && !extends(t.path, p) && (l.class == t.class && (p.indirect() || t.path.indirect()) ||
			(p.Kind == stepLock) != (t.path.Kind == stepLock))
		found = found || alias
		return alias
	})
	return found
}

// extends reports whether the object of lock p is reached from the object of lock q, as the next
// of a list is. They are two objects.
func extends(p, q *path) bool {
	for p.isStep() && q.isStep() && p.Kind == q.Kind && p.Name == q.Name && p.Other == q.Other {
		p, q = p.From, q.From
	}
	return p != q && p.leadsFrom(q) && p.Kind == stepLoad
}

// variable reports whether the lock is in a variable, rather than in what a call
// returned, perhaps locked.
func (w *walk) variable(t target) bool {
	switch t.base.(type) {
	case *ssa.Global, *ssa.FreeVar, *ssa.Parameter, *ssa.Alloc:
		return true
	case *ssa.UnOp:
		return t.path.root().Kind != rootValue
	}
	return false
}

// noteUnlock records how an unlock was reached: with a lock that this function has
// acquired, or with none.
func (w *walk) noteUnlock(s *state, pos token.Pos, t target, acquiredAt token.Pos) {
	u := w.unlocks[pos]
	u.name = t.name
	if acquiredAt.IsValid() {
		u.acquiredAt = acquiredAt
	} else {
		u.callers = append(u.callers, occurrence{t.name, s.forks})
		for _, b := range w.dominators(w.at) {
			w.toggled[t.path] = w.toggled[t.path] || w.byValue[b]
		}
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

// A wait is why an operation may block.
type wait uint8

const (
	lockWait  wait = iota + 1 // for a lock
	otherWait                 // for a channel, a timer, a file: for as long as it likes
	panicWait                 // a panic, which must not happen while a lock is pinned
	shortWait                 // to print, to log, or for a system call that seldom lasts
)

// mayBlock reports an operation that may block while a pinned lock is held, or any if the rule
// blocks is on.
func (w *walk) mayBlock(s *state, pos token.Pos, why wait, what string) {
	b := blockReason{Why: why, What: what}
	w.noteBlock(s, b)
	w.reportBlock(s, pos, b, "")
}

// mayBlockIn is mayBlock for a call, by its name, of what leads to operations that may block. here
// says which of the callee's conditions are open in the caller, and whether they are possible.
func (w *walk) mayBlockIn(s *state, pos token.Pos, all []blockReason, callee string, here func([]condition) ([]condition, bool)) {
	var possible []blockReason
	for _, b := range all {
		if open, ok := here(b.When); ok {
			b.When = open
			w.noteBlock(s, b)
			possible = append(possible, b)
		}
	}
	if len(possible) > 0 {
		w.reportBlock(s, pos, possible[0], callee)
	}
}

// noteBlock records for callers that an operation may block. What the function does after it has
// released its caller's lock, callers need not know.
func (w *walk) noteBlock(s *state, b blockReason) {
	if b.Why == panicWait || s.releasesCallers() {
		return
	}
	lasts := b.Why == otherWait
	i := slices.IndexFunc(w.blocks, func(old blockReason) bool { return (old.Why == otherWait) == lasts })
	if i >= 0 && len(w.blocks[i].When) == 0 { // there is no more to say
		return
	}
	b.When = slices.DeleteFunc(slices.Concat(b.When, s.flags()), func(c condition) bool { return c.Name.Kind != rootParameter })
	switch {
	case i >= 0:
		w.blocks[i].When = common(w.blocks[i].When, b.When)
	case lasts:
		w.blocks = slices.Insert(w.blocks, 0, b)
	default:
		w.blocks = append(w.blocks, b)
	}
}

// reportBlock reports an operation that may block, here or in a callee.
func (w *walk) reportBlock(s *state, pos token.Pos, b blockReason, callee string) {
	why, what := b.Why, b.What
	if callee != "" {
		what = callee + ", which leads to " + what + ","
	}
	if l, ok := s.pinned(); ok {
		w.report(BlockPinned, pos, "%s may block while %s is held with LockPinned (%s), which crashes the program: move it after UnlockPinned, or use Lock",
			what, l.name, w.c.at(l.pos, pos))
		return
	}
	if why != otherWait || !w.c.opts.blocks {
		return
	}
	for _, p := range s.heldPaths() {
		if l := s.locks[p]; !l.record {
			w.reportOf(s, l.name, Blocks, pos, "%s may block while %s is held (%s), and so does everybody who needs the lock: move it after the unlock", what, l.name, w.c.at(l.pos, pos))
			return
		}
	}
}
