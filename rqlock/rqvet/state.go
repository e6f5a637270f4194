package rqvet

import (
	"cmp"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// hold is what a path knows of one lock. A lock without an entry is as it was when the
// function began.
type hold uint8

const (
	held hold = iota + 1
	failed
	released
	undecided // nothing is reported of this lock from here on
)

type lockState struct {
	hold       hold
	readers    int       // held: how often for reading; 0 = for writing
	pos        token.Pos // of the last operation
	pinned     bool
	record     bool
	any        bool   // any goroutine may release it
	later      bool   // held: something else releases it, the cleanup of a test or the stop of an iterator
	callers    bool   // failed or released: it was held when the function began
	by         string // held: the callee that acquired it
	reacquired bool   // held: it was when the function began, too, but not all the time
	class      class
	name       string          // for messages
	block      *ssa.BasicBlock // held: where it was acquired
	base       ssa.Value       // where its address came from
}

// reading reports whether l is held for reading.
func (l lockState) reading() bool { return l.hold == held && l.readers > 0 }

// deferred is one entry of a function's defer stack.
type deferred struct {
	call *ssa.Defer
	lock *path // of the lock if it is an unlock
}

// state is what one path knows at one point.
type state struct {
	locks     map[*path]lockState
	env       map[ssa.Value]val
	mem       map[*path]val
	conds     map[*path]known
	given     map[*path]known     // conditions on what was true when the function began
	stored    numbers             // of variables that are not as they were then
	uncertain map[class]bool      // classes with a lock that is held but cannot be named any more
	lost      map[class]lockState // held by the name that an earlier iteration of a loop gave it
	opaque    bool                // a function was called of which nothing is known
	defers    []deferred
	entered   []*ssa.BasicBlock // the loops that it was taken for granted would run
	forks     []*ssa.BasicBlock // the branches that this path could not decide; see forks.go
}

func newState() *state {
	return &state{
		locks: map[*path]lockState{}, env: map[ssa.Value]val{}, mem: map[*path]val{}, conds: map[*path]known{},
		given: map[*path]known{}, uncertain: map[class]bool{}, lost: map[class]lockState{},
	}
}

func (s *state) clone() *state {
	return &state{
		locks: maps.Clone(s.locks), env: maps.Clone(s.env), mem: maps.Clone(s.mem), conds: maps.Clone(s.conds),
		given: maps.Clone(s.given), stored: slices.Clone(s.stored), uncertain: maps.Clone(s.uncertain), lost: maps.Clone(s.lost),
		opaque: s.opaque, defers: slices.Clone(s.defers), entered: slices.Clip(s.entered), forks: slices.Clip(s.forks),
	}
}

// size is how many facts s has.
func (s *state) size() int {
	return len(s.locks) + len(s.env) + len(s.mem) + len(s.conds) + len(s.given)
}

// join leaves in s what both states know. They hold the same locks, but those are given
// up whose pointers differ.
func (s *state) join(o *state) {
	joinVals(s, s.env, o.env)
	joinVals(s, s.mem, o.mem)
	maps.DeleteFunc(s.conds, func(name *path, is known) bool { return o.conds[name] != is })
	maps.DeleteFunc(s.given, func(name *path, is known) bool { return o.given[name] != is })
	s.stored.addAll(o.stored)
	maps.Copy(s.uncertain, o.uncertain)
	maps.Copy(s.lost, o.lost)
	s.opaque = s.opaque || o.opaque
	for _, b := range o.forks {
		s.fork(b)
	}
}

func joinVals[K comparable](s *state, mine, others map[K]val) {
	for k, x := range mine {
		y := others[k]
		if x == y {
			continue
		}
		if x.path != y.path || x.object != y.object {
			s.giveUpIf(func(p *path, _ lockState) bool { return p.leadsFrom(x.path) || p.leadsFrom(y.path) })
			x.path, x.object = nil, nil
		}
		if x.known != y.known {
			x.known = nothing
		}
		if x.lock != y.lock {
			x.lock = nil
		}
		if x.num != y.num {
			x.num = number{}
		}
		if mine[k] = x; x == (val{}) {
			delete(mine, k)
		}
	}
}

// fork records a branch that the path could not decide.
func (s *state) fork(b *ssa.BasicBlock) {
	if !slices.Contains(s.forks, b) {
		s.forks = append(s.forks, b)
	}
}

// forget drops what s knows of a value that is computed anew, as in the next iteration
// of a loop. If a lock that is held loses its name, its class becomes uncertain.
func (s *state) forget(root *path) {
	for p, l := range s.locks {
		if p.mentions(root) {
			if l.hold == held || l.hold == undecided {
				s.uncertain[l.class] = true
			}
			delete(s.locks, p)
		}
	}
	maps.DeleteFunc(s.mem, func(at *path, v val) bool { return at.mentions(root) || v.path.mentions(root) })
	maps.DeleteFunc(s.conds, func(name *path, _ known) bool { return name.mentions(root) })
	for v, known := range s.env {
		if known.path.mentions(root) {
			known.path = nil
			s.env[v] = known
		}
	}
}

// store records that the variable at a path holds v from now on.
func (s *state) store(at *path, v val) {
	maps.DeleteFunc(s.mem, func(p *path, _ val) bool { return p != at && p.leadsFrom(at) && !p.byLoadSince(at) })
	s.conditionsChanged(at)
	if s.mem[at] = v; v == (val{}) {
		delete(s.mem, at)
	}
}

// byLoadSince reports whether a load is among the steps from q to p.
func (p *path) byLoadSince(q *path) bool {
	for ; p != q; p = p.From {
		if p.Kind == stepLoad {
			return true
		}
	}
	return false
}

// conditionsChanged drops the conditions that depend on a variable, or on one of the same
// field, which may be the same.
func (s *state) conditionsChanged(at *path) {
	if at.variable > 0 {
		s.stored.add(at.variable)
		maps.DeleteFunc(s.conds, func(name *path, _ known) bool { return name.loads(at.isNamed) })
		return
	}
	loaded := at.load()
	maps.DeleteFunc(s.conds, func(name *path, _ known) bool { return name.mentions(loaded) })
}

// changed drops what s knows of all fields and variables of some names.
func (s *state) changed(some numbers) {
	if some.empty() {
		return
	}
	s.stored.addAll(some)
	maps.DeleteFunc(s.mem, func(at *path, _ val) bool { return some.have(at) })
	maps.DeleteFunc(s.conds, func(cond *path, _ known) bool { return cond.loads(some.have) })
}

// atBeginning reports whether a condition was the same when the function began.
func (s *state) atBeginning(cond *path) bool {
	return cond.portable() && !cond.has(func(p *path) bool {
		return p.Kind == stepLoad && s.stored.have(p.From) || p.Kind == opCall && !s.stored.empty()
	})
}

// resultChecked records that the program has checked the result of acquiring a lock.
func (s *state) resultChecked(lock *path) {
	if lock == nil {
		return
	}
	for v, known := range s.env {
		if known.lock == lock {
			known.lock = nil
			s.env[v] = known
		}
	}
	for p, known := range s.mem {
		if known.lock == lock {
			known.lock = nil
			s.mem[p] = known
		}
	}
}

// giveUp makes a lock undecided.
func (s *state) giveUp(lock *path) {
	l := s.locks[lock]
	l.hold, l.readers = undecided, 0
	s.locks[lock] = l
	s.resultChecked(lock)
}

// giveUpIf gives up on every lock for which the condition holds.
func (s *state) giveUpIf(cond func(lock *path, l lockState) bool) {
	for p, l := range s.locks {
		if cond(p, l) {
			s.giveUp(p)
		}
	}
}

// releasesCallers reports whether a lock that the caller held has been released.
func (s *state) releasesCallers() bool {
	for _, l := range s.locks {
		if l.hold == released && l.callers {
			return true
		}
	}
	return false
}

// heldPaths are the paths of the locks held, sorted.
func (s *state) heldPaths() []*path {
	var all []*path
	for p, l := range s.locks {
		if l.hold == held {
			all = append(all, p)
		}
	}
	sortPaths(all)
	return all
}

func sortPaths(all []*path) {
	slices.SortFunc(all, func(p, q *path) int { return cmp.Compare(p.id, q.id) })
}

// pinned returns the lock that keeps the goroutine on its thread, if any.
func (s *state) pinned() (lockState, bool) {
	for _, p := range s.heldPaths() {
		if l := s.locks[p]; l.pinned {
			return l, true
		}
	}
	return lockState{}, false
}

// A fingerprint is equal for states that know the same. It is a sum over all that they know,
// so that it does not depend on the order of maps.
type fingerprint [2]uint64

func (f *fingerprint) add(parts ...uint64) {
	x, y := uint64(0x9e3779b97f4a7c15), uint64(0xc2b2ae3d27d4eb4f)
	for _, p := range parts {
		x = (x ^ p) * 0xff51afd7ed558ccd
		x ^= x >> 32
		y = (y + p) * 0x9ddfea08eb382d69
		y ^= y >> 29
	}
	f[0] += x
	f[1] += y
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (p *path) number() uint64 {
	if p == nil {
		return 0
	}
	return uint64(p.id)
}

// lockKey is equal for states in which the same is held, and deferred.
func (s *state) lockKey() fingerprint {
	var f fingerprint
	for p, l := range s.locks {
		f.add(1, p.number(), uint64(l.hold), uint64(l.readers), bit(l.pinned)|bit(l.callers)<<1|bit(l.reacquired)<<2, uint64(l.pos))
	}
	for i, d := range s.defers {
		f.add(2, uint64(i), uint64(d.call.Pos()), d.lock.number())
	}
	return f
}

// key is equal for states that know the same.
func (w *walk) key(s *state) fingerprint {
	f := s.lockKey()
	for v, known := range s.env {
		w.addVal(&f, 3, w.c.root(v).number(), known)
	}
	for p, known := range s.mem {
		w.addVal(&f, 4, p.number(), known)
	}
	for p, k := range s.conds {
		f.add(5, p.number(), uint64(k))
	}
	for p, k := range s.given {
		f.add(6, p.number(), uint64(k))
	}
	f.add(10, bit(s.opaque))
	for _, b := range s.entered {
		f.add(11, uint64(b.Index), uint64(b.Parent().Pos()))
	}
	for class := range s.uncertain {
		f.add(7, w.c.classNumber(class))
	}
	return f
}

func (w *walk) addVal(f *fingerprint, kind, key uint64, v val) {
	f.add(kind, key, uint64(v.known), v.path.number(), v.lock.number(), bit(v.num.ok), uint64(v.num.n), w.c.typeNumber(v.object))
}

// classNumber tells the classes of a package apart.
func (c *checker) classNumber(k class) uint64 { return numberIn(c.classIDs, k) }

func (c *checker) typeNumber(t types.Type) uint64 {
	if t == nil {
		return 0
	}
	return numberIn(c.typeIDs, t)
}

func numberIn[K comparable](ids map[K]uint64, k K) uint64 {
	id, ok := ids[k]
	if !ok {
		id = uint64(len(ids) + 1)
		ids[k] = id
	}
	return id
}
