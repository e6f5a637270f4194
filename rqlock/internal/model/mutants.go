package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// A mutant is the lock with one thing wrong.
type mutant struct {
	name   string
	drop   int32                  // the statement or branch that is left out
	weaken map[mc.Access]mc.Order // the ordering that is weaker
}

// in returns w with the mutant as the lock.
func (m mutant) in(w mc.World) mc.World {
	w.Drop, w.Weaken = m.drop, m.weaken
	w.MaxSteps = mutantSteps
	return w
}

// mutantSteps is more than an execution of the unchanged lock takes.
const mutantSteps = 3000

// dropped lists the mutants that leave out a statement or branch that programs reach.
func dropped(reached map[int32]bool) (ms []mutant) {
	count := map[string]int{}
	for i, d := range lock.Drops {
		text, _ := strings.CutSuffix(d.Text, " {\n}")
		text, _ = strings.CutSuffix(text, " { ...")
		name := fmt.Sprintf("%s: %s without %s", d.File, d.Func, text)
		if count[name]++; count[name] > 1 {
			name += fmt.Sprintf(" #%d", count[name])
		}
		if id := lock.FirstDrop + int32(i); reached[id] {
			ms = append(ms, mutant{name: name, drop: id})
		}
	}
	return ms
}

// weakened lists the mutants in which one of the given accesses has a weaker ordering.
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

// accessText returns the text of the statement and, if its primitive makes several
// accesses, the name of the access.
func accessText(a mc.Access, s mc.SiteInfo) string {
	text := s.Text
	if _, part, ok := strings.Cut(a.Prim, "/"); ok {
		text += "/" + part
	}
	return text
}

// weaker has for each ordering the next weaker ones. All accesses of sync/atomic are
// SeqCst; see tooStrong.
var weaker = map[mc.Order][]mc.Order{
	mc.Acquire: {mc.Relaxed},
	mc.Release: {mc.Relaxed},
	mc.AcqRel:  {mc.Acquire, mc.Release},
	mc.SeqCst:  {mc.AcqRel, mc.Relaxed},
	mc.Stlr:    {mc.Release, mc.Relaxed},
}

// tooStrong reports whether the mutant weakens an access of sync/atomic. Such an access
// may be stronger than the lock needs, since sync/atomic has no weaker ones.
func (m mutant) tooStrong() bool { return strings.HasSuffix(m.name, ", not seq_cst") }

// needed lists mutants of such accesses that must die all the same. Of two waiters that
// publish their edges and then walk, one must find the other's edge. Of an owner that
// unlocks and then looks who sleeps, and a head that says that it sleeps and then looks at
// the lock, one must find what the other has stored.
var needed = []string{
	"waitgraph.go: Begin w.Edge.Lock.Store(l) acq_rel, not seq_cst",
	"queue.go: Sleep atomic.SwapUint32(&l.Sleeper, said) acq_rel, not seq_cst",
	"zfused_go.go: unlockFused asm.UnlockOwned(&l.word)/look acq_rel, not seq_cst",
}

// shownBy has the programs that show mutants which few executions of others do.
var shownBy = map[string]string{
	"slowpath.go: awaitLock without w.Head.Inherit(w.Since.Load())":                             "stall/inherited",
	"stall.go: Inherit without if late := since - h.quiet; late > 0":                            "stall/inherited",
	"stall.go: Inherit without h.quiet, h.steps = since, max(h.steps-late, 0)":                  "stall/inherited",
	"stall.go: Look without h.owner = owner":                                                    "stall/passed",
	"stall.go: Look without h.grant()":                                                          "no stall/try",
	"queue.go: Enter without w.Head = prev.Head":                                                "limit/queue",
	"waitgraph.go: Cycles without if i := changed(cycle); i >= 0":                               "flicker",
	"waitgraph.go: changed without if next := (i + 1) % len(path); !path[i].heldBy(path[next])": "flicker/moved on",
	"stall.go: Look without if owner := l.Owner.Load(); h.Closed && owner != h.owner":           "no stall/try",
}

// covered is what executions of a program have reached.
type covered struct {
	accesses map[mc.Access]mc.Order
	reached  map[int32]bool
}

// coveredBy has that of each program.
var coveredBy = map[string]covered{}

