package torture

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// A wrongRW is an rqlock.RWMutex some of whose methods are others.
type wrongRW struct {
	*rqlock.RWMutex
	lock      func(l *rqlock.RWMutex) error // Lock, LockTimeout and LockContext
	rlock     func(l *rqlock.RWMutex) error // RLock, RLockTimeout and RLockContext
	tryRLock  func(l *rqlock.RWMutex) bool
	downgrade func(l *rqlock.RWMutex)
	runlock   func(l *rqlock.RWMutex)
}

func (w wrongRW) Lock() error {
	if w.lock == nil {
		return w.RWMutex.Lock()
	}
	return w.lock(w.RWMutex)
}

func (w wrongRW) LockTimeout(d time.Duration) error {
	if w.lock == nil {
		return w.RWMutex.LockTimeout(d)
	}
	return w.lock(w.RWMutex)
}

func (w wrongRW) LockContext(ctx context.Context) error {
	if w.lock == nil {
		return w.RWMutex.LockContext(ctx)
	}
	return w.lock(w.RWMutex)
}

func (w wrongRW) RLock() error {
	if w.rlock == nil {
		return w.RWMutex.RLock()
	}
	return w.rlock(w.RWMutex)
}

func (w wrongRW) RLockTimeout(d time.Duration) error {
	if w.rlock == nil {
		return w.RWMutex.RLockTimeout(d)
	}
	return w.rlock(w.RWMutex)
}

func (w wrongRW) RLockContext(ctx context.Context) error {
	if w.rlock == nil {
		return w.RWMutex.RLockContext(ctx)
	}
	return w.rlock(w.RWMutex)
}

func (w wrongRW) TryRLock() bool {
	if w.tryRLock == nil {
		return w.RWMutex.TryRLock()
	}
	return w.tryRLock(w.RWMutex)
}

func (w wrongRW) Downgrade() {
	if w.downgrade == nil {
		w.RWMutex.Downgrade()
		return
	}
	w.downgrade(w.RWMutex)
}

func (w wrongRW) RUnlock() {
	if w.runlock == nil {
		w.RWMutex.RUnlock()
		return
	}
	w.runlock(w.RWMutex)
}

