package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
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

	guards  []*guard
	slots   []slot
	cycles  injected
	sizes   []injected
	stalls  injected
	overdue atomic.Int64 // late acquisitions of others than writers
	spoilt  atomic.Int64

	start   time.Time
	before  rqlock.Events
	reports reports
	ended   atomic.Pointer[Stats]

	gate atomic.Pointer[chan struct{}] // closed while writers may run
	stop chan struct{}
	all  sync.WaitGroup
}

// reports compares the errors that were returned with those that OnViolation was
// told of.
type reports struct {
	deadlocks, timeouts         atomic.Int64
	toldDeadlocks, toldTimeouts atomic.Int64
}

func (r *reports) count(err error) { countKinds(err, &r.deadlocks, &r.timeouts) }

func (r *reports) told(report rqlock.Report) {
	countKinds(report.Err, &r.toldDeadlocks, &r.toldTimeouts)
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

// Run tortures until ctx is done, and returns what came of it. While it runs it
// has the stall timeout and OnViolation of package rqlock to itself, and perhaps
// GOMAXPROCS.
func (r *Runner) Run(ctx context.Context) Stats {
	rqlock.SetStallTimeout(r.p.StallTimeout)
	rqlock.OnViolation(r.reports.told)
	defer rqlock.SetStallTimeout(rqlock.DefaultTimeout)
	defer rqlock.OnViolation(nil)
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

func (r *Runner) spawn(f func()) { r.all.Go(f) }

// random returns a source that depends on the seed, on who asks, and how often.
func (r *Runner) random(who, generation int) *rand.Rand {
	return rand.New(rand.NewPCG(r.p.Seed, uint64(who)<<32^uint64(generation)))
}

// watch waits for ctx and then for all goroutines. It reports whether they hang.
func (r *Runner) watch(ctx context.Context) (hung bool) {
	done := make(chan struct{})
	tick := time.NewTicker(r.p.HangAfter / 20)
	defer tick.Stop()
	last, moved := int64(-1), time.Now()
	stop := ctx.Done()
	for {
		select {
		case <-done:
			return false
		case <-stop:
			stop = nil
			close(r.stop)
			go func() { r.all.Wait(); close(done) }()
			moved = time.Now()
		case <-tick.C:
			if now := r.steps(); now != last || r.paused() {
				last, moved = now, time.Now()
			}
			if time.Since(moved) > r.p.HangAfter {
				r.hang(stop == nil)
				return true
			}
		}
	}
}

// steps grows while anybody gets on.
func (r *Runner) steps() (n int64) {
	for i := range r.slots {
		s := &r.slots[i]
		n += s.acquired.Load() + s.busy.Load() + s.deadline.Load() + s.cancelled.Load() + s.late.Load()
	}
	return n + r.cycles.made.Load() + r.stalls.made.Load()
}

func (r *Runner) paused() bool {
	select {
	case <-r.running():
		return false
	case <-r.stop:
		return false
	default:
		return true
	}
}

// hang fails with the stacks of all goroutines.
func (r *Runner) hang(ending bool) {
	if !ending {
		close(r.stop) // those that can end
	}
	stacks := make([]byte, 64<<10)
	stacks = stacks[:runtime.Stack(stacks, true)]
	r.fail("nothing has happened for %v (seed %d)\n%s", r.p.HangAfter, r.p.Seed, stacks)
}

// audit compares, when all is quiet, what must be equal.
func (r *Runner) audit() {
	s := r.Stats()
	sections := int64(0)
	for _, g := range r.guards {
		sections += g.sections()
	}
	if sections != s.Total {
		r.fail("%d acquisitions, but %d sections were counted", s.Total, sections)
	}
	for what, n := range map[string][2]int64{
		"deadlocks": {r.reports.deadlocks.Load(), r.reports.toldDeadlocks.Load()},
		"timeouts":  {r.reports.timeouts.Load(), r.reports.toldTimeouts.Load()},
	} {
		if n[0] != n[1] {
			r.fail("%d %s were returned, but OnViolation was told of %d", n[0], what, n[1])
		}
	}
	for _, g := range r.guards {
		if !g.TryLock() {
			r.fail("a lock is left locked")
			continue
		}
		g.Unlock()
	}
}

// Stats returns what there is so far. It may be called at any time.
func (r *Runner) Stats() Stats {
	if s := r.ended.Load(); s != nil {
		return *s
	}
	s := Stats{Elapsed: time.Since(r.start), Fail: r.fails.Load(), Trouble: r.told(), Sizes: map[int]Injected{}}
	for i := range r.slots {
		slot := &r.slots[i]
		n := slot.acquired.Load()
		s.Total += n
		s.Max = max(s.Max, n)
		if i == 0 || n < s.Min {
			s.Min = n
		}
		s.Busy += slot.busy.Load()
		s.Deadline += slot.deadline.Load()
		s.Cancelled += slot.cancelled.Load()
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
	now.Pending -= before.Pending
	now.NoNode -= before.NoNode
	now.Self -= before.Self
	now.Cycle -= before.Cycle
	now.Stall -= before.Stall
	now.Deadline -= before.Deadline
	now.Cancelled -= before.Cancelled
	return now
}
