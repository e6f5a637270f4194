package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestChecks: each check fails with a mutant that breaks what it checks.
func TestChecks(t *testing.T) {
	seed, stop := seed.Of(t), deadline(t)
	accesses, reached := coverage()
	all := append(dropped(reached), weakened(accesses)...)
	for _, test := range []struct {
		check, mutant, program string
		memory                 mc.Model
		want                   string // part of the message
	}{
		{"mutual exclusion", "zfused_go.go: lockFused asm.LockFast(&l.word) relaxed, not acquire", "2x1", mc.RA, "data race on data0"},
		{"lost wake-ups", "slowpath.go: promote without w.Signal()", "3x1", mc.SC, "stuck: "},
		{"progress", "slowpath.go: awaitHead without state = asm.LoadAcquire32(&w.state)", "3x1", mc.SC, "no progress"},
		{"locks at the end", "slowpath.go: unlink without if asm.TryCmpxchgTailRelaxed(&l.word.Val, w.tail(), 0)", "2x1", mc.SC, "a lock is left with"},
		{"records at the end", "slowpath.go: unlink without w.free()", "2x1", mc.SC, "is not free"},
		{"edges at the end", "slowpath.go: granted without w.endWait()", "2x1", mc.SC, "still has an edge"},
		{"records in use", "slowpath.go: acquireSlow without if err := l.awaitHead(w, lim); err != nil", "two cycles in a queue", mc.SC, "is not in use"},
		{"the tail", "slowpath.go: acquireSlow without if !w.canQueue()", "3x1/one node", mc.SC, "the tail is"},
		{"AA", "slowpath.go: acquireSlow without if l.owner() == g", "AA", mc.SC, "is told of a deadlock of 1"},
		{"cycles", "slowpath.go: acquireSlow without if err := w.findCycle(l); err != nil", "ABBA", mc.SC, "times out"},
		{"cycles, weakly ordered", needed[0], "ABBA", mc.RA, "times out"},
		{"one victim", "detect.go: victim without last = i", "ABBA", mc.SC, "victims of"},
		{"false deadlocks", "detect.go: beginWait without atomic.AddUint32(&w.epoch, 1)", "ABBA twice", mc.SC, "a deadlock, but was in none"},
		{"false stalls", "slowpath.go: awaitLock without p.closed(now)", "no stall", mc.SC, "reports a stall, but"},
		{"closing", "slowpath.go: awaitLock without if !door && now-w.since.Load() >= int64(wait.Door)", "limit/queue", mc.SC, "the lock is not closed"},
		{"reopening", "slowpath.go: take without if !door", "barging/no node", mc.SC, "reopens L0"},
	} {
		t.Run(test.check, func(t *testing.T) {
			m := slices.IndexFunc(all, func(m mutant) bool { return m.name == test.mutant })
			p := slices.IndexFunc(suite, func(e entry) bool { return e.name == test.program })
			if m < 0 || p < 0 {
				t.Fatalf("there is no mutant %q, or no program %q", test.mutant, test.program)
			}
			w := all[m].in(suite[p].program.world(test.memory))
			w.MaxExecutions = 10_000
			strategies := []mc.Strategy{mc.Walk(seed), mc.PCT(seed, 3), mc.PCT(seed, 8)}
			if suite[p].from(test.memory) <= small {
				w = all[m].in(suite[p].world(test.memory))
				strategies = []mc.Strategy{mc.Exhaustive()}
			}
			w.MaxTime, w.Verbatim = timeUntil(stop), true
			for _, s := range strategies {
				r := w.Run(suite[p].compile(), s)
				if r.Failure != nil && strings.Contains(r.Failure.Message, test.want) {
					t.Logf("%v", r)
					return
				}
				t.Logf("another failure, or none: %v", r)
			}
			t.Errorf("%s with %s does not fail with %q", test.program, test.mutant, test.want)
		})
	}
}

// TestBarging: after a lock is closed one more acquisition may barge. The thread that has
// closed the lock reopens it.
func TestBarging(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func()
		want string
	}{
		{"one", func() { checkBarging(1, 0) }, ""},
		{"two", func() { checkBarging(1, 0); checkBarging(2, 0) }, "barges, though T0 has closed L0"},
		{"the closer in between", func() { checkBarging(1, 0); checkBarging(0, 0); checkBarging(2, 0) }, ""},
		{"another lock", func() { checkBarging(1, 0); checkBarging(2, 1) }, ""},
		{"closed again", func() { checkBarging(1, 0); checkReopened(0, 0); ghost.closer[0] = 3; checkBarging(1, 0) }, ""},
		{"reopened by another", func() { checkReopened(1, 0) }, "reopens L0, which T0 has closed"},
	} {
		p := &mc.Program{
			Name: test.name, Threads: []func(){func() { mc.Block(0, "nothing", func() bool { return true }); test.do() }},
			Setup: func() { ghost = ghosts{closer: [maxLocks]int{1}} },
		}
		r := mc.World{}.Run(p, mc.Exhaustive())
		got := ""
		if r.Failure != nil {
			got = r.Failure.Message
		}
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestSection: two threads in the section of one lock fail.
func TestSection(t *testing.T) {
	p := &mc.Program{
		Name: "section", Declare: declare, Setup: func() { (&program{}).reset() },
		Threads: []func(){
			func() { mc.Block(0, "nothing", func() bool { return true }); enterSection(0, 0) },
			func() { mc.Block(0, "nothing", func() bool { return true }); enterSection(1, 0) },
		},
	}
	r := mc.World{}.Run(p, mc.Exhaustive())
	if r.Failure == nil || r.Failure.Message != "T1: holds L0 together with T0" {
		t.Errorf("%v", r)
	}
}
