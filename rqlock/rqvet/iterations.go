package rqvet

import (
	"go/token"
	"strings"
)

// iterations is what a walk knows of the locks that each iteration of a loop acquires
// anew, by the position of the acquisition.
type iterations struct {
	kept     map[token.Pos]lockState // some iteration ends with the lock held
	released map[token.Pos]bool      // some iteration releases it
}

// forget drops what s knows of a value that is computed anew, as the variable of a loop
// is, and records the locks held that lose their names.
func (w *walk) forget(s *state, root string) {
	for path, l := range s.locks {
		if l.hold == held && strings.Contains(path, root) {
			w.iterations.kept[l.pos] = l
		}
	}
	s.forget(root)
}

// checkIterations reports locks that only some iterations of a loop release, and nobody
// else.
func (w *walk) checkIterations() {
	for pos, l := range w.iterations.kept {
		if !w.iterations.released[pos] || lockingName.MatchString(w.top.Name()) {
			continue
		}
		w.c.kept = append(w.c.kept, keptLock{l.class, w.id(), finding{rule: Leak, pos: pos,
			message: l.name + " is still held when the next iteration of the loop acquires another: unlock it on each path, before a continue, too"}})
	}
}
