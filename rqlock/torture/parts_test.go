package torture

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// runner returns a run of rqlock.Mutex.
func runner(t *testing.T, p Params) *Runner {
	t.Helper()
	r, err := New(Kinds[0], p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failed names the failures of a run.
func failed(r *Runner) string {
	var s []string
	for _, f := range r.Stats().Failures {
		s = append(s, f.What)
	}
	return strings.Join(s, "; ")
}

// held fails the test unless a lock was acquired, which stays so.
func held(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAudit: the audit notices each thing that is not equal, or not free, in the end.
func TestAudit(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(r *Runner)
		want string
	}{
		{"nothing", func(*Runner) {}, ""},
		{"an acquisition too many", func(r *Runner) { r.tallies[0].acquired.Add(1) }, "a section is missing"},
		{"a visit too many", func(r *Runner) { r.visits.Add(1) }, "a section is missing"},
		{"a section too many", func(r *Runner) { l := r.newInstance(); a, b := l.enter(); l.leave(a, b) }, "a section is missing"},
		{"a writers' lock", func(r *Runner) { held(t, r.locks[0].Lock()) }, "a lock is still held at the end"},
		{"another lock", func(r *Runner) { held(t, r.newInstance().Lock()) }, "a lock is still held at the end"},
		{"a deadlock returned", func(r *Runner) { r.returned.count(rqlock.ErrDeadlock) }, "errors and calls of OnViolation differ"},
		{"a timeout returned", func(r *Runner) { r.returned.count(rqlock.ErrTimeout) }, "errors and calls of OnViolation differ"},
		{"a deadlock reported", func(r *Runner) { r.reported.count(&rqlock.DeadlockError{}) }, "errors and calls of OnViolation differ"},
		{"a timeout reported", func(r *Runner) { r.reported.count(&rqlock.TimeoutError{}) }, "errors and calls of OnViolation differ"},
	} {
		r := runner(t, Params{})
		test.do(r)
		if r.audit(); failed(r) != test.want {
			t.Errorf("%s: %q, want %q", test.name, failed(r), test.want)
		}
	}
}

// A late lock is free from the second TryLock on.
type late struct {
	Locker
	tried *bool
}

func (l late) TryLock() bool {
	first := !*l.tried
	*l.tried = true
	return !first && l.Locker.TryLock()
}

// TestStillHeld: the audit says of a lock that is still held what its words are, whose slots name
// it, and whether it is free a moment later.
func TestStillHeld(t *testing.T) {
	me := goroutineID()
	for _, test := range []struct {
		kind string
		make func(l Locker) Locker
		want string
	}{
		{"rqlock", func(l Locker) Locker { held(t, l.Lock()); return l }, fmt.Sprintf("by nobody: owner %d, tail 0, sleeper 0x0", me)},
		{"rqlock-rw", func(l Locker) Locker { held(t, l.(RWLocker).RLock()); return l },
			fmt.Sprintf("by nobody: owner 0, tail 0, sleeper 0x0, readers 0x1, first 0, drainer 0, balance 0, slots of goroutines [%d]", me)},
		{"rqlock", func(l Locker) Locker { return late{l, new(bool)} }, "by nobody: a torture.late; a moment later it was free"},
	} {
		k, err := KindNamed(test.kind)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(k, Params{})
		if err != nil {
			t.Fatal(err)
		}
		l := r.locks[0].Locker
		r.locks[0].Locker = test.make(l)
		r.audit()
		if fs := r.Stats().Failures; len(fs) != 1 || fs[0].First != test.want {
			t.Errorf("%s: %v, want %q", test.kind, fs, test.want)
		}
		if rw, ok := l.(RWLocker); ok {
			rw.RUnlock()
		}
	}
}

// TestReaderSections: of a reader's section and a writer's that overlap, the reader's finds it,
// whichever begins first. Sections of readers may overlap.
func TestReaderSections(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(r *Runner, w, x, y side)
		want string
	}{
		{"one after the other", func(r *Runner, w, x, y side) {
			r.finish(r.begin(w))
			r.finish(r.begin(x))
			r.finish(r.begin(w))
		}, ""},
		{"two readers", func(r *Runner, w, x, y side) {
			a := r.begin(x)
			b := r.begin(y)
			r.finish(a)
			r.finish(b)
		}, ""},
		{"a reader in a writer's", func(r *Runner, w, x, y side) {
			a := r.begin(w)
			r.finish(r.begin(x))
			r.finish(a)
		}, overlapped},
		{"a writer in a reader's", func(r *Runner, w, x, y side) {
			a := r.begin(x)
			r.finish(r.begin(w))
			r.finish(a)
		}, overlapped},
		{"a writer comes while there is a reader", func(r *Runner, w, x, y side) {
			a := r.begin(x)
			r.begin(w)
			r.finish(a)
		}, overlapped},
		{"a writer leaves while there is a reader", func(r *Runner, w, x, y side) {
			a := r.begin(w)
			b := r.begin(x)
			r.finish(a)
			r.finish(b)
		}, overlapped},
	} {
		r := runner(t, Params{})
		for _, cs := range []counters{new(plainCounters), new(hiddenCounters)} {
			l := r.newInstance()
			l.counters = cs
			test.do(r, writing(l), side{l, true}, side{l, true})
			if failed(r) != test.want {
				t.Errorf("%s: %q, want %q", test.name, failed(r), test.want)
			}
		}
	}
}

// TestSides: cycles and chains hold locks in both ways, and want them in both, but never in
// ways that would not wait. A lock without readers is never read.
func TestSides(t *testing.T) {
	rnd := seed.Rand(t)
	for _, name := range []string{"rqlock", "rqlock-rw"} {
		k, err := KindNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(k, Params{})
		if err != nil {
			t.Fatal(err)
		}
		locks := []*instance{newInstance(k), newInstance(k), newInstance(k)}
		seen := map[string]bool{}
		note := func(what string, held, wanted side) {
			seen[fmt.Sprint(what, held.reads, wanted.reads)] = true
			if held.instance != wanted.instance || held.locker() == nil || wanted.locker() == nil {
				t.Errorf("%s, %s: one holds %+v, and another waits for %+v", name, what, held, wanted)
			}
		}
		for range 200 {
			c := r.newCycle(locks, rnd)
			for i, p := range c.parties {
				note("cycle", c.next(i).holds, p.wants)
			}
			h := r.newChain(locks, rnd)
			for i, wanted := range h.wants {
				note("chain", h.holds[i+1], wanted)
			}
		}
		want := map[string]bool{"cyclefalse false": true, "chainfalse false": true}
		if k.Readers {
			for _, what := range []string{"cycle", "chain"} {
				want[what+"true false"], want[what+"false true"] = true, true
			}
		}
		if !maps.Equal(seen, want) {
			t.Errorf("%s: %v, want %v", name, seen, want)
		}
	}
}

// TestCounters: of two sections that overlap, one finds it or one is missing.
func TestCounters(t *testing.T) {
	for _, s := range []counters{new(plainCounters), new(hiddenCounters)} {
		a, b := s.enter()
		if !s.leave(a, b) || s.sections() != 1 {
			t.Errorf("%T: one section: %d are counted", s, s.sections())
		}
		a, b = s.enter()
		c, d := s.enter()
		first, second := s.leave(a, b), s.leave(c, d)
		if first || !second || s.sections() != 2 {
			t.Errorf("%T: two more that overlap: alone %v, %v; %d are counted", s, first, second, s.sections())
		}
	}
}

// TestJudgeCycle: a cycle has one victim, whose error has all of it, and nobody else
// fails.
func TestJudgeCycle(t *testing.T) {
	const timeout = time.Second
	// Goroutine 1 reads and wants to write, 2 writes and wants to write: the second's error.
	parties := func() []rqlock.Wait {
		return []rqlock.Wait{
			{Goroutine: 2, Lock: rqlock.LockInfo{Addr: 1}, Holders: []rqlock.Holder{{Goroutine: 1, Read: true}}},
			{Goroutine: 1, Lock: rqlock.LockInfo{Addr: 2}, Holders: []rqlock.Holder{{Goroutine: 2}}},
		}
	}
	cycle2 := &rqlock.DeadlockError{Cycle: parties()}
	changed := func(change func(waits []rqlock.Wait)) []error {
		waits := parties()
		change(waits)
		return []error{nil, &rqlock.DeadlockError{Cycle: waits}}
	}
	const otherParties = "the error of a cycle has other parties"
	stall := &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: timeout}}
	for _, test := range []struct {
		name                string
		waiters, bystanders []error
		ok                  bool
		want                string
		made, prevented     int64
	}{
		{"as it must be", []error{nil, cycle2}, []error{nil}, true, "", 1, 0},
		{"from another party on", []error{cycle2, nil}, nil, false, otherParties, 1, 0},
		{"another goroutine", changed(func(w []rqlock.Wait) { w[1].Goroutine = 3 }), nil, false, otherParties, 1, 0},
		{"another holder", changed(func(w []rqlock.Wait) { w[1].Holders[0].Goroutine = 3 }), nil, false, otherParties, 1, 0},
		{"a holder that writes", changed(func(w []rqlock.Wait) { w[0].Holders[0].Read = false }), nil, false, otherParties, 1, 0},
		{"no holder", changed(func(w []rqlock.Wait) { w[0].Holders = nil }), nil, false, otherParties, 1, 0},
		{"more holders", changed(func(w []rqlock.Wait) { w[0].Holders = append(w[0].Holders, rqlock.Holder{Goroutine: 9}) }), nil, false, otherParties, 1, 0},
		{"a waiter that reads", changed(func(w []rqlock.Wait) { w[0].Read = true }), nil, false, otherParties, 1, 0},
		{"one lock twice", changed(func(w []rqlock.Wait) { w[1].Lock = w[0].Lock }), nil, false, otherParties, 1, 0},
		{"no victim", []error{nil, nil}, nil, false, "a cycle had no victim, or several", 1, 0},
		{"two victims", []error{cycle2, cycle2}, nil, false, otherParties + "; a cycle had no victim, or several", 1, 0},
		{"another cycle", []error{&rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 3)}, nil}, nil, false, "wrong error in a cycle; a cycle had no victim, or several", 1, 0},
		{"another error besides", []error{context.Canceled, cycle2}, nil, false, "wrong error in a cycle", 1, 0},
		{"a bystander", []error{nil, cycle2}, []error{nil, cycle2}, false, "a bystander of a cycle failed", 1, 0},
		{"a real stall, and no cycle", []error{stall, nil}, nil, false, "", 0, 1},
		{"a real stall, and a cycle", []error{stall, cycle2}, nil, true, "", 1, 0},
		{"a real stall of a bystander", []error{nil, cycle2}, []error{stall}, true, "", 1, 0},
	} {
		r := runner(t, Params{StallTimeout: timeout})
		l := r.newInstance()
		l.lastGrant.Store(nanotime() - int64(time.Hour)) // so each stall is real
		l.holdBegan.Store(l.lastGrant.Load())
		l.holders.Store(1)
		outcomes := func(errs []error) (os []outcome) {
			for _, err := range errs {
				os = append(os, outcome{l, span{0, nanotime()}, err})
			}
			return os
		}
		l1, l2 := r.newInstance(), r.newInstance()
		c := &cycle{Runner: r, parties: []party{{side{l1, true}, writing(l2), 1}, {writing(l2), writing(l1), 2}}, waiters: outcomes(test.waiters), bystanders: outcomes(test.bystanders)}
		r.cycles.made.Add(1)
		r.sizes[2].made.Add(1)
		ok := c.judge()
		if ok != test.ok || failed(r) != test.want || r.cycles.made.Load() != test.made || r.sizes[2].made.Load() != test.made || r.prevented.Load() != test.prevented {
			t.Errorf("%s: %v, %q, %d made, %d prevented", test.name, ok, failed(r), r.cycles.made.Load(), r.prevented.Load())
		}
	}
}

