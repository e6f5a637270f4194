package rqvet

import (
	"fmt"
	"go/token"
	"maps"
	"slices"
	"sort"
	"strings"

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
	pos        token.Pos // of the last operation
	pinned     bool
	callers    bool   // failed or released: it was held when the function began
	by         string // held: the callee that acquired it
	reacquired bool   // held: it was when the function began, too, but not all the time
	class      string
	name       string          // for messages
	block      *ssa.BasicBlock // held: where it was acquired
	base       ssa.Value       // where its address came from
}

// deferred is one entry of a function's defer stack.
type deferred struct {
	call *ssa.Defer
	lock string // the path of the lock if it is an unlock
}

// state is what one path knows at one point.
type state struct {
	locks     map[string]lockState
	env       map[ssa.Value]val
	mem       map[string]val
	conds     map[string]known
	uncertain map[string]bool // classes with a lock that is held but cannot be named any more
	defers    []deferred
}

func newState() *state {
	return &state{locks: map[string]lockState{}, env: map[ssa.Value]val{}, mem: map[string]val{}, conds: map[string]known{}, uncertain: map[string]bool{}}
}

func (s *state) clone() *state {
	return &state{
		locks: maps.Clone(s.locks), env: maps.Clone(s.env), mem: maps.Clone(s.mem),
		conds: maps.Clone(s.conds), uncertain: maps.Clone(s.uncertain), defers: slices.Clone(s.defers),
	}
}

// lockKey is equal for states in which the same is held, and deferred.
func (s *state) lockKey() string {
	parts := make([]string, 0, len(s.locks))
	for p, l := range s.locks {
		parts = append(parts, fmt.Sprint(p, l.hold, l.pinned, l.callers, l.reacquired, l.pos))
	}
	sort.Strings(parts)
	for _, d := range s.defers {
		parts = append(parts, fmt.Sprint("d", d.call.Pos(), d.lock))
	}
	return strings.Join(parts, "\n")
}

// key is equal for states that know the same.
func (w *walk) key(s *state) string {
	parts := make([]string, 0, len(s.env)+len(s.mem)+len(s.conds))
	for v, known := range s.env {
		parts = append(parts, fmt.Sprint("e", w.c.root(v), known))
	}
	for p, known := range s.mem {
		parts = append(parts, fmt.Sprint("m", p, known))
	}
	for p, k := range s.conds {
		parts = append(parts, fmt.Sprint("c", p, k))
	}
	for class := range s.uncertain {
		parts = append(parts, "u"+class)
	}
	sort.Strings(parts)
	return s.lockKey() + "\n\n" + strings.Join(parts, "\n")
}

// join leaves in s what both states know. They hold the same locks, but those are given
// up whose pointers differ.
func (s *state) join(o *state) {
	joinVals(s, s.env, o.env)
	joinVals(s, s.mem, o.mem)
	maps.DeleteFunc(s.conds, func(name string, is known) bool { return o.conds[name] != is })
	maps.Copy(s.uncertain, o.uncertain)
}

func joinVals[K comparable](s *state, mine, others map[K]val) {
	for k, x := range mine {
		y := others[k]
		if x == y {
			continue
		}
		if x.path != y.path || x.object != y.object {
			s.giveUpIf(func(path string, _ lockState) bool {
				return x.path != "" && strings.HasPrefix(path, x.path) || y.path != "" && strings.HasPrefix(path, y.path)
			})
			x.path, x.object = "", nil
		}
		if x.known != y.known {
			x.known = nothing
		}
		if x.lock != y.lock {
			x.lock = ""
		}
		if x.num != y.num {
			x.num = ""
		}
		if mine[k] = x; x == (val{}) {
			delete(mine, k)
		}
	}
}

// forget drops what s knows of a value that is computed anew, as in the next iteration
// of a loop. If a lock that is held loses its name, its class becomes uncertain.
func (s *state) forget(root string) {
	for p, l := range s.locks {
		if strings.Contains(p, root) {
			if l.hold == held || l.hold == undecided {
				s.uncertain[l.class] = true
			}
			delete(s.locks, p)
		}
	}
	for p := range s.mem {
		if strings.Contains(p, root) {
			delete(s.mem, p)
		}
	}
	for p, v := range s.mem {
		if strings.Contains(v.path, root) {
			delete(s.mem, p)
		}
	}
	for p := range s.conds {
		if strings.Contains(p, root) {
			delete(s.conds, p)
		}
	}
	for v, known := range s.env {
		if strings.Contains(known.path, root) {
			known.path = ""
			s.env[v] = known
		}
	}
}

// store records that the variable at path holds v from now on.
func (s *state) store(path string, v val) {
	for p := range s.mem {
		if strings.HasPrefix(p, path+".") || strings.HasPrefix(p, path+"[") {
			delete(s.mem, p)
		}
	}
	delete(s.conds, path+"@")
	if s.mem[path] = v; v == (val{}) {
		delete(s.mem, path)
	}
}

// changed drops what s knows of all fields and variables of one name.
func (s *state) changed(name string) {
	maps.DeleteFunc(s.mem, func(path string, _ val) bool { return strings.HasSuffix(path, name) })
	maps.DeleteFunc(s.conds, func(path string, _ known) bool { return strings.HasSuffix(path, name+"@") })
}

// resultChecked records that the program has checked the result of acquiring a lock.
func (s *state) resultChecked(lock string) {
	if lock == "" {
		return
	}
	for v, known := range s.env {
		if known.lock == lock {
			known.lock = ""
			s.env[v] = known
		}
	}
	for p, known := range s.mem {
		if known.lock == lock {
			known.lock = ""
			s.mem[p] = known
		}
	}
}

// giveUp makes a lock undecided.
func (s *state) giveUp(path string) {
	l := s.locks[path]
	l.hold = undecided
	s.locks[path] = l
	s.resultChecked(path)
}

// giveUpIf gives up on every lock for which the condition holds.
func (s *state) giveUpIf(cond func(path string, l lockState) bool) {
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
func (s *state) heldPaths() []string {
	var paths []string
	for p, l := range s.locks {
		if l.hold == held {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return paths
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
