package torture

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// makeCycles has goroutines wait for one another, again and again.
func (r *Runner) makeCycles() {
	rnd := r.random(-1, 0)
	locks := make([]*guard, r.p.CycleMax)
	for i := range locks {
		locks[i] = r.newGuard()
	}
	for r.sleep(about(rnd, r.p.Cycles)) {
		n := 2 + rnd.IntN(r.p.CycleMax-1)
		c := r.newCycle(locks[:n], rnd)
		r.cycles.made.Add(1)
		r.sizes[n].made.Add(1)
		c.run(rnd)
		r.cycleSteps.Add(1) // made may go back
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

func (r *Runner) newCycle(locks []*guard, rnd *rand.Rand) *cycle {
	return &cycle{Runner: r, locks: locks, waits: make([]outcome, len(locks)), beside: make([]outcome, rnd.IntN(4))}
}

// An outcome is what came of an acquisition.
type outcome struct {
	g     *guard
	asked int64
	err   error
}

// late reports whether a stall that nobody made was one.
func (o outcome) late(r *Runner) bool { return o.g.late(o.asked, o.err, r.p.StallTimeout) }

// run forms the cycle, and ends when all have got a lock or an error.
func (c *cycle) run(rnd *rand.Rand) {
	var hold, done sync.WaitGroup
	hold.Add(len(c.locks))
	for i, l := range c.locks {
		by := ways[rnd.IntN(len(ways))]
		done.Go(func() {
			defer c.rescue()
			ok := c.takeFree(l)
			hold.Done()
			if !ok {
				return
			}
			hold.Wait()
			c.waits[i] = c.visit(c.locks[(i+1)%len(c.locks)], by)
			l.release()
		})
	}
	for i := range c.beside {
		l := c.locks[rnd.IntN(len(c.locks))]
		done.Go(func() {
			defer c.rescue()
			hold.Wait()
			c.beside[i] = c.visit(l, lock)
		})
	}
	done.Wait()
}

// takeFree takes a lock that nobody wants.
func (r *Runner) takeFree(g *guard) bool {
	_, err := g.acquire(lock)
	r.reports.count(err)
	if err != nil {
		r.fail("a lock that is free failed", "%v", err)
	}
	return err == nil
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
		r.visits.Add(1)
		a, b := g.enter()
		runtime.Gosched()
		r.leave(held{g, a, b})
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
		case o.late(c.Runner):
			late++
		default:
			wrong++
			c.fail("in a cycle", "of %d: %v", len(c.waits), o.err)
		}
	}
	for _, o := range c.beside {
		switch {
		case o.err == nil:
		case o.late(c.Runner):
			c.overdue.Add(1)
		default:
			wrong++
			c.fail("beside a cycle", "of %d: %v", len(c.waits), o.err)
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
		c.fail("a cycle has not one victim", "of %d: %d", len(c.waits), victims)
	}
	return victims == 1 && wrong == 0
}

// makeStalls has a holder stay for too long, again and again.
func (r *Runner) makeStalls() {
	rnd := r.random(-2, 0)
	g := r.newGuard()
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
	if !r.takeFree(g) {
		return false
	}
	waits := make([]outcome, 1+rnd.IntN(4))
	var waiters sync.WaitGroup
	for i := range waits {
		by := ways[rnd.IntN(len(ways))]
		waiters.Go(func() {
			defer r.rescue()
			waits[i] = r.visit(g, by)
		})
	}
	waiters.Wait()
	g.release()
	ok := true
	for _, o := range waits {
		if o.g == nil || !o.late(r) {
			r.fail("a waiter of a holder who stays saw no stall", "%v (nil: was granted)", o.err)
			ok = false
		}
	}
	if o := r.visit(g, lock); o.err != nil {
		r.fail("after a stall the lock failed", "%v", o.err)
		return false
	}
	return ok
}
