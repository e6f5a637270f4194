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
		r.cycles.made.Add(1)
		r.sizes[n].made.Add(1)
		if r.cycle(locks[:n], rnd) {
			r.sizes[n].reported.Add(1)
			r.cycles.reported.Add(1)
		}
	}
}

// cycle has each of some goroutines hold a lock and wait for the next one's, while
// bystanders wait for one of the locks. It reports whether that came out as it must.
func (r *Runner) cycle(locks []*guard, rnd *rand.Rand) bool {
	errs := make([]error, len(locks))
	bystanders := make([]error, rnd.IntN(4))
	var hold, done sync.WaitGroup
	hold.Add(len(locks))
	for i, l := range locks {
		wait := waits[rnd.IntN(len(waits))]
		done.Go(func() {
			if err := l.Lock(); err != nil {
				r.fail("a lock that is free: %v", err)
				hold.Done()
				return
			}
			hold.Done()
			hold.Wait()
			next := locks[(i+1)%len(locks)]
			if errs[i] = wait(next); errs[i] == nil {
				r.visit(next)
			}
			l.Unlock()
		})
	}
	for i := range bystanders {
		l := locks[rnd.IntN(len(locks))]
		done.Go(func() {
			if bystanders[i] = l.Lock(); bystanders[i] == nil {
				r.visit(l)
			}
		})
	}
	done.Wait()
	return r.judgeCycle(errs, bystanders)
}

// waits are ways to wait for a lock that a circle closes.
var waits = []func(Locker) error{
	func(l Locker) error { return l.Lock() },
	func(l Locker) error { return l.LockTimeout(time.Hour) },
	func(l Locker) error { return l.LockContext(context.Background()) },
}

// visit has a section and releases the lock.
func (r *Runner) visit(g *guard) {
	defer g.Unlock()
	a, b := g.enter()
	runtime.Gosched()
	if !g.leave(a, b) {
		r.fail("a section of %s was not alone", r.kind.Name)
	}
}

// judgeCycle: one goroutine, and no bystander, is told of the whole cycle.
func (r *Runner) judgeCycle(circle, bystanders []error) bool {
	victims, ok := 0, true
	for _, err := range circle {
		r.reports.count(err)
		switch {
		case err == nil:
		case isCycle(err, len(circle)):
			victims++
		default:
			r.fail("in a cycle of %d: %v", len(circle), err)
			ok = false
		}
	}
	for _, err := range bystanders {
		r.reports.count(err)
		if err != nil {
			r.fail("beside a cycle of %d: %v", len(circle), err)
			ok = false
		}
	}
	if victims != 1 {
		r.fail("a cycle of %d has %d victims", len(circle), victims)
		ok = false
	}
	return ok
}

// makeStalls has a holder stay for too long, again and again.
func (r *Runner) makeStalls() {
	rnd := r.random(-2, 0)
	l := newGuard(r.kind)
	for r.sleep(about(rnd, r.p.Stalls)) {
		r.stalls.made.Add(1)
		if r.stall(l, rnd) {
			r.stalls.reported.Add(1)
		}
	}
}

// stall holds a lock until all its waiters have given up. It reports whether each
// has seen a stall, and the lock works again.
func (r *Runner) stall(l *guard, rnd *rand.Rand) bool {
	if err := l.Lock(); err != nil {
		r.fail("a lock that is free: %v", err)
		return false
	}
	errs := make([]error, 1+rnd.IntN(4))
	var waiters sync.WaitGroup
	for i := range errs {
		wait := waits[rnd.IntN(len(waits))]
		waiters.Go(func() {
			if errs[i] = wait(l); errs[i] == nil {
				l.Unlock()
			}
		})
	}
	waiters.Wait()
	a, b := l.enter()
	l.leave(a, b)
	l.Unlock()
	ok := true
	for _, err := range errs {
		r.reports.count(err)
		var timeout *rqlock.TimeoutError
		if !errors.As(err, &timeout) || !timeout.Stall || timeout.Waited < r.p.StallTimeout {
			r.fail("a waiter of a holder who stays: %v", err)
			ok = false
		}
	}
	if err := l.Lock(); err != nil {
		r.fail("after a stall: %v", err)
		return false
	}
	r.visit(l)
	return ok
}
