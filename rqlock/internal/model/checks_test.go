package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
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
		{"mutual exclusion", "zfused_go.go: lockFused asm.LockOwned(&l.word) relaxed, not acquire", "2x1", mc.RA, "data race on data0"},
		{"lost wake-ups", "queue.go: promote without w.Signal()", "3x1", mc.SC, "stuck: "},
		{"lost wake-ups of a head", secondLook, "sleep", mc.TSO, "stuck: T"},
		{"lost wake-ups of a head, stores that have not drained", "queue.go: Sleep without w.Pause(wait.Drain)", "sleep", mc.TSO, "stuck: T"},
		{"lost wake-ups of a head, weakly ordered sleep", needed[1], "sleep", mc.RA, "stuck: T"},
		{"lost wake-ups of a head, weakly ordered look", needed[2], "sleep", mc.RA, "stuck: T"},
		{"lost wake-ups of a head, weakly ordered unlock", "zfused_go.go: unlockFused asm.UnlockOwned(&l.word) release, not stlr", "sleep", mc.RA, "stuck: T"},
		{"progress", "slowpath.go: awaitLock without if l.owner() == 0 && l.word.Owner.CompareAndSwap(0, w.ID.Load())", "2x1", mc.SC, "no progress"},
		{"the queue at the end", "queue.go: unlink without if asm.TryCmpxchgRelease32(&l.Tail, w.Index, 0)", "2x1", mc.SC, "a lock is left with"},
		{"all zero", "queue.go: Open without asm.StoreRelaxed32(&l.Sleeper, 0)", "sleep", mc.SC, "leaves the queue empty"},
		{"records at the end", "queue.go: unlink without free(w)", "2x1", mc.SC, "is not free"},
		{"edges of records that are given back", "slowpath.go: awaitLock without waitgraph.End(w)", "2x1", mc.SC, "is given back while its goroutine waits"},
		{"records in use", "slowpath.go: acquireSlow without if err := l.awaitHead(w, lim); err != nil", "two cycles in a queue", mc.SC, "is not in use"},
		{"AA", "slowpath.go: acquireSlow without if l.owner() == me && claims(&l.word, waiter.ForMutex, lim)", "AA", mc.SC, "is told of a deadlock of 1"},
		{"cycles", "slowpath.go: acquireSlow without if err := l.deadlock(w); err != nil", "ABBA", mc.SC, "times out"},
		{"cycles, weakly ordered", needed[0], "ABBA", mc.RA, "times out"},
		{"one victim", "waitgraph.go: victim without last = i", "ABBA", mc.SC, "victims of"},
		{"false deadlocks", "waitgraph.go: Begin without atomic.AddUint32(&w.Epoch, 1)", "ABBA twice", mc.SC, "a deadlock, but was in none"},
		{"false deadlocks, edges that never held at once", "waitgraph.go: Cycles without if i := changed(cycle); i >= 0", "flicker", mc.SC, "a deadlock, but was in none"},
		{"false stalls", "stall.go: Look without h.grant()", "no stall/try", mc.SC, "reports a stall, but"},
		{"stalls from before the wait", "slowpath.go: awaitLock without w.Head.Inherit(w.Since.Load())", "stall/inherited", mc.SC, "reports a stall, but"},
		{"stalls behind a patient head", "slowpath.go: stall without waitgraph.Convict(b, &waiter.Verdict{Epoch: atomic.LoadUint32(&b.Epoch), Quiet: quiet})", "stall/patient", mc.SC, "has let T2 wait"},
		{"closing", "slowpath.go: awaitLock without if !w.Head.Closed && now-w.Since.Load() >= int64(wait.Barging)", "limit/queue", mc.SC, "the lock is not closed"},
		{"opening", "slowpath.go: awaitLock without queue.Open(&l.word, w)", "sleep/queue", mc.SC, "leaves the lock closed"},
		{"closed in vain", "queue.go: Open without w.Head = stall.Head{}", "stall/patient", mc.RA, "takes the lock for closed"},
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
			if shownBy[test.mutant] == test.program {
				w = all[m].in(suite[p].world(test.memory))
				w.MaxExecutions, strategies = 0, []mc.Strategy{mc.Exhaustive()}
			}
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

// secondLook is the mutant whose head does not look once more before it sleeps.
const secondLook = "queue.go: Sleep without if l.Owner.Load() == 0 #2"

// TestBarging: after a lock is closed, who had looked before may still pass, once.
func TestBarging(t *testing.T) {
	l := &shared.locks[0]
	for _, test := range []struct {
		name string
		do   func()
		want string
	}{
		{"had looked", func() { ghost.looked[1] = 1; closed(0); granted(1, 0) }, ""},
		{"twice", func() { ghost.looked[1] = 1; closed(0); granted(1, 0); granted(1, 0) }, "barges, though L0 is closed"},
		{"two", func() { ghost.looked[1], ghost.looked[2] = 1, 1; closed(0); granted(1, 0); granted(2, 0) }, ""},
		{"had not looked", func() { closed(0); ghost.looked[1] = 1; granted(1, 0) }, "barges, though L0 is closed"},
		{"had looked at another", func() { ghost.looked[1] = 2; closed(0); ghost.looked[1] = 1; granted(1, 0) }, "barges, though L0 is closed"},
		{"the head", func() { closed(0); granted(1, 0) }, ""},
	} {
		p := &mc.Program{
			Name: test.name, Threads: []func(){func() { mc.Block(0, "nothing", func() bool { return true }); test.do() }},
			Setup: func() { ghost = ghosts{}; l.Reset(); l.Close() },
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

// TestTold: a head with a long limit may give up before it knows of the stall. "Repeated" is
// what "stall/patient, passed" comes to if a thread passes the head just after that has looked
// at the owner: the head notes the grant only when it wakes.
func TestTold(t *testing.T) {
	const timeout = int64(lock.StallTimeout)
	p := &program{aborts: true, ticks: 1}
	for _, test := range []struct {
		name   string
		waited int64
		want   string
	}{
		{"repeated", 2 * timeout, ""},
		{"repeated, and the head stood still", 3*timeout + timeout/4, ""},
		{"too late", 3*timeout + timeout/4 + 1, "T1: has let T0 wait, though the lock has stalled"},
	} {
		a := acquisition{lock: 0, call: lockPatient}
		c := &mc.Program{
			Name: test.name, Declare: declare, Setup: p.reset,
			Threads: []func(){
				func() { mc.Block(0, "nothing", func() bool { return true }) },
				func() {
					mc.Sleep(0, int64(limits[a.call]))
					ghost.lock[0], ghost.queued[0], ghost.bounded[0] = 1, true, true
					ghost.waitBegan[0] = mc.Clock() - test.waited
					p.checkTimeout(1, a, &lock.TimeoutError{})
				},
			},
		}
		r := mc.World{Ticks: []int64{timeout}, TickWhenIdle: true}.Run(c, mc.Exhaustive())
		got := ""
		if r.Failure != nil {
			got = r.Failure.Message
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestSection: two threads in the section of one lock fail.
func TestSection(t *testing.T) {
	p := &mc.Program{
		Name: "section", Declare: declare, Setup: func() { (&program{}).reset() },
		Threads: []func(){
			func() { mc.Block(0, "nothing", func() bool { return true }); enterSection(0, acquisition{}) },
			func() { mc.Block(0, "nothing", func() bool { return true }); enterSection(1, acquisition{}) },
		},
	}
	r := mc.World{}.Run(p, mc.Exhaustive())
	if r.Failure == nil || r.Failure.Message != "T1: holds L0 together with T0" {
		t.Errorf("%v", r)
	}
}
