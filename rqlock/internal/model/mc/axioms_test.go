package mc

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// This file describes the memory models again, by axioms. The description is slow, and
// has nothing in common with the explorer. It generates all candidate executions, each
// with a write for each read to read from and an order of the writes of each cell, and
// drops those that an axiom forbids.

// An event is an instruction that is executed, or the initial write of a cell.
type event struct {
	instr
	thread int // -1: initial
	reg    int
	got    uint64 // value that it reads
	val    uint64 // value that it writes
	wrote  bool
	known  bool // got, val and wrote have been evaluated
}

func (e *event) isPart() bool  { return e.do == store && e.mask != all }
func (e *event) isRead() bool  { return e.reads() || e.isPart() } // a store to a part keeps the rest
func (e *event) isWrite() bool { return !e.loads() && e.do != get && (e.wrote || !e.known) }
func (e *event) isRMW() bool   { return e.isRead() && e.wrote }
func (e *event) isPlain() bool { return e.do == get || e.do == put }

// acquires reports whether the event acquires. Neither a compare that fails nor a store
// does.
func (e *event) acquires() bool { return (e.loads() || e.isRMW() && !e.isPart()) && e.o.acquires() }
func (e *event) releases() bool { return e.wrote && e.o.releases() }

// A relation of events: bit b of r[a] says that a comes before b.
type relation []uint32

func (r relation) has(a, b int) bool { return r[a]>>b&1 != 0 }

func union(rs ...relation) relation {
	u := make(relation, len(rs[0]))
	for _, r := range rs {
		for a := range r {
			u[a] |= r[a]
		}
	}
	return u
}

// closure returns the smallest transitive relation that has all of rs.
func closure(rs ...relation) relation {
	c := union(rs...)
	for k := range c {
		for a := range c {
			if c.has(a, k) {
				c[a] |= c[k]
			}
		}
	}
	return c
}

func acyclic(rs ...relation) bool {
	for a, after := range closure(rs...) {
		if after>>a&1 != 0 {
			return false
		}
	}
	return true
}

// A prediction is what the axioms allow a litmus test to lead to.
type prediction struct {
	outcomes map[string]bool
	race     bool
}

// A candidate is a candidate execution.
type candidate struct {
	*litmus
	model  Model
	cut    []int // in each thread, the condition that fails, or for which it waits for ever
	events []event
	from   []int   // the write that each read reads from
	order  [][]int // the writes of each cell
	prediction
}

// predict returns what the axioms allow.
func predict(l *litmus, model Model) prediction {
	c := &candidate{litmus: l, model: model, cut: make([]int, len(l.threads))}
	c.outcomes = map[string]bool{}
	c.cutThread(0)
	return c.prediction
}

// cutThread tries all positions at which the threads from i on can end.
func (c *candidate) cutThread(i int) {
	if i == len(c.threads) {
		c.start()
		return
	}
	for at, in := range append(slices.Clone(c.threads[i]), onlyIf(0)) {
		if in.do == when || in.do == await {
			c.cut[i] = at
			c.cutThread(i + 1)
		}
	}
}

// start makes the events, and then all candidates that have them.
func (c *candidate) start() {
	c.events = nil
	for on := range cell(len(cells)) {
		c.events = append(c.events, event{instr: st(on, 0, rlx), thread: -1})
	}
	first := 0
	for i, code := range c.threads {
		reg := first
		for _, in := range code[:c.cut[i]] {
			if in.do != when {
				c.events = append(c.events, event{instr: in, thread: i, reg: reg})
			}
			if in.reads() {
				reg++
			}
		}
		first += countReads(code)
	}
	c.from = make([]int, len(c.events))
	c.readFrom(0)
}

// readFrom tries all writes that the reads from event i on can read from.
func (c *candidate) readFrom(i int) {
	for i < len(c.events) && !c.events[i].isRead() {
		i++
	}
	if i == len(c.events) {
		if c.evaluate() {
			c.order = nil
			c.orderWrites(0)
		}
		for i := range c.events {
			c.events[i].known = false
		}
		return
	}
	for w := range c.events {
		if w != i && c.events[w].on == c.events[i].on && c.events[w].isWrite() {
			c.from[i] = w
			c.readFrom(i + 1)
		}
	}
}