// TestStats: the statistics have the totals, extremes and waits of all tallies.
func TestStats(t *testing.T) {
	r := runner(t, Params{Writers: 3})
	for i, n := range []int64{5, 3, 9} {
		r.tallies[i].acquired.Add(n)
	}
	for _, ns := range []time.Duration{-1, 0, 1, 127, 128, 1 << 50} {
		r.tallies[1].waited(ns)
	}
	s := r.Stats()
	var want Histogram
	want[0], want[1], want[7], want[8], want[len(want)-1] = 2, 1, 1, 1, 1
	if s.Total != 17 || s.Max != 9 || s.Min != 3 || s.Waits != want {
		t.Errorf("%+v, want waits %v", s, want)
	}
}

// TestErr: what failed is an error, and so is a run that did nothing.
func TestErr(t *testing.T) {
	r := runner(t, Params{})
	r.fail("this", "%d", 1)
	r.fail("that", "%d", 2)
	r.fail("this", "%d", 3)
	for _, test := range []struct {
		s    Stats
		want string
	}{
		{Stats{Total: 1}, "<nil>"},
		{Stats{}, "torture: the lock was never acquired"},
		{r.Stats(), "torture: the lock failed\nthis (2 times): 1\nthat (1 times): 2"},
	} {
		if got := fmt.Sprint(test.s.Err()); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestSeed: random numbers depend on the seed, on who draws them, and on nothing else.
func TestSeed(t *testing.T) {
	draw := func(seed uint64, who, generation int) uint64 {
		return runner(t, Params{Seed: seed}).random(who, generation).Uint64()
	}
	first := draw(1, 2, 3)
	if first != draw(1, 2, 3) {
		t.Error("two runs of one seed differ")
	}
	if first == draw(2, 2, 3) || first == draw(1, 3, 3) || first == draw(1, 2, 4) {
		t.Error("two seeds, two writers or two generations draw the same")
	}
}

// A spy is a lock that notes what is done to all spies of a run. Only one goroutine at
// a time may use them.
type spy struct {
	Locker
	*notes
	number int
}

type notes struct {
	mu       sync.Mutex
	made     int
	held     []int // in the order of their acquisitions
	deepest  int
	disorder bool            // a lock was acquired after one with a higher number
	released map[string]bool // which of how many held locks was released
}

func (n *notes) kind() Kind {
	n.released = map[string]bool{}
	return Kind{Name: "spy", Resilient: true, New: func() Locker {
		n.made++
		return spy{new(rqlock.Mutex), n, n.made}
	}}
}

func (s spy) Lock() error {
	err := s.Locker.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.held); n > 0 && s.held[n-1] >= s.number {
		s.disorder = true
	}
	s.held = append(s.held, s.number)
	s.deepest = max(s.deepest, len(s.held))
	return err
}

func (s spy) Unlock() {
	s.mu.Lock()
	if i := slices.Index(s.held, s.number); i >= 0 { // not for the audit, which calls TryLock
		s.released[fmt.Sprint(i, " of ", len(s.held))] = true
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.mu.Unlock()
	s.Locker.Unlock()
}

// TestRounds: a writer holds up to -nested locks, acquires them in one order, and
// releases them in every order.
func TestRounds(t *testing.T) {
	var n notes
	run(t, n.kind(), Params{Writers: 1, Nested: 3, Locks: 5}, func(Stats) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.released) == 6
	})
	if n.deepest != 3 || n.disorder {
		t.Errorf("%d locks were held; out of order: %v", n.deepest, n.disorder)
	}
	for _, which := range []string{"0 of 1", "0 of 2", "1 of 2", "0 of 3", "1 of 3", "2 of 3"} {
		if !n.released[which] {
			t.Errorf("lock %s was never released: %v", which, n.released)
		}
	}
}