// TestWrongRW: each fault that a reader-writer lock may have, and others have not, is found,
// and named.
func TestWrongRW(t *testing.T) {
	const timeout = 20 * time.Millisecond
	// changed returns a lock for writing or reading with other errors.
	changed := func(by func(l *rqlock.RWMutex) error, change func(e *rqlock.DeadlockError) error) func(*rqlock.RWMutex) error {
		return func(l *rqlock.RWMutex) error {
			err := by(l)
			if e, ok := err.(*rqlock.DeadlockError); ok {
				return change(e)
			}
			return err
		}
	}
	granted := func(*rqlock.DeadlockError) error { return nil }
	for _, test := range []struct {
		name string
		Params
		wrongRW
		want string
	}{
		{"two readers cannot hold it", Params{Reads: 100, Recursions: 1}, wrongRW{
			rlock: (*rqlock.RWMutex).Lock, tryRLock: (*rqlock.RWMutex).TryLock, runlock: (*rqlock.RWMutex).Unlock,
		}, "a reader was not let in again"},
		{"a reader that reads fails to try", Params{Reads: 100, Recursions: 1}, wrongRW{tryRLock: func(*rqlock.RWMutex) bool { return false }},
			"a reader was not let in again"},
		{"an upgrade is granted", Params{Reads: 100, SelfDeadlocks: 2}, wrongRW{lock: changed((*rqlock.RWMutex).Lock, granted)},
			"locking a held lock again was no deadlock"},
		{"a writer may read", Params{SelfDeadlocks: 2}, wrongRW{rlock: changed((*rqlock.RWMutex).RLock, granted)},
			"locking a held lock again was no deadlock"},
		{"a writer comes in during a downgrade", Params{Downgrades: 1, Section: time.Microsecond}, wrongRW{downgrade: func(l *rqlock.RWMutex) {
			l.Unlock()
			time.Sleep(timeout / 20)
			for l.RLock() != nil { // a stall of a loaded machine
			}
		}}, "a writer came in while another one became a reader"},
		{"a reader of a cycle is taken for a writer", Params{Cycles: time.Millisecond, CycleMax: 2}, wrongRW{
			lock: changed((*rqlock.RWMutex).Lock, func(e *rqlock.DeadlockError) error {
				for _, w := range e.Cycle {
					w.Holders[0].Read = false
				}
				return e
			}),
		}, "the error of a cycle has other parties"},
		{"a reader waits for writers that wait", Params{Crossings: time.Millisecond, StallTimeout: timeout}, wrongRW{
			rlock: func(l *rqlock.RWMutex) error {
				if l.TryRLock() {
					return nil
				}
				return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 2)}
			},
		}, "a reader was refused because of writers that waited"},
		{"a writer fails when a reader passes it", Params{Crossings: time.Millisecond, StallTimeout: timeout}, wrongRW{
			lock: func(l *rqlock.RWMutex) error {
				if l.TryLock() {
					return nil
				}
				return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 2)}
			},
		}, "a writer failed that readers were let in past"},
		{"a reader that has ended is taken for a writer", Params{Ends: time.Millisecond, StallTimeout: timeout}, wrongRW{
			lock: func(l *rqlock.RWMutex) error {
				err := l.Lock()
				if e, ok := err.(*rqlock.TimeoutError); ok {
					for i := range e.Wait.Holders {
						e.Wait.Holders[i].Read = false
					}
				}
				return err
			},
		}, "a timeout named another holder than the goroutine that has ended"},
		{"anybody ends reading", Params{Ends: time.Millisecond, StallTimeout: timeout}, wrongRW{runlock: func(l *rqlock.RWMutex) {
			defer func() { _ = recover() }()
			l.RUnlock()
		}}, "a goroutine unlocked what another one held"},
		{"readers are not excluded", Params{Reads: 50, Section: 10 * time.Microsecond}, wrongRW{
			rlock:    func(*rqlock.RWMutex) error { return nil },
			tryRLock: func(*rqlock.RWMutex) bool { return true },
			runlock:  func(*rqlock.RWMutex) {},
		}, overlapped},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := Kind{Name: "wrong", Resilient: true, Readers: true, broken: true, New: func() Locker {
				l := test.wrongRW
				l.RWMutex = new(rqlock.RWMutex)
				return l
			}}
			test.Writers = 3
			wanted := func(f Failure) bool { return f.What == test.want }
			s := run(t, k, test.Params, func(s Stats) bool { return slices.ContainsFunc(s.Failures, wanted) })
			if !slices.ContainsFunc(s.Failures, wanted) {
				t.Errorf("failures: %.2000v\nwant %q", s.Failures, test.want)
			}
			for what, i := range map[string]Injected{"recursions": s.Recursions, "crossings": s.Crossings, "ends": s.Ends, "cycles": s.Cycles} {
				if i.Reported > 0 && i.Reported == i.Made {
					t.Errorf("%s: the faults count as right: %v", what, i)
				}
			}
		})
	}
}

// TestReads: of 100 acquisitions as many read as Reads says.
func TestReads(t *testing.T) {
	k, err := KindNamed("rwmutex")
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, k, Params{Writers: 1, Reads: 20}, func(s Stats) bool { return s.Total+s.Reads >= 100_000 })
	if n := s.Total + s.Reads; s.Err() != nil || s.Reads < n/6 || s.Reads > n/4 { // the deviation is 1 in 800
		t.Errorf("%d of %d read; %v", s.Reads, n, s.Failures)
	}
}

// A blind lock finds no deadlock, and lets no reader in past a writer that waits. A wait
// without a limit of its own ends after a while, as if the lock had stalled.
type blind struct {
	*rqlock.RWMutex
	writers *atomic.Int32 // that wait
	timeout time.Duration
	over    <-chan struct{} // ends all waits
}

func (b blind) poll(try func() bool, limit time.Duration) error {
	for start := time.Now(); !try(); {
		select {
		case <-b.over:
			return rqlock.ErrTimeout
		case <-time.After(b.timeout / 100):
		}
		if waited := time.Since(start); waited > limit {
			return &rqlock.TimeoutError{Stall: limit == b.timeout, Wait: rqlock.Wait{For: waited}}
		}
	}
	return nil
}