// evaluate computes the values of the events, and reports whether the candidate has
// any. It has none if values depend on one another, if a read reads from a compare that
// fails, or if a condition does not hold where it must, or holds where it must not.
func (c *candidate) evaluate() bool {
	for range c.events {
		for i := range c.events {
			if e := &c.events[i]; !e.isRead() || c.events[c.from[i]].known {
				e.evaluate(c.events[c.from[i]].val)
			}
		}
	}
	for i := range c.events {
		if e := &c.events[i]; !e.known || e.isRead() && !c.events[c.from[i]].wrote || e.do == await && e.got != e.v {
			return false
		}
	}
	regs, reg := c.regs(), 0
	for i, code := range c.threads {
		last := 0
		for at, in := range code[:min(c.cut[i]+1, len(code))] {
			if in.do == when && (last == int(in.v)) == (at == c.cut[i]) {
				return false
			}
			if in.reads() && at < c.cut[i] {
				last = regs[reg]
			}
			if in.reads() {
				reg++
			}
		}
		reg += countReads(code[min(c.cut[i]+1, len(code)):])
	}
	return true
}

func (e *event) evaluate(got uint64) {
	e.got, e.known = got, true
	switch e.do {
	case store, swap, put:
		e.val, e.wrote = got&^e.mask|e.v, true
	case compare:
		e.val, e.wrote = e.v, got == e.old
	}
}

func (c *candidate) regs() []int {
	regs := slices.Repeat([]int{-1}, len(regs))
	for i := range c.events {
		if e := &c.events[i]; e.reads() {
			regs[e.reg] = int(e.got)
		}
	}
	return regs
}

// orderWrites tries all orders of the writes of the cells from on on.
func (c *candidate) orderWrites(on cell) {
	if int(on) == len(cells) {
		c.check()
		return
	}
	var writes []int
	for i := range c.events {
		if c.events[i].on == on && c.events[i].wrote {
			writes = append(writes, i)
		}
	}
	permute(writes[1:], func() { // the initial write is the first
		c.order = append(c.order[:on], writes)
		c.orderWrites(on + 1)
	})
}

// permute calls f with s in each order.
func permute(s []int, f func()) {
	if len(s) < 2 {
		f()
		return
	}
	for i := range s {
		s[0], s[i] = s[i], s[0]
		permute(s[1:], f)
		s[0], s[i] = s[i], s[0]
	}
}

// relate returns the relation that holds where f does.
func (c *candidate) relate(f func(a, b int, x, y *event) bool) relation {
	r := make(relation, len(c.events))
	for a := range c.events {
		for b := range c.events {
			if a != b && f(a, b, &c.events[a], &c.events[b]) {
				r[a] |= 1 << b
			}
		}
	}
	return r
}

// check adds to the prediction if the candidate is an execution.
func (c *candidate) check() {
	rank := make([]int, len(c.events)) // of a write, in its cell's order
	for _, writes := range c.order {
		for i, w := range writes {
			rank[w] = i
		}
	}
	reads := func(b int, y *event) bool { return y.isRead() }
	po := c.relate(func(a, b int, x, y *event) bool { return a < b && x.thread == y.thread && x.thread >= 0 })
	rf := c.relate(func(a, b int, x, y *event) bool { return reads(b, y) && c.from[b] == a })
	mo := c.relate(func(a, b int, x, y *event) bool {
		return x.on == y.on && x.wrote && y.wrote && rank[a] < rank[b]
	})
	fr := c.relate(func(a, b int, x, y *event) bool { // a reads from a write older than b
		return reads(a, x) && y.wrote && x.on == y.on && rank[c.from[a]] < rank[b]
	})
	for i := range c.events { // no write comes between a read-modify-write and what it reads
		if e := &c.events[i]; e.isRMW() && rank[i] != rank[c.from[i]]+1 {
			return
		}
	}
	// A release synchronizes with an acquire that reads from it, or from a read-modify-write
	// of its release sequence.
	sw := c.relate(func(a, b int, x, y *event) bool {
		if !x.releases() || !reads(b, y) || !y.acquires() || x.thread == y.thread {
			return false
		}
		w := c.from[b]
		for w != a && c.events[w].isRMW() {
			w = c.from[w]
		}
		return w == a
	})
	hb := closure(po, sw)
	ok := false
	switch c.model {
	case SC:
		ok = acyclic(po, rf, mo, fr)
	case TSO:
		ok = c.tso(po, rf, mo, fr)
	case RA:
		ok = c.ra(po, rf, mo, fr, hb)
	}
	if !ok {
		return
	}
	values := make([]uint64, len(c.order))
	for on, writes := range c.order {
		values[on] = c.events[writes[len(writes)-1]].val
	}
	if c.ends() {
		c.outcomes[outcome(c.regs(), values)] = true
	}
	for a := range c.events {
		for b := range c.events {
			x, y := &c.events[a], &c.events[b]
			c.race = c.race || x.on == y.on && x.thread != y.thread && x.thread >= 0 && y.thread >= 0 &&
				(x.wrote || y.wrote) && (x.isPlain() || y.isPlain()) && !hb.has(a, b) && !hb.has(b, a)
		}
	}
}

// ends reports whether no thread waits for ever.
func (c *candidate) ends() bool {
	for i, code := range c.threads {
		if at := c.cut[i]; at < len(code) && code[at].do == await {
			return false
		}
	}
	return true
}

