package mc

import (
	"fmt"
	"regexp"
	"strings"
)

// Minimise returns a schedule that fails in the same way as the given one, with fewer
// steps, switches between threads or choices if it finds one.
func (w World) Minimise(p *Program, text string) (string, error) {
	s, err := parseSchedule(text)
	if err != nil {
		return "", err
	}
	oneAt.Lock()
	defer oneAt.Unlock()
	m := newMachine(w, p)
	defer m.close()
	if err := m.replay(s); err != nil {
		return "", err
	}
	if m.failure == "" {
		return "", fmt.Errorf("schedule: it does not fail")
	}
	return m.minimise(s).String(), nil
}

// maxMinimise bounds the steps that minimising may take.
const maxMinimise = 3_000_000

// minimise shortens a failing schedule until no small change makes it better.
func (m *machine) minimise(s schedule) schedule {
	n := &minimiser{m: m, kind: kindOf(m.failure), best: s, left: maxMinimise}
	if s.fair {
		n.shorten()
		return n.best
	}
	for n.round() && n.left > 0 {
	}
	return n.best
}

// kindOf returns what the messages of two failures of the same kind have in common.
func kindOf(failure string) string {
	kind := digits.ReplaceAllString(failure, "#")
	kind = strings.TrimPrefix(kind, "T#: ")
	kind, _, _ = strings.Cut(kind, ":")
	return kind
}

var digits = regexp.MustCompile("[0-9]+")

// A minimiser tries changed schedules and keeps those that are better.
type minimiser struct {
	m    *machine
	kind string
	best schedule
	left int // steps that may still be taken
	buf  []choice
}

// shorten finds a short prefix of a fair schedule after which there is no progress.
func (n *minimiser) shorten() {
	whole := n.best.steps
	for length := 0; length < len(whole) && n.left > 0; length = 2*length + 1 {
		s := schedule{steps: whole[:length], fair: true}
		err := n.m.replay(s)
		n.left -= n.m.steps
		if err == nil && n.m.failure != "" && kindOf(n.m.failure) == n.kind {
			n.best = s
			return
		}
	}
}

// round tries every small change once, and reports whether one made it better.
func (n *minimiser) round() bool {
	better := false
	for at := 0; at < len(n.best.steps) && n.left > 0; at++ {
		better = n.try(n.without(at, n.block(at))) || n.try(n.without(at, 1)) ||
			n.try(n.later(at)) || n.try(n.firstAlternative(at)) || better
	}
	return better
}

// block counts the steps from at on that are of the same actor.
func (n *minimiser) block(at int) int {
	steps := n.best.steps
	end := at + 1
	for end < len(steps) && steps[end].actor() == steps[at].actor() {
		end++
	}
	return end - at
}

// without leaves out count steps.
func (n *minimiser) without(at, count int) []choice {
	steps := n.best.steps
	return append(append([]choice(nil), steps[:at]...), steps[at+count:]...)
}

// later swaps the block at at with the next one.
func (n *minimiser) later(at int) []choice {
	steps := n.best.steps
	mid := at + n.block(at)
	if mid == len(steps) {
		return nil
	}
	end := mid + n.block(mid)
	s := append([]choice(nil), steps[:at]...)
	s = append(s, steps[mid:end]...)
	s = append(s, steps[at:mid]...)
	return append(s, steps[end:]...)
}

// firstAlternative replaces the alternative of a step by the first.
func (n *minimiser) firstAlternative(at int) []choice {
	c := n.best.steps[at]
	if c.alt() == 0 || c.what() != stepRun {
		return nil
	}
	s := append([]choice(nil), n.best.steps...)
	s[at] = c.actor()
	return s
}

// try runs an execution after a proposed schedule. It keeps the execution's own schedule
// if that fails in the same way and is better.
func (n *minimiser) try(proposal []choice) bool {
	if proposal == nil || n.left <= 0 {
		return false
	}
	taken := n.lenient(proposal)
	n.left -= len(taken)
	if n.m.failure == "" || kindOf(n.m.failure) != n.kind || !simpler(taken, n.best.steps) {
		return false
	}
	n.best.steps = taken
	return true
}

// lenient takes the steps of a proposed schedule. It skips those that are not possible.
// After the last one it continues with the thread that ran last. It returns the steps
// that it has taken.
func (n *minimiser) lenient(proposal []choice) (taken []choice) {
	m := n.m
	m.begin()
	defer m.abandon()
	for m.failure == "" && len(taken) <= len(n.best.steps) {
		n.buf = m.options(n.buf[:0])
		if len(n.buf) == 0 {
			m.end()
			break
		}
		for len(proposal) > 0 && !contains(n.buf, proposal[0]) {
			proposal = proposal[1:]
		}
		c := n.buf[0]
		if len(proposal) > 0 {
			c, proposal = proposal[0], proposal[1:]
		}
		taken = append(taken, c)
		m.step(c)
	}
	return taken
}

// simpler reports whether a costs less than b and is not longer, or costs the same and
// is shorter.
func simpler(a, b []choice) bool {
	ca, cb := cost(a), cost(b)
	return ca < cb && len(a) <= len(b) || ca == cb && len(a) < len(b)
}

// cost counts the switches between actors, the ticks, and the alternatives other than
// the first.
func cost(steps []choice) int {
	n := 0
	for i, c := range steps {
		if i > 0 && c.actor() != steps[i-1].actor() {
			n++
		}
		if c.alt() > 0 || c.what() == stepTick {
			n++
		}
	}
	return n
}
