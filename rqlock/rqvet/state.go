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

// hold is what a path knows of one lock. A lock without an entry is as it was when
// the function began.
type hold uint8

const (
	held hold = iota + 1
	failed
	released
	unsure // out of sight, or undecided: nothing is reported from here on
)

type lockState struct {
	hold   hold
	pos    token.Pos // of the operation that brought it here
	pinned bool
	theirs bool   // not held: it was when the function began
	by     string // held: the callee that took it
	again  bool   // held: it was when the function began, too, but not all the time
	class  string
	name   string          // for messages
	block  *ssa.BasicBlock // held: where it was taken
	base   ssa.Value       // where its address came from
}

// deferred is one entry of a function's defer stack.
type deferred struct {
	call *ssa.Defer
	lock string // the path of the lock if it is an unlock
}

// state is one path's knowledge at one point.
type state struct {
	locks  map[string]lockState
	env    map[ssa.Value]val
	mem    map[string]val
	conds  map[string]known
	fog    map[string]bool // classes of which a held lock has lost its name
	defers []deferred
}

func newState() *state {
	return &state{locks: map[string]lockState{}, env: map[ssa.Value]val{}, mem: map[string]val{}, conds: map[string]known{}, fog: map[string]bool{}}
}

func (s *state) clone() *state {
	return &state{
		locks: maps.Clone(s.locks), env: maps.Clone(s.env), mem: maps.Clone(s.mem),
		conds: maps.Clone(s.conds), fog: maps.Clone(s.fog), defers: slices.Clone(s.defers),
	}
}

// lockKey is equal for states in which the same is held, and deferred.
func (s *state) lockKey() string {
	parts := make([]string, 0, len(s.locks))
	for p, l := range s.locks {
		parts = append(parts, fmt.Sprint(p, l.hold, l.pinned, l.theirs, l.again, l.pos))
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
	for class := range s.fog {
		parts = append(parts, "f"+class)
	}
	sort.Strings(parts)
	return s.lockKey() + "\n\n" + strings.Join(parts, "\n")
}

// join leaves in s what both know; both hold the same. A lock is lost if they
// differ in what its pointer is.
func (s *state) join(o *state) {
	joinVals(s, s.env, o.env)
	joinVals(s, s.mem, o.mem)
	maps.DeleteFunc(s.conds, func(name string, is known) bool { return o.conds[name] != is })
	maps.Copy(s.fog, o.fog)
}

func joinVals[K comparable](s *state, mine, theirs map[K]val) {
	for k, x := range mine {
		y := theirs[k]
		if x == y {
			continue
		}
		if x.path != y.path {
			s.loseIf(func(path string, _ lockState) bool {
				return x.path != "" && strings.HasPrefix(path, x.path) || y.path != "" && strings.HasPrefix(path, y.path)
			})
			x.path = ""
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

// forget drops what s knows of a value that is computed anew, as in the next round
// of a loop. A held lock that loses its name leaves its class in fog.
func (s *state) forget(root string) {
	for p, l := range s.locks {
		if strings.Contains(p, root) {
			if l.hold == held || l.hold == unsure {
				s.fog[l.class] = true
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

// store records that the word at path holds v from now on.
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

// changed drops what s knows of the fields and variables of a name.
func (s *state) changed(name string) {
	maps.DeleteFunc(s.mem, func(path string, _ val) bool { return strings.HasSuffix(path, name) })
	maps.DeleteFunc(s.conds, func(path string, _ known) bool { return strings.HasSuffix(path, name+"@") })
}

// seen records that the program has looked at the result of taking lock.
func (s *state) seen(lock string) {
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

// lose gives up on a lock.
func (s *state) lose(path string) {
	l := s.locks[path]
	l.hold = unsure
	s.locks[path] = l
	s.seen(path)
}

// loseIf gives up on every lock that lost says true of.
func (s *state) loseIf(lost func(path string, l lockState) bool) {
	for p, l := range s.locks {
		if lost(p, l) {
			s.lose(p)
		}
	}
}

// unlocksTheirs reports whether a lock has been released that was held at the beginning.
func (s *state) unlocksTheirs() bool {
	for _, l := range s.locks {
		if l.hold == released && l.theirs {
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