// tso: there is one order of all accesses to memory. A load may come before an older
// store of its thread unless there is a read-modify-write or a SeqCst store between them.
func (c *candidate) tso(po, rf, mo, fr relation) bool {
	sameCell := c.relate(func(a, b int, x, y *event) bool { return po.has(a, b) && x.on == y.on })
	kept := c.relate(func(a, b int, x, y *event) bool {
		late := x.do == put || x.do == store && x.o != SeqCst
		early := y.do == get || y.loads()
		return po.has(a, b) && !(late && early)
	})
	external := c.relate(func(a, b int, x, y *event) bool { return rf.has(a, b) && x.thread != y.thread })
	return acyclic(sameCell, rf, mo, fr) && acyclic(kept, external, mo, fr)
}

// ra: happens-before agrees with what is read and with the order of writes. Two rules
// are the explorer's own. Since it takes an execution step by step, no write is read
// before its step, and a step that must read or become the newest message comes before
// the steps of all newer ones. SeqCst reads read nothing older than what is ordered
// before earlier SeqCst writes, so all orders of the SeqCst events are tried.
func (c *candidate) ra(po, rf, mo, fr, hb relation) bool {
	eco := closure(rf, mo, fr)
	coherent := func(hb relation) bool {
		for a := range c.events {
			for b := range c.events {
				if eco.has(a, b) && (a == b || hb.has(b, a)) {
					return false
				}
			}
		}
		return true
	}
	first := c.relate(func(a, b int, x, y *event) bool {
		switch {
		case x.isRMW() && (x.o == SeqCst || x.isPart()), x.do == store && x.o == SeqCst:
			return mo.has(a, b)
		case x.do == compare && x.o == SeqCst:
			return fr.has(a, b)
		}
		return false
	})
	steps := closure(po, rf, first)
	if !acyclic(steps) || !coherent(hb) {
		return false
	}
	var seqCst []int
	for i := range c.events {
		if e := &c.events[i]; e.o == SeqCst && (e.wrote || e.loads()) {
			seqCst = append(seqCst, i)
		}
	}
	return anyOrder(seqCst, steps, func() bool {
		inOrder := make(relation, len(c.events)) // from each write to all later reads
		taken := make(relation, len(c.events))
		for i, a := range seqCst {
			for _, b := range seqCst[i+1:] {
				taken[a] |= 1 << b
				if y := &c.events[b]; c.events[a].wrote && y.isRead() && !y.isPart() {
					inOrder[a] |= 1 << b
				}
			}
		}
		return acyclic(steps, taken) && coherent(closure(hb, inOrder))
	})
}

// anyOrder reports whether ok is true for some order of s that agrees with before.
func anyOrder(s []int, before relation, ok func() bool) bool {
	var choose func(at int) bool
	choose = func(at int) bool {
		if at == len(s) {
			return ok()
		}
		for i := at; i < len(s); i++ {
			free := true
			for _, other := range s[at:] {
				free = free && !before.has(other, s[i])
			}
			if free {
				s[at], s[i] = s[i], s[at]
				if choose(at + 1) {
					return true
				}
				s[at], s[i] = s[i], s[at]
			}
		}
		return false
	}
	return choose(0)
}

// compareWithAxioms checks that the explorer finds what the axioms allow and nothing
// else: without its cache, with it, and with marks. (The axioms do not say whether a
// thread that waits does so for ever.)
func compareWithAxioms(t *testing.T, l *litmus, model Model) {
	t.Helper()
	want := predict(l, model)
	stuck := 0
	for _, e := range []struct {
		s      Strategy
		marked bool
	}{{Stateless(), false}, {Exhaustive(), false}, {Exhaustive(), true}} {
		r := World{Memory: model, Marks: e.marked}.Run(l.compile(e.marked), e.s)
		switch {
		case l.has(await) && isStuck(r):
			stuck++
		case r.Failure != nil && !isRace(r):
			t.Errorf("%v\n%v", r, l)
		case isRace(r) != want.race:
			t.Errorf("%v, marks %v: race %v, want %v\n%v", r, e.marked, isRace(r), want.race, l)
		case !want.race:
			if got, want := outcomes(r), l.kept(want.outcomes, e.marked); !slices.Equal(got, want) {
				t.Errorf("%v, marks %v:\ngot  %q\nwant %q\n%v", r, e.marked, got, want, l)
			}
		}
	}
	if 0 < stuck && stuck < 3 && !want.race {
		t.Errorf("%v: stuck only in %d of 3 explorations\n%v", model, stuck, l)
	}
}

