package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// A mutant is the lock with one thing wrong.
type mutant struct {
	name   string
	drop   int32                  // a statement, or a branch, left out
	weaken map[mc.Access]mc.Order // an ordering made weaker
}

// in is a world in which the lock is the mutant.
func (m mutant) in(w mc.World) mc.World {
	w.Drop, w.Weaken = m.drop, m.weaken
	w.MaxSteps = mutantSteps
	return w
}

// mutantSteps is more than any execution of a program takes.
const mutantSteps = 2000

// dropped lists the mutants that leave out something that programs reach.
func dropped(reached map[int32]bool) (ms []mutant) {
	seen := map[string]int{}
	for i, d := range lock.Drops {
		text, _ := strings.CutSuffix(d.Text, " {\n}")
		text, _ = strings.CutSuffix(text, " { ...")
		name := fmt.Sprintf("%s: %s without %s", d.File, d.Func, text)
		if seen[name]++; seen[name] > 1 {
			name += fmt.Sprintf(" #%d", seen[name])
		}
		if id := lock.FirstDrop + int32(i); reached[id] {
			ms = append(ms, mutant{name: name, drop: id})
		}
	}
	return ms
}

// weakened lists the mutants with a weaker ordering, of the accesses given.
func weakened(accesses map[mc.Access]mc.Order) (ms []mutant) {
	for a, o := range accesses {
		for _, to := range weaker[o] {
			s := lock.Sites[a.Site-1]
			name := fmt.Sprintf("%s: %s %s %v, not %v", s.File, s.Func, accessText(a, s), to, o)
			ms = append(ms, mutant{name: name, weaken: map[mc.Access]mc.Order{a: to}})
		}
	}
	slices.SortFunc(ms, func(a, b mutant) int { return cmp.Compare(a.name, b.name) })
	return ms
}

// accessText tells the accesses of a primitive that takes several steps apart.
func accessText(a mc.Access, s mc.SiteInfo) string {
	text := s.Text
	if _, part, ok := strings.Cut(a.Prim, "/"); ok {
		text += "/" + part
	}
	return text
}

// weaker has for each ordering the next ones below it. SeqCst is what sync/atomic
// has for everything; see stronger.
var weaker = map[mc.Order][]mc.Order{
	mc.Acquire: {mc.Relaxed},
	mc.Release: {mc.Relaxed},
	mc.AcqRel:  {mc.Acquire, mc.Release},
	mc.SeqCst:  {mc.AcqRel, mc.Relaxed},
}

// stronger reports whether the mutant weakens an access of sync/atomic, which has
// no weaker ones: if nothing needs the ordering, nothing can be done about it.
func (m mutant) stronger() bool { return strings.HasSuffix(m.name, ", not seq_cst") }

// needed are the mutants of sync/atomic's accesses that must die all the same:
// publishing an edge, which all of the others see or which sees all of the others.
var needed = []string{"detect.go: beginWait w.lock.Store(l) acq_rel, not seq_cst"}

// mutants lists all mutants that must die.
func mutants(accesses map[mc.Access]mc.Order, reached map[int32]bool) (ms []mutant) {
	for _, m := range append(dropped(reached), weakened(accesses)...) {
		if _, ok := harmless[m.name]; !ok && (!m.stronger() || slices.Contains(needed, m.name)) {
			ms = append(ms, m)
		}
	}
	return ms
}

// kill explores programs until one fails with the mutant; ok is false if none
// does. It walks through each a little, at random and with priorities, which finds
// most, then explores the small ones whole, and then walks for longer: executions
// of each program.
func (m mutant) kill(seed uint64, executions int64) (r mc.Result, ok bool) {
	memories := []mc.Model{mc.SC, mc.RA}
	if m.weaken != nil {
		memories = memories[1:] // SC has no orderings
	}
	sample := func(s mc.Strategy, executions int64) func(e entry, memory mc.Model) mc.Result {
		return func(e entry, memory mc.Model) mc.Result {
			if executions == 0 {
				return mc.Result{}
			}
			w := m.in(e.program.world(memory))
			w.MaxExecutions = executions
			return w.Run(e.compile(), s)
		}
	}
	walk, low, high := mc.Walk(seed), mc.PCT(seed, 3), mc.PCT(seed, 8)
	whole := func(e entry, memory mc.Model) mc.Result {
		if e.from(memory) > short {
			return mc.Result{}
		}
		w := m.in(e.world(memory))
		w.MaxStates = 200_000
		return w.Run(e.compile(), mc.Exhaustive())
	}
	for _, explored := range []func(entry, mc.Model) mc.Result{
		sample(walk, 30), sample(low, 30), sample(walk, 300), sample(low, 300), sample(high, 300),
		whole, sample(low, executions), sample(high, executions), sample(walk, executions),
	} {
		for _, memory := range memories {
			for _, e := range suite {
				if r = explored(e, memory); r.Failure != nil {
					return r, true
				}
			}
		}
	}
	return r, false
}
