package torture

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// injectCrossings has readers wait for one another through writers that wait, again and
// again.
func (r *Runner) injectCrossings() {
	rnd := r.random(-10, 0)
	locks := make([]*instance, 4)
	for i := range locks {
		locks[i] = r.newInstance()
	}
	for r.sleep(about(rnd, r.p.Crossings)) {
		n := 2 + rnd.IntN(len(locks)-1)
		c := &crossing{Runner: r, locks: locks[:n], readers: make([]outcome, n), writers: make([]outcome, n)}
		r.crossings.made.Add(1)
		c.run(rnd)
		r.crossingSteps.Add(1)
		if c.judge() {
			r.crossings.reported.Add(1)
		}
	}
}

// A crossing is readers each of which reads a lock and then the next one's, while a writer
// waits for each lock. Only the writers are between them, so it is no deadlock: one of the
// readers is let in past a writer, and then everybody is granted what it waits for.
type crossing struct {
	*Runner
	locks            []*instance
	readers, writers []outcome
}

func (c *crossing) run(rnd *rand.Rand) {
	var read, done sync.WaitGroup
	crossed := make(chan struct{}) // closed when the readers may go on
	read.Add(len(c.locks))
	pick, limited := ways(rnd), rnd.IntN(3) == 0
	for i, l := range c.locks {
		by, next := pick(), side{c.locks[(i+1)%len(c.locks)], true}
		done.Go(func() {
			defer c.rescue()
			first := side{l, true}
			ok := c.acquireFree(first)
			read.Done()
			if !ok {
				return
			}
			<-crossed
			c.readers[i] = c.visit(next, by)
			first.release()
		})
		write := pick()
		if limit := about(rnd, time.Millisecond); limited {
			write = func(l Locker) error { return l.LockTimeout(limit) }
		}
		done.Go(func() {
			defer c.rescue()
			read.Wait()
			c.writers[i] = c.visit(writing(l), write)
		})
	}
	read.Wait()
	if rnd.IntN(3) == 0 {
		runtime.Gosched() // some writers may come later than the readers
	} else {
		c.sleep(about(rnd, time.Millisecond))
	}
	close(crossed)
	done.Wait()
}

// judge reports whether all readers were granted both locks. Writers may have reached a limit
// of their own.
func (c *crossing) judge() bool {
	wrong := 0
	for _, o := range c.readers {
		switch {
		case o.l == nil:
			wrong++ // its first acquisition failed, which is counted
		case o.err == nil:
		case o.realStall(c.Runner):
			c.otherStalls.Add(1)
		default:
			wrong++
			c.fail("a reader was refused because of writers that waited", "of %d: %v", len(c.readers), o.err)
		}
	}
	for _, o := range c.writers {
		var timeout *rqlock.TimeoutError
		switch {
		case o.err == nil:
		case errors.As(o.err, &timeout) && !timeout.Stall:
		case o.realStall(c.Runner):
			c.otherStalls.Add(1)
		default:
			wrong++
			c.fail("a writer failed that readers were let in past", "of %d: %v", len(c.writers), o.err)
		}
	}
	return wrong == 0
}
