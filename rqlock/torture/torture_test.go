package torture

import (
	"context"
	"flag"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

var runTime = flag.Duration("torture.time", 500*time.Millisecond, "how long to torture each lock that is right, at least; with -short a fifth of it")

func atLeast() time.Duration {
	if testing.Short() {
		return *runTime / 5
	}
	return *runTime
}

// patience returns how long to wait for what comes soon unless something is broken.
func patience(t *testing.T) time.Duration {
	d := 30*time.Second + atLeast()
	if deadline, ok := t.Deadline(); ok {
		d = min(d, time.Until(deadline)/2)
	}
	return d
}

// short returns parameters for a run of a moment with everything in it.
func short(k Kind) Params {
	p := Defaults(k)
	p.Stutter, p.Shuffle, p.Churn, p.GC, p.Procs = 20*time.Millisecond, 10*time.Millisecond, 5*time.Millisecond, 15*time.Millisecond, 20*time.Millisecond
	p.LongHold, p.Section = time.Millisecond, 20*time.Microsecond
	p.Storms, p.Chains, p.ChainMax, p.HangAfter = 10*time.Millisecond, 10*time.Millisecond, 20, time.Minute
	if k.Resilient {
		p.Cycles, p.Stalls, p.StallTimeout = 5*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
		p.Ends, p.Stops = 10*time.Millisecond, 50*time.Millisecond
		p.Limits, p.TryLocks = 3, 5
	}
	if k.Readers && k.Resilient {
		p.Crossings = 5 * time.Millisecond
	}
	return p
}

// run runs a kind of lock until enough says so, or patience ends. So it takes as long as
// it must on a slow machine, and no longer.
func run(t *testing.T, k Kind, p Params, enough func(Stats) bool) Stats {
	t.Helper()
	p.Seed = seed.Of(t)
	r, err := New(k, p)
	if err != nil {
		t.Fatal(err)
	}
	return runUntil(t, r, func() bool { return enough(r.Stats()) })
}

func runUntil(t *testing.T, r *Runner, enough func() bool) Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience(t))
	defer cancel()
	go func() {
		defer cancel()
		for !enough() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	s := r.Run(ctx)
	t.Cleanup(r.all.Wait) // what hung has an end by then
	if s.Err() == nil && s.Events != nil && s.Events.SelfDeadlock != uint64(s.SelfDeadlocks.Made) {
		t.Errorf("%d self-deadlocks were counted, but %d were made in this run", s.Events.SelfDeadlock, s.SelfDeadlocks.Made)
	}
	t.Log(strings.Join(s.Lines(), "\n"))
	return s
}

// everything reports whether a run has had all faults and disturbances.
func everything(k Kind, s Stats) bool {
	if k.Resilient && (s.Ends.Reported == 0 || s.Disturbed.Stops == 0 && s.NotRun["stops"] == "" || s.SelfDeadlocks.Reported == 0 || s.Cycles.Reported == 0 || s.Stalls.Reported == 0 ||
		s.Deadlines.Failed == 0 || s.Cancelled.Failed == 0 || s.Events.Queued == 0) {
		return false
	}
	if k.Readers && s.Reads == 0 || k.Readers && k.Resilient && (s.Recursions.Reported == 0 || s.Crossings.Made == 0 || s.Disturbed.Downgrades == 0) {
		return false
	}
	if k.Name == "rqlock-rw" && s.Events.Admitted == 0 {
		return false // no crossing was one
	}
	d := s.Disturbed
	return s.TryLocks.Times > 0 && d.Pauses > 0 && d.Shuffles > 0 && d.Respawns > 0 && d.Collections > 0 && d.Procs > 0 && d.Storms > 0 && d.Chains > 0
}

