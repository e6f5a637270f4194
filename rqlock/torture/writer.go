package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// A writer is a goroutine that acquires the locks, for as long as it lives.
type writer struct {
	*Runner
	*tally
	rnd  *rand.Rand
	held []section
}

// A section is a critical section: a lock that is held, and what its counters were when
// the section began.
type section struct {
	side
	a, b int64
}

// write is writer i. When it has lived for long enough, the next generation replaces it.
func (r *Runner) write(i, generation int) {
	w := &writer{Runner: r, tally: &r.tallies[i], rnd: r.random(1+i, generation)}
	end := time.Now().Add(w.about(r.p.Churn))
	for pinned := false; ; {
		select {
		case <-r.stop:
			return
		case <-r.running():
		}
		if want := w.pinned.Load(); want != pinned {
			if pinned = want; pinned {
				runtime.LockOSThread()
			} else {
				runtime.UnlockOSThread()
			}
		}
		w.round()
		w.work(w.about(r.p.Outside))
		if r.p.Churn > 0 && time.Now().After(end) {
			r.disturbed.respawns.Add(1)
			r.spawn(func() { r.write(i, generation+1) })
			return // if it is locked to a thread, that ends as well
		}
	}
}

// round acquires some of the locks in their order, and releases them in any order.
func (w *writer) round() {
	n := w.rnd.IntN(w.p.Nested) + 1
	for i, left := 0, len(w.locks); n > 0; i, left = i+1, left-1 {
		if w.rnd.IntN(left) >= n {
			continue // not this one
		}
		if n--; !w.enter(w.locks[i]) {
			break
		}
	}
	w.rnd.Shuffle(len(w.held), func(i, j int) { w.held[i], w.held[j] = w.held[j], w.held[i] })
	for _, s := range w.held {
		w.leave(s)
	}
	w.held = w.held[:0]
}

// enter acquires a lock and begins a section, which lasts until the end of the round.
func (w *writer) enter(l *instance) bool {
	s := side{l, w.rnd.IntN(100) < w.p.Reads}
	wait, ok := w.acquire(s)
	if !ok {
		return false
	}
	w.waited(time.Duration(wait.length()))
	if s.reads {
		w.reads.Add(1)
	} else {
		w.acquired.Add(1)
	}
	w.held = append(w.held, w.begin(s))
	w.hold()
	if w.oneIn(w.p.SelfDeadlocks) {
		w.lockAgain(s)
	}
	if s.reads && w.oneIn(w.p.Recursions) {
		w.recursions.made.Add(1)
		if w.readAgain(s, 1+w.rnd.IntN(3)) {
			w.recursions.reported.Add(1)
		}
	}
	return true
}

// leave ends a section and releases the lock, or turns it into a section that reads before.
func (w *writer) leave(s section) {
	if l, ok := s.Locker.(interface{ Downgrade() }); ok && !s.reads && w.oneIn(w.p.Downgrades) {
		w.finish(s)
		s.downgrading()
		l.Downgrade()
		w.disturbed.downgrades.Add(1)
		written := s.a
		if s = w.begin(side{s.instance, true}); s.a != written {
			w.fail("a writer came in while another one became a reader", "the counters of a lock changed in Downgrade")
		}
		w.work(w.about(w.p.Section))
	}
	w.Runner.leave(s)
}

// begin begins a section of a lock that the caller has acquired.
func (r *Runner) begin(s side) section {
	if !s.reads {
		a, b := s.enter()
		return section{s, a, b}
	}
	a, b := s.look()
	if a != b {
		r.fail(overlapped, "a reader found the counters of a lock %d and %d", a, b)
	}
	return section{s, a, b}
}

// finish ends a section. The caller still holds the lock.
func (r *Runner) finish(s section) {
	switch {
	case !s.reads:
		if !s.counters.leave(s.a, s.b) {
			r.fail("two sections overlapped", "the counters of a lock changed in a section")
		}
	default:
		if a, b := s.look(); a != s.a || b != s.b {
			r.fail(overlapped, "the counters of a lock changed while it was read")
		}
	}
}

// overlapped is the failure of a lock that had a reader and a writer at a time.
const overlapped = "a section of a reader and one of a writer overlapped"

// leave ends a section, and releases the lock.
func (r *Runner) leave(s section) {
	r.finish(s)
	s.release()
}