// A hooked lock calls a function before each acquisition.
type hooked struct {
	Locker
	before func()
}

func (l hooked) Lock() error { l.before(); return l.Locker.Lock() }

// TestDisturbances: what is counted as a disturbance has happened.
func TestDisturbances(t *testing.T) {
	var r *Runner
	var mu sync.Mutex
	procs := map[int]bool{}    // values of GOMAXPROCS
	inPause := map[int64]int{} // acquisitions, by the number of the pause
	k := Kind{Name: "disturbed", New: func() Locker {
		return hooked{Plain(new(sync.Mutex)), func() {
			mu.Lock()
			defer mu.Unlock()
			procs[runtime.GOMAXPROCS(0)] = true
			if n := r.disturbed.pauses.Load(); r.paused() {
				inPause[n]++
			}
		}}
	}}
	p := Params{Writers: 1, Stutter: 20 * time.Millisecond, Procs: 5 * time.Millisecond, Churn: time.Millisecond, GC: 10 * time.Millisecond}
	p.Seed = seed.Of(t)
	r, err := New(k, p)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	paused := false
	s := runUntil(t, r, func() bool {
		mu.Lock()
		defer mu.Unlock()
		paused = paused || r.paused()
		d := r.Stats().Disturbed
		return paused && len(procs) > 1 && d.Pauses > 2 && d.Respawns > 10 && d.Collections > 0
	})
	runtime.ReadMemStats(&after)
	if d := s.Disturbed; !paused || len(procs) < 2 || d.Respawns <= 10 || d.Collections == 0 || int64(after.NumForcedGC-before.NumForcedGC) < d.Collections {
		t.Errorf("GOMAXPROCS was %v; paused: %v; %d collections; %+v", procs, paused, after.NumForcedGC-before.NumForcedGC, d)
	}
	for _, n := range inPause {
		if n > 2 { // of a round that began before the pause
			t.Errorf("%d acquisitions in a pause", n)
		}
	}
}

