package torture

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// injectStorms has many goroutines call TryLock while others wait, again and again.
func (r *Runner) injectStorms() {
	rnd := r.random(-7, 0)
	l := r.newInstance()
	for r.sleep(about(rnd, r.p.Storms)) {
		r.disturbed.storms.Add(1)
		r.storm(l, rnd)
	}
}

// stormGrants is how often each waiter acquires the lock in a storm. It ends then.
const stormGrants = 5

// storm has goroutines call TryLock until each waiter was granted the lock some times. No
// section is long, so that no wait is.
func (r *Runner) storm(l *instance, rnd *rand.Rand) {
	var over atomic.Bool
	var callers, waiters sync.WaitGroup
	for i := range r.p.StormCallers {
		callers.Go(func() {
			defer r.rescue()
			for n := i; !over.Load() && !r.stopping.Load(); n++ {
				s := side{l, r.kind.Readers && n%2 == 0}
				if began := nanotime(); s.locker().TryLock() {
					s.granted(began, s.reads)
					r.section(s, func() {})
				}
				if n%16 == 0 {
					runtime.Gosched() // or the waiters hardly ever run
				}
			}
		})
	}
	for range 2 + rnd.IntN(3) {
		s, by := r.pick(l, rnd), lock
		if r.kind.Resilient {
			by = methods[rnd.IntN(len(methods))]
		}
		waiters.Go(func() {
			defer r.rescue()
			for n := 0; n < stormGrants && !r.stopping.Load(); n++ {
				switch o := r.visit(s, by); {
				case o.err == nil:
				case o.realStall(r):
					r.otherStalls.Add(1)
				default:
					r.fail("a waiter failed in a storm of TryLock", "%v", o.err)
				}
				r.stormSteps.Add(1)
			}
		})
	}
	waiters.Wait()
	over.Store(true)
	callers.Wait()
}
