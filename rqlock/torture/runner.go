package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
)

// A Runner is one run.
type Runner struct {
	p        Params
	kind     Kind
	failures failures

	locks  []*instance // the writers'
	others struct {    // those of cycles, stalls, storms, chains, stops and crossings
		sync.Mutex
		locks []*instance
	}
	visits      atomic.Int64 // sections of others that write
	tallies     []tally
	cycles      injected
	sizes       []injected // cycles of so many goroutines
	stalls      injected
	ends        injected
	crossings   injected
	lookedUp    atomic.Int64
	otherStalls atomic.Int64 // real stalls of others
	prevented   atomic.Int64
	stops       stops
	skipped     skipped

	cycleSteps, endSteps, stormSteps, chainSteps, stopSteps, crossingSteps atomic.Int64 // progress of those that inject

	started  time.Time
	before   rqlock.Events
	returned violations // as errors
	reported violations // to OnViolation
	ended    atomic.Pointer[Stats]

	gate      atomic.Pointer[chan struct{}] // closed while writers may run
	disturbed disturbed

	stop     chan struct{} // closed by end
	stopping atomic.Bool
	all      sync.WaitGroup
}

// violations counts what OnViolation is for.
type violations struct{ deadlocks, timeouts atomic.Int64 }

func (v *violations) count(err error) {
	switch {
	case errors.Is(err, rqlock.ErrDeadlock):
		v.deadlocks.Add(1)
	case errors.Is(err, rqlock.ErrTimeout):
		v.timeouts.Add(1)
	}
}

// New returns a run that tortures locks of a kind, or an error that says what makes no
// sense.
func New(k Kind, p Params) (*Runner, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	p, err := p.complete(k)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		p: p, kind: k, stop: make(chan struct{}), tallies: make([]tally, p.Writers), sizes: make([]injected, p.CycleMax+1),
		started: time.Now(), before: rqlock.ReadEvents(),
	}
	r.gate.Store(&open)
	for range p.Locks {
		r.locks = append(r.locks, newInstance(k))
	}
	return r, nil
}

// Params returns the parameters, with the values that zeros stood for.
func (r *Runner) Params() Params { return r.p }

// Run tortures the lock until ctx is done, and returns the statistics. It may be called
// once. While it runs no other may run, since it sets the stall timeout and OnViolation
// of package rqlock, and perhaps GOMAXPROCS. Afterwards OnViolation and GOMAXPROCS are
// what they were, and the stall timeout is the default. What hangs is left behind.
func (r *Runner) Run(ctx context.Context) Stats {
	if r.kind.Resilient {
		rqlock.SetStallTimeout(r.p.StallTimeout)
		defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
		previous := rqlock.OnViolation(r.reported.count)
		defer func() { rqlock.OnViolation(previous) }()
	}
	for i := range r.tallies {
		r.spawn(func() { r.write(i, 0) })
	}
	for _, extra := range []struct {
		every time.Duration
		run   func()
	}{
		{r.p.Cycles, r.injectCycles}, {r.p.Stalls, r.injectStalls}, {r.p.Ends, r.injectEnds},
		{r.p.Storms, r.injectStorms}, {r.p.Chains, r.injectChains}, {r.p.Stops, r.injectStops}, {r.p.Crossings, r.injectCrossings}, {r.p.Stutter, r.stutter},
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
		r.fail("panic", "%v\n%s", e, debug.Stack())
		r.end()
	}
}

// end ends the run. It may be called more than once.
func (r *Runner) end() {
	if !r.stopping.Swap(true) {
		close(r.stop)
	}
}

func (r *Runner) fail(what, format string, args ...any) { r.failTimes(1, what, format, args...) }

func (r *Runner) failTimes(n int64, what, format string, args ...any) {
	r.failures.add(n, what, fmt.Sprintf(format, args...))
	if r.p.FailFast {
		r.end()
	}
}

// newInstance returns a lock for one that injects.
func (r *Runner) newInstance() *instance {
	l := newInstance(r.kind)
	r.others.Lock()
	defer r.others.Unlock()
	r.others.locks = append(r.others.locks, l)
	return l
}

// random returns a source that depends on the seed, on who draws from it, and on how
// often that was replaced.
func (r *Runner) random(who, generation int) *rand.Rand {
	return rand.New(rand.NewPCG(r.p.Seed, uint64(who)<<32^uint64(generation)))
}

