package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

func runner(t *testing.T, p Params, k Kind) *Runner {
	t.Helper()
	r, err := newRunner(p, k)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kindsOf names the failures that a runner has noted.
func kindsOf(r *Runner) string {
	var s []string
	kinds, _ := r.told()
	for _, t := range kinds {
		s = append(s, t.What)
	}
	return strings.Join(s, "; ")
}

// TestAudit: each thing that must be equal, or free, in the end is looked at.
func TestAudit(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(r *Runner)
		want string
	}{
		{"nothing", func(*Runner) {}, ""},
		{"an acquisition too many", func(r *Runner) { r.slots[0].acquired.Add(1) }, "a section was lost"},
		{"a visit too many", func(r *Runner) { r.visits.Add(1) }, "a section was lost"},
		{"a section too many", func(r *Runner) { g := r.newGuard(); a, b := g.enter(); g.section.leave(a, b) }, "a section was lost"},
		{"a writers' lock", func(r *Runner) { r.guards[0].Lock() }, "a lock is left locked"},
		{"another lock", func(r *Runner) { r.newGuard().Lock() }, "a lock is left locked"},
		{"a deadlock returned", func(r *Runner) { r.reports.count(rqlock.ErrDeadlock) }, "OnViolation was told of more or less"},
		{"a timeout returned", func(r *Runner) { r.reports.count(rqlock.ErrTimeout) }, "OnViolation was told of more or less"},
		{"a deadlock told", func(r *Runner) { r.reports.told(&rqlock.DeadlockError{}) }, "OnViolation was told of more or less"},
		{"a timeout told", func(r *Runner) { r.reports.told(&rqlock.TimeoutError{}) }, "OnViolation was told of more or less"},
	} {
		r := runner(t, Params{Lock: "rqlock"}, Kinds[0])
		test.do(r)
		if r.audit(); kindsOf(r) != test.want {
			t.Errorf("%s: %q, want %q", test.name, kindsOf(r), test.want)
		}
	}
}

// TestAlone: who is beside another in a section is noticed, or lost.
func TestAlone(t *testing.T) {
	for _, s := range []section{new(counters), new(unseen)} {
		a, b := s.enter()
		if !s.leave(a, b) || s.sections() != 1 {
			t.Errorf("%T: one after the other: %d sections", s, s.sections())
		}
		a, b = s.enter()
		c, d := s.enter()
		first, second := s.leave(a, b), s.leave(c, d)
		if first || !second || s.sections() != 2 {
			t.Errorf("%T: two at once: alone %v, %v; %d sections of 3", s, first, second, s.sections())
		}
	}
}

// TestJudgeCycle: one victim, told of all; nobody else.
func TestJudgeCycle(t *testing.T) {
	const timeout = time.Second
	cycle2 := &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 2)}
	real := &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: timeout}}
	for _, test := range []struct {
		name          string
		waits, beside []error
		ok            bool
		want          string
		made, spoilt  int64
	}{
		{"as it must be", []error{cycle2, nil}, []error{nil}, true, "", 1, 0},
		{"none", []error{nil, nil}, nil, false, "a cycle has not one victim", 1, 0},
		{"both", []error{cycle2, cycle2}, nil, false, "a cycle has not one victim", 1, 0},
		{"told of another", []error{&rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 3)}, nil}, nil, false, "in a cycle; a cycle has not one victim", 1, 0},
		{"another error besides", []error{cycle2, context.Canceled}, nil, false, "in a cycle", 1, 0},
		{"a bystander", []error{cycle2, nil}, []error{nil, cycle2}, false, "beside a cycle", 1, 0},
		{"late, and no cycle", []error{real, nil}, nil, false, "", 0, 1},
		{"late, and a cycle", []error{real, cycle2}, nil, true, "", 1, 0},
		{"a late bystander", []error{nil, cycle2}, []error{real}, true, "", 1, 0},
	} {
		r := runner(t, Params{Lock: "rqlock", StallTimeout: timeout}, Kinds[0])
		g := r.newGuard() // was never granted: each stall is real
		outcomes := func(errs []error) (os []outcome) {
			for _, err := range errs {
				os = append(os, outcome{g, 0, err})
			}
			return os
		}
		g.granted.Store(clock() - int64(time.Hour))
		c := &cycle{Runner: r, waits: outcomes(test.waits), beside: outcomes(test.beside)}
		r.cycles.made.Add(1)
		r.sizes[2].made.Add(1)
		ok := c.judge()
		if ok != test.ok || kindsOf(r) != test.want || r.cycles.made.Load() != test.made || r.sizes[2].made.Load() != test.made || r.spoilt.Load() != test.spoilt {
			t.Errorf("%s: %v, %q, %d made, %d spoilt", test.name, ok, kindsOf(r), r.cycles.made.Load(), r.spoilt.Load())
		}
	}
}