// TestTortureKinds: every lock passes but the busted ones.
func TestTortureKinds(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	for _, k := range Kinds {
		t.Run(k.Name, func(t *testing.T) {
			if k.missing != "" {
				if _, err := KindNamed(k.Name); err == nil || !strings.Contains(err.Error(), k.missing) {
					t.Errorf("KindNamed: %v, want: %s", err, k.missing)
				}
				if _, err := New(k, Params{}); err == nil || !strings.Contains(err.Error(), k.missing) {
					t.Errorf("New: %v, want: %s", err, k.missing)
				}
				return
			}
			busted := strings.HasPrefix(k.Name, "busted")
			s := run(t, k, short(k), func(s Stats) bool {
				return everything(k, s) && (s.Fail > 0 || !busted && s.Elapsed >= atLeast())
			})
			if failed := s.Err() != nil; failed != busted {
				t.Errorf("failed: %v\n%v", failed, s.Failures)
			}
			if !everything(k, s) {
				t.Errorf("something was not injected, or not done: %+v", s)
			}
			if got := runtime.GOMAXPROCS(0); got != procs {
				t.Errorf("GOMAXPROCS is %d, was %d", got, procs)
			}
		})
	}
}

// TestLongHold: one section in 2000 is long, for each writer.
func TestLongHold(t *testing.T) {
	k, err := KindNamed("mutex")
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, k, Params{Writers: 1, LongHold: time.Microsecond}, func(s Stats) bool { return s.Total >= 400_000 })
	// The deviation is 14 of 200.
	if n := s.Disturbed.LongHolds; s.Err() != nil || n < s.Total/3000 || n > s.Total/1400 {
		t.Errorf("%d long holds of %d; %v", n, s.Total, s.Failures)
	}
}

// TestWork: a writer spends the time that it is to spend in sections, and outside. It
// may well take longer, but not less.
func TestWork(t *testing.T) {
	for _, p := range []Params{{Section: time.Millisecond}, {Outside: time.Millisecond}} {
		p.Writers = 1
		s := run(t, Kinds[0], p, func(s Stats) bool { return s.Total >= 20 })
		if mean := s.Elapsed / time.Duration(s.Total); s.Err() != nil || mean < 250*time.Microsecond {
			t.Errorf("%+v: a round lasts %v; %v", p, mean, s.Failures)
		}
	}
}

// TestFailFast: the first failure ends the run.
func TestFailFast(t *testing.T) {
	k, err := KindNamed("busted")
	if err != nil {
		t.Fatal(err)
	}
	p := short(k)
	p.FailFast, p.Seed = true, seed.Of(t)
	r, err := New(k, p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience(t))
	defer cancel()
	if s := r.Run(ctx); s.Fail == 0 || ctx.Err() != nil {
		t.Errorf("%d failures, and %v", s.Fail, ctx.Err())
	}
}

// A wrong is an rqlock.Mutex with a fault.
type wrong struct {
	*rqlock.Mutex
	fault func(l *rqlock.Mutex, err error) error // changes what l has returned
}

func (w wrong) Lock() error                       { return w.fault(w.Mutex, w.Mutex.Lock()) }
func (w wrong) LockTimeout(d time.Duration) error { return w.fault(w.Mutex, w.Mutex.LockTimeout(d)) }
func (w wrong) LockContext(ctx context.Context) error {
	return w.fault(w.Mutex, w.Mutex.LockContext(ctx))
}