// watch waits for ctx and then for all goroutines. It reports whether one hangs.
func (r *Runner) watch(ctx context.Context) (hung bool) {
	done := make(chan struct{})
	watchdogs := r.watchdogs()
	tick := time.NewTicker(r.p.HangAfter / 20)
	defer tick.Stop()
	stop := ctx.Done()
	var end time.Time
	var stopped time.Duration // when the run ended
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
				stopped, _ = r.stops.length()
				go func() { r.all.Wait(); close(done) }()
			}
			select { // so that this case does not poll r.stop, which stays closed
			case <-done:
			case <-tick.C:
				total, known := r.stops.length()
				if silent := time.Since(end) - (total - stopped); known && silent > r.p.HangAfter+2*r.p.StallTimeout {
					return r.hang("the end of the run", silent)
				}
			}
		case <-tick.C:
			stopped, known := r.stops.length()
			if !known {
				continue // the process has just been stopped
			}
			if d := r.silent(watchdogs, stopped); d != nil {
				return r.hang(d.name, d.checked.Sub(d.stepped))
			}
		}
	}
}

// A watchdog watches that one goroutine makes progress.
type watchdog struct {
	name    string
	allowed time.Duration // without a step
	steps   func() int64
	pauses  bool // while writers do

	last    int64
	stepped time.Time // time of the last step, later by all pauses and stops since
	checked time.Time
	stopped time.Duration // all stops until then
}

// watchdogs returns one for each writer, and for those that inject faults.
func (r *Runner) watchdogs() (ds []*watchdog) {
	// A writer waits for all others, for each of its locks. Each may barge past it until
	// it has closed the lock, for which 1 ms is allowed (G9). Of long sections there are
	// rarely two at a time.
	queue := time.Duration(min(r.p.Writers*r.p.Nested, 10_000)) * (2*r.p.Section + time.Millisecond)
	for i := range r.tallies {
		ds = append(ds, &watchdog{
			name: fmt.Sprintf("writer %d", i), allowed: r.p.HangAfter + 2*r.p.Outside + queue + 4*r.p.LongHold,
			steps: r.tallies[i].steps, pauses: true,
		})
	}
	for _, part := range []struct {
		name  string
		every time.Duration
		steps *atomic.Int64
	}{
		{"cycles", r.p.Cycles, &r.cycleSteps}, {"stalls", r.p.Stalls, &r.stalls.made}, {"ends", r.p.Ends, &r.endSteps},
		{"storms", r.p.Storms, &r.stormSteps}, {"chains", r.p.Chains, &r.chainSteps}, {"stops", r.p.Stops, &r.stopSteps}, {"crossings", r.p.Crossings, &r.crossingSteps},
	} {
		if part.every > 0 {
			// One that is made lasts for three stall timeouts at most.
			ds = append(ds, &watchdog{name: part.name, allowed: r.p.HangAfter + 2*part.every + 3*r.p.StallTimeout, steps: part.steps.Load})
		}
	}
	now := time.Now()
	for _, d := range ds {
		d.stepped, d.checked = now, now
	}
	return ds
}

// check returns for how long there was no step, given how long the process was stopped in
// all. Neither pauses nor stops count.
func (d *watchdog) check(paused bool, stopped time.Duration) (silent time.Duration) {
	now, steps := time.Now(), d.steps()
	d.stepped = d.stepped.Add(stopped - d.stopped)
	d.stopped = stopped
	if paused && d.pauses {
		d.stepped = d.stepped.Add(now.Sub(d.checked))
	}
	if steps != d.last {
		d.last, d.stepped = steps, now
	}
	d.checked = now
	return now.Sub(d.stepped)
}

