package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// A Runner is one run.
type Runner struct {
	p    Params
	kind Kind
	ledger

	guards []*guard // the writers'
	others struct { // those of cycles and stalls
		sync.Mutex
		guards []*guard
	}
	visits     atomic.Int64 // to those
	slots      []slot
	cycles     injected
	sizes      []injected
	stalls     injected
	cycleSteps atomic.Int64 // of who makes cycles
	overdue    atomic.Int64 // late acquisitions of others than writers
	spoilt     atomic.Int64

	start   time.Time
	before  rqlock.Events
	reports reports
	ended   atomic.Pointer[Stats]

	gate atomic.Pointer[chan struct{}] // closed while writers may run
	did  done

	stop     chan struct{} // closed by end
	stopping atomic.Bool
	all      sync.WaitGroup
}

// reports compares the errors that were returned with those that OnViolation was
// told of.
type reports struct {
	deadlocks, timeouts         atomic.Int64
	toldDeadlocks, toldTimeouts atomic.Int64
}

func (r *reports) count(err error) { countKinds(err, &r.deadlocks, &r.timeouts) }

func (r *reports) told(err error) {
	countKinds(err, &r.toldDeadlocks, &r.toldTimeouts)
}

func countKinds(err error, deadlocks, timeouts *atomic.Int64) {
	switch {
	case errors.Is(err, rqlock.ErrDeadlock):
		deadlocks.Add(1)
	case errors.Is(err, rqlock.ErrTimeout):
		timeouts.Add(1)
	}
}

// New returns a run of the parameters, or an error that says which is wrong.
func New(p Params) (*Runner, error) {
	k, err := KindNamed(p.Lock)
	if err != nil {
		return nil, err
	}
	return newRunner(p, k)
}

func newRunner(p Params, k Kind) (*Runner, error) {
	p, err := p.complete(k)
	if err != nil {
		return nil, err
	}
	r := &Runner{p: p, kind: k, stop: make(chan struct{}), slots: make([]slot, p.Writers), sizes: make([]injected, p.CycleMax+1),
		start: time.Now(), before: rqlock.ReadEvents()}
	r.gate.Store(&open)
	for range p.Locks {
		r.guards = append(r.guards, newGuard(k))
	}
	return r, nil
}

// Params returns the parameters with the defaults filled in.
func (r *Runner) Params() Params { return r.p }

// Run tortures until ctx is done, once, and returns what came of it. While it runs it
// has the stall timeout and OnViolation of package rqlock to itself, and perhaps
// GOMAXPROCS.
func (r *Runner) Run(ctx context.Context) Stats {
	rqlock.SetStallTimeout(r.p.StallTimeout)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	defer rqlock.OnViolation(rqlock.OnViolation(r.reports.told))
	for i := range r.slots {
		r.spawn(func() { r.write(i, 0) })
	}
	for _, extra := range []struct {
		every time.Duration
		run   func()
	}{
		{r.p.Cycles, r.makeCycles}, {r.p.Stalls, r.makeStalls}, {r.p.Stutter, r.stutter},
		{r.p.Shuffle, r.shuffle}, {r.p.GC, r.collect}, {r.p.Procs, r.changeProcs},
	} {
		if extra.every > 0 {
			r.spawn(extra.run)
		}
	}
	hung := r.watch(ctx)
	if !hung {
		r.audit()
	}
	s := r.Stats()
	r.ended.Store(&s)
	return s
}

func (r *Runner) spawn(f func()) {
	r.all.Go(func() {
		defer r.rescue()
		f()
	})
}

// rescue makes a panic of a lock a failure, which ends the run.
func (r *Runner) rescue() {
	if e := recover(); e != nil {
		r.fail("a panic", "%v\n%s", e, debug.Stack())
		r.end()
	}
}

// end lets everybody stop. It may be called more than once.
func (r *Runner) end() {
	if !r.stopping.Swap(true) {
		close(r.stop)
	}
}

// newGuard is a lock for cycles and stalls.
func (r *Runner) newGuard() *guard {
	g := newGuard(r.kind)
	r.others.Lock()
	defer r.others.Unlock()
	r.others.guards = append(r.others.guards, g)
	return g
}

// random returns a source that depends on the seed, on who asks, and how often.
func (r *Runner) random(who, generation int) *rand.Rand {
	return rand.New(rand.NewPCG(r.p.Seed, uint64(who)<<32^uint64(generation)))
}

// watch waits for ctx and then for all goroutines. It reports whether any hangs.
func (r *Runner) watch(ctx context.Context) (hung bool) {
	done := make(chan struct{})
	pets := r.pets()
	tick := time.NewTicker(r.p.HangAfter / 20)
	defer tick.Stop()
	stop := ctx.Done()
	var end time.Time
	for {
		select {
		case <-done:
			return false
		case <-stop:
			r.end()
		case <-r.stop:
			stop = nil
			if end.IsZero() {
				end = time.Now()
				go func() { r.all.Wait(); close(done) }()
			}
			select { // what ends, ends soon
			case <-done:
			case <-tick.C:
				if time.Since(end) > r.p.HangAfter+r.p.StallTimeout {
					return r.hang("the end", time.Since(end))
				}
			}
		case <-tick.C:
			for _, p := range pets {
				if silent := p.silent(r.paused()); silent > p.allowed {
					return r.hang(p.name, silent)
				}
			}
		}
	}
}