// has reports whether a program reaches what the mutant has changed.
func (c covered) has(m mutant) bool {
	for a := range m.weaken {
		if _, ok := c.accesses[a]; ok {
			return true
		}
	}
	return c.reached[m.drop]
}

// ofReaders has the files of RWMutex and what it is made of. Mutants of them, and of what programs
// of Mutexes do not reach, must die if they are in readerMutants.
var ofReaders = []string{
	"blocked.go", "gate.go", "handover.go", "heat.go", "overflow.go", "readers.go", "reading.go", "rwmutex.go", "rwslowpath.go", "scan.go", "stale.go",
	"zrwfused_go.go",
}

// ofReader reports whether the mutant is one of RWMutex.
func (m mutant) ofReader() bool {
	file, _, _ := strings.Cut(m.name, ":")
	return slices.Contains(ofReaders, file) || !slices.ContainsFunc(mutexSuite, func(e entry) bool { return coveredBy[e.name].has(m) })
}

// must reports whether the mutant has to die.
func (m mutant) must() bool {
	if _, ok := harmless[m.name]; ok {
		return false
	}
	if m.ofReader() {
		return slices.Contains(readerMutants, m.name)
	}
	return !m.tooStrong() || slices.Contains(needed, m.name)
}

// mutants lists all mutants that must die.
func mutants(accesses map[mc.Access]mc.Order, reached map[int32]bool) (ms []mutant) {
	for _, m := range append(dropped(reached), weakened(accesses)...) {
		if m.must() {
			ms = append(ms, m)
		}
	}
	return ms
}

// kill explores programs until one fails with the mutant. ok is false if none does before
// the deadline; the zero time is none. A few random executions of each program kill most
// mutants. Then come the small programs whole, and then so many executions of each program.
func (m mutant) kill(seed uint64, executions int64, deadline time.Time) (r mc.Result, ok bool) {
	memories := []mc.Model{mc.SC, mc.RA, mc.TSO}
	if m.weaken != nil {
		memories = memories[1:] // SC has no orderings
	}
	random := func(s mc.Strategy, executions int64) func(e entry, memory mc.Model) mc.Result {
		return func(e entry, memory mc.Model) mc.Result {
			w := m.in(e.program.world(memory))
			w.MaxExecutions, w.MaxTime = executions, timeUntil(deadline)
			return w.Run(e.compile(), s)
		}
	}
	if i := slices.IndexFunc(suite, func(e entry) bool { return e.name == shownBy[m.name] }); i >= 0 {
		for _, s := range []mc.Strategy{mc.PCT(seed, 3), mc.PCT(seed, 5), mc.PCT(seed, 8), mc.Exhaustive()} {
			w := m.in(suite[i].world(mc.SC))
			w.MaxExecutions, w.MaxTime = 5*executions, timeUntil(deadline)
			if s == mc.Exhaustive() {
				w.MaxExecutions = 0
			}
			if r = w.Run(suite[i].compile(), s); r.Failure != nil {
				return r, true
			}
		}
	}
	walk, shallow, deep := mc.Walk(seed), mc.PCT(seed, 3), mc.PCT(seed, 8)
	whole := func(e entry, memory mc.Model) mc.Result {
		if e.from(memory) > small {
			return mc.Result{}
		}
		w := m.in(e.world(memory))
		w.MaxStates, w.MaxTime = 200_000, timeUntil(deadline)
		return w.Run(e.compile(), mc.Exhaustive())
	}
	for _, explore := range []func(entry, mc.Model) mc.Result{
		random(walk, 30), random(shallow, 30), random(walk, 300), random(shallow, 300), random(deep, 300),
		whole, random(shallow, executions), random(deep, executions), random(walk, executions),
	} {
		for _, memory := range memories {
			for _, e := range suite {
				if !coveredBy[e.name].has(m) {
					continue
				}
				if r = explore(e, memory); r.Failure != nil {
					return r, true
				}
			}
		}
	}
	return r, false
}

// timeUntil returns the time until a deadline, as World.MaxTime wants it.
func timeUntil(deadline time.Time) time.Duration {
	if deadline.IsZero() {
		return 0
	}
	return max(time.Until(deadline), 1)
}