// silent returns a watchdog that saw no step for too long, or nil. A part that cannot run
// makes none.
func (r *Runner) silent(ds []*watchdog, stopped time.Duration) *watchdog {
	for _, d := range ds {
		if d.check(r.paused(), stopped) > d.allowed && !r.skipped.has(d.name) {
			return d
		}
	}
	return nil
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
func (r *Runner) hang(who string, silent time.Duration) (hung bool) {
	r.end()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	r.fail("no progress", "%s, for %v (seed %d)\n%s", who, silent.Round(time.Millisecond), r.p.Seed, stacks)
	return true
}

// audit checks, after all goroutines have ended, that no lock is held and that what was
// counted twice is equal.
func (r *Runner) audit() {
	defer r.rescue()
	s := r.Stats()
	sections := int64(0)
	for _, l := range append(r.others.locks, r.locks...) {
		sections += l.sections()
		if l.TryLock() {
			l.Unlock()
		} else {
			r.fail("a lock is still held at the end", "by nobody: %s", stillHeld(l.Locker))
		}
	}
	if want := s.Total + r.visits.Load(); sections != want {
		r.failTimes(max(want-sections, sections-want), "a section is missing", "%d acquisitions, but %d sections were counted", want, sections)
	}
	if s.Events != nil && s.Events.Rescued > 0 {
		r.failTimes(int64(s.Events.Rescued), notWoken, "but the watchdog of package rqlock, later")
	}
	r.compare(s.Events)
}

// stillHeld says what can be told of a lock of which TryLock has failed, though nobody holds it.
func stillHeld(l Locker) string {
	words := wordsOf(l)
	time.Sleep(50 * time.Millisecond)
	if !l.TryLock() {
		return words
	}
	l.Unlock()
	return words + "; a moment later it was free"
}

// wordsOf renders the state of a lock.
func wordsOf(l Locker) string {
	switch l := l.(type) {
	case *rqlock.Mutex:
		return queue.Words((*asm.Owned)(unsafe.Pointer(l))) // a Mutex is its word
	case *rqlock.RWMutex:
		return gate.Of((*asm.Owned)(unsafe.Pointer(l))).Words() // an RWMutex begins with it
	}
	return fmt.Sprintf("a %T", l)
}

// notWoken is the failure of a lock whose owner unlocked it and woke nobody.
const notWoken = "nobody woke a waiter whose lock was free"

// compare fails if the errors that were returned are not those that OnViolation's function
// was told of and those that it was not told of, by its own rule.
func (r *Runner) compare(events *rqlock.Events) {
	unreported := int64(0)
	if events != nil {
		unreported = int64(events.Unreported)
	}
	deadlocks, timeouts := r.returned.deadlocks.Load(), r.returned.timeouts.Load()
	told, toldTimeouts := r.reported.deadlocks.Load(), r.reported.timeouts.Load()
	if told > deadlocks || toldTimeouts > timeouts || told+toldTimeouts+unreported != deadlocks+timeouts {
		r.fail("errors and calls of OnViolation differ", "%d deadlocks and %d timeouts were returned; OnViolation was called for %d and %d, and not for %d",
			deadlocks, timeouts, told, toldTimeouts, unreported)
	}
}

// Stats returns the statistics so far. It may be called at any time.
func (r *Runner) Stats() Stats {
	if s := r.ended.Load(); s != nil {
		return *s
	}
	s := Stats{Elapsed: time.Since(r.started), CycleSizes: map[int]Injected{}, Disturbed: r.disturbed.load()}
	s.Failures, s.Fail = r.failures.list()
	for i := range r.tallies {
		t := &r.tallies[i]
		n := t.acquired.Load()
		s.Total += n
		s.Max = max(s.Max, n)
		if i == 0 || n < s.Min {
			s.Min = n
		}
		n = t.reads.Load()
		s.Reads += n
		s.MaxReads = max(s.MaxReads, n)
		if i == 0 || n < s.MinReads {
			s.MinReads = n
		}
		s.Recursions.add(&t.recursions)
		s.TryLocks.add(&t.tryLocks)
		s.Deadlines.add(&t.deadlines)
		s.Cancelled.add(&t.cancelled)
		s.RealStalls += t.realStalls.Load()
		s.SelfDeadlocks.add(&t.selfDeadlocks)
		for j := range t.waits {
			s.Waits[j] += t.waits[j].Load()
		}
	}
	s.RealStalls += r.otherStalls.Load()
	s.Prevented = r.prevented.Load()
	s.Cycles.add(&r.cycles)
	s.Stalls.add(&r.stalls)
	s.Ends.add(&r.ends)
	s.Crossings.add(&r.crossings)
	s.LookedUp = r.lookedUp.Load()
	s.NotRun = r.skipped.list()
	for n := range r.sizes {
		var size Injected
		if size.add(&r.sizes[n]); size.Made > 0 {
			s.CycleSizes[n] = size
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
	v, b := reflect.ValueOf(&now).Elem(), reflect.ValueOf(before)
	for i := range v.NumField() {
		v.Field(i).SetUint(v.Field(i).Uint() - b.Field(i).Uint())
	}
	return now
}
