package rqlock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestRWGraphs plays random scripts of reading, writing, downgrading and unlocking, with
// mutexes and reader-writer locks. Each step has one right outcome, which an obvious search
// tells (R2 to R5).
func TestRWGraphs(t *testing.T) { eachWay(t, testRWGraphs) }

func testRWGraphs(t *testing.T) {
	setStallTimeout(t, never)
	base := seed.Of(t)
	graphs := briefly(1000, 200)
	var mu sync.Mutex
	next, did := 0, map[string]int{}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	t.Cleanup(func() { checkLeaks(t, nil) })
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for i := take(); i < graphs && !t.Failed(); i = take() {
				g := newRWGraph(t, base, i)
				g.play(60)
				g.finish()
				mu.Lock()
				for what, n := range g.did {
					did[what] += n
				}
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%v", did)
		for _, what := range []string{"deadlock of 1", "deadlock of 2", "deadlock of 3", "wait", "again", "dissolved", "downgrade"} {
			if did[what] == 0 && !t.Failed() {
				t.Errorf("no %s among %d graphs", what, graphs)
			}
		}
	})
}

// rwLock is a lock of a script, and what must be true of it.
type rwLock struct {
	mutex  Mutex
	rw     RWMutex
	only   bool // it is the mutex
	writer int  // who holds it, -1 = nobody
	depth  []int
}

func (l *rwLock) read() bool {
	for _, d := range l.depth {
		if d > 0 {
			return true
		}
	}
	return false
}

func (l *rwLock) lock() error {
	if l.only {
		return l.mutex.Lock()
	}
	return l.rw.Lock()
}

// taker is the id of the goroutine in the lock's owner word.
func (l *rwLock) taker() uint64 {
	if l.only {
		return l.mutex.owner()
	}
	return l.rw.owner()
}

// rwGraph is a random script, and what must be true of its actors and locks.
type rwGraph struct {
	*rand.Rand
	t      testing.TB
	number int
	actors []*actor
	locks  []*rwLock
	waits  []rwWait // by actor
	did    map[string]int
}

// rwWait is what an actor waits for; lock nil = it runs.
type rwWait struct {
	lock  *rwLock
	reads bool
}

func newRWGraph(t testing.TB, base uint64, number int) *rwGraph {
	r := seed.New(base, number)
	g := &rwGraph{Rand: r, t: t, number: number, did: map[string]int{}, actors: newActors(t, 2+r.IntN(5))}
	g.waits = make([]rwWait, len(g.actors))
	for i := range 1 + r.IntN(4) {
		g.locks = append(g.locks, &rwLock{writer: -1, only: i > 0 && r.IntN(3) == 0, depth: make([]int, len(g.actors))})
	}
	return g
}

func (g *rwGraph) play(steps int) {
	for range steps {
		a, l := g.IntN(len(g.actors)), g.locks[g.IntN(len(g.locks))]
		if g.waits[a].lock != nil {
			continue
		}
		switch {
		case (l.writer == a || l.depth[a] > 0) && g.IntN(3) == 0:
			g.unlock(a, l)
		case g.IntN(2) == 0:
			g.acquire(a, l, false)
		default:
			g.acquire(a, l, !l.only)
		}
		if g.t.Failed() {
			return
		}
	}
}

func (g *rwGraph) fatalf(format string, args ...any) {
	g.t.Helper()
	g.t.Fatalf("graph %d: %s", g.number, fmt.Sprintf(format, args...))
}

// holders returns who holds what the actor waits for. With soft it also returns the writer for
// which a reader waits that waits itself.
func (g *rwGraph) holders(a int, soft bool) (hold []int) {
	w := g.waits[a]
	if w.lock == nil {
		return nil
	}
	if w.lock.writer >= 0 {
		return []int{w.lock.writer}
	}
	if !w.reads {
		for b, d := range w.lock.depth {
			if d > 0 {
				hold = append(hold, b)
			}
		}
	} else if soft {
		for b := range g.actors {
			if g.waits[b].lock == w.lock && !g.waits[b].reads && w.lock.taker() == g.actors[b].id {
				hold = append(hold, b)
			}
		}
	}
	return hold
}

// reaches reports whether the edges lead from an actor to another.
func (g *rwGraph) reaches(from, to int, soft bool, seen map[int]bool) bool {
	for _, b := range g.holders(from, soft) {
		if b == to {
			return true
		}
		if !seen[b] {
			seen[b] = true
			if g.reaches(b, to, soft, seen) {
				return true
			}
		}
	}
	return false
}

func (g *rwGraph) cycle(a int, soft bool) bool { return g.reaches(a, a, soft, map[int]bool{}) }

// free reports whether the actor may have the lock at once.
func (g *rwGraph) free(a int, l *rwLock, reads bool) bool {
	if reads && l.depth[a] > 0 {
		g.did["again"]++
		return true
	}
	if l.writer >= 0 || !reads && l.read() {
		return false
	}
	for b := range g.waits {
		if g.waits[b].lock == l { // a writer is about to take it
			return false
		}
	}
	return true
}

