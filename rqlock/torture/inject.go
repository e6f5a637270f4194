package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// injectCycles has goroutines wait for one another, again and again.
func (r *Runner) injectCycles() {
	rnd := r.random(-1, 0)
	locks := make([]*instance, r.p.CycleMax)
	for i := range locks {
		locks[i] = r.newInstance()
	}
	for r.sleep(about(rnd, r.p.Cycles)) {
		n := 2 + rnd.IntN(r.p.CycleMax-1)
		c := r.newCycle(locks[:n], rnd)
		r.cycles.made.Add(1)
		r.sizes[n].made.Add(1)
		c.run(rnd)
		r.cycleSteps.Add(1) // not cycles.made, which judge may decrement
		if c.judge() {
			r.sizes[n].reported.Add(1)
			r.cycles.reported.Add(1)
		}
	}
}

// A cycle is goroutines each of which holds a lock and waits for the next one's, and
// bystanders, which hold nothing and wait for one of the locks.
type cycle struct {
	*Runner
	locks               []*instance
	waiters, bystanders []outcome
}

func (r *Runner) newCycle(locks []*instance, rnd *rand.Rand) *cycle {
	return &cycle{Runner: r, locks: locks, waiters: make([]outcome, len(locks)), bystanders: make([]outcome, rnd.IntN(4))}
}

// An outcome is the outcome of an acquisition.
type outcome struct {
	l    *instance // nil if there was none
	wait span
	err  error
}

// realStall reports whether the outcome is a stall, and the stall was real: for as long
// as it says, the lock was granted to nobody. One goroutine held it for most of that
// time, and the process was not stopped for most of it.
func (o outcome) realStall(r *Runner) bool {
	var timeout *rqlock.TimeoutError
	if o.l == nil || !errors.As(o.err, &timeout) || !timeout.Stall || timeout.Wait.For < r.p.StallTimeout {
		return false
	}
	stops := r.stops.known()
	ran := func(s span) bool { return stops.ran(s, r.p.StallTimeout) }
	return o.l.held(o.wait, r.p.StallTimeout/2) && slices.ContainsFunc(o.l.idle(o.wait, timeout.Wait.For-slack), ran)
}

// run forms the cycle, and ends when every acquisition has an outcome.
func (c *cycle) run(rnd *rand.Rand) {
	var hold, done sync.WaitGroup
	hold.Add(len(c.locks))
	for i, l := range c.locks {
		by := methods[rnd.IntN(len(methods))]
		done.Go(func() {
			defer c.rescue()
			ok := c.acquireFree(l)
			hold.Done()
			if !ok {
				return
			}
			hold.Wait()
			c.waiters[i] = c.visit(c.locks[(i+1)%len(c.locks)], by)
			l.release()
		})
	}
	for i := range c.bystanders {
		l := c.locks[rnd.IntN(len(c.locks))]
		done.Go(func() {
			defer c.rescue()
			hold.Wait()
			c.bystanders[i] = c.visit(l, lock)
		})
	}
	done.Wait()
}

// acquireFree acquires a lock that nobody else wants.
func (r *Runner) acquireFree(l *instance) bool {
	_, err := l.acquire(lock)
	r.returned.count(err)
	if err != nil {
		r.fail("acquiring a free lock failed", "%v", err)
	}
	return err == nil
}

// methods wait for a lock for longer than a cycle lasts. The first ones have no limit of
// their own, so that a stall ends the wait.
var methods = []method{
	lock,
	func(l Locker) error { return l.LockContext(context.Background()) },
	func(l Locker) error { return l.LockTimeout(time.Hour) },
}

const unlimited = 2 // methods

// visit acquires l for one section.
func (r *Runner) visit(l *instance, by method) outcome { return r.visitAnd(l, by, runtime.Gosched) }

// visitAnd does something in the section, too.
func (r *Runner) visitAnd(l *instance, by method, do func()) outcome {
	wait, err := l.acquire(by)
	r.returned.count(err)
	if err == nil {
		r.section(l, do)
	}
	return outcome{l, wait, err}
}

// section is a section of a lock that the caller has acquired, and ends it.
func (r *Runner) section(l *instance, do func()) {
	r.visits.Add(1)
	a, b := l.enter()
	do()
	r.leave(section{l, a, b})
}

// judge reports whether the cycle had one victim, whose error has all of the cycle, and
// no bystander failed. If a real stall ended one of the waits before the cycle was
// complete, there may be no victim, and the cycle does not count.
func (c *cycle) judge() bool {
	victims, wrong, stalls := 0, 0, 0
	for _, o := range c.waiters {
		switch {
		case o.l == nil:
			wrong++ // its first acquisition failed, which is counted
		case o.err == nil:
		case isCycle(o.err, len(c.waiters)):
			victims++
		case o.realStall(c.Runner):
			stalls++
		default:
			wrong++
			c.fail("wrong error in a cycle", "of %d: %v", len(c.waiters), o.err)
		}
	}
	for _, o := range c.bystanders {
		switch {
		case o.err == nil:
		case o.realStall(c.Runner):
			c.otherStalls.Add(1)
		default:
			wrong++
			c.fail("a bystander of a cycle failed", "of %d: %v", len(c.waiters), o.err)
		}
	}
	c.otherStalls.Add(int64(stalls))
	if stalls > 0 && victims == 0 && wrong == 0 {
		c.cycles.made.Add(-1)
		c.sizes[len(c.waiters)].made.Add(-1)
		c.prevented.Add(1)
		return false
	}
	if victims != 1 {
		c.fail("a cycle had no victim, or several", "of %d: %d", len(c.waiters), victims)
	}
	return victims == 1 && wrong == 0
}

// injectStalls has a holder keep a lock for too long, again and again.
func (r *Runner) injectStalls() {
	rnd := r.random(-2, 0)
	l := r.newInstance()
	for r.sleep(about(rnd, r.p.Stalls)) {
		r.stalls.made.Add(1)
		if r.stall(l, rnd) {
			r.stalls.reported.Add(1)
		}
	}
}

// stall holds a lock until all its waiters have given up. It reports whether each of
// them got a stall, and the lock works again.
func (r *Runner) stall(l *instance, rnd *rand.Rand) bool {
	if !r.acquireFree(l) {
		return false
	}
	outcomes := make([]outcome, 1+rnd.IntN(4))
	var waiters sync.WaitGroup
	for i := range outcomes {
		by := methods[rnd.IntN(unlimited)]
		waiters.Go(func() {
			defer r.rescue()
			outcomes[i] = r.visit(l, by)
		})
	}
	waiters.Wait()
	l.release()
	ok := true
	for _, o := range outcomes {
		if !o.realStall(r) {
			r.fail("a waiter did not get an injected stall", "%v (nil: it was granted the lock)", o.err)
			ok = false
		}
	}
	if o := r.visit(l, lock); o.err != nil {
		r.fail("the lock failed after a stall", "%v", o.err)
		return false
	}
	return ok
}