// TestWrongLocks: each fault that a lock may have is found, and named.
func TestWrongLocks(t *testing.T) {
	deadlock := func(err error) *rqlock.DeadlockError { d, _ := err.(*rqlock.DeadlockError); return d }
	timeout := func(err error) *rqlock.TimeoutError { d, _ := err.(*rqlock.TimeoutError); return d }
	var calls atomic.Int64
	// Faults are not random: they must come soon on a slow machine, too.
	every := func(n int64) bool { return calls.Add(1)%n == 0 }
	var next atomic.Int64 // size of the cycle that the next acquisition reports
	var once atomic.Bool
	var until chan struct{} // closed when a test ends
	only := func(f func(p *Params)) func(*Params) {
		return func(p *Params) {
			p.Cycles, p.Stalls, p.SelfDeadlocks, p.Limits, p.LongHold = 0, 0, 0, 0, 0
			p.Ends, p.Storms, p.Chains, p.Stops = 0, 0, 0, 0
			f(p)
		}
	}
	nothing := only(func(*Params) {})
	selfDeadlocks := only(func(p *Params) { p.SelfDeadlocks = 10 })
	cycles := only(func(p *Params) { p.Cycles = time.Millisecond })
	stalls := only(func(p *Params) { p.Stalls, p.StallTimeout = time.Millisecond, 20*time.Millisecond })
	limits := only(func(p *Params) { p.Limits, p.Nested, p.Locks = 2, 1, 1 })
	for _, test := range []struct {
		name   string
		params func(p *Params)
		fault  func(l *rqlock.Mutex, err error) error
		want   string
		first  string // what the details begin with
	}{
		{"false deadlock", nothing, func(l *rqlock.Mutex, err error) error {
			if err == nil && every(100) {
				l.Unlock()
				return &rqlock.DeadlockError{}
			}
			return err
		}, "a writer got an error", ""},
		{"false stall", nothing, func(l *rqlock.Mutex, err error) error {
			if err == nil && every(100) {
				l.Unlock()
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Second}}
			}
			return err
		}, "a stall was not real", ""},
		{"no self-deadlock", selfDeadlocks, func(l *rqlock.Mutex, err error) error {
			if deadlock(err) != nil {
				return &rqlock.TimeoutError{}
			}
			return err
		}, "locking a held lock again was no deadlock", ""},
		{"granted again", selfDeadlocks, func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil && len(d.Cycle) == 1 {
				return nil
			}
			return err
		}, "locking a held lock again was no deadlock", ""},
		{"no victim", cycles, func(l *rqlock.Mutex, err error) error {
			if deadlock(err) != nil {
				return &rqlock.TimeoutError{}
			}
			return err
		}, "a cycle had no victim, or several", ""},
		{"two victims", cycles, func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil {
				next.Store(int64(len(d.Cycle)))
			} else if n := next.Load(); err == nil && n > 1 && next.CompareAndSwap(n, 0) {
				l.Unlock()
				return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, n)}
			}
			return err
		}, "a cycle had no victim, or several", ""},
		{"part of the cycle", cycles, func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil && len(d.Cycle) > 2 {
				return &rqlock.DeadlockError{Cycle: d.Cycle[1:]}
			}
			return err
		}, "wrong error in a cycle", ""},
		{"early stall", stalls, func(l *rqlock.Mutex, err error) error {
			if d := timeout(err); d != nil {
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Millisecond}}
			}
			return err
		}, "a waiter did not get an injected stall", ""},
		{"fails after a stall", stalls, func(l *rqlock.Mutex, err error) error {
			if timeout(err) != nil {
				next.Store(1)
			} else if err == nil && next.CompareAndSwap(1, 0) {
				l.Unlock()
				return &rqlock.TimeoutError{}
			}
			return err
		}, "the lock failed after a stall", ""},
		{"stays locked", only(func(p *Params) { p.Nested, p.Locks = 1, 1 }), func(l *rqlock.Mutex, err error) error {
			if err == nil && every(200) {
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Millisecond}}
			}
			return err
		}, "a stall was not real", ""},
		{"stall instead of a limit", limits, func(l *rqlock.Mutex, err error) error {
			if d := timeout(err); d != nil && !d.Stall {
				return &rqlock.TimeoutError{Stall: true, Wait: d.Wait}
			}
			return err
		}, "a stall was not real", ""},
		{"another error", limits, func(l *rqlock.Mutex, err error) error {
			if err != nil {
				return context.DeadlineExceeded
			}
			return err
		}, "a writer got an error", ""},
		{"panics", nothing, func(l *rqlock.Mutex, err error) error {
			if every(200) {
				panic("oh")
			}
			return err
		}, "panic", ""},
		{"one hangs", only(func(p *Params) { p.HangAfter, p.Writers, p.Locks = 100*time.Millisecond, 4, 100 }), func(l *rqlock.Mutex, err error) error {
			if once.CompareAndSwap(false, true) {
				l.Unlock()
				<-until
			}
			return err
		}, "no progress", "writer "},
		{"all hang", only(func(p *Params) { p.HangAfter = 100 * time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if calls.Add(1) > 50 {
				<-until
			}
			return err
		}, "no progress", "writer "},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls.Store(0)
			next.Store(0)
			until = make(chan struct{})
			k := Kind{Name: test.name, Resilient: true, New: func() Locker { return wrong{new(rqlock.Mutex), test.fault} }}
			p := short(k)
			test.params(&p)
			wanted := func(f Failure) bool { return f.What == test.want }
			s := run(t, k, p, func(s Stats) bool { return slices.ContainsFunc(s.Failures, wanted) })
			t.Cleanup(func() { close(until) }) // before run's
			if i := slices.IndexFunc(s.Failures, wanted); i < 0 || !strings.HasPrefix(s.Failures[i].First, test.first) {
				t.Errorf("failures: %.2000v\nwant %q: %q", s.Failures, test.want, test.first)
			}
			if s.Cycles.Reported > 0 && s.Cycles.Reported == s.Cycles.Made || test.name == "early stall" && s.Stalls.Reported > 0 {
				t.Errorf("the faults count as reported: %+v", s)
			}
		})
	}
}