// TestCrowds: cycles have none to three bystanders, and stalls one to four waiters.
func TestCrowds(t *testing.T) {
	var calls atomic.Int64
	k := Kind{Name: "refusing", Resilient: true, New: func() Locker { return refusing{&calls} }}
	r, err := New(k, Params{})
	if err != nil {
		t.Fatal(err)
	}
	rnd := seed.Rand(t)
	bystanders, waiters := map[int]bool{}, map[int64]bool{}
	for range 200 {
		bystanders[len(r.newCycle([]*instance{newInstance(k), newInstance(k)}, rnd).bystanders)] = true
		calls.Store(0)
		r.stall(newInstance(k), rnd)
		waiters[calls.Load()-2] = true // without the holder, and the one that comes afterwards
	}
	for n := range 4 {
		if !bystanders[n] || !waiters[int64(n)+1] {
			t.Errorf("bystanders %v, waiters %v", bystanders, waiters)
		}
	}
	if len(bystanders) != 4 || len(waiters) != 4 {
		t.Errorf("bystanders %v, waiters %v", bystanders, waiters)
	}
}

// A refusing lock grants the first acquisition, and refuses all others.
type refusing struct{ calls *atomic.Int64 }

func (l refusing) Lock() error {
	if l.calls.Add(1) > 1 {
		return &rqlock.TimeoutError{Stall: true}
	}
	return nil
}
func (l refusing) LockTimeout(time.Duration) error   { return l.Lock() }
func (l refusing) LockContext(context.Context) error { return l.Lock() }
func (l refusing) TryLock() bool                     { return true }
func (l refusing) Unlock()                           {}

// TestRestores: after a run the stall timeout is the default, and OnViolation what it
// was. A loaded machine may make a real stall, so several waits are tried.
func TestRestores(t *testing.T) {
	called := false
	previous := rqlock.OnViolation(func(error) { called = true })
	defer func() { rqlock.OnViolation(previous) }()
	run(t, Kinds[0], Params{StallTimeout: 10 * time.Millisecond}, func(s Stats) bool { return s.Total > 0 })
	var l rqlock.Mutex
	for range 20 {
		if err := l.Lock(); err != nil {
			t.Fatal(err)
		}
		if err := l.Lock(); err == nil || !called {
			t.Fatalf("%v, and OnViolation was called: %v", err, called)
		}
		done := make(chan error)
		go func() {
			err := l.Lock()
			if err == nil {
				l.Unlock()
			}
			done <- err
		}()
		time.Sleep(50 * time.Millisecond) // broken, this is a stall each time
		l.Unlock()
		if err := <-done; err == nil {
			return
		}
	}
	t.Error("a wait of 50 ms is a stall")
}