func (b blind) write(limit time.Duration) error {
	b.writers.Add(1)
	defer b.writers.Add(-1)
	return b.poll(b.TryLock, limit)
}

func (b blind) read(limit time.Duration) error {
	return b.poll(func() bool { return b.writers.Load() == 0 && b.TryRLock() }, limit)
}

func (b blind) Lock() error                        { return b.write(b.timeout) }
func (b blind) LockContext(context.Context) error  { return b.write(b.timeout) }
func (b blind) LockTimeout(d time.Duration) error  { return b.write(d) }
func (b blind) RLock() error                       { return b.read(b.timeout) }
func (b blind) RLockContext(context.Context) error { return b.read(b.timeout) }
func (b blind) RLockTimeout(d time.Duration) error { return b.read(d) }

// TestBlind: if a cycle is not found, or a crossing not dissolved, stalls may end that, but not
// each time: then the run fails.
func TestBlind(t *testing.T) {
	const timeout = 20 * time.Millisecond
	for name, p := range map[string]Params{
		"cycles":    {Cycles: time.Millisecond, CycleMax: 2},
		"crossings": {Crossings: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p.Writers, p.StallTimeout, p.HangAfter = 1, timeout, 200*time.Millisecond
			hung := func(f Failure) bool { return f.What == "no progress" }
			for {
				over := make(chan struct{})
				k := Kind{Name: "blind", Resilient: true, Readers: true, New: func() Locker { return blind{new(rqlock.RWMutex), new(atomic.Int32), timeout, over} }}
				s := run(t, k, p, func(s Stats) bool { return slices.ContainsFunc(s.Failures, hung) })
				t.Cleanup(func() { close(over) }) // before run's
				i := slices.IndexFunc(s.Failures, hung)
				if i >= 0 && strings.HasPrefix(s.Failures[i].First, name) {
					return
				}
				// Beside other work the writer may be the first that does not run for so long.
				if p.HangAfter *= 2; i < 0 || !strings.HasPrefix(s.Failures[i].First, "writer ") || p.HangAfter > patience(t) {
					t.Fatalf("failures: %.2000v\nwant no progress of %s", s.Failures, name)
				}
			}
		})
	}
}

// A noting lock notes which of its methods are called.
type noting struct {
	busted
	called map[string]bool
}

func (n noting) Lock() error                       { n.called["Lock"] = true; return nil }
func (n noting) LockTimeout(time.Duration) error   { n.called["LockTimeout"] = true; return nil }
func (n noting) LockContext(context.Context) error { n.called["LockContext"] = true; return nil }

// TestWays: in about a third of all cases nobody's wait has an end, and in the others each
// method is used.
func TestWays(t *testing.T) {
	rnd := seed.Rand(t)
	endless := 0
	for range 300 {
		n := noting{called: map[string]bool{}}
		pick := ways(rnd)
		for range 100 {
			if err := pick()(n); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case n.called["LockTimeout"] && len(n.called) == 1:
			endless++
		case len(n.called) != len(methods):
			t.Errorf("only %v", n.called)
		}
	}
	if endless < 50 || endless > 150 { // the deviation is 8
		t.Errorf("in %d of 300 cases nobody's wait has an end", endless)
	}
}

// TestCrossingAmongOthers: what the broken lock looks for ends, also if readers wait for one
// another.
func TestCrossingAmongOthers(t *testing.T) {
	var a, b, c rqlock.RWMutex
	crossings.mu.Lock()
	defer crossings.mu.Unlock()
	defer clear(crossings.waits)
	defer clear(crossings.reads)
	crossings.reads[1], crossings.waits[1] = []*rqlock.RWMutex{&a}, &b
	crossings.reads[2], crossings.waits[2] = []*rqlock.RWMutex{&b}, &a
	if waitsForOne(&a, []*rqlock.RWMutex{&c}, map[uint64]bool{}) {
		t.Error("nobody waits for c")
	}
	crossings.reads[3], crossings.waits[3] = []*rqlock.RWMutex{&b}, &c
	if !waitsForOne(&a, []*rqlock.RWMutex{&c}, map[uint64]bool{}) {
		t.Error("1 waits for b, which 3 reads, who waits for c")
	}
}
