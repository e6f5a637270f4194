package rqlock

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
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
			w := lookup(victim.id)
			w.convict(w.epoch-1, &DeadlockError{Cycle: []Wait{{}}})
			time.Sleep(40 * time.Millisecond) // to wake and sleep again
			if len(victim.results) != 0 {
				t.Fatalf("got %v by a verdict on an earlier wait", victim.result())
			}
			w.since.Store(int64(never)) // as if it had come last
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

// TestLater: of two waiters one came later, even if they came at the same time (G5).
func TestLater(t *testing.T) {
	a, b := anyWaiter(), anyWaiter()
	defer a.free()
	defer b.free()
	for _, times := range [][2]int64{{1, 1}, {1, 2}, {2, 1}} {
		a.since.Store(times[0])
		b.since.Store(times[1])
		if later(a, b) == later(b, a) {
			t.Errorf("of %d, neither or both came later", times)
		}
	}
}

// sameBucket returns n ids of goroutines that share a bucket, and do not exist.
func sameBucket(n int) (gs []uint64) {
	home := hash(1<<40) & edgeMask
	for g := uint64(1 << 40); len(gs) < n; g++ {
		if hash(g)&edgeMask == home {
			gs = append(gs, g)
		}
	}
	return gs
}

// TestFullBucket: edges that find their bucket of the table full are found all
// the same, by a walk too, while others come and go (G3).
func TestFullBucket(t *testing.T) {
	const n = 3*bucketSlots + 2
	rnd := seed.Rand(t)
	locks := newLocks(t, n)
	gs := sameBucket(n)
	records := make([]*waiter, n)
	begin := func(i int) {
		records[i] = beginWait(&locks[(i+1)%n], gs[i])
	}
	for i := range locks {
		locks[i].word.Owner.Store(gs[i])
	}
	for i := range n - 1 {
		begin(i)
	}
	for range 200 {
		i := rnd.IntN(n - 1)
		records[i].endWait()
		records[i].free()
		if lookup(gs[i]) != nil {
			t.Fatalf("found the edge of a wait that is over")
		}
		for j := range n - 1 {
			if j != i && lookup(gs[j]) != records[j] {
				t.Fatalf("edge %d of %d was not found", j, n)
			}
		}
		begin(i)
	}
	begin(n - 1)
	w := records[n-1]
	start := step{w: w, g: w.g.Load(), epoch: w.epoch, lock: &locks[0]}
	if w.closes(start) != n || len(w.path(start, n)) != n {
		t.Errorf("a cycle of %d was not found", n)
	}
	for _, i := range rnd.Perm(n) {
		records[i].endWait()
		records[i].free()
	}
	for i := range locks {
		locks[i].word.Owner.Store(0)
	}
}

// TestForeignCycle: a walk that runs into a cycle elsewhere, whose victim has not
// left yet, comes to an end.
func TestForeignCycle(t *testing.T) {
	setStallTimeout(t, never)
	for _, n := range []int{2, 3, 20} {
		locks := newLocks(t, n+1)
		gs := sameBucket(n + 1)
		var records []*waiter
		for i := range n {
			locks[i].word.Owner.Store(gs[i])
			records = append(records, beginWait(&locks[(i+1)%n], gs[i]))
		}
		a := newActors(t, 1)[0]
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		err := a.do(func() error { return locks[0].LockContext(ctx) })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		for i, w := range records {
			w.endWait()
			w.free()
			locks[i].word.Owner.Store(0)
		}
	}
}

// TestFlicker: the edges of a cycle come and go so that no two of them ever stand
// at once, and walk by walk each may be seen: that is no deadlock (G4).
func TestFlicker(t *testing.T) {
	setProcs(t, 4)
	locks := newLocks(t, 3)
	gs := sameBucket(3)
	for i := range locks {
		locks[i].word.Owner.Store(gs[i])
	}
	w := beginWait(&locks[1], gs[0])
	rnd := seed.Rand(t)
	var over atomic.Bool
	var verdicts atomic.Int32
	var wg sync.WaitGroup
	a, b := beginWait(&locks[2], gs[1]), beginWait(&locks[0], gs[2])
	a.lock.Store(nil)
	b.lock.Store(nil)
	wg.Go(func() {
		seen := [2]*verdict{a.verdict.Load(), b.verdict.Load()}
		for !over.Load() {
			for i, f := range []*waiter{a, b} {
				// As beginWait and endWait do, but for the table.
				atomic.AddUint32(&f.epoch, 1)
				f.lock.Store(&locks[(i+2)%3])
				for range rnd.IntN(8) {
					asm.CPURelax()
				}
				f.lock.Store(nil)
				if v := f.verdict.Load(); v != seen[i] {
					seen[i] = v
					verdicts.Add(1)
				}
			}
		}
	})
	for end := time.Now().Add(*tortureTime); time.Now().Before(end); {
		if err := w.findCycle(&locks[1]); err != nil {
			t.Errorf("a deadlock that there never was: %v", err)
			break
		}
	}
	over.Store(true)
	join(t, &wg)
	if n := verdicts.Load(); n != 0 {
		t.Errorf("%d verdicts on deadlocks that there never were", n)
	}
	for _, w := range []*waiter{w, a, b} {
		w.endWait()
		w.free()
	}
	for i := range locks {
		locks[i].word.Owner.Store(0)
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

// TestFreeList: the same record on top is not the same list: whoever read its top
// before must notice (a compare-and-exchange would take a reused record for it).
func TestFreeList(t *testing.T) {
	var l freeList
	a, b := anyWaiter(), anyWaiter()
	l.push(b)
	l.push(a)
	top := l.top.Load()
	if l.pop() != a || l.pop() != b || l.pop() != nil {
		t.Fatal("not the last pushed first")
	}
	l.push(a)
	if l.top.Load() == top {
		t.Error("another list has the same top")
	}
	l.pop()
	a.free()
	b.free()
}
