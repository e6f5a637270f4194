package torture

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

var (
	runTime = flag.Duration("torture.time", 300*time.Millisecond, "how long each run lasts")
	seed    = flag.Uint64("torture.seed", rand.Uint64(), "seed of the runs")
)

// short are the parameters of a short run of everything.
func short(k Kind) Params {
	p := Defaults(k)
	p.Stutter, p.Shuffle, p.Churn, p.GC, p.Procs = 50*time.Millisecond, 20*time.Millisecond, 5*time.Millisecond, 30*time.Millisecond, 50*time.Millisecond
	p.LongHold, p.Section = time.Millisecond, 20*time.Microsecond
	p.HangAfter, p.Seed = time.Minute, *seed
	if k.Resilient {
		p.Cycles, p.Stalls, p.StallTimeout = 5*time.Millisecond, 20*time.Millisecond, time.Second
		p.GiveUps, p.Tries = 3, 5
	}
	return p
}

func run(t *testing.T, p Params, k Kind, d time.Duration) Stats {
	t.Helper()
	r, err := newRunner(p, k)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s := r.Run(ctx)
	t.Cleanup(r.all.Wait) // what hung has an end by then
	if s.Ok() && s.Events != nil && s.Events.SelfDeadlock != uint64(s.Selfs.Made) {
		t.Errorf("%d events of this run, but %d sections locked again what they held", s.Events.SelfDeadlock, s.Selfs.Made)
	}
	t.Logf("seed %d\n%s", p.Seed, strings.Join(s.Lines(), "\n"))
	return s
}

// TestTortureKinds: every lock passes but the one that must not.
func TestTortureKinds(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	for _, k := range Kinds {
		t.Run(k.Name, func(t *testing.T) {
			if k.missing != "" {
				if _, err := New(Params{Lock: k.Name}); err == nil || !strings.Contains(err.Error(), k.missing) {
					t.Errorf("New: %v, want: %s", err, k.missing)
				}
				return
			}
			s := run(t, short(k), k, *runTime)
			if s.Ok() == (k.Name == "busted") {
				t.Errorf("ok: %v\n%v", s.Ok(), s.Trouble)
			}
			if k.Resilient && (s.Selfs.Made == 0 || s.Cycles.Made == 0 || s.Stalls.Made == 0 || s.Deadline.Failed == 0 || s.Cancelled.Failed == 0 || s.Events.Queued == 0) {
				t.Errorf("something was not injected: %+v", s)
			}
			if d := s.Disturbed; s.Busy.Times == 0 || d.Pauses == 0 || d.Shuffles == 0 || d.Successors == 0 || d.Collections == 0 || d.Procs == 0 {
				t.Errorf("something was not done: %+v", s)
			}
			if got := runtime.GOMAXPROCS(0); got != procs {
				t.Errorf("GOMAXPROCS is %d, was %d", got, procs)
			}
		})
	}
}

// TestLongHold: one section in 2000 is long, for each writer.
func TestLongHold(t *testing.T) {
	k := Kinds[0]
	s := run(t, Params{Lock: k.Name, Writers: 1, LongHold: time.Millisecond, Seed: *seed}, k, *runTime)
	if n, most := s.Disturbed.LongHolds, s.Total/1000+3; !s.Ok() || n == 0 || n > most {
		t.Errorf("%d long holds of %d; %v", n, s.Total, s.Trouble)
	}
}

// A wrong is a lock with a fault.
type wrong struct {
	*rqlock.Mutex
	err   func(l *rqlock.Mutex, err error) error // what becomes of a result
	block *atomic.Int64                          // locks that are left before it hangs
	until <-chan struct{}
}

func (w wrong) judge(err error) error {
	if w.block != nil && w.block.Add(-1) < 0 {
		<-w.until
	}
	return w.err(w.Mutex, err)
}

func (w wrong) Lock() error                       { return w.judge(w.Mutex.Lock()) }
func (w wrong) LockTimeout(d time.Duration) error { return w.judge(w.Mutex.LockTimeout(d)) }
func (w wrong) LockContext(ctx context.Context) error {
	return w.judge(w.Mutex.LockContext(ctx))
}

