package rqlock

import (
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

var tortureTime = flag.Duration("torture.time", 100*time.Millisecond, "how long each torture run lasts")

// patience is how long to wait for what should come soon, never is how long
// nothing should come to its end by itself.
const (
	patience = 30 * time.Second
	never    = time.Hour
)

// briefly returns n, or few under -short.
func briefly(n, few int) int {
	if testing.Short() {
		return few
	}
	return n
}

// newLocks returns locks for a test, which checks at its end that nothing is
// left in them or of their waiters.
func newLocks(t testing.TB, n int) []Mutex {
	t.Helper()
	locks := make([]Mutex, n)
	t.Cleanup(func() { checkLeaks(t, locks) })
	return locks
}

func newLock(t testing.TB) *Mutex {
	t.Helper()
	return &newLocks(t, 1)[0]
}

// leaky: after a failure, the later tests are not to blame for what is left.
var leaky bool

// checkLeaks fails if a lock is not as new, apart from its count of grants, or
// if any trace of a wait is left. All goroutines of the test must be gone.
func checkLeaks(t testing.TB, locks []Mutex) {
	t.Helper()
	if t.Failed() || leaky {
		leaky = true // may have left its goroutines in the middle of anything
		return
	}
	for i := range locks {
		if w := &locks[i].word; w.Val != 0 || w.Owner != 0 {
			t.Errorf("lock %d of %d is left with word %#x, owner %#x", i, len(locks), w.Val, w.Owner)
		}
	}
	checkTable(t)
	checkRecords(t)
}

// checkTable fails if a wait edge is left.
func checkTable(t testing.TB) {
	t.Helper()
	for at := range edges {
		b := &edges[at]
		for i := range b.slots {
			if index := asm.LoadRelaxed32(&b.slots[i]); index != 0 {
				t.Errorf("the edge of record %d is left in bucket %d", index, at)
			}
		}
		if n := asm.LoadRelaxed32(&b.passed); n != 0 {
			t.Errorf("bucket %d counts %d records that went further", at, int32(n))
		}
	}
}

// checkRecords fails if a waiter's record is not free, or still does something.
func checkRecords(t testing.TB) {
	t.Helper()
	made := asm.LoadAcquire32(&registry.made)
	free := make([]int, made+1)
	for i := range edges {
		free[asm.LoadRelaxed32(&edges[i].spare)]++
	}
	for _, list := range []*freeList{&registry.nodes, &registry.edges} {
		for index := uint32(list.top.Load()); index != 0 && free[index] < 2; index = waiterAt(index).parent {
			free[index]++
		}
	}
	for index := uint32(1); index <= made; index++ {
		w := waiterAt(index)
		if free[index] != 1 {
			t.Errorf("record %d of %d is free %d times", index, made, free[index])
		}
		if w.lock.Load() != nil {
			t.Errorf("record %d has an edge", index)
		}
		if w.Timer != nil && w.Timer.Stop() {
			t.Errorf("record %d has a running timer", index)
		}
	}
}

// setStallTimeout sets the stall timeout for the rest of the test.
func setStallTimeout(t testing.TB, d time.Duration) {
	old := time.Duration(stallTimeout.Load())
	SetStallTimeout(d)
	t.Cleanup(func() { SetStallTimeout(old) })
}

// setProcs sets GOMAXPROCS for the rest of the test.
func setProcs(t testing.TB, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

// takeRecords returns all free records, which are the caller's.
func takeRecords() (all []*waiter) {
	for w := anySpare(); w != nil; w = anySpare() {
		all = append(all, w)
	}
	for _, list := range []*freeList{&registry.nodes, &registry.edges} {
		for w := list.pop(); w != nil; w = list.pop() {
			all = append(all, w)
		}
	}
	return all
}

// setMaxNodes has no more than n waiters queue for the rest of the test. Nobody
// may wait when it is called or when the test ends.
func setMaxNodes(t testing.TB, n uint32) {
	old := maxNodes
	regroup := func(n uint32) {
		records := takeRecords()
		maxNodes = n
		for _, w := range records {
			w.free()
		}
	}
	regroup(n)
	t.Cleanup(func() { regroup(old) })
}

// setOnViolation has f called on violations for the rest of the test.
func setOnViolation(t testing.TB, f func(error)) {
	previous := OnViolation(f)
	t.Cleanup(func() { OnViolation(previous) })
}

// eventsOf returns what f added to the counters.
func eventsOf(f func()) Events {
	before := ReadEvents()
	f()
	return since(before)
}

// since returns what was counted after before was read.
func since(before Events) Events {
	now := ReadEvents()
	return Events{
		Spun:          now.Spun - before.Spun,
		Queued:        now.Queued - before.Queued,
		Parked:        now.Parked - before.Parked,
		Closed:        now.Closed - before.Closed,
		Unqueued:      now.Unqueued - before.Unqueued,
		SelfDeadlock:  now.SelfDeadlock - before.SelfDeadlock,
		CycleDeadlock: now.CycleDeadlock - before.CycleDeadlock,
		Stall:         now.Stall - before.Stall,
		Deadline:      now.Deadline - before.Deadline,
		Cancelled:     now.Cancelled - before.Cancelled,
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v", err)
	}
}

// await fails the test unless cond comes true.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for start := time.Now(); !cond(); {
		if time.Since(start) > patience {
			stuck(t, what)
		}
		runtime.Gosched()
		time.Sleep(20 * time.Microsecond)
	}
}

