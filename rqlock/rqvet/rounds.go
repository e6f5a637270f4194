package rqvet

import (
	"go/token"
	"strings"
)

// rounds is what a walk has seen of locks that are taken anew in each round of a loop,
// by where they are taken.
type rounds struct {
	kept     map[token.Pos]lockState // some round ended with the lock held
	released map[token.Pos]bool      // some round released it
}

// forget drops what s knows of a value that is computed anew, as the variable of a loop,
// and notes the locks held whose name goes with it.
func (w *walk) forget(s *state, root string) {
	for path, l := range s.locks {
		if l.hold == held && strings.Contains(path, root) {
			w.rounds.kept[l.pos] = l
		}
	}
	s.forget(root)
}

// checkRounds reports locks that only some rounds of a loop release, and nobody by
// another name.
func (w *walk) checkRounds() {
	for pos, l := range w.rounds.kept {
		if !w.rounds.released[pos] || speaksOfLocks.MatchString(w.top.Name()) {
			continue
		}
		w.c.kept = append(w.c.kept, keptLock{l.class, w.id(), finding{rule: Leak, pos: pos,
			message: l.name + " is still held when the next round of the loop takes another: unlock it on each path, before a continue, too"}})
	}
}
