package torture

import (
	"context"
	"errors"
	"go/build/constraint"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// An odd lock is an rqlock.Mutex some of whose methods are others.
type odd struct {
	*rqlock.Mutex
	lock    func(l *rqlock.Mutex) error
	tryLock func(l *rqlock.Mutex) bool
	unlock  func(l *rqlock.Mutex)
}

func (o odd) Lock() error {
	if o.lock == nil {
		return o.Mutex.Lock()
	}
	return o.lock(o.Mutex)
}
func (o odd) LockContext(context.Context) error { return o.Lock() }

func (o odd) TryLock() bool {
	if o.tryLock == nil {
		return o.Mutex.TryLock()
	}
	return o.tryLock(o.Mutex)
}

func (o odd) Unlock() {
	if o.unlock == nil {
		o.Mutex.Unlock()
		return
	}
	o.unlock(o.Mutex)
}

// TestWrongDisturbed: each fault that endings, storms, chains and stops look for is found,
// and named.
func TestWrongDisturbed(t *testing.T) {
	const timeout = 20 * time.Millisecond
	ends := Params{Writers: 1, StallTimeout: timeout, Ends: time.Millisecond}
	storms := Params{Writers: 1, StallTimeout: timeout, Storms: time.Millisecond, StormCallers: 16}
	chains := Params{Writers: 1, Chains: time.Millisecond, ChainMax: 4}
	hangs := storms
	hangs.HangAfter = 100 * time.Millisecond
	// A changed lock returns other timeouts.
	changed := func(change func(l *rqlock.Mutex, e *rqlock.TimeoutError) error) func() Locker {
		return func() Locker {
			return wrong{new(rqlock.Mutex), func(l *rqlock.Mutex, err error) error {
				var e *rqlock.TimeoutError
				if errors.As(err, &e) {
					return change(l, e)
				}
				return err
			}}
		}
	}
	var until chan struct{} // closed when a test ends
	over := func() bool {
		select {
		case <-until:
			return true
		default:
			return false
		}
	}
	for _, test := range []struct {
		name string
		Params
		new  func() Locker
		want string
	}{
		{"the owner's id is used again", ends, func() Locker {
			var owner atomic.Uint64
			return odd{
				Mutex: new(rqlock.Mutex),
				lock: func(l *rqlock.Mutex) error {
					me := goroutineID()
					if old := owner.Load(); old != 0 && !alive(old) {
						owner.CompareAndSwap(old, me)
					}
					if owner.Load() == me {
						return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 1)}
					}
					err := l.Lock()
					if err == nil {
						owner.Store(me)
					}
					return err
				},
				unlock: func(l *rqlock.Mutex) {
					owner.Store(0)
					l.Unlock()
				},
			}
		}, "a goroutine was told that it holds the lock of one that has ended"},
		{"another holder", ends, changed(func(_ *rqlock.Mutex, e *rqlock.TimeoutError) error {
			e.Wait.Holders[0].Goroutine = e.Wait.Goroutine
			return e
		}), "a timeout named another holder than the goroutine that has ended"},
		{"no holder", ends, changed(func(_ *rqlock.Mutex, e *rqlock.TimeoutError) error {
			e.Wait.Holders = nil
			return e
		}), "a timeout named another holder than the goroutine that has ended"},
		{"another state", ends, changed(func(_ *rqlock.Mutex, e *rqlock.TimeoutError) error {
			e.Wait.Holders[0].State = "running"
			return e
		}), "a timeout had the wrong state of a goroutine that has ended"},
		{"a stall before the limit", ends, changed(func(_ *rqlock.Mutex, e *rqlock.TimeoutError) error {
			e.Stall = true
			return e
		}), "wrong error from a lock whose owner has ended"},
		{"an error that is none of ours", ends, changed(func(*rqlock.Mutex, *rqlock.TimeoutError) error {
			return os.ErrDeadlineExceeded
		}), "wrong error from a lock whose owner has ended"},
		{"granted by Lock", ends, changed(func(*rqlock.Mutex, *rqlock.TimeoutError) error {
			return nil
		}), "a lock was granted whose owner has ended"},
		{"granted by TryLock", ends, func() Locker {
			return odd{Mutex: new(rqlock.Mutex), tryLock: func(*rqlock.Mutex) bool { return true }}
		}, "a lock was granted whose owner has ended"},
		{"unlocked by anybody", ends, func() Locker {
			return odd{Mutex: new(rqlock.Mutex), unlock: func(l *rqlock.Mutex) {
				defer func() { _ = recover() }()
				l.Unlock()
			}}
		}, "a goroutine unlocked what another one held"},

		{"TryLock holds the lock and gives it back", storms, func() Locker {
			return odd{
				Mutex: new(rqlock.Mutex),
				tryLock: func(l *rqlock.Mutex) bool {
					if l.TryLock() {
						time.Sleep(timeout / 10)
						l.Unlock()
					}
					return false
				},
				lock: func(l *rqlock.Mutex) error { return impatient(l, timeout) },
			}
		}, "a waiter failed in a storm of TryLock"},
		{"TryLock goes first", hangs, func() Locker {
			var tries atomic.Int64
			return odd{
				Mutex: new(rqlock.Mutex),
				tryLock: func(l *rqlock.Mutex) bool {
					tries.Add(1)
					return l.TryLock()
				},
				lock: func(l *rqlock.Mutex) error {
					for n := int64(-1); tries.Load() != n && !over(); time.Sleep(timeout) {
						n = tries.Load()
					}
					return l.Lock()
				},
			}
		}, "no progress"},

		{"a deadlock that is none", chains, func() Locker {
			return odd{Mutex: new(rqlock.Mutex), lock: func(l *rqlock.Mutex) error {
				if l.TryLock() {
					return nil
				}
				return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 2)}
			}}
		}, "a goroutine of a chain failed"},
		{"nobody waits", chains, func() Locker { return busted{} }, "a chain was granted its locks out of order"},
		{"Unlock forgets to wake", chains, func() Locker {
			return odd{Mutex: new(rqlock.Mutex), unlock: func(l *rqlock.Mutex) {
				owner := (*uint64)(unsafe.Pointer(l)) // Unlock clears it, and then wakes
				atomic.CompareAndSwapUint64(owner, goroutineID(), 0)
			}}
		}, notWoken},
	} {
		t.Run(test.name, func(t *testing.T) {
			until = make(chan struct{})
			k := Kind{Name: "odd", Resilient: true, New: test.new}
			wanted := func(f Failure) bool { return f.What == test.want }
			s := run(t, k, test.Params, func(s Stats) bool {
				return slices.ContainsFunc(s.Failures, wanted) || test.want == notWoken && s.Events.Rescued > 0
			})
			t.Cleanup(func() { close(until) }) // before run's
			if !slices.ContainsFunc(s.Failures, wanted) {
				t.Errorf("failures: %.2000v\nwant %q", s.Failures, test.want)
			}
			if s.Ends.Reported > 0 && s.Ends.Reported == s.Ends.Made {
				t.Errorf("the faults count as reported: %+v", s)
			}
		})
	}
}