// TestWrongLocks: what a lock can do wrong is found, and told.
func TestWrongLocks(t *testing.T) {
	deadlock := func(err error) *rqlock.DeadlockError { d, _ := err.(*rqlock.DeadlockError); return d }
	timeout := func(err error) *rqlock.TimeoutError { d, _ := err.(*rqlock.TimeoutError); return d }
	var twice, calls atomic.Int64
	every := func(n int64) bool { return calls.Add(1)%n == 0 } // not by chance: a slow machine locks seldom
	var once atomic.Bool
	var until chan struct{} // closed when a test ends
	only := func(f func(p *Params)) func(*Params) {
		return func(p *Params) {
			p.Cycles, p.Stalls, p.Selfs, p.GiveUps, p.LongHold = 0, 0, 0, 0, 0
			f(p)
		}
	}
	for _, test := range []struct {
		name   string
		params func(p *Params)
		err    func(l *rqlock.Mutex, err error) error
		hangs  int64 // after so many
		want   string
	}{
		{"right", func(*Params) {}, nil, 0, ""},
		{"false deadlock", only(func(*Params) {}), func(l *rqlock.Mutex, err error) error {
			if err == nil && every(100) {
				l.Unlock()
				return &rqlock.DeadlockError{}
			}
			return err
		}, 0, "a writer, which takes its locks in order, failed"},
		{"false timeout", only(func(*Params) {}), func(l *rqlock.Mutex, err error) error {
			if err == nil && every(100) {
				l.Unlock()
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Second}}
			}
			return err
		}, 0, "a stall that was none"},
		{"deaf to itself", only(func(p *Params) { p.Selfs = 10 }), func(l *rqlock.Mutex, err error) error {
			if deadlock(err) != nil {
				return &rqlock.TimeoutError{}
			}
			return err
		}, 0, "locking what is held already was no deadlock"},
		{"no victim", only(func(p *Params) { p.Cycles = time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if deadlock(err) != nil {
				return &rqlock.TimeoutError{}
			}
			return err
		}, 0, "a cycle has not one victim"},
		{"part of the cycle", only(func(p *Params) { p.Cycles = time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil && len(d.Cycle) > 2 {
				return &rqlock.DeadlockError{Cycle: d.Cycle[1:]}
			}
			return err
		}, 0, "in a cycle"},
		{"early stall", only(func(p *Params) { p.Stalls, p.StallTimeout = time.Millisecond, 20*time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if d := timeout(err); d != nil {
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Millisecond}}
			}
			return err
		}, 0, "a waiter of a holder who stays saw no stall"},
		{"stays locked", only(func(p *Params) { p.Nested, p.Locks, p.StallTimeout = 1, 1, 50*time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if err == nil && every(200) {
				return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: time.Millisecond}}
			}
			return err
		}, 0, "a stall that was none"},
		{"tells nobody", func(p *Params) {}, func(l *rqlock.Mutex, err error) error {
			rqlock.OnViolation(nil)
			return err
		}, 0, "OnViolation was told of"},
		{"granted again", only(func(p *Params) { p.Selfs = 10 }), func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil && len(d.Cycle) == 1 {
				return nil
			}
			return err
		}, 0, "locking what is held already was no deadlock"},
		{"two stories about one cycle", only(func(p *Params) { p.Cycles = time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if d := deadlock(err); d != nil {
				twice.Store(int64(len(d.Cycle)))
			} else if n := twice.Load(); err == nil && n > 1 && twice.CompareAndSwap(n, 0) {
				l.Unlock()
				return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, n)}
			}
			return err
		}, 0, "a cycle has not one victim"},
		{"fails after a stall", only(func(p *Params) { p.Stalls, p.StallTimeout = time.Millisecond, 20*time.Millisecond }), func(l *rqlock.Mutex, err error) error {
			if timeout(err) != nil {
				twice.Store(1)
			} else if err == nil && twice.CompareAndSwap(1, 0) {
				l.Unlock()
				return &rqlock.TimeoutError{}
			}
			return err
		}, 0, "after a stall the lock failed"},
		{"stall instead of a limit", only(func(p *Params) { p.GiveUps, p.Nested, p.Locks = 2, 1, 1 }), func(l *rqlock.Mutex, err error) error {
			if d := timeout(err); d != nil && !d.Stall {
				return &rqlock.TimeoutError{Stall: true, Wait: d.Wait}
			}
			return err
		}, 0, "a stall that was none"},
		{"another error", only(func(p *Params) { p.GiveUps, p.Nested, p.Locks = 2, 1, 1 }), func(l *rqlock.Mutex, err error) error {
			if err != nil {
				return context.DeadlineExceeded
			}
			return err
		}, 0, "a writer, which takes its locks in order, failed"},
		{"panics", only(func(p *Params) {}), func(l *rqlock.Mutex, err error) error {
			if every(200) {
				panic("oh")
			}
			return err
		}, 0, "a panic"},
		{"one hangs", only(func(p *Params) { p.HangAfter, p.Writers, p.Locks, p.LongHold = 300*time.Millisecond, 4, 100, 0 }), func(l *rqlock.Mutex, err error) error {
			if once.CompareAndSwap(false, true) {
				l.Unlock()
				<-until
			}
			return err
		}, 0, "nothing has happened for "},
		{"hangs", only(func(p *Params) {
			p.HangAfter = 300 * time.Millisecond
			p.Stutter = 50 * time.Millisecond
			p.LongHold = 0
		}), nil, 50, "nothing has happened for "},
	} {
		t.Run(test.name, func(t *testing.T) {
			until = make(chan struct{})
			ends := until
			k := Kind{Name: test.name, Resilient: true, New: func() Locker {
				w := wrong{Mutex: new(rqlock.Mutex), err: test.err, until: ends}
				if w.err == nil {
					w.err = func(_ *rqlock.Mutex, err error) error { return err }
				}
				if test.hangs > 0 {
					w.block = new(atomic.Int64)
					w.block.Store(test.hangs)
				}
				return w
			}}
			p := short(k)
			test.params(&p)
			s := run(t, p, k, *runTime)
			t.Cleanup(func() { close(ends) }) // before run's
			if strings.Contains(test.want, "cycle has") && s.Cycles.Reported == s.Cycles.Made || strings.Contains(test.want, "saw no stall") && s.Stalls.Reported > 0 {
				t.Errorf("all is well: %+v", s)
			}
			if test.want == "" && s.Ok() {
				return
			}
			if test.want == "" || s.Ok() || !strings.Contains(fmt.Sprint(s.Trouble), test.want) {
				t.Errorf("trouble: %.2000v\nwant %q", s.Trouble, test.want)
			}
		})
	}
}