func (g *rwGraph) acquire(a int, l *rwLock, reads bool) {
	step := l.lock
	if reads {
		step = l.rw.RLock
	}
	if l.writer == a || l.depth[a] > 0 && !reads {
		g.did["deadlock of 1"]++
		if d := deadlock(g.t, g.actors[a].do(step)); len(d.Cycle) != 1 || d.Cycle[0].Goroutine != g.actors[a].id {
			g.fatalf("a cycle of %v, want one of %d alone", d, g.actors[a].id)
		}
		return
	}
	if g.free(a, l, reads) {
		if err := g.actors[a].do(step); err != nil {
			g.fatalf("what is free was not acquired: %v", err)
		}
		g.grant(a, l, reads)
		return
	}
	g.waits[a] = rwWait{l, reads}
	if g.cycle(a, false) {
		g.deadlock(a, g.actors[a].do(step))
		g.waits[a] = rwWait{}
		return
	}
	g.did["wait"]++
	g.actors[a].start(step)
	g.settle()
}

func (g *rwGraph) grant(a int, l *rwLock, reads bool) {
	if g.waits[a] = (rwWait{}); reads {
		l.depth[a]++
	} else {
		l.writer = a
	}
}

// deadlock checks that the error tells of a cycle that there is, with a as the victim.
func (g *rwGraph) deadlock(a int, err error) {
	d := deadlock(g.t, err)
	g.did[fmt.Sprint("deadlock of ", len(d.Cycle))]++
	actor := func(id uint64) int {
		return slices.IndexFunc(g.actors, func(b *actor) bool { return b.id == id })
	}
	for i, w := range d.Cycle {
		at, next := actor(w.Goroutine), actor(d.Cycle[(i+1)%len(d.Cycle)].Goroutine)
		if at < 0 || i == 0 && at != a || !slices.Contains(g.holders(at, false), next) || w.Read != g.waits[at].reads ||
			len(w.Holders) != 1 || w.Holders[0].Goroutine != g.actors[next].id || w.Holders[0].Read != (g.waits[at].lock.writer != next) {
			g.fatalf("the cycle is wrong in position %d: %v", i, d)
		}
	}
}

// settle waits until everybody waits who must, and the others have got on.
func (g *rwGraph) settle() {
	for start := time.Now(); ; time.Sleep(20 * time.Microsecond) {
		if time.Since(start) > patience {
			stuck(g.t, fmt.Sprintf("graph %d: a waiter that must get on", g.number))
		}
		await(g.t, fmt.Sprintf("graph %d to settle", g.number), func() bool {
			for a, w := range g.waits {
				if w.lock != nil && len(g.actors[a].results) == 0 && !g.rests(a) {
					return false
				}
			}
			return true
		})
		again := false
		for a, w := range g.waits {
			if w.lock == nil || len(g.actors[a].results) == 0 {
				continue
			}
			if err := g.actors[a].result(); err != nil {
				g.fatalf("actor %d, which closes no cycle, got %v", a, err)
			}
			if !w.reads && (w.lock.writer >= 0 || w.lock.read()) || w.reads && w.lock.writer >= 0 {
				g.fatalf("actor %d has got what is held", a)
			}
			if w.reads && w.lock.taker() != 0 && w.lock.read() {
				g.did["dissolved"]++
			}
			g.grant(a, w.lock, w.reads)
			again = true
		}
		if again {
			continue
		}
		for a, w := range g.waits {
			if w.lock == nil {
				continue
			}
			if g.cycle(a, true) {
				again = true // a reader of it is about to come in
			}
			if len(g.holders(a, true)) == 0 && w.lock.writer < 0 {
				again = true // so is this one
			}
		}
		if !again {
			return
		}
	}
}

// rests reports whether the actor, which waits, is where it stays.
func (g *rwGraph) rests(a int) bool {
	w := g.waits[a]
	if w.lock.only {
		return g.actors[a].waitsSomewhere(&w.lock.mutex)
	}
	return g.actors[a].blocked(&w.lock.rw)
}

func (g *rwGraph) unlock(a int, l *rwLock) {
	unlock := func() { l.rw.RUnlock() }
	switch {
	case l.writer == a && l.only:
		unlock = l.mutex.Unlock
		l.writer = -1
	case l.writer == a && g.IntN(4) == 0:
		unlock = l.rw.Downgrade
		l.writer = -1
		l.depth[a]++
		g.did["downgrade"]++
	case l.writer == a:
		unlock = l.rw.Unlock
		l.writer = -1
	default:
		l.depth[a]--
	}
	g.actors[a].do(func() error { unlock(); return nil })
	g.settle()
}

// finish has all actors let go of everything. There is always one that can.
func (g *rwGraph) finish() {
	for more := true; more && !g.t.Failed(); {
		more = false
		for _, l := range g.locks {
			for a := range g.actors {
				if g.waits[a].lock == nil && (l.writer == a || l.depth[a] > 0) {
					g.unlock(a, l)
					more = true
				}
			}
		}
	}
	for i, l := range g.locks {
		if l.writer >= 0 || l.read() || !l.rw.gate().Free() || stateOf(&l.mutex) != (state{}) {
			g.fatalf("lock %d is left with %+v", i, &l.rw.rw)
		}
	}
	for a := range g.waits {
		if g.waits[a].lock != nil {
			g.fatalf("actor %d waits on", a)
		}
	}
}