// impatient acquires a lock by polling. It takes any time without success for a stall.
func impatient(l *rqlock.Mutex, timeout time.Duration) error {
	start := time.Now()
	for !l.TryLock() {
		time.Sleep(timeout / 20)
		if waited := time.Since(start); waited > timeout {
			return &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: waited}}
		}
	}
	return nil
}

// TestEndings: goroutines that end in each way are reported as ended.
func TestEndings(t *testing.T) {
	s := run(t, Kinds[0], Params{Writers: 1, StallTimeout: 20 * time.Millisecond, Ends: time.Millisecond}, func(s Stats) bool {
		goid.Fresh() // after a look that took long there would be no other one for long
		return s.Ends.Reported >= 5 && s.LookedUp > 0
	})
	for _, f := range s.Failures {
		if f.What != notWoken {
			t.Error(f)
		}
	}
	if s.Ends.Reported != s.Ends.Made || s.LookedUp == 0 {
		t.Errorf("%v, and %d were looked up", s.Ends, s.LookedUp)
	}
	var hows []bool
	for _, how := range ends {
		ended := true
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			how()
			ended = false
		}()
		<-done
		hows = append(hows, ended)
	}
	if !slices.Equal(hows, []bool{false, true, true}) {
		t.Errorf("the ways in which a goroutine ends are others: %v", hows)
	}
}