// join waits for goroutines that should end soon.
func join(t testing.TB, wg *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		stuck(t, "the goroutines to end")
	}
}

// stuck ends the test, and shows where its goroutines are.
func stuck(t testing.TB, what string) {
	t.Helper()
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	t.Fatalf("waited in vain for %s", what)
}

// An actor is a goroutine that does what a test tells it, step by step.
type actor struct {
	t       testing.TB
	g       uintptr
	id      uint64
	steps   chan func() error
	results chan error
}

// newActors starts n actors, which end with the test.
func newActors(t testing.TB, n int) []*actor {
	t.Helper()
	var wg sync.WaitGroup
	actors := make([]*actor, n)
	for i := range actors {
		a := &actor{t: t, steps: make(chan func() error), results: make(chan error, 1)}
		actors[i] = a
		ready := make(chan struct{})
		wg.Go(func() {
			a.g, a.id = asm.CurrentG(), parseGoid()
			close(ready)
			for step := range a.steps {
				a.results <- step()
			}
		})
		<-ready
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // some may block for good
		}
		for _, a := range actors {
			close(a.steps)
		}
		join(t, &wg)
	})
	return actors
}

// start has the actor begin a step.
func (a *actor) start(step func() error) { a.steps <- step }

// result waits for the end of the step.
func (a *actor) result() error {
	a.t.Helper()
	select {
	case err := <-a.results:
		return err
	case <-time.After(patience):
		stuck(a.t, "an actor to end its step")
		return nil
	}
}

// do has the actor do a step to its end.
func (a *actor) do(step func() error) error {
	a.t.Helper()
	a.start(step)
	return a.result()
}

func (a *actor) lock(l *Mutex) {
	a.t.Helper()
	must(a.t, a.do(l.Lock))
}

func (a *actor) unlock(l *Mutex) {
	a.t.Helper()
	a.do(func() error { l.Unlock(); return nil })
}

// waits has the actor begin a step that must wait for l, and returns once it
// does.
func (a *actor) waits(l *Mutex, step func() error) {
	a.t.Helper()
	a.start(step)
	await(a.t, "an actor to wait", func() bool {
		if len(a.results) != 0 {
			a.t.Fatalf("did not wait: %v", a.result())
		}
		return a.queued(l)
	})
}

// queued reports whether the actor waits for l, and is the last of the queue if
// it can queue.
func (a *actor) queued(l *Mutex) bool {
	w := lookup(a.g)
	return w != nil && w.lock.Load() == l &&
		(!w.canQueue() || tailOf(asm.LoadRelaxed32(&l.word.Val)) == w.index)
}

// anyWaiter is newWaiter where there are records enough.
func anyWaiter() *waiter {
	w, err := newWaiter(0, nil, nil)
	if err != nil {
		panic(err)
	}
	return w
}

// beginWait is Lock.beginWait where there are records enough.
func beginWait(l *Mutex, g uintptr) *waiter {
	w, err := l.beginWait(g, nil)
	if err != nil {
		panic(err)
	}
	return w
}
