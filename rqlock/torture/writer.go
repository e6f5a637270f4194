package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// A writer is a goroutine that takes the locks, for as long as it lives.
type writer struct {
	*Runner
	*slot
	rnd  *rand.Rand
	held []held
}

// held is a lock that a writer has, in a section that began with these counts.
type held struct {
	*guard
	a, b int64
}

// write runs the writers of slot i, one after the other.
func (r *Runner) write(i, generation int) {
	w := &writer{Runner: r, slot: &r.slots[i], rnd: r.random(1+i, generation)}
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
			r.did.successors.Add(1)
			r.spawn(func() { r.write(i, generation+1) })
			return // with a thread of its own, that ends, too
		}
	}
}

// round takes some of the locks, in order, and releases them in any order.
func (w *writer) round() {
	locks := w.rnd.IntN(w.p.Nested) + 1
	for i, left := 0, len(w.guards); locks > 0; i, left = i+1, left-1 {
		if w.rnd.IntN(left) >= locks {
			continue // not this one
		}
		if locks--; !w.enter(w.guards[i]) {
			break
		}
	}
	w.rnd.Shuffle(len(w.held), func(i, j int) { w.held[i], w.held[j] = w.held[j], w.held[i] })
	for _, h := range w.held {
		w.leave(h)
	}
	w.held = w.held[:0]
}

// enter takes a lock and begins a section, which lasts until the end of the round.
func (w *writer) enter(g *guard) bool {
	asked, ok := w.acquire(g)
	if !ok {
		return false
	}
	w.waited(time.Duration(clock() - asked))
	w.acquired.Add(1)
	a, b := g.enter()
	w.held = append(w.held, held{g, a, b})
	w.hold()
	if w.oneIn(w.p.Selfs) {
		w.again(g)
	}
	return true
}

// leave ends a section, in which nobody else must have been, and gives the lock back.
func (r *Runner) leave(h held) {
	if !h.section.leave(h.a, h.b) {
		r.fail("a section was not alone", "of %s, by its counters", r.kind.Name)
	}
	h.release()
}

// acquire takes a lock in one of the ways there are. It judges what comes of it.
func (w *writer) acquire(g *guard) (asked int64, ok bool) {
	by, may, expected := lock, (*tried)(nil), error(nil)
	switch {
	case w.oneIn(w.p.Tries):
		by, may, expected = try, &w.busy, errBusy
	case !w.oneIn(w.p.GiveUps):
	case w.rnd.IntN(2) == 0:
		limit := w.about(shortWait)
		by, may, expected = func(l Locker) error { return l.LockTimeout(limit) }, &w.deadline, rqlock.ErrTimeout
	default:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer time.AfterFunc(w.about(shortWait), cancel).Stop()
		by, may, expected = func(l Locker) error { return l.LockContext(ctx) }, &w.cancelled, context.Canceled
	}
	if may != nil {
		may.times.Add(1)
	}
	asked, err := g.acquire(by)
	if err != nil {
		w.judge(g, asked, err, may, expected)
	}
	return asked, err == nil
}

func lock(l Locker) error { return l.Lock() }

func try(l Locker) error {
	if l.TryLock() {
		return nil
	}
	return errBusy
}

var errBusy = errors.New("busy")

// shortWait is the mean limit of an acquisition that has one: about what a waiter spins
// for before it parks, so that some give up before and some after that.
const shortWait = 50 * time.Microsecond

// judge counts a failure, and tells of it if it is not the one that may be.
func (w *writer) judge(g *guard, asked int64, err error, may *tried, expected error) {
	w.reports.count(err)
	var timeout *rqlock.TimeoutError
	stall := errors.As(err, &timeout) && timeout.Stall
	switch {
	case stall && g.late(asked, err, w.p.StallTimeout):
		w.late.Add(1)
	case stall:
		w.fail("a stall that was none", "%v", err)
	case may == nil || !errors.Is(err, expected):
		w.fail("a writer, which takes its locks in order, failed", "%v", err)
	default:
		may.failed.Add(1)
	}
}

// again locks what is held already.
func (w *writer) again(g *guard) {
	w.selfs.made.Add(1)
	var err error
	if w.rnd.IntN(2) == 0 {
		err = g.Lock()
	} else {
		err = g.LockTimeout(time.Hour)
	}
	w.reports.count(err)
	if isCycle(err, 1) {
		w.selfs.reported.Add(1)
		return
	}
	w.fail("locking what is held already was no deadlock", "%v", err)
}

// isCycle reports whether err tells of a cycle of n goroutines.
func isCycle(err error, n int) bool {
	var deadlock *rqlock.DeadlockError
	return errors.As(err, &deadlock) && len(deadlock.Cycle) == n
}

// hold stays in a section, with locktorture's odds for what is rare: its
// torture_spin_lock_write_delay.
func (w *writer) hold() {
	w.work(w.about(w.p.Section))
	if long := w.p.LongHold; long > 0 && w.rnd.Int64N(int64(w.p.Writers)*2000*max(1, long.Milliseconds())) == 0 {
		w.did.longHolds.Add(1)
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

// work keeps the processor busy, at most until the run ends.
func (r *Runner) work(d time.Duration) {
	if d <= 0 {
		return
	}
	for start := clock(); clock()-start < int64(d) && !r.stopping.Load(); {
	}
}

// oneIn is true once in n times, and never if n is 0.
func (w *writer) oneIn(n int) bool { return n > 0 && w.rnd.IntN(n) == 0 }

// about is a random time with the given mean.
func (w *writer) about(mean time.Duration) time.Duration { return about(w.rnd, mean) }

func about(rnd *rand.Rand, mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return time.Duration(rnd.Int64N(int64(2*mean))) + 1
}
