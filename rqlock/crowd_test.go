package rqlock

import (
	"sync"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestCrowd: with 65,535 waiters on one lock, more than a tail of 16 bits can name, cycles of
// 2, 3 and 8 through it are found when they close, and everybody gets the lock (G3, G5, G10).
func TestCrowd(t *testing.T) {
	// It runs last, beside the tests that build programs: the records that it makes are never
	// freed, and would make the check for leaks slow in all tests that follow.
	t.Parallel()
	setStallTimeout(t, never)
	rnd := seed.Rand(t)
	n := briefly(1<<16-1, 3000)
	if raceEnabled {
		n = min(n, 3000) // the race detector knows 8,128 goroutines at most
	}
	lengths := []int{2, 3, 8}
	rings := make([]*ring, len(lengths))
	for i, length := range lengths {
		rings[i] = &ring{locks: newLocks(t, length)}
	}
	big := newLock(t)
	holder := newActors(t, 1)[0]
	for i, length := range lengths {
		rings[i].actors = append([]*actor{holder}, newActors(t, length-1)...)
	}
	holder.lock(big)

	before := ReadEvents()
	var crowd sync.WaitGroup
	got := 0
	for range n {
		crowd.Go(func() {
			if err := big.Lock(); err != nil {
				t.Errorf("%+v", err)
				return
			}
			got++
			big.Unlock()
		})
	}
	await(t, "the crowd to queue", func() bool { return since(before).Queued == uint64(n) })

	// Actor i of a ring holds lock i and wants the next one. The holder is actor 0 of all rings,
	// and what the last actor wants is the crowd's lock.
	want := func(r *ring, i int) *Mutex {
		if i == len(r.actors)-1 {
			return big
		}
		return r.want(i)
	}
	victims := make([]int, len(rings))
	for i, r := range rings {
		length := len(r.actors)
		for j, a := range r.actors[1:] {
			a.lock(&r.locks[j+1])
		}
		victim := rnd.IntN(length) // whose wait closes the cycle
		victims[i] = victim
		for j := 1; j < length; j++ {
			at := (victim + j) % length
			r.actors[at].waits(want(r, at), want(r, at).Lock)
		}
		var err error
		e := eventsOf(func() { err = r.actors[victim].do(want(r, victim).Lock) })
		if e.CycleDeadlock != 1 || e.Queued+e.Unqueued != 0 {
			t.Errorf("cycle of %d: events %+v, want one cycle, found before the closing waiter waits", length, e)
		}
		if d := deadlock(t, err); len(d.Cycle) != length || d.Cycle[0].Goroutine != r.actors[victim].id {
			t.Errorf("cycle of %d, closed by goroutine %d: %v", length, r.actors[victim].id, err)
		}
		for at := victim; at > 0; at-- { // those between the victim and the holder get on
			r.actors[at].unlock(&r.locks[at])
			must(t, r.actors[at-1].result())
			r.actors[at-1].unlock(&r.locks[at])
		}
	}
	holder.unlock(big)
	join(t, &crowd)
	if got != n {
		t.Errorf("%d of %d got the lock", got, n)
	}
	for i, r := range rings { // the others wait behind the crowd, or for one who does
		for at := len(r.actors) - 1; at > victims[i]; at-- {
			must(t, r.actors[at].result())
			r.actors[at].unlock(want(r, at))
			r.actors[at].unlock(&r.locks[at])
		}
	}
}
