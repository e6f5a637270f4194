package rqlock

import (
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// TestVerdict: who finds a cycle whose victim is another tells it, wherever that
// waits, and waits on (G5). A verdict on an earlier wait does not count.
func TestVerdict(t *testing.T) {
	setStallTimeout(t, never)
	for _, c := range []struct {
		name  string
		ahead int // who wait ahead of the victim
	}{
		{"head", 0},
		{"parked", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(t, 2)
			ahead := newActors(t, c.ahead)
			for _, a := range ahead {
				a.waits(r.want(0), r.want(0).Lock)
			}
			victim, finder := r.actors[0], r.actors[1]
			victim.waits(r.want(0), r.want(0).Lock)
			w := waiter.Lookup(victim.id)
			waitgraph.Convict(w, &waiter.Verdict{Epoch: w.Epoch - 1, Err: &DeadlockError{Cycle: []Wait{{}}}})
			time.Sleep(40 * time.Millisecond) // to wake and sleep again
			if len(victim.results) != 0 {
				t.Fatalf("got %v by a verdict on an earlier wait", victim.result())
			}
			w.Since.Store(int64(never)) // as if it had come last
			before := ReadEvents()
			finder.waits(r.want(1), r.want(1).Lock)
			r.check(t, victim.result(), 0, "newActors")
			if e := since(before); e.CycleDeadlock != 1 {
				t.Errorf("counted %+v, want one cycle", e)
			}
			if len(finder.results) != 0 {
				t.Fatalf("the finder is not the victim, but got %v", finder.result())
			}
			victim.unlock(&r.locks[0])
			must(t, finder.result())
			finder.unlock(&r.locks[0])
			finder.unlock(&r.locks[1])
			getAll(t, &r.locks[1], ahead)
		})
	}
}

// TestManyLocks: a goroutine may hold as many locks as it likes, and release
// them in any order (G8).
func TestManyLocks(t *testing.T) {
	locks := newLocks(t, 2000)
	for i := range locks {
		must(t, locks[i].Lock())
	}
	for _, i := range seed.Rand(t).Perm(len(locks)) {
		if err := locks[i].Lock(); nilIf(err, ErrDeadlock) != nil || err == nil {
			t.Fatalf("lock %d is held, but got %v", i, err)
		}
		locks[i].Unlock()
		if !locks[i].TryLock() {
			t.Fatalf("lock %d is not free after its unlock", i)
		}
		locks[i].Unlock()
	}
}
