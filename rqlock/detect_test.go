package rqlock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// ways are all ways to acquire a lock that may wait.
var ways = []struct {
	name string
	lock func(*Mutex) error
}{
	{"Lock", (*Mutex).Lock},
	{"LockTimeout", func(l *Mutex) error { return l.LockTimeout(never) }},
	{"LockContext", func(l *Mutex) error { return l.LockContext(context.Background()) }},
}

// addr is how reports identify l.
func addr(l *Mutex) uintptr { return uintptr(unsafe.Pointer(l)) }

func deadlock(t testing.TB, err error) *DeadlockError {
	t.Helper()
	var d *DeadlockError
	if !errors.Is(err, ErrDeadlock) || !errors.As(err, &d) {
		t.Fatalf("got %v, want a deadlock", err)
	}
	if errors.Is(err, ErrTimeout) {
		t.Errorf("%v matches ErrTimeout", err)
	}
	return d
}

// TestSelf: who holds the lock already is told so before any waiting (G2).
func TestSelf(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired := []struct {
		name string
		lock func(*Mutex) error
	}{
		{"LockTimeout(0)", func(l *Mutex) error { return l.LockTimeout(0) }},
		{"LockContext(cancelled)", func(l *Mutex) error { return l.LockContext(cancelled) }},
	}
	for _, way := range append(expired, ways...) {
		t.Run(way.name, func(t *testing.T) {
			l := newLock(t)
			must(t, l.Lock())
			var err error
			if got, want := eventsOf(func() { err = way.lock(l) }), (Events{SelfDeadlock: 1}); got != want {
				t.Errorf("events %+v, want %+v", got, want)
			}
			me := asm.CurrentGoid()
			d := deadlock(t, err)
			if len(d.Cycle) != 1 {
				t.Fatalf("cycle of %d: %v", len(d.Cycle), d)
			}
			checkWait(t, d.Cycle[0], me, l, me, "TestSelf")
			if l.TryLock() {
				t.Error("TryLock took a lock that its caller holds")
			}
			l.Unlock()
			must(t, l.Lock())
			l.Unlock()
		})
	}
}

// checkWait compares a wait that was reported; its stack must name the function in.
func checkWait(t testing.TB, w Wait, id uint64, l *Mutex, owner uint64, in string) {
	t.Helper()
	if w.Goroutine != id || w.Lock.Addr != addr(l) || !w.heldByOnly(owner) {
		t.Errorf("report says: goroutine %d waits for lock %v, %v; want: goroutine %d, lock %#x, held by %d",
			w.Goroutine, w.Lock, w.heldBy(), id, addr(l), owner)
	}
	for i, f := range w.Stack {
		if i == 0 && strings.Contains(f.Function, "/internal/") {
			t.Errorf("the stack of goroutine %d begins inside the lock, in %s", id, f.Function)
		}
		if strings.Contains(f.Function, in) {
			return
		}
	}
	t.Errorf("the stack of goroutine %d does not name %s", id, in)
}

func (w Wait) heldByOnly(id uint64) bool { return len(w.Holders) == 1 && w.Holders[0].Goroutine == id }

// ring is a cycle in the making: actor i holds lock i.
type ring struct {
	actors []*actor
	locks  []Mutex
}

func newRing(t testing.TB, n int) *ring {
	t.Helper()
	r := &ring{locks: newLocks(t, n), actors: newActors(t, n)}
	for i, a := range r.actors {
		r.locks[i].SetName(fmt.Sprint("lock ", i))
		a.lock(&r.locks[i])
	}
	return r
}

// want is the lock that actor i is to wait for.
func (r *ring) want(i int) *Mutex { return &r.locks[(i+1)%len(r.locks)] }

// check compares a report with the ring as seen from the victim.
func (r *ring) check(t testing.TB, err error, victim int, in string) {
	t.Helper()
	d := deadlock(t, err)
	n := len(r.actors)
	if len(d.Cycle) != n {
		t.Fatalf("cycle of %d, want %d: %v", len(d.Cycle), n, d)
	}
	for i, p := range d.Cycle {
		at := (victim + i) % n
		checkWait(t, p, r.actors[at].id, r.want(at), r.actors[(at+1)%n].id, in)
		if want := fmt.Sprint("lock ", (at+1)%n); p.Lock.Name != want {
			t.Errorf("lock is named %q, want %q", p.Lock.Name, want)
		}
	}
}

