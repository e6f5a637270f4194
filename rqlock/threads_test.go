package rqlock

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// lockThread has the actor keep its thread to its end.
func (a *actor) lockThread() {
	a.do(func() error { runtime.LockOSThread(); return nil })
}

// TestProcessorsChange: who waits when GOMAXPROCS changes is woken as ever, and who waits after
// that spins only if there is more than one processor (G10, G14).
func TestProcessorsChange(t *testing.T) {
	setStallTimeout(t, never)
	before := ReadEvents()
	changes := [][2]int{{1, 8}, {8, 1}, {1, 2}, {2, 1}, {2, 3}, {3, 2}}
	for _, c := range changes {
		t.Run(fmt.Sprint(c[0], " to ", c[1]), func(t *testing.T) {
			setProcs(t, c[0])
			l := newLock(t)
			a := newActors(t, 3)
			must(t, l.Lock())
			for i := range a {
				a[i].waits(l, func() error { return ways[i].lock(l) })
			}
			asleep(t, l)
			runtime.GOMAXPROCS(c[1])
			time.Sleep(11 * time.Millisecond) // for as long a waiter may believe in the old number
			l.Unlock()
			getAll(t, l, a)
			must(t, l.Lock())
			a[0].waits(l, l.Lock)
			if n := wait.Tries(); (n == 1) != (c[1] == 1) {
				t.Errorf("on %d processors one tries %d times before it queues", c[1], n)
			}
			l.Unlock()
			must(t, a[0].result())
			a[0].unlock(l)
		})
	}
	woken(t, len(changes), before)
}

// TestProcessorsStorm: changes of GOMAXPROCS while many goroutines lock, in all ways, harm no
// section and nobody's wait (G1, G10).
func TestProcessorsStorm(t *testing.T) {
	setProcs(t, runtime.GOMAXPROCS(0))
	setStallTimeout(t, never)
	g := &counted{l: newLock(t)}
	var over atomic.Bool
	var changer sync.WaitGroup
	rnd := seed.Rand(t)
	changes := 0
	changer.Go(func() {
		for ; !over.Load(); changes++ {
			runtime.GOMAXPROCS(1 + rnd.IntN(8))
			time.Sleep(time.Duration(rnd.IntN(1000)) * time.Microsecond)
		}
	})
	playUntil(func() bool { return g.entered > 0 }, func() {
		crew(t, 8, func(w *hand) {
			for w.running() {
				got, err := tries[w.IntN(len(tries))](g.l, w)
				if !got {
					checkFailure(t, err)
					continue
				}
				g.section(t, w)
				g.l.Unlock()
			}
		})
	})
	over.Store(true)
	join(t, &changer)
	if int64(g.entered) != g.want.Load() || g.entered != g.left || g.entered == 0 {
		t.Errorf("%d sections, counted %d entries and %d exits", g.want.Load(), g.entered, g.left)
	}
	t.Logf("%d sections, %d changes", g.entered, changes)
}

// TestLockedThreads: goroutines that are locked to their threads wait and are woken, also by
// one another, and a cycle of them is found (G3, G10, G14).
func TestLockedThreads(t *testing.T) {
	setStallTimeout(t, never)
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			setProcs(t, procs)
			r := newRing(t, 3)
			for _, a := range r.actors {
				a.lockThread()
			}
			for i, a := range r.actors[:2] {
				a.waits(r.want(i), r.want(i).Lock)
			}
			r.check(t, r.actors[2].do(r.want(2).Lock), 2, "newActors")
			r.resolve(t, 2)

			before := ReadEvents()
			rounds := briefly(4, 2)
			l := &r.locks[0]
			for range rounds {
				r.actors[0].lock(l)
				r.actors[1].waits(l, l.Lock)
				r.actors[2].waits(l, l.Lock)
				asleep(t, l)
				r.actors[0].unlock(l)
				must(t, r.actors[1].result())
				r.actors[1].unlock(l)
				must(t, r.actors[2].result())
				r.actors[2].unlock(l)
			}
			woken(t, rounds, before)
		})
	}
}