// TestEnds: a run ends soon after its context, with its statistics.
func TestEnds(t *testing.T) {
	k := Kinds[0]
	p := short(k)
	p.Stutter = time.Hour // writers never pause, and what sleeps wakes up
	p.Cycles, p.GC, p.Procs = time.Hour, time.Hour, time.Hour
	start := time.Now()
	if s := run(t, p, k, 20*time.Millisecond); !s.Ok() {
		t.Error(s.Trouble)
	}
	if d := time.Since(start); d > 30*time.Second { // a stall that is under way is waited for
		t.Errorf("it took %v", d)
	}
}

// TestHistory: what has been a stall, and what has not.
func TestHistory(t *testing.T) {
	at := func(d time.Duration) int64 { return clock() - int64(d) }
	const sec, h = time.Second, time.Hour
	for _, test := range []struct {
		name            string
		asked, released time.Duration // of who has it: so long ago
		again           time.Duration // somebody asked again, and got it now (0 = nobody)
		since, d        time.Duration
		want            bool
	}{
		{"just granted", sec, 0, 0, h, sec / 2, false},
		{"held for long", 2 * sec, h, 0, h, sec, true},
		{"held for less", 2 * sec, h, 0, h, 3 * sec, false},
		{"asked long ago, and free since", h, sec, 0, h, 2 * sec, false},
		{"was held for long until now", 2 * sec, h, sec, h, sec, true},
		{"for less", 2 * sec, h, sec, h, 3 * sec, false},
		{"before the wait", 2 * sec, h, sec, -sec, sec, false},
	} {
		g := newGuard(Kinds[0])
		g.granted.Store(clock())
		g.released.Store(at(test.released))
		g.grant(at(test.asked))
		if test.again > 0 {
			g.released.Store(at(0))
			g.grant(at(test.again))
		}
		if got := g.quiet(at(test.since), test.d); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestHistoryOfRelease: a lock that was just released was held until then.
func TestHistoryOfRelease(t *testing.T) {
	g := newGuard(Kinds[0])
	if _, err := g.acquire(lock); err != nil {
		t.Fatal(err)
	}
	g.granted.Store(clock() - int64(time.Hour))
	g.release()
	g.grant(clock() - int64(time.Hour))             // who has waited for so long
	if g.quiet(clock(), time.Duration(clock())/2) { // half of all the time that there has been
		t.Error("the release is not known")
	}
	g.TryLock()
}

// TestPaused: who pauses does not hang.
func TestPaused(t *testing.T) {
	k := Kinds[0]
	p := short(k)
	p.Cycles, p.Stalls, p.Stutter, p.HangAfter = 0, 0, 200*time.Millisecond, 100*time.Millisecond
	if s := run(t, p, k, 500*time.Millisecond); !s.Ok() {
		t.Error(s.Trouble)
	}
}

// TestParams: what makes no sense is refused, in one line that names it.
func TestParams(t *testing.T) {
	for want, p := range map[string]Params{
		`no lock "spin": want one of rqlock, purego, qspin, mutex, busted`:                       {Lock: "spin"},
		"writers is -1: must not be negative":                                                    {Lock: "rqlock", Writers: -1},
		"long-hold is -1ns: must not be negative":                                                {Lock: "rqlock", LongHold: -1},
		"nested is 3, but there are 2 locks: a writer takes each once":                           {Lock: "rqlock", Nested: 3, Locks: 2},
		"cycle-max is 1: a cycle has at least 2 goroutines":                                      {Lock: "rqlock", Cycles: 1, CycleMax: 1},
		"stall-timeout is 1ms: must be 10ms at least":                                            {Lock: "rqlock", StallTimeout: time.Millisecond},
		"mutex reports no deadlock and no timeout: cycles, stalls, selfs and give-ups must be 0": {Lock: "mutex", Cycles: 1},
		"writers is 1: even busted excludes nobody from one writer":                              {Lock: "busted", Writers: 1},
		"writers is 100001: that is too much":                                                    {Lock: "rqlock", Writers: 100_001},
		"churn is 24h0m0.000000001s: that is too much":                                           {Lock: "rqlock", Churn: 24*time.Hour + 1},
		"hang-after is 1ns: must be 100ms at least":                                              {Lock: "rqlock", HangAfter: 1},
	} {
		if _, err := New(p); err == nil || err.Error() != want {
			t.Errorf("New(%+v): %v, want %s", p, err, want)
		}
	}
	r, err := New(Params{Lock: "rqlock"})
	if p := r.Params(); err != nil || p.Writers == 0 || p.Locks != 1 || p.Nested != 1 || p.StallTimeout != rqlock.DefaultStallTimeout || p.Seed == 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestLines: the first line is locktorture's, to the letter.
func TestLines(t *testing.T) {
	s := Stats{Total: 30, Max: 21, Min: 9, Fail: 2}
	s.Waits[3], s.Waits[12], s.Waits[40] = 5, 6, 7
	s.Sizes = map[int]Injected{3: {2, 2}, 2: {4, 3}}
	s.Cycles = Injected{6, 5}
	s.Deadline = Tried{Times: 3, Failed: 1}
	s.Disturbed.Pauses = 4
	s.Events = &rqlock.Events{Queued: 5}
	want := []string{
		"Writes:  Total: 30  Max/Min: 21/9 ???  Fail: 2 !!!",
		"Injected, reported/made:  self: 0/0  cycle: 5/6  stall: 0/0",
		"Gave up, of those who might:  deadline: 1/3  cancelled: 0/0  busy: 0/0;  late: 0  spoilt cycles: 0",
		"Disturbed:  long holds: 0  pauses: 4  shuffles: 0  successors: 0  collections: 0  procs: 0",
		"Events:  spun: 0  queued: 5  parked: 0  closed: 0  unqueued: 0",
		"Victims of cycles of  2: 3/4  3: 2/2",
		"Waits:   <128ns: 5  <8µs: 6  longer: 7",
	}
	if got := s.Lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if even := (&Stats{Total: 3, Max: 2, Min: 1}).Lines()[0]; !regexp.MustCompile(`^Writes:  Total: 3  Max/Min: 2/1   Fail: 0$`).MatchString(even) {
		t.Errorf("%q", even)
	}
}
