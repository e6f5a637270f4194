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
	parties             []party
	waiters, bystanders []outcome
}

// A party is a goroutine that holds a lock, and wants one.
type party struct {
	holds, wants side
	goroutine    uint64
}

func (r *Runner) newCycle(locks []*instance, rnd *rand.Rand) *cycle {
	c := &cycle{Runner: r, waiters: make([]outcome, len(locks)), bystanders: make([]outcome, rnd.IntN(4))}
	for _, l := range locks {
		c.parties = append(c.parties, party{holds: r.pick(l, rnd)})
	}
	for i := range c.parties {
		c.parties[i].wants = r.against(c.next(i).holds, rnd)
	}
	return c
}

func (c *cycle) next(i int) *party { return &c.parties[(i+1)%len(c.parties)] }

// picksReads decides whether to read a lock or to write.
func (r *Runner) picksReads(rnd *rand.Rand) bool { return r.kind.Readers && rnd.IntN(2) == 0 }

// pick picks a side of a lock.
func (r *Runner) pick(l *instance, rnd *rand.Rand) side { return side{l, r.picksReads(rnd)} }

// against picks a side that must wait while the lock is held as it is.
func (r *Runner) against(held side, rnd *rand.Rand) side {
	return side{held.instance, !held.reads && r.picksReads(rnd)}
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
	real := func() bool {
		return o.l.held(o.wait, r.p.StallTimeout/2) && slices.ContainsFunc(o.l.idle(o.wait, timeout.Wait.For-slack), ran)
	}
	// Who was granted the lock may not have run since, and so not have noted that.
	for end := time.Now().Add(2 * r.p.StallTimeout); !real(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// run forms the cycle, and ends when every acquisition has an outcome.
func (c *cycle) run(rnd *rand.Rand) {
	var hold, done sync.WaitGroup
	hold.Add(len(c.parties))
	pick := ways(rnd)
	for i := range c.parties {
		p, by := &c.parties[i], pick()
		done.Go(func() {
			defer c.rescue()
			p.goroutine = goroutineID()
			ok := c.acquireFree(p.holds)
			hold.Done()
			if !ok {
				return
			}
			hold.Wait()
			c.waiters[i] = c.visit(p.wants, by)
			p.holds.release()
		})
	}
	for i := range c.bystanders {
		s := c.pick(c.parties[rnd.IntN(len(c.parties))].holds.instance, rnd)
		done.Go(func() {
			defer c.rescue()
			hold.Wait()
			c.bystanders[i] = c.visit(s, lock)
		})
	}
	done.Wait()
}

// acquireFree acquires a lock that nobody else wants.
func (r *Runner) acquireFree(s side) bool {
	_, err := s.acquire(lock)
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

// ways returns a function that picks the methods of goroutines of which a lock must not let all
// wait for ever. In some cases no stall ends any of their waits. So they hang if it does.
func ways(rnd *rand.Rand) func() method {
	if rnd.IntN(3) == 0 {
		return func() method { return methods[unlimited] }
	}
	return func() method { return methods[rnd.IntN(len(methods))] }
}

// visit acquires a lock for one section.
func (r *Runner) visit(s side, by method) outcome { return r.visitAnd(s, by, runtime.Gosched) }

// visitAnd does something in the section, too.
func (r *Runner) visitAnd(s side, by method, do func()) outcome {
	wait, err := s.acquire(by)
	r.returned.count(err)
	if err == nil {
		r.section(s, do)
	}
	return outcome{s.instance, wait, err}
}

// section is a section of a lock that the caller has acquired, and ends it.
func (r *Runner) section(s side, do func()) {
	if !s.reads {
		r.visits.Add(1)
	}
	in := r.begin(s)
	do()
	r.leave(in)
}

// judge reports whether the cycle had one victim, whose error has all of the cycle, and
// no bystander failed. If a real stall ended one of the waits before the cycle was
// complete, there may be no victim, and the cycle does not count.
func (c *cycle) judge() bool {
	victims, wrong, stalls := 0, 0, 0
	for i, o := range c.waiters {
		switch {
		case o.l == nil:
			wrong++ // its first acquisition failed, which is counted
		case o.err == nil:
		case isCycle(o.err, len(c.waiters)):
			victims++
			if !c.told(i, o.err) {
				wrong++
				c.fail("the error of a cycle has other parties", "than goroutines %d, from number %d on: %v", c.goroutines(), i, o.err)
			}
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

// told reports whether an error has all parties of the cycle, in their order and from party
// i on: what each waits for, and in which way, and who holds that.
func (c *cycle) told(i int, err error) bool {
	var deadlock *rqlock.DeadlockError
	errors.As(err, &deadlock)
	locks := map[uintptr]bool{}
	for k, w := range deadlock.Cycle {
		i := (i + k) % len(c.parties)
		p, next := c.parties[i], c.next(i)
		if w.Goroutine != p.goroutine || w.Read != p.wants.reads || len(w.Holders) != 1 || w.More() > 0 ||
			w.Holders[0].Goroutine != next.goroutine || w.Holders[0].Read != next.holds.reads || locks[w.Lock.Addr] {
			return false
		}
		locks[w.Lock.Addr] = true
	}
	return true
}

func (c *cycle) goroutines() (ids []uint64) {
	for _, p := range c.parties {
		ids = append(ids, p.goroutine)
	}
	return ids
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
// them got a stall, and the lock works again. If the holder reads, others who read may be
// granted the lock, too.
func (r *Runner) stall(l *instance, rnd *rand.Rand) bool {
	held := r.pick(l, rnd)
	if !r.acquireFree(held) {
		return false
	}
	wanted, outcomes := []side{r.against(held, rnd)}, make([]outcome, 1+rnd.IntN(4))
	for len(wanted) < len(outcomes) {
		wanted = append(wanted, r.pick(l, rnd))
	}
	var waiters sync.WaitGroup
	for i := range outcomes {
		by := methods[rnd.IntN(unlimited)]
		waiters.Go(func() {
			defer r.rescue()
			outcomes[i] = r.visit(wanted[i], by)
		})
	}
	waiters.Wait()
	held.release()
	ok := true
	for i, o := range outcomes {
		if o.err == nil && !wanted[i].excludes(held) {
			continue
		}
		if !o.realStall(r) {
			r.fail("a waiter did not get an injected stall", "%v (nil: it was granted the lock)", o.err)
			ok = false
		}
	}
	if o := r.visit(writing(l), lock); o.err != nil {
		r.fail("the lock failed after a stall", "%v", o.err)
		return false
	}
	return ok
}