// TestAlive: a goroutine is alive until it ends, and its number is that of tracebacks.
func TestAlive(t *testing.T) {
	id, end := make(chan uint64), make(chan struct{})
	go func() {
		id <- goroutineID()
		<-end
	}()
	n := <-id
	if n == goroutineID() || !alive(n) || !alive(goroutineID()) {
		t.Errorf("goroutines %d and %d are not alive, or the same", n, goroutineID())
	}
	close(end)
	for deadline := time.Now().Add(patience(t)); alive(n); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("goroutine %d is alive", n)
		}
	}
}

// TestChainOrder: a chain is judged by the order in which its locks were granted.
func TestChainOrder(t *testing.T) {
	for _, test := range []struct {
		turns []int64
		want  string
	}{
		{[]int64{3, 2, 1}, ""},
		{[]int64{3, 1, 2}, "a chain was granted its locks out of order"},
		{[]int64{1, 2, 3}, "a chain was granted its locks out of order"},
	} {
		r := runner(t, Params{})
		c := &chain{Runner: r}
		for _, turn := range test.turns {
			c.links = append(c.links, link{outcome{l: r.newInstance()}, turn})
		}
		if c.judge(); failed(r) != test.want {
			t.Errorf("%v: %q, want %q", test.turns, failed(r), test.want)
		}
	}
}

