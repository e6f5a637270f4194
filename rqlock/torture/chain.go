package torture

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// injectChains has goroutines wait for one another in a line, again and again.
func (r *Runner) injectChains() {
	rnd := r.random(-8, 0)
	locks := make([]*instance, r.p.ChainMax+1)
	for i := range locks {
		locks[i] = r.newInstance()
	}
	for r.sleep(about(rnd, r.p.Chains)) {
		n := 2 + rnd.IntN(r.p.ChainMax-1)
		r.disturbed.chains.Add(1)
		c := r.newChain(locks[:n+1], rnd)
		c.run(rnd)
		c.judge()
		r.chainSteps.Add(1)
	}
}

// A chain is goroutines each of which holds a lock and waits for the next one's. The last
// one waits for a lock that is then released. So all are granted their locks, the last
// one first.
type chain struct {
	*Runner
	holds []side // and the last one's lock, which is released
	wants []side
	links []link
	turn  atomic.Int64
}

// newChain returns a chain of one goroutine fewer than there are locks.
func (r *Runner) newChain(locks []*instance, rnd *rand.Rand) *chain {
	c := &chain{Runner: r, links: make([]link, len(locks)-1)}
	for i, l := range locks {
		if c.holds = append(c.holds, r.pick(l, rnd)); i > 0 {
			c.wants = append(c.wants, r.against(c.holds[i], rnd))
		}
	}
	return c
}

// A link is what a goroutine of a chain got.
type link struct {
	outcome
	turn int64 // it was granted its lock as number turn of all, from 1
}

func (c *chain) run(rnd *rand.Rand) {
	first := c.holds[len(c.links)]
	if !c.acquireFree(first) {
		return
	}
	var hold, done sync.WaitGroup
	hold.Add(len(c.links))
	for i := range c.links {
		by := lock
		if c.kind.Resilient {
			by = methods[rnd.IntN(len(methods))]
		}
		done.Go(func() {
			defer c.rescue()
			ok := c.acquireFree(c.holds[i])
			hold.Done()
			if !ok {
				return
			}
			hold.Wait()
			k := &c.links[i]
			k.outcome = c.visitAnd(c.wants[i], by, func() { k.turn = c.turn.Add(1) })
			c.holds[i].release()
		})
	}
	hold.Wait()
	c.sleep(about(rnd, 5*time.Millisecond)) // most of them wait, and park
	first.release()
	done.Wait()
}

// judge demands that all were granted their locks in order. Who gave up because of a real
// stall lets others go first.
func (c *chain) judge() {
	stalls, wrong := 0, 0
	for _, k := range c.links {
		switch {
		case k.l == nil:
			wrong++ // its first acquisition failed, which is counted
		case k.err == nil:
		case k.realStall(c.Runner):
			stalls++
		default:
			wrong++
			c.fail("a goroutine of a chain failed", "of %d: %v", len(c.links), k.err)
		}
	}
	c.otherStalls.Add(int64(stalls))
	if stalls+wrong > 0 {
		return
	}
	for i, k := range c.links {
		if want := int64(len(c.links) - i); k.turn != want {
			c.fail("a chain was granted its locks out of order", "number %d of %d: %d", want, len(c.links), k.turn)
			return
		}
	}
}