// kept returns the outcomes in order, without the registers that a marked program does
// not keep.
func (l *litmus) kept(outcomes map[string]bool, marked bool) []string {
	if !marked {
		return slices.Sorted(maps.Keys(outcomes))
	}
	lost := map[string]bool{}
	reg := 0
	for _, code := range l.threads {
		for i, in := range code {
			if in.reads() {
				lost[fmt.Sprintf("r%d", reg)] = countReads(code[i+1:]) > 0
				reg++
			}
		}
	}
	kept := map[string]bool{}
	for o := range outcomes {
		words := slices.DeleteFunc(strings.Fields(o), func(w string) bool {
			name, _, _ := strings.Cut(w, "=")
			return lost[name]
		})
		kept[strings.Join(words, " ")] = true
	}
	return slices.Sorted(maps.Keys(kept))
}

func isStuck(r Result) bool {
	return r.Failure != nil && strings.HasPrefix(r.Failure.Message, "stuck: ")
}

// has reports whether the program has an instruction that does the given action.
func (l *litmus) has(do action) bool {
	return slices.ContainsFunc(l.threads, func(code []instr) bool {
		return slices.ContainsFunc(code, func(in instr) bool { return in.do == do })
	})
}

// hasParts reports whether the program stores to a part of a word. The TSO axioms do not
// cover that.
func (l *litmus) hasParts() bool {
	return slices.ContainsFunc(l.threads, func(code []instr) bool {
		return slices.ContainsFunc(code, func(in instr) bool { return in.do == store && in.mask != all })
	})
}

func (l *litmus) String() string {
	s := l.name + "\n"
	for i, code := range l.threads {
		s += fmt.Sprintf("T%d %v\n", i, code)
	}
	return s
}

func (in instr) String() string {
	name := [...]string{"load", "await", "store", "swap", "compare", "get", "put", "when"}[in.do]
	switch in.do {
	case await:
		return fmt.Sprintf("await(%v, %d, %v)", in.on, in.v, in.o)
	case load, get:
		return fmt.Sprintf("%s(%v, %v)", name, in.on, in.o)
	case when:
		return fmt.Sprintf("when(%d)", in.v)
	}
	return fmt.Sprintf("%s(%v, %d of %#x, %v, old %d)", name, in.on, in.v, in.mask, in.o, in.old)
}

// TestAxiomsOfLitmus: the explorer has exactly the outcomes that the axioms allow.
func TestAxiomsOfLitmus(t *testing.T) {
	for i := range litmusTests {
		for _, model := range models {
			if l := &litmusTests[i]; model != TSO || !l.hasParts() {
				compareWithAxioms(t, l, model)
			}
		}
	}
}

var programs = flag.Int("mc.programs", 40, "number of random programs (a quarter with -short)")

// TestAxiomsOfRandomPrograms is the same for random programs.
func TestAxiomsOfRandomPrograms(t *testing.T) {
	rnd := seed.Rand(t)
	count := *programs
	if testing.Short() {
		count /= 4
	}
	deadline, limited := t.Deadline()
	for n := range count {
		if limited && time.Until(deadline) < 5*time.Second {
			t.Logf("stopped before the deadline, after %d of %d programs", n, count)
			return
		}
		l := randomLitmus(rnd, fmt.Sprint("random program ", n))
		for _, model := range models {
			if model != TSO || !l.hasParts() {
				compareWithAxioms(t, l, model)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// randomLitmus makes a program of up to seven instructions.
func randomLitmus(rnd *rand.Rand, name string) *litmus {
	l := &litmus{name: name}
	perThread := []int{3, 3}
	if rnd.IntN(2) == 0 {
		perThread = []int{2, 2, 3}
	}
	strong := rnd.IntN(3) == 0 // else SeqCst is rare
	for _, n := range perThread {
		var code []instr
		for len(code) < n {
			code = append(code, randomInstr(rnd, strong))
			if last := code[len(code)-1]; last.do == load && rnd.IntN(4) == 0 {
				code = append(code, onlyIf(1+rnd.Uint64N(2)))
			}
		}
		l.threads = append(l.threads, code)
	}
	return l
}

func randomInstr(rnd *rand.Rand, strong bool) instr {
	on := cell(rnd.IntN(2))
	o := Order(rnd.IntN(int(SeqCst)))
	if strong && rnd.IntN(2) == 0 {
		o = SeqCst
	}
	v := 1 + rnd.Uint64N(2)
	switch rnd.IntN(18) {
	case 0:
		return rd(d)
	case 1:
		return wr(d, v)
	case 2:
		return xchg(on, v, o)
	case 3:
		return xchgPart(on, v, v, o)
	case 4:
		return cas(on, rnd.Uint64N(2), 2, o)
	case 5:
		return stPart(on, v, v, o)
	case 6, 7, 8, 9, 10, 11:
		return st(on, v, o)
	case 12:
		return instr{do: await, on: on, o: o, v: v}
	}
	return ld(on, o)
}