// resolve has the victim let go, and the others get through one by one.
func (r *ring) resolve(t testing.TB, victim int) {
	t.Helper()
	n := len(r.actors)
	r.actors[victim].unlock(&r.locks[victim])
	for i := 1; i < n; i++ {
		at := (victim + n - i) % n
		if err := r.actors[at].result(); err != nil {
			t.Fatalf("actor %d of %d is no victim, but got %v", at, n, err)
		}
		r.actors[at].unlock(r.want(at))
		r.actors[at].unlock(&r.locks[at])
	}
}

// TestCycleStepwise: the waiter that closes a cycle finds it, before it queues,
// and is the victim (G3, G5).
func TestCycleStepwise(t *testing.T) {
	setStallTimeout(t, never)
	for _, n := range []int{2, 3, 8, 64} {
		for _, way := range ways {
			t.Run(fmt.Sprint(n, "/", way.name), func(t *testing.T) {
				testCycleStepwise(t, n, way.lock)
			})
		}
	}
}

func testCycleStepwise(t *testing.T, n int, lock func(*Mutex) error) {
	r := newRing(t, n)
	step := func(i int) func() error {
		return func() error { return lock(r.want(i)) }
	}
	for i := range n - 1 {
		r.actors[i].waits(r.want(i), step(i))
	}
	var err error
	got := eventsOf(func() { err = r.actors[n-1].do(step(n - 1)) })
	if got.CycleDeadlock != 1 || got.Queued+got.Unqueued != 0 {
		t.Errorf("events %+v, want one cycle, found before the closing waiter waits", got)
	}
	r.check(t, err, n-1, "testCycleStepwise")
	r.resolve(t, n-1)
}

// TestCycleAtOnce: a cycle that forms all at once has exactly one victim, and
// one report (G3, G5).
func TestCycleAtOnce(t *testing.T) {
	setStallTimeout(t, never)
	for _, n := range []int{2, 3, 8, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			reports := make(chan error, n)
			setOnViolation(t, func(err error) { reports <- err })
			for range 256 / n {
				testCycleAtOnce(t, n, reports)
			}
		})
	}
}

func testCycleAtOnce(t *testing.T, n int, reports chan error) {
	r := newRing(t, n)
	type outcome struct {
		actor int
		err   error
	}
	outcomes := make(chan outcome, n)
	start := make(chan bool)
	for i, a := range r.actors {
		a.start(func() error {
			<-start
			err := r.want(i).Lock()
			outcomes <- outcome{i, err}
			return err
		})
	}
	close(start)
	select {
	case first := <-outcomes:
		r.check(t, first.err, first.actor, "testCycleAtOnce")
		must(t, nilIf(r.actors[first.actor].result(), ErrDeadlock))
		r.resolve(t, first.actor)
		if len(reports) != 1 || <-reports != first.err {
			t.Error("the victim's error is not the one violation reported")
		}
	case <-time.After(patience):
		stuck(t, "a victim")
	}
}

func nilIf(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

// TestNoFalseDeadlock: goroutines that take locks in order do not deadlock, and
// never hear that they do (G4), however fast the graph changes.
func TestNoFalseDeadlock(t *testing.T) {
	setStallTimeout(t, never)
	for _, procs := range []int{2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			setProcs(t, procs)
			locks := newLocks(t, 3)
			crew(t, 6, func(w *hand) {
				for w.running() {
					first := w.IntN(len(locks))
					for i := first; i < len(locks); i++ {
						if err := locks[i].Lock(); err != nil {
							t.Errorf("%+v", err)
							for i--; i >= first; i-- {
								locks[i].Unlock()
							}
							return
						}
						w.mayYield()
					}
					for i := first; i < len(locks); i++ {
						locks[i].Unlock()
					}
				}
			})
		})
	}
}