// TestUnreported: a lock that returns errors and does not call OnViolation is wrong.
func TestUnreported(t *testing.T) {
	k := Kind{Name: "unreported", Resilient: true, New: func() Locker {
		return wrong{new(rqlock.Mutex), func(_ *rqlock.Mutex, err error) error {
			rqlock.OnViolation(nil)
			return err
		}}
	}}
	s := run(t, k, Params{SelfDeadlocks: 10}, func(s Stats) bool { return s.SelfDeadlocks.Made > 0 })
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "errors and calls of OnViolation differ") {
		t.Error(err)
	}
}

// TestEnds: a run ends although everything sleeps for an hour.
func TestEnds(t *testing.T) {
	k := Kinds[0]
	p := short(k)
	p.Stutter, p.Cycles, p.Stalls, p.Shuffle, p.GC, p.Procs = time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour
	p.HangAfter = 0
	if s := run(t, k, p, func(s Stats) bool { return s.Total > 0 }); s.Err() != nil {
		t.Error(s.Failures)
	}
}

// TestHistory: which stalls are real.
func TestHistory(t *testing.T) {
	now := nanotime()
	const min, h = time.Minute, time.Hour
	for _, test := range []struct {
		name            string
		began, released time.Duration // of the holder's wait, and of the release before it: so long ago
		again           time.Duration // wait of another, which was granted the lock now (0 = nobody)
		since, d        time.Duration // of the stall
		want            bool
	}{
		{"just granted", min, 0, 0, h, min / 2, false},
		{"held for longer", 2 * min, h, 0, h, min, true},
		{"held for less", 2 * min, h, 0, h, 3 * min, false},
		{"waited for long, and released since", h, min, 0, h, 2 * min, false},
		{"held for longer, until now", 2 * min, h, min, h, min, true},
		{"held for less, until now", 2 * min, h, min, h, 3 * min, false},
		{"held for longer, before the wait", 2 * min, h, min, -min, min, false},
	} {
		at := func(ago time.Duration) int64 { return now - int64(ago) }
		l := newInstance(Kinds[0])
		l.lastGrant.Store(now)
		l.lastRelease.Store(at(test.released))
		l.granted(at(test.began), false)
		if test.again > 0 {
			l.lastRelease.Store(now)
			l.granted(at(test.again), false)
		}
		if got := len(l.idle(span{at(test.since), now}, test.d)) > 0; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestRelease: a lock that is granted after a release was held until the release.
func TestRelease(t *testing.T) {
	l := newInstance(Kinds[0])
	if _, err := writing(l).acquire(lock); err != nil {
		t.Fatal(err)
	}
	before := nanotime()
	writing(l).release()
	l.granted(before-int64(time.Hour), false)
	if got := l.lastGrant.Load(); got < before {
		t.Errorf("the last grant was %v before the release", time.Duration(before-got))
	}
	if !l.TryLock() {
		t.Fatal("release does not release the lock")
	}
	l.Unlock()
}

// TestWatchdog: time without a step counts, but not while writers pause.
func TestWatchdog(t *testing.T) {
	var steps int64
	for _, test := range []struct {
		name           string
		steps          int64
		pauses, paused bool
		stopped        time.Duration
		silent         bool
	}{
		{"no step", 0, true, false, 0, true},
		{"a step", 1, true, false, 0, false},
		{"a pause", 0, true, true, 0, false},
		{"a pause of others", 0, false, true, 0, true},
		{"a stop", 0, false, false, time.Hour, false},
		{"a short stop", 0, false, false, time.Nanosecond, true},
	} {
		hourAgo := time.Now().Add(-time.Hour)
		d := watchdog{steps: func() int64 { return steps }, last: steps, pauses: test.pauses, stepped: hourAgo, checked: hourAgo}
		steps += test.steps
		if silent := d.check(test.paused, test.stopped); (silent >= time.Hour) != test.silent || silent < time.Hour && silent > time.Minute {
			t.Errorf("%s: silent for %v", test.name, silent)
		}
		if silent := d.check(false, test.stopped); !test.silent && silent > time.Minute {
			t.Errorf("%s: silent for %v at the next check", test.name, silent)
		}
	}
}

// TestPaused: writers that pause for longer than hang-after do not hang. On a loaded
// machine writers that run may make no progress for as long, so several runs are tried.
func TestPaused(t *testing.T) {
	k := Kinds[0]
	p := short(k)
	p.Ends, p.Storms, p.Chains, p.Stops = 0, 0, 0, 0
	p.Cycles, p.Stalls, p.LongHold, p.Procs, p.Stutter, p.HangAfter = 0, 0, 0, 0, 150*time.Millisecond, 100*time.Millisecond
	var s Stats
	for range 10 {
		p.Seed = seed.Of(t)
		r, err := New(k, p)
		if err != nil {
			t.Fatal(err)
		}
		if s = runUntil(t, r, func() bool { return r.Stats().Disturbed.Pauses > 0 && !r.paused() }); s.Err() == nil {
			return
		}
	}
	t.Error(s.Failures)
}

// TestParams: parameters that make no sense are refused, in one line that names one.
func TestParams(t *testing.T) {
	const rqlock, mutex, busted, rwlock, rwmutex, bustedReaders = 0, 3, 4, 5, 6, 7
	for want, test := range map[string]struct {
		kind int
		Params
	}{
		"writers is -1: must not be negative":                                                                        {rqlock, Params{Writers: -1}},
		"long-hold is -1ns: must not be negative":                                                                    {rqlock, Params{LongHold: -1}},
		"nested is 3, but there are 2 locks: a writer takes each once":                                               {rqlock, Params{Nested: 3, Locks: 2}},
		"cycle-max is 1: a cycle has at least 2 goroutines":                                                          {rqlock, Params{Cycles: 1, CycleMax: 1}},
		"chain-max is 1: a chain has at least 2 goroutines":                                                          {rqlock, Params{Chains: 1, ChainMax: 1}},
		"stall-timeout is 1ms: must be 10ms at least":                                                                {rqlock, Params{StallTimeout: time.Millisecond}},
		"mutex reports no deadlock and no timeout: cycles, stalls, ends, stops, self-deadlocks and limits must be 0": {mutex, Params{Cycles: 1}},
		"writers is 1: even busted excludes nobody from one writer":                                                  {busted, Params{Writers: 1}},
		"writers is 100001: must be 100000 at most":                                                                  {rqlock, Params{Writers: 100_001}},
		"churn is 24h0m0.000000001s: must be 24h0m0s at most":                                                        {rqlock, Params{Churn: 24*time.Hour + 1}},
		"reads is 101: must be 100 at most":                                                                          {rwlock, Params{Reads: 101}},
		"rqlock has no readers: reads, recursions, downgrades and crossings must be 0":                               {rqlock, Params{Reads: 1}},
		"mutex has no readers: reads, recursions, downgrades and crossings must be 0":                                {mutex, Params{Crossings: 1}},
		"rwmutex hangs if a reader reads again while a writer waits: crossings and recursions must be 0":             {rwmutex, Params{Recursions: 1}},
		"writers is 1: even busted-readers excludes nobody from one writer":                                          {bustedReaders, Params{Writers: 1}},
		"hang-after is 1ns: must be 100ms at least":                                                                  {rqlock, Params{HangAfter: 1}},
	} {
		if _, err := New(Kinds[test.kind], test.Params); err == nil || err.Error() != want {
			t.Errorf("New(%+v): %v, want %s", test.Params, err, want)
		}
	}
	if _, err := KindNamed("spin"); err == nil || err.Error() != `no lock "spin": want one of rqlock, purego, qspin, mutex, busted, rqlock-rw, rwmutex, busted-readers, busted-writers, busted-crossing` {
		t.Error(err)
	}
	if _, err := New(Kind{Name: "one", Readers: true, New: newMutex}, Params{}); err == nil || err.Error() != "lock one: New returns no RWLocker: Readers must be false" {
		t.Error(err)
	}
	if _, err := New(Kind{Name: "none"}, Params{}); err == nil || err.Error() != "lock none: New is nil: it must return a lock" {
		t.Error(err)
	}
}

// TestZeros: New fills in what zeros stand for.
func TestZeros(t *testing.T) {
	r := runner(t, Params{})
	if p := r.Params(); p.Writers == 0 || p.Locks != 1 || p.Nested != 1 || p.StallTimeout != rqlock.DefaultStallTimeout || p.Seed == 0 {
		t.Errorf("%+v", p)
	}
}

// TestLines: the first line is locktorture's, to the letter.
func TestLines(t *testing.T) {
	s := Stats{Total: 30, Max: 21, Min: 9, Fail: 2}
	s.Waits[3], s.Waits[12], s.Waits[40] = 5, 6, 7
	s.CycleSizes = map[int]Injected{3: {2, 2}, 2: {4, 3}}
	s.Cycles = Injected{6, 5}
	s.Deadlines = Tried{Times: 3, Failed: 1}
	s.RealStalls = 8
	s.Ends, s.LookedUp = Injected{2, 2}, 1
	s.Reads, s.MaxReads, s.MinReads = 40, 22, 18
	s.Recursions, s.Crossings, s.Disturbed.Downgrades = Injected{7, 6}, Injected{5, 4}, 3
	s.Disturbed.Pauses, s.Disturbed.Stops = 4, 3
	s.Events = &rqlock.Events{Queued: 5, Rescued: 1}
	s.NotRun = map[string]string{"stops": "it is not to"}
	want := []string{
		"Writes:  Total: 30  Max/Min: 21/9 ???  Fail: 2 !!!",
		"Reads:   Total: 40  Max/Min: 22/18",
		"Injected, reported/made:  self-deadlocks: 0/0  cycles: 5/6  stalls: 0/0  ends: 2/2, looked up: 1",
		"Readers, let in/made:  recursions: 6/7  crossings: 4/5  downgrades: 3",
		"Limited, failed/tried:  deadline: 1/3  cancelled: 0/0  try-lock: 0/0",
		"Not injected:  real stalls: 8  cycles prevented by them: 0",
		"Disturbed:  long holds: 0  pauses: 4  shuffles: 0  respawns: 0  collections: 0  procs: 0  storms: 0  chains: 0  stops: 3",
		"Events:  spun: 0  queued: 5  parked: 0  closed: 0  unqueued: 0  rescued: 1  admitted: 0",
		"Cycles of size, reported/made:  2: 3/4  3: 2/2",
		"Not run:  stops: it is not to",
		"Waits:   <128ns: 5  <8µs: 6  longer: 7",
	}
	if got := s.Lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if even := (Stats{Total: 3, Max: 2, Min: 1}).Lines()[0]; even != "Writes:  Total: 3  Max/Min: 2/1   Fail: 0" {
		t.Errorf("%q", even)
	}
}