// TestStats: totals, extremes and the histogram, of what the slots have.
func TestStats(t *testing.T) {
	if (&Stats{}).Ok() || (&Stats{Total: 1, Fail: 1}).Ok() || !(&Stats{Total: 1}).Ok() {
		t.Error("Ok is wrong")
	}
	r := runner(t, Params{Lock: "rqlock", Writers: 3}, Kinds[0])
	for i, n := range []int64{5, 3, 9} {
		r.slots[i].acquired.Add(n)
	}
	for _, ns := range []time.Duration{-1, 0, 1, 127, 128, 1 << 50} {
		r.slots[1].waited(ns)
	}
	s := r.Stats()
	var want Histogram
	want[0], want[1], want[7], want[8], want[len(want)-1] = 2, 1, 1, 1, 1
	if s.Total != 17 || s.Max != 9 || s.Min != 3 || s.Waits != want {
		t.Errorf("%+v, want waits %v", s, want)
	}
}

// TestSeed: what is random depends on the seed, and on nothing else.
func TestSeed(t *testing.T) {
	draw := func(seed uint64, who, generation int) uint64 {
		return runner(t, Params{Lock: "rqlock", Seed: seed}, Kinds[0]).random(who, generation).Uint64()
	}
	if draw(1, 2, 3) != draw(1, 2, 3) || draw(1, 2, 3) == draw(2, 2, 3) || draw(1, 2, 3) == draw(1, 3, 3) || draw(1, 2, 3) == draw(1, 2, 4) {
		t.Error("seeds do not tell")
	}
}

// A spy is a lock of a test with one writer, or one at a time.
type spy struct {
	Locker
	*spies
	number int
}

// spies have what was done to them.
type spies struct {
	sync.Mutex
	made  int
	took  []int // the locks that are held, in the order in which they were taken
	deep  int
	wrong bool           // the order was not ascending
	gone  map[string]int // how often locks were released in this order, of those held
	procs map[int]bool
	calls int
	last  time.Time
	idle  time.Duration // the longest time without a call
}

func newSpies() *spies { return &spies{gone: map[string]int{}, procs: map[int]bool{}} }

func (s *spies) kind() Kind {
	return Kind{Name: "spy", Resilient: true, New: func() Locker {
		s.made++
		return spy{new(rqlock.Mutex), s, s.made}
	}}
}

func (s spy) Lock() error {
	err := s.Locker.Lock()
	s.spies.Lock()
	defer s.spies.Unlock()
	if now := time.Now(); s.calls > 0 {
		s.idle, s.last = max(s.idle, now.Sub(s.last)), now
	} else {
		s.last = now
	}
	if s.calls++; s.calls%16 == 0 {
		s.procs[runtime.GOMAXPROCS(0)] = true
	}
	if n := len(s.took); n > 0 && s.took[n-1] >= s.number {
		s.wrong = true
	}
	s.took = append(s.took, s.number)
	s.deep = max(s.deep, len(s.took))
	return err
}

