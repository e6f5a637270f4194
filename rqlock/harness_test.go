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
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
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

// checkLeaks fails if a lock is not as new, or if any trace of a wait is left. All
// goroutines of the test must be gone.
func checkLeaks(t testing.TB, locks []Mutex) {
	t.Helper()
	if t.Failed() || leaky {
		leaky = true // may have left its goroutines in the middle of anything
		return
	}
	for i := range locks {
		if s := stateOf(&locks[i]); s != (state{}) {
			t.Errorf("lock %d of %d is left with %+v", i, len(locks), s)
		}
	}
	for _, leak := range waiter.Leaks() {
		t.Error(leak)
	}
	if n := stall.Sleepers(); n != 0 {
		t.Errorf("the watchdog looks after %d heads", n)
	}
}

// state is what a lock has in its 16 bytes.
type state struct {
	owner         uint64
	tail, sleeper uint32
}

func stateOf(l *Mutex) state {
	return state{l.owner(), asm.LoadRelaxed32(&l.word.Tail), asm.LoadRelaxed32(&l.word.Sleeper)}
}

// setStallTimeout sets the stall timeout for the rest of the test.
func setStallTimeout(t testing.TB, d time.Duration) {
	old := processTimeout()
	SetStallTimeout(d)
	t.Cleanup(func() { SetStallTimeout(old) })
}

// processTimeout returns the process's stall timeout.
func processTimeout() time.Duration { return time.Duration(stall.Timeout(new(asm.Owned))) }

// setProcs sets GOMAXPROCS for the rest of the test.
func setProcs(t testing.TB, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

// setRecords has no more than n waiters have records for the rest of the test. Nobody
// may wait when it is called or when the test ends.
func setRecords(t testing.TB, n int) { t.Cleanup(waiter.Withhold(n)) }

// setOnViolation has f called on violations for the rest of the test. What other
// tests were told of within the last second uses up nothing of it.
func setOnViolation(t testing.TB, f func(error)) {
	forget := func() {
		reports.mu.Lock()
		defer reports.mu.Unlock()
		clear(reports.places)
	}
	forget()
	previous := OnViolation(f)
	t.Cleanup(func() {
		OnViolation(previous)
		forget()
	})
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
		Rescued:       now.Rescued - before.Rescued,
		Unreported:    now.Unreported - before.Unreported,
		Admitted:      now.Admitted - before.Admitted,
		Confirmed:     now.Confirmed - before.Confirmed,
		Withdrawn:     now.Withdrawn - before.Withdrawn,
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
			a.id = asm.CurrentGoid()
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

// queued reports whether the actor waits for l, as the last of its queue.
func (a *actor) queued(l *Mutex) bool {
	w := waiter.Lookup(a.id)
	return w != nil && w.Lock.Load() == &l.word && asm.LoadRelaxed32(&l.word.Tail) == w.Index
}

// waitsSomewhere reports whether the actor waits for l, somewhere in its queue.
func (a *actor) waitsSomewhere(l *Mutex) bool {
	w := waiter.Lookup(a.id)
	return w != nil && w.Edge.Lock.Load() == &l.word && asm.LoadRelaxed32(&l.word.Tail) != 0 && l.owner() != 0
}

// anyWaiter is waiter.New where there are records enough.
func anyWaiter() *waiter.Waiter {
	w := waiter.New(0)
	if w == nil {
		panic("no record is free")
	}
	return w
}