// TestGraphs plays random scripts of locking and unlocking. Each step has one
// right outcome, which an obvious search tells (G3).
func TestGraphs(t *testing.T) {
	setStallTimeout(t, never)
	base := seed.Of(t)
	const graphs = 1000
	var mu sync.Mutex
	next, lengths := 0, map[int]int{}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	t.Cleanup(func() { checkLeaks(t, nil) })
	// Several at once, for they mostly sleep.
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for i := take(); i < graphs && !t.Failed(); i = take() {
				g := newGraph(t, base, i)
				g.play(40)
				g.finish()
				mu.Lock()
				for n, count := range g.lengths {
					lengths[n] += count
				}
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("deadlocks found, by length: %v", lengths)
		for n := 1; n <= 3; n++ {
			if lengths[n] == 0 && !t.Failed() {
				t.Errorf("no cycle of %d among %d graphs", n, graphs)
			}
		}
	})
}

// graph is a random script, and what must be true of its actors and locks.
type graph struct {
	*rand.Rand
	t       testing.TB
	number  int
	actors  []*actor
	locks   []Mutex
	owner   []int       // by lock, -1 = free
	waits   []int       // by actor: lock, -1 = runs
	lengths map[int]int // deadlocks by length of the cycle
}

func newGraph(t testing.TB, base uint64, number int) *graph {
	r := seed.New(base, number)
	g := &graph{
		Rand: r, t: t, number: number, lengths: map[int]int{},
		// No check of leaks for each: other graphs are under way.
		locks:  make([]Mutex, 1+r.IntN(6)),
		actors: newActors(t, 1+r.IntN(6)),
	}
	g.owner = slices.Repeat([]int{-1}, len(g.locks))
	g.waits = slices.Repeat([]int{-1}, len(g.actors))
	return g
}

// play does steps of running actors.
func (g *graph) play(steps int) {
	for range steps {
		a := g.IntN(len(g.actors))
		if g.waits[a] != -1 {
			continue
		}
		l := g.IntN(len(g.locks))
		switch {
		case g.IntN(16) == 0:
			g.tryLock(a, l)
		case g.owner[l] == a && g.IntN(4) != 0:
			g.unlock(a, l)
		default:
			g.lock(a, l)
		}
	}
}

// cycle returns who waits for whom, starting with a if it waited for l, up to
// the one who waits for a; nil if the search ends elsewhere.
func (g *graph) cycle(a, l int) (parties []int) {
	parties = []int{a}
	for {
		owner := g.owner[l]
		if owner == a {
			return parties
		}
		if owner == -1 || g.waits[owner] == -1 {
			return nil
		}
		parties = append(parties, owner)
		l = g.waits[owner]
	}
}

func (g *graph) lock(a, l int) {
	way := ways[g.IntN(len(ways))]
	step := func() error { return way.lock(&g.locks[l]) }
	parties := g.cycle(a, l)
	switch {
	case parties != nil:
		g.deadlock(g.actors[a].do(step), parties)
	case g.owner[l] == -1:
		if err := g.actors[a].do(step); err != nil {
			g.t.Fatalf("graph %d: %s of a free lock: %v", g.number, way.name, err)
		}
		g.owner[l] = a
	default:
		g.actors[a].waits(&g.locks[l], step)
		g.waits[a] = l
	}
}

// deadlock checks that the error tells of these parties.
func (g *graph) deadlock(err error, parties []int) {
	var got, want []uint64
	for _, p := range deadlock(g.t, err).Cycle {
		got = append(got, p.Goroutine)
	}
	for _, a := range parties {
		want = append(want, g.actors[a].id)
	}
	if !reflect.DeepEqual(got, want) {
		g.t.Fatalf("graph %d: cycle of goroutines %d, want %d", g.number, got, want)
	}
	g.lengths[len(parties)]++
}