// acquire acquires a lock by a random method, and judges the error.
func (w *writer) acquire(s side) (wait span, ok bool) {
	by, tried, expected := lock, (*tried)(nil), error(nil)
	switch {
	case w.oneIn(w.p.TryLocks):
		by, tried, expected = tryLock, &w.tryLocks, errHeld
	case !w.oneIn(w.p.Limits):
	case w.rnd.IntN(2) == 0:
		limit := w.about(shortWait)
		by, tried, expected = func(l Locker) error { return l.LockTimeout(limit) }, &w.deadlines, rqlock.ErrTimeout
	default:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer time.AfterFunc(w.about(shortWait), cancel).Stop()
		by, tried, expected = func(l Locker) error { return l.LockContext(ctx) }, &w.cancelled, context.Canceled
	}
	if tried != nil {
		tried.times.Add(1)
	}
	wait, err := s.acquire(by)
	if err != nil {
		w.judge(outcome{s.instance, wait, err}, tried, expected)
	}
	return wait, err == nil
}

func lock(l Locker) error { return l.Lock() }

func tryLock(l Locker) error {
	if l.TryLock() {
		return nil
	}
	return errHeld
}

var errHeld = errors.New("the lock is held")

// shortWait is the mean limit of an acquisition that has one. A waiter spins for about
// as long before it parks, so that some give up before and some after that.
const shortWait = 50 * time.Microsecond

// judge counts the error of an acquisition. It is a failure unless it is a real stall,
// or the error that is expected of an acquisition that may fail; expected is nil if it
// may not.
func (w *writer) judge(o outcome, tried *tried, expected error) {
	w.returned.count(o.err)
	var timeout *rqlock.TimeoutError
	stall := errors.As(o.err, &timeout) && timeout.Stall
	switch {
	case stall && o.realStall(w.Runner):
		w.realStalls.Add(1)
	case stall:
		w.fail("a stall was not real", "%v", o.err)
	case !errors.Is(o.err, expected):
		w.fail("a writer got an error", "which takes its locks in order: %v", o.err)
	default:
		tried.failed.Add(1)
	}
}

// lockAgain locks what the writer holds. If that is for reading, it locks for writing.
func (w *writer) lockAgain(s side) {
	w.selfDeadlocks.made.Add(1)
	again := side{s.instance, !s.reads && w.picksReads(w.rnd)}
	err := methods[w.rnd.IntN(len(methods))](again.locker())
	w.returned.count(err)
	if isCycle(err, 1) {
		w.selfDeadlocks.reported.Add(1)
		return
	}
	w.fail("locking a held lock again was no deadlock", "%v", err)
}

// readAgain reads what the writer reads, in sections of so many levels. It reports whether it
// was let in at once each time, whoever waits.
func (w *writer) readAgain(s side, levels int) bool {
	by := append(methods, tryLock, atOnce)[w.rnd.IntN(len(methods)+2)]
	err := by(s.readers)
	w.returned.count(err)
	if err != nil {
		w.fail("a reader was not let in again", "%v", err)
		return false
	}
	w.work(w.about(w.p.Section))
	ok := levels == 1 || w.readAgain(s, levels-1)
	s.readers.Unlock()
	return ok
}

// atOnce gives up at once if it must wait.
func atOnce(l Locker) error { return l.LockTimeout(1) }

// isCycle reports whether err is a deadlock of n goroutines.
func isCycle(err error, n int) bool {
	var deadlock *rqlock.DeadlockError
	return errors.As(err, &deadlock) && len(deadlock.Cycle) == n
}

// hold stays in a section. What is rare has locktorture's odds: those of its
// torture_spin_lock_write_delay.
func (w *writer) hold() {
	w.work(w.about(w.p.Section))
	if long := w.p.LongHold; long > 0 && w.rnd.Int64N(int64(w.p.Writers)*2000*max(1, long.Milliseconds())) == 0 {
		w.disturbed.longHolds.Add(1)
		if w.rnd.IntN(2) == 0 {
			w.work(long)
		} else {
			w.sleep(long)
		}
	}
	if w.oneIn(w.p.Writers * 200 * 2) {
		w.work(2 * time.Microsecond)
	}
	if w.oneIn(w.p.Writers * 20000) {
		runtime.Gosched()
	}
}

// work keeps the processor occupied for d, or until the run ends.
func (r *Runner) work(d time.Duration) {
	if d <= 0 {
		return
	}
	for start := nanotime(); nanotime()-start < int64(d) && !r.stopping.Load(); {
	}
}

// oneIn is true in one of n cases, and never if n is 0.
func (w *writer) oneIn(n int) bool { return n > 0 && w.rnd.IntN(n) == 0 }

// about returns a random time with the given mean.
func (w *writer) about(mean time.Duration) time.Duration { return about(w.rnd, mean) }

func about(rnd *rand.Rand, mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return time.Duration(rnd.Int64N(int64(2*mean))) + 1
}