// TestHeld: a lock that nobody held, or everybody only for a moment, has not stalled.
func TestHeld(t *testing.T) {
	const long, short = int64(time.Hour), int64(time.Minute)
	now := nanotime()
	for _, test := range []struct {
		name string
		do   func(h *history)
		want bool
	}{
		{"free", func(*history) {}, false},
		{"held now", func(h *history) { h.granted(now-long, false) }, true},
		{"held now, for less", func(h *history) { h.granted(now-short, false) }, false},
		{"was held", func(h *history) { h.holders.Add(1); h.released(now - long) }, true},
		{"was held for less", func(h *history) { h.holders.Add(1); h.released(now - short) }, false},
		{"is being released", func(h *history) { h.granted(now-long, false); h.releasing(false) }, true},
		{"was held, before the wait", func(h *history) { h.note(&h.holds, span{now - 5*long, now - 3*long}) }, false},
		{"read by one after the other", func(h *history) {
			h.granted(now-long, true)
			h.granted(now-short, true)
			h.releasing(true)
			h.released(now - long)
			h.granted(now-short, true)
		}, true},
		{"read, and then written", func(h *history) {
			h.granted(now-long, true)
			h.released(now - short)
			h.granted(now-short, false)
		}, false},
		{"read, after a writer that is still leaving", func(h *history) {
			h.granted(now-long, false)
			h.lastWrite.Store(now - short)
			h.granted(now-long, true)
		}, false},
		{"written, and then read by the writer", func(h *history) { h.granted(now-long, false); h.downgrading(); h.granted(now-short, true) }, true},
		{"was held before the wait, and in it", func(h *history) { h.note(&h.holds, span{now - 5*long, now - long}) }, true},
	} {
		h := new(history)
		h.lastRelease.Store(now - 10*long)
		test.do(h)
		if got := h.held(span{now - 2*long, nanotime()}, time.Duration(long/2)); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestNotedLate: a stall is real if the holder was granted the lock before, though it notes that
// only afterwards. It is not if nobody notes anything.
func TestNotedLate(t *testing.T) {
	const timeout = 100 * time.Millisecond
	for _, notes := range []bool{true, false} {
		r := runner(t, Params{StallTimeout: timeout})
		l := r.newInstance()
		now := nanotime()
		stall := &rqlock.TimeoutError{Stall: true, Wait: rqlock.Wait{For: timeout}}
		if notes {
			time.AfterFunc(20*time.Millisecond, func() { l.granted(now-int64(2*timeout), true) })
		}
		o := outcome{l, span{now - int64(2*timeout), now}, stall}
		if got := o.realStall(r); got != notes {
			t.Errorf("the holder notes its grant: %v, the stall is real: %v", notes, got)
		}
	}
}

// TestRan: a time for which the process was stopped does not count, whether that is known
// exactly or not.
func TestRan(t *testing.T) {
	const timeout = 1000 // so that 5 make a step, and the last quarter 250
	ms := func(n int64) int64 { return n * int64(time.Millisecond) }
	several := func(n int) (list stopList) {
		for i := range int64(n) {
			list = append(list, stop{span{ms(20 * i), ms(20*i + 20)}, ms(20)})
		}
		return list
	}
	for _, test := range []struct {
		name  string
		stops stopList
		gap   int64 // from 0
		want  bool
	}{
		{"no stop", nil, 1000, true},
		{"before", stopList{{span{ms(-900), 0}, ms(900)}}, 1000, true},
		{"one", stopList{{span{ms(50), ms(950)}, ms(900)}}, 1000, false},
		{"a short one", stopList{{span{ms(50), ms(150)}, ms(100)}}, 1000, true},
		{"one, and then long enough", stopList{{span{ms(50), ms(950)}, ms(900)}}, 1300, true},
		{"one, perhaps afterwards", stopList{{span{ms(50), ms(1950)}, ms(900)}}, 1000, true},
		{"one, mostly in between", stopList{{span{ms(50), ms(1050)}, ms(900)}}, 1000, false},
		{"so many that each makes a step", several(40), 1000, true},
		{"not so many", several(40), 820, false},
	} {
		if got := test.stops.ran(span{0, ms(test.gap)}, timeout*time.Millisecond); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// newTestStopper returns a stopper for the time of a test.
func newTestStopper(t *testing.T) *stopper {
	t.Helper()
	s, err := newStopper()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(s.close)
	return s
}

// TestStops: neither one long stop nor several short ones make a stall of rqlock.Mutex. A
// lock that counts their time is found.
func TestStops(t *testing.T) {
	s := newTestStopper(t)
	shortest, patterns := 400*time.Millisecond, stopPatterns
	if testing.Short() {
		shortest, patterns = 100*time.Millisecond, patterns[:1] // several short stops need a longer timeout
	}
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	for _, p := range patterns {
		stopsBeside(t, s, p, Kinds[0], shortest, "")
		// On a loaded machine the process runs for long between two stops. Then the stall may have
		// been real, unless the timeout is longer.
		deadline, timeout := time.Now().Add(2*patience(t)), shortest
		const want = "a stop of the process was taken for a stall"
		for !stopsBeside(t, s, p, impatientKind(timeout), timeout, want) {
			if time.Now().After(deadline) {
				t.Errorf("%+v: a lock that counts stops is not found, with timeouts of %v to %v", p, shortest, timeout)
				break
			}
			timeout = min(2*timeout, 8*shortest)
		}
	}
}

// impatientKind is a lock that counts the time for which the process is stopped.
func impatientKind(timeout time.Duration) Kind {
	return Kind{Name: "impatient", Resilient: true, New: func() Locker {
		return odd{Mutex: new(rqlock.Mutex), lock: func(l *rqlock.Mutex) error { return impatient(l, timeout) }}
	}}
}

// stopsBeside has the process stopped beside a lock, and reports whether the torture says what it
// is to say. Nothing and that are all that it may say.
func stopsBeside(t *testing.T, s *stopper, p stopPattern, k Kind, timeout time.Duration, want string) bool {
	t.Helper()
	rqlock.SetStallTimeout(timeout)
	r, err := New(k, Params{StallTimeout: timeout, Seed: seed.Of(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stopInSection(r.newInstance(), s, p, seed.Rand(t)); err != nil {
		t.Fatal(err)
	}
	said := failed(r)
	if said != "" && said != want || r.disturbed.stops.Load() < int64(p.times) {
		t.Errorf("%s, %+v: %v after %d stops, want %q", k.Name, p, r.Stats().Failures, r.disturbed.stops.Load(), want)
	}
	return said == want
}

// TestStopFor: the process does not run while it is said to be stopped, and others know.
func TestStopFor(t *testing.T) {
	s := newTestStopper(t)
	r := runner(t, Params{})
	const d = 50 * time.Millisecond
	var over atomic.Bool
	var all sync.WaitGroup
	var longest span
	begun := make(chan struct{})
	all.Go(func() {
		last := nanotime()
		close(begun)
		for done := false; !done; runtime.Gosched() {
			done = over.Load() // it looks once more afterwards
			now := nanotime()
			if now-last > longest.length() {
				longest = span{last, now}
			}
			last = now
		}
	})
	<-begun
	err := r.stopFor(s, d)
	over.Store(true)
	if err != nil {
		t.Fatal(err)
	}
	all.Wait()
	stops := r.stops.known()
	total, known := r.stops.length()
	if len(stops) != 1 || total != d || !known || longest.length() < int64(d) || r.disturbed.stops.Load() != 1 {
		t.Fatalf("stops %v, in all %v (known: %v); a goroutine did not run for %v", stops, total, known, time.Duration(longest.length()))
	}
	if in := stops[0].within.cut(longest).length(); stops[0].atLeast != int64(d) || in < int64(d) {
		t.Errorf("%v, but a goroutine did not run in %v", stops[0], longest)
	}
	r.stops.mu.Lock()
	if _, known := r.stops.length(); known {
		t.Error("how long the process was stopped is known while it is stopped")
	}
	r.stops.mu.Unlock()
	for range 2 * maxStops {
		r.stops.add(stop{})
	}
	if n := len(r.stops.known()); n != maxStops {
		t.Errorf("%d stops are known", n)
	}
}

// TestStopsNotRun: where the process cannot be stopped, the run says so, and goes on.
func TestStopsNotRun(t *testing.T) {
	newTestStopper(t)
	p := Params{Writers: 1, Stops: time.Nanosecond}
	for _, test := range []struct{ command, script, want string }{
		{"", "", `exec: "sh": executable file not found in $PATH`},
		{"sleep", "exit 1", "the command sleep takes no fractions of seconds"},
		{"sh", "exit 0", "the child process that stops this one has ended"},
		{"sh", "while read line; do echo; done", "the process went on running when it was stopped"},
	} {
		t.Run(test.command, func(t *testing.T) {
			dir, path := t.TempDir(), ""
			if test.command != "" {
				path = string(os.PathListSeparator) + os.Getenv("PATH")
				if err := os.WriteFile(filepath.Join(dir, test.command), []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", dir+path)
			s := run(t, Kinds[0], p, func(s Stats) bool { return s.NotRun != nil && s.Total > 0 })
			got := s.NotRun["stops"]
			if test.script == "exit 0" && strings.Contains(got, "pipe") {
				got = test.want // it had ended before we wrote to it
			}
			if got != test.want || s.Disturbed.Stops > 0 || s.Err() != nil {
				t.Errorf("%q, want %q; %d stops; %v", got, test.want, s.Disturbed.Stops, s.Err())
			}
		})
	}
}

// TestNotRunDoesNotHang: a part that does not run makes no progress, and need not.
func TestNotRunDoesNotHang(t *testing.T) {
	r := runner(t, Params{Stops: time.Nanosecond, StallTimeout: 10 * time.Millisecond, HangAfter: 100 * time.Millisecond})
	r.notRun("stops", errors.New("never"))
	if !r.skipped.has("stops") || r.skipped.has("storms") || r.Stats().NotRun["stops"] != "never" {
		t.Errorf("not run: %v", r.Stats().NotRun)
	}
	ds := r.watchdogs()
	i := slices.IndexFunc(ds, func(d *watchdog) bool { return d.name == "stops" })
	ds[i].stepped = time.Now().Add(-time.Hour)
	if r.silent(ds, 0) != nil {
		t.Error("a part that does not run hangs")
	}
	ds[i].name = "storms"
	if r.silent(ds, 0) != ds[i] {
		t.Error("a part that runs does not hang")
	}
}

// TestPurego: the purego kind is there where package asm has no assembly, by the same
// build constraints.
func TestPurego(t *testing.T) {
	line := func(path string) constraint.Expr {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(src)) {
			if constraint.IsGoBuild(line) {
				x, err := constraint.Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
		}
		t.Fatalf("%s has no build constraint", path)
		return nil
	}
	portable, with, without := line("../../asm/zprims_portable.go"), line("nopurego.go"), line("purego.go")
	tags := map[string]bool{}
	for _, x := range []constraint.Expr{portable, with, without} {
		for word := range strings.FieldsFuncSeq(x.String(), func(r rune) bool { return strings.ContainsRune("!&|() ", r) }) {
			tags[word] = true
		}
	}
	var names []string
	for tag := range tags {
		names = append(names, tag)
	}
	for set := range 1 << len(names) {
		has := func(tag string) bool { return set>>slices.Index(names, tag)&1 == 1 }
		if p := portable.Eval(has); p != without.Eval(has) || p == with.Eval(has) {
			t.Fatalf("with %b of %q: asm is portable: %v; %v; %v", set, names, p, with, without)
		}
	}
}