// A pet is somebody who must get on.
type pet struct {
	name    string
	allowed time.Duration // without a step
	steps   func() int64
	pauses  bool // while writers do

	last int64
	seen time.Time // when it made a step, later by what it has paused since
	at   time.Time // of the last look
}

// pets lists the writers, and who makes cycles and stalls.
func (r *Runner) pets() (pets []*pet) {
	// A writer waits for all others, in each of its locks; 1 ms is until it closes the
	// door to those who pass it (G9). Of long holds there are rarely two at a time.
	queue := time.Duration(min(r.p.Writers*r.p.Nested, 10_000)) * (2*r.p.Section + time.Millisecond)
	for i := range r.slots {
		pets = append(pets, &pet{
			name: fmt.Sprintf("writer %d", i), allowed: r.p.HangAfter + 2*r.p.Outside + queue + 4*r.p.LongHold,
			steps: r.slots[i].steps, pauses: true,
		})
	}
	if r.p.Cycles > 0 {
		pets = append(pets, &pet{name: "cycles", allowed: r.p.HangAfter + 2*r.p.Cycles + r.p.StallTimeout, steps: r.cycleSteps.Load})
	}
	if r.p.Stalls > 0 {
		pets = append(pets, &pet{name: "stalls", allowed: r.p.HangAfter + 2*r.p.Stalls + 2*r.p.StallTimeout, steps: r.stalls.made.Load})
	}
	now := time.Now()
	for _, p := range pets {
		p.seen, p.at = now, now
	}
	return pets
}

// silent looks whether p has made a step, and returns how long it has not.
func (p *pet) silent(paused bool) time.Duration {
	now, steps := time.Now(), p.steps()
	if paused && p.pauses {
		p.seen = p.seen.Add(now.Sub(p.at))
	}
	if steps != p.last {
		p.last, p.seen = steps, now
	}
	p.at = now
	return now.Sub(p.seen)
}

func (r *Runner) paused() bool {
	select {
	case <-r.running():
		return false
	default:
		return true
	}
}

// hang fails with the stacks of all goroutines.
func (r *Runner) hang(who string, silent time.Duration) bool {
	r.end() // those that can
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	r.fail("a hang", "nothing has happened for %v: %s (seed %d)\n%s", silent.Round(time.Millisecond), who, r.p.Seed, stacks)
	return true
}

// audit compares, when all is quiet, what must be equal.
func (r *Runner) audit() {
	s := r.Stats()
	sections := int64(0)
	for _, g := range append(r.others.guards, r.guards...) {
		sections += g.sections()
		if g.TryLock() {
			g.Unlock()
		} else {
			r.fail("a lock is left locked", "in the end")
		}
	}
	if want := s.Total + r.visits.Load(); sections != want {
		r.failTimes(max(want-sections, sections-want), "a section was lost", "%d acquisitions, but %d sections were counted", want, sections)
	}
	r.compare("deadlocks", &r.reports.deadlocks, &r.reports.toldDeadlocks)
	r.compare("timeouts", &r.reports.timeouts, &r.reports.toldTimeouts)
}

func (r *Runner) compare(what string, returned, told *atomic.Int64) {
	if a, b := returned.Load(), told.Load(); a != b {
		r.fail("OnViolation was told of more or less", "%d %s were returned, but OnViolation was told of %d", a, what, b)
	}
}

// Stats returns what there is so far. It may be called at any time.
func (r *Runner) Stats() Stats {
	if s := r.ended.Load(); s != nil {
		return *s
	}
	s := Stats{Elapsed: time.Since(r.start), Sizes: map[int]Injected{}, Disturbed: r.did.load()}
	s.Trouble, s.Fail = r.told()
	for i := range r.slots {
		slot := &r.slots[i]
		n := slot.acquired.Load()
		s.Total += n
		s.Max = max(s.Max, n)
		if i == 0 || n < s.Min {
			s.Min = n
		}
		s.Busy.add(&slot.busy)
		s.Deadline.add(&slot.deadline)
		s.Cancelled.add(&slot.cancelled)
		s.Late += slot.late.Load()
		self := slot.selfs.load()
		s.Selfs.Made += self.Made
		s.Selfs.Reported += self.Reported
		for j := range slot.waits {
			s.Waits[j] += slot.waits[j].Load()
		}
	}
	s.Late += r.overdue.Load()
	s.Spoilt = r.spoilt.Load()
	s.Cycles, s.Stalls = r.cycles.load(), r.stalls.load()
	for n := range r.sizes {
		if size := r.sizes[n].load(); size.Made > 0 {
			s.Sizes[n] = size
		}
	}
	if r.kind.Resilient {
		e := since(rqlock.ReadEvents(), r.before)
		s.Events = &e
	}
	return s
}

// since returns the events after those before.
func since(now, before rqlock.Events) rqlock.Events {
	now.Spun -= before.Spun
	now.Queued -= before.Queued
	now.Parked -= before.Parked
	now.Closed -= before.Closed
	now.Unqueued -= before.Unqueued
	now.SelfDeadlock -= before.SelfDeadlock
	now.CycleDeadlock -= before.CycleDeadlock
	now.Stall -= before.Stall
	now.Deadline -= before.Deadline
	now.Cancelled -= before.Cancelled
	return now
}