func (s spy) Unlock() {
	s.spies.Lock()
	if i := slices.Index(s.took, s.number); i >= 0 { // else it was tried in the end
		s.gone[fmt.Sprint(i, " of ", len(s.took))]++
		s.took = slices.Delete(s.took, i, i+1)
	}
	s.spies.Unlock()
	s.Locker.Unlock()
}

// TestRounds: a writer takes up to so many locks, in order, and releases them in any.
func TestRounds(t *testing.T) {
	s := newSpies()
	run(t, Params{Lock: "spy", Writers: 1, Nested: 3, Locks: 5, Seed: *seed}, s.kind(), *runTime)
	if s.deep != 3 || s.wrong {
		t.Errorf("%d deep, out of order: %v", s.deep, s.wrong)
	}
	for _, n := range []string{"0 of 1", "0 of 2", "1 of 2", "0 of 3", "1 of 3", "2 of 3"} {
		if s.gone[n] == 0 {
			t.Errorf("never released %s: %v", n, s.gone)
		}
	}
}

// TestDisturbances: GOMAXPROCS does change, and writers do pause.
func TestDisturbances(t *testing.T) {
	s := newSpies()
	p := Params{Lock: "spy", Writers: 1, Stutter: 100 * time.Millisecond, Procs: 5 * time.Millisecond, Outside: 10 * time.Microsecond, Seed: *seed}
	run(t, p, s.kind(), max(*runTime, 350*time.Millisecond))
	if len(s.procs) < 2 || s.idle < 50*time.Millisecond {
		t.Errorf("GOMAXPROCS was %v; the longest pause was %v", s.procs, s.idle)
	}
}

// TestCrowds: cycles have none to three bystanders, stalls one to four waiters.
func TestCrowds(t *testing.T) {
	var calls atomic.Int64
	k := Kind{Name: "crowded", Resilient: true, New: func() Locker { return crowded{&calls} }}
	r := runner(t, Params{Lock: k.Name}, k)
	rnd := rand.New(rand.NewPCG(*seed, 0))
	beside, waiters := map[int]bool{}, map[int64]bool{}
	for range 200 {
		beside[len(r.newCycle([]*guard{newGuard(k), newGuard(k)}, rnd).beside)] = true
		calls.Store(0)
		r.stall(newGuard(k), rnd)
		waiters[calls.Load()-2] = true // without the holder, and who comes afterwards
	}
	for n := range 4 {
		if !beside[n] || !waiters[int64(n)+1] {
			t.Errorf("bystanders %v, waiters %v", beside, waiters)
		}
	}
	if len(beside) != 4 || len(waiters) != 4 {
		t.Errorf("bystanders %v, waiters %v", beside, waiters)
	}
}

// crowded counts, and refuses.
type crowded struct{ calls *atomic.Int64 }

func (c crowded) Lock() error {
	if c.calls.Add(1) > 1 {
		return &rqlock.TimeoutError{Stall: true}
	}
	return nil
}
func (c crowded) LockTimeout(time.Duration) error   { return c.Lock() }
func (c crowded) LockContext(context.Context) error { return c.Lock() }
func (c crowded) TryLock() bool                     { return true }
func (c crowded) Unlock()                           {}

// TestPutsBack: after a run the stall timeout is what it was.
func TestPutsBack(t *testing.T) {
	k := Kinds[0]
	run(t, Params{Lock: k.Name, StallTimeout: 10 * time.Millisecond, Seed: *seed}, k, 20*time.Millisecond)
	var l rqlock.Mutex
	held, release := make(chan bool), make(chan bool)
	go func() {
		l.Lock() //rqvet:ignore ignorederr nobody else has it
		close(held)
		<-release
		l.Unlock()
	}()
	<-held
	before := rqlock.ReadEvents().Stall
	done := make(chan error)
	go func() {
		err := l.Lock()
		if err == nil {
			l.Unlock()
		}
		done <- err
	}()
	time.Sleep(100 * time.Millisecond)
	early := rqlock.ReadEvents().Stall != before
	close(release)
	if <-done; early {
		t.Error("a wait of 100 ms is a stall")
	}
}
