package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// makeCycles has goroutines wait for one another, again and again.
func (r *Runner) makeCycles() {
	rnd := r.random(-1, 0)
	locks := make([]*guard, r.p.CycleMax)
	for i := range locks {
		locks[i] = newGuard(r.kind)
	}
	for r.sleep(about(rnd, r.p.Cycles)) {
		n := 2 + rnd.IntN(r.p.CycleMax-1)
		c := &cycle{Runner: r, locks: locks[:n], waits: make([]outcome, n), beside: make([]outcome, rnd.IntN(4))}
		r.cycles.made.Add(1)
		r.sizes[n].made.Add(1)
		c.run(rnd)
		if c.judge() {
			r.sizes[n].reported.Add(1)
			r.cycles.reported.Add(1)
		}
	}
}

// A cycle is goroutines each of which holds a lock and waits for the next one's, and
// bystanders that wait for one of the locks.
type cycle struct {
	*Runner
	locks         []*guard
	waits, beside []outcome
}

// An outcome is what came of an acquisition.
type outcome struct {
	g     *guard
	asked int64
	err   error
}

func (o outcome) late() bool { return o.g.late(o.asked, o.err) }

// run forms the cycle, and ends when all have got a lock or an error.
func (c *cycle) run(rnd *rand.Rand) {
	var hold, done sync.WaitGroup
	hold.Add(len(c.locks))
	for i, l := range c.locks {
		by := ways[rnd.IntN(len(ways))]
		done.Go(func() {
			_, err := l.acquire(lock)
			hold.Done()
			if err != nil {
				c.fail("a lock that is free: %v", err)
				return
			}
			hold.Wait()
			c.waits[i] = c.visit(c.locks[(i+1)%len(c.locks)], by)
			l.release()
		})
	}
	for i := range c.beside {
		l := c.locks[rnd.IntN(len(c.locks))]
		done.Go(func() { c.beside[i] = c.visit(l, lock) })
	}
	done.Wait()
}

// ways to wait for a lock that a circle closes.
var ways = []way{
	lock,
	func(l Locker) error { return l.LockTimeout(time.Hour) },
	func(l Locker) error { return l.LockContext(context.Background()) },
}

// visit has a section, if it gets the lock.
func (r *Runner) visit(g *guard, by way) outcome {
	asked, err := g.acquire(by)
	r.reports.count(err)
	if err == nil {
		a, b := g.enter()
		runtime.Gosched()
		if !g.leave(a, b) {
			r.fail("a section of %s was not alone", r.kind.Name)
		}
		g.release()
	}
	return outcome{g, asked, err}
}

// judge reports whether one goroutine, and no bystander, was told of all of the cycle.
// If one rightly gave up before it closed there may have been none.
func (c *cycle) judge() bool {
	victims, wrong, late := 0, 0, 0
	for _, o := range c.waits {
		switch {
		case o.g == nil:
			wrong++ // told already
		case o.err == nil:
		case isCycle(o.err, len(c.waits)):
			victims++
		case o.late():
			late++
		default:
			wrong++
			c.fail("in a cycle of %d: %v", len(c.waits), o.err)
		}
	}
	for _, o := range c.beside {
		switch {
		case o.err == nil:
		case o.late():
			c.overdue.Add(1)
		default:
			wrong++
			c.fail("beside a cycle of %d: %v", len(c.waits), o.err)
		}
	}
	c.overdue.Add(int64(late))
	if late > 0 && victims == 0 && wrong == 0 {
		c.cycles.made.Add(-1)
		c.sizes[len(c.waits)].made.Add(-1)
		c.spoilt.Add(1)
		return false
	}
	if victims != 1 {
		c.fail("a cycle of %d has %d victims", len(c.waits), victims)
	}
	return victims == 1 && wrong == 0
}

// makeStalls has a holder stay for too long, again and again.
func (r *Runner) makeStalls() {
	rnd := r.random(-2, 0)
	g := newGuard(r.kind)
	for r.sleep(about(rnd, r.p.Stalls)) {
		r.stalls.made.Add(1)
		if r.stall(g, rnd) {
			r.stalls.reported.Add(1)
		}
	}
}

// stall holds a lock until all its waiters have given up. It reports whether each
// has seen a stall, and the lock works again.
func (r *Runner) stall(g *guard, rnd *rand.Rand) bool {
	if _, err := g.acquire(lock); err != nil {
		r.fail("a lock that is free: %v", err)
		return false
	}
	waits := make([]outcome, 1+rnd.IntN(4))
	var waiters sync.WaitGroup
	for i := range waits {
		by := ways[rnd.IntN(len(ways))]
		waiters.Go(func() { waits[i] = r.visit(g, by) })
	}
	waiters.Wait()
	g.release()
	ok := true
	for _, o := range waits {
		var timeout *rqlock.TimeoutError
		if !errors.As(o.err, &timeout) || !timeout.Stall || timeout.Waited < r.p.StallTimeout || !o.late() {
			r.fail("a waiter of a holder who stays: %v", o.err)
			ok = false
		}
	}
	if o := r.visit(g, lock); o.err != nil {
		r.fail("after a stall: %v", o.err)
		return false
	}
	return ok
}