func (g *graph) tryLock(a, l int) {
	got := false
	g.actors[a].do(func() error { got = g.locks[l].TryLock(); return nil })
	if want := g.owner[l] == -1; got != want {
		g.t.Fatalf("graph %d: TryLock is %v, want %v", g.number, got, want)
	}
	if got {
		g.owner[l] = a
	}
}

// unlock releases a lock, which goes to one of those who wait for it.
func (g *graph) unlock(a, l int) {
	g.actors[a].unlock(&g.locks[l])
	g.owner[l] = -1
	if !slices.Contains(g.waits, l) {
		return
	}
	await(g.t, "a waiter to get the lock", func() bool {
		for b := range g.actors {
			if g.waits[b] == l && len(g.actors[b].results) != 0 {
				if err := g.actors[b].result(); err != nil {
					g.t.Fatalf("graph %d: a waiter without a cycle got %v", g.number, err)
				}
				g.owner[l], g.waits[b] = b, -1
				return true
			}
		}
		return false
	})
}

// finish has all actors let go of everything. There is always one that can.
func (g *graph) finish() {
	for l := 0; l < len(g.locks); l++ {
		if a := g.owner[l]; a != -1 && g.waits[a] == -1 {
			g.unlock(a, l)
			l = -1 // somebody may have got on
		}
	}
	for l := range g.locks {
		if s := stateOf(&g.locks[l]); g.owner[l] != -1 || s != (state{}) {
			g.t.Fatalf("graph %d: lock %d is left with %+v", g.number, l, s)
		}
	}
}

// TestReport: %v is one line, %+v has everything.
func TestReport(t *testing.T) {
	r := newRing(t, 2)
	r.actors[0].waits(r.want(0), func() error { return waitInFirst(r.want(0)) })
	err := r.actors[1].do(func() error { return waitInSecond(r.want(1)) })
	d := deadlock(t, err)
	r.resolve(t, 1)

	line := fmt.Sprintf("rqlock: deadlock: goroutine %d waits for lock %q (%#x), held by goroutine %d, goroutine %d waits for lock %q (%#x), held by goroutine %d",
		r.actors[1].id, "lock 0", addr(&r.locks[0]), r.actors[0].id,
		r.actors[0].id, "lock 1", addr(&r.locks[1]), r.actors[1].id)
	for _, verb := range []string{"%v", "%s"} {
		if got := fmt.Sprintf(verb, err); got != line {
			t.Errorf("%s is %q, want %q", verb, got, line)
		}
	}
	if got, want := fmt.Sprintf("%q", err), fmt.Sprintf("%q", line); got != want {
		t.Errorf("%%q is %s, want %s", got, want)
	}
	whole := fmt.Sprintf("%+v", err)
	if !strings.HasPrefix(whole, line+"\n") {
		t.Errorf("the whole report does not begin with the line: %s", whole)
	}
	second, first := strings.Index(whole, "waitInSecond"), strings.Index(whole, "waitInFirst")
	if first < 0 || second < 0 || first < second || !strings.Contains(whole, "detect_test.go:") {
		t.Errorf("the whole report lacks the stacks, the victim's first: %s", whole)
	}
	checkWait(t, d.Cycle[0], r.actors[1].id, &r.locks[0], r.actors[0].id, "waitInSecond")
	checkWait(t, d.Cycle[1], r.actors[0].id, &r.locks[1], r.actors[1].id, "waitInFirst")
}

//go:noinline
func waitInFirst(l *Mutex) error { return l.Lock() }

//go:noinline
func waitInSecond(l *Mutex) error { return l.Lock() }

// TestNames: a name may be changed and taken back, of any lock anywhere.
func TestNames(t *testing.T) {
	type box struct {
		_ int
		l Mutex
	}
	for name, l := range map[string]*Mutex{"heap": new(Mutex), "field": &new(box).l, "global": &globalLock} {
		for _, want := range []string{"", "one", "two", ""} {
			if want != "" || l.info().Name != "" {
				l.SetName(want)
			}
			if got := l.info(); got.Name != want || got.Addr != addr(l) {
				t.Errorf("%s: lock is %v, want %q", name, got, want)
			}
		}
	}
}

var globalLock Mutex
