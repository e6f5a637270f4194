package rqlock

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// TestSelfFirst: that the caller holds the lock is noticed before any try to take
// it (G2).
func TestSelfFirst(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	before := stateOf(l)
	var err error
	if e := eventsOf(func() { err = l.lockSlow(nil) }); e != (Events{SelfDeadlock: 1}) {
		t.Errorf("counted %+v, want one lock held already", e)
	}
	deadlock(t, err)
	if after := stateOf(l); after != before {
		t.Errorf("the state is %+v, and was %+v", after, before)
	}
	l.Unlock()
}

// TestSpun: the slow path, too, takes a free lock past the queue (G9), and counts it.
func TestSpun(t *testing.T) {
	l := newLock(t)
	for _, tail := range []uint32{0, 1} {
		l.word.Tail = tail
		if e := eventsOf(func() { must(t, l.lockSlow(nil)) }); e != (Events{Spun: 1}) {
			t.Errorf("tail %d: counted %+v, want one that spun", tail, e)
		}
		l.Unlock()
		l.word.Tail = 0
	}
}

// TestRWSpun: of a free RWMutex, a reader that comes to the slow path takes it past the queue. A
// writer that finds no owner has found readers, for whom it waits in the queue. Both are counted.
func TestRWSpun(t *testing.T) {
	l := newRW(t)
	want := Events{Spun: 1}
	if wait.Tries() == 1 { // on one processor nobody spins
		want = Events{Queued: 1}
	}
	if e := eventsOf(func() { must(t, l.rlockSlow(nil)) }); e != want {
		t.Errorf("a reader counted %+v, want %+v", e, want)
	}
	l.RUnlock()
	if e := eventsOf(func() { must(t, l.lockSlow(nil)) }); e != (Events{Queued: 1}) {
		t.Errorf("a writer counted %+v, want one that queued", e)
	}
	l.Unlock()
}

// TestNoWait: an acquisition that may not wait does not queue.
func TestNoWait(t *testing.T) {
	l := newLock(t)
	a := newActors(t, 1)[0]
	must(t, l.Lock())
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, d := range []time.Duration{0, -1, -1 << 63} {
		if e := eventsOf(func() { a.do(func() error { return l.LockTimeout(d) }) }); e != (Events{Deadline: 1}) {
			t.Errorf("LockTimeout(%v) counted %+v", d, e)
		}
	}
	if e := eventsOf(func() { a.do(func() error { return l.LockContext(cancelled) }) }); e != (Events{Cancelled: 1}) {
		t.Errorf("LockContext(cancelled) counted %+v", e)
	}
	l.Unlock()
}

// TestBargingTime: newcomers may barge for a millisecond of waiting, and not much
// longer (G9).
func TestBargingTime(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	a := newActors(t, 1)[0]
	shortest := time.Hour
	for range 20 {
		must(t, l.Lock())
		start := clock.Now()
		a.start(l.Lock)
		for !queue.Closed(&l.word) {
			runtime.Gosched()
		}
		shortest = min(shortest, time.Duration(clock.Now()-start))
		l.Unlock()
		must(t, a.result())
		a.unlock(l)
	}
	if shortest < wait.Barging || wait.Barging != time.Millisecond || shortest > 20*time.Millisecond {
		t.Errorf("the lock is open for %v, want 1ms and not much more", shortest)
	}
}

// TestPollsYield: one who polls lets others run between two polls, even before it sleeps (G10).
func TestPollsYield(t *testing.T) {
	setProcs(t, 1)
	l, w := newLock(t), anyWaiter()
	defer w.Free()
	var over atomic.Bool
	var turns atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			turns.Add(1)
			runtime.Gosched()
		}
	})
	runtime.Gosched()
	const rounds = 200
	yielded := 0
	for range rounds {
		before := turns.Load()
		var b wait.Backoff
		l.pause(w, &b, nil) // the first of those that do not sleep
		if turns.Load() != before {
			yielded++
		}
	}
	if yielded < rounds/2 { // who is next is the scheduler's choice
		t.Errorf("others ran between %d of %d polls", yielded, rounds)
	}
	over.Store(true)
	join(t, &wg)
}

// TestManyRecords: with all records in use, a waiter waits for one, and is none
// the worse for it (G10).
func TestManyRecords(t *testing.T) {
	l := newLock(t)
	a := newActors(t, 1)[0]
	must(t, l.Lock())
	last := anyWaiter() // makes some, if there were none
	taken := waiter.TakeAll()
	most := waiter.Most
	waiter.Most = 0
	a.start(l.Lock)
	time.Sleep(20 * time.Millisecond)
	if len(a.results) != 0 || waiter.Lookup(a.id) != nil {
		t.Errorf("did not wait for a record: %v", waiter.Lookup(a.id))
	}
	last.Free()
	await(t, "the waiter to get a record", func() bool { return a.queued(l) })
	l.Unlock()
	must(t, a.result())
	a.unlock(l)
	waiter.Most = most
	for _, w := range taken {
		w.Free()
	}
}

// TestOnViolationOff: nil turns it off.
func TestOnViolationOff(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	reports := 0
	setOnViolation(t, func(error) { reports++ })
	deadlock(t, l.Lock()) //rqvet:ignore selfdeadlock it is what the test is about
	previous := OnViolation(nil)
	if previous == nil || OnViolation(previous) != nil || OnViolation(nil) == nil {
		t.Error("OnViolation does not return the function that was set before")
	}
	deadlock(t, l.Lock()) //rqvet:ignore selfdeadlock it is what the test is about
	if reports != 1 {
		t.Errorf("%d reports, want 1", reports)
	}
	l.Unlock()
}

// TestSetStallTimeout: a timeout that nobody could keep is refused.
func TestSetStallTimeout(t *testing.T) {
	old := processTimeout()
	for _, d := range []time.Duration{0, -1} {
		if msg := panicOf(t, func() { SetStallTimeout(d) }); !strings.Contains(msg, "SetStallTimeout") {
			t.Errorf("the panic says %q", msg)
		}
	}
	if got := processTimeout(); got != old {
		t.Errorf("the stall timeout is %v, it was %v", got, old)
	}
}

// TestRescue: a head that sleeps beside a free lock, since nobody woke it, is woken by the
// watchdog, which counts that (G14).
func TestRescue(t *testing.T) {
	l := newLock(t)
	a := newActors(t, 1)[0]
	must(t, l.Lock())
	me := l.owner()
	a.start(l.Lock)
	await(t, "the head to sleep until it is woken", func() bool {
		return stall.Sleepers() == 1
	})
	before := ReadEvents().Rescued
	l.word.Owner.CompareAndSwap(me, 0) // an unlock that wakes nobody
	must(t, a.result())
	if n := ReadEvents().Rescued - before; n != 1 {
		t.Errorf("counted %d rescues", n)
	}
	a.unlock(l)
}

// TestUnlockPinnedForeign: UnlockPinned of a lock that its caller does not hold
// panics, and leaves the goroutine as it was.
func TestUnlockPinnedForeign(t *testing.T) {
	l := newLock(t)
	panicOf(t, l.UnlockPinned)
	time.Sleep(time.Millisecond) // crashes if the goroutine's pins are out of step
	must(t, l.LockPinned())
	l.UnlockPinned()
}

// TestTimeoutText: the text of a timeout is one line that names the lock, and who
// holds it; a report begins where the caller is, not in this package's slow path.
func TestTimeoutText(t *testing.T) {
	l := newLock(t)
	l.SetName("named")
	actors := newActors(t, 2)
	holder, a := actors[0], actors[1]
	holder.lock(l)
	setStallTimeout(t, 10*time.Millisecond)
	for _, err := range []error{a.do(l.Lock), a.do(func() error { return l.LockTimeout(0) })} {
		want := fmt.Sprintf("lock %q (%#x), held by goroutine %d", "named", addr(l), holder.id)
		if got := err.Error(); !strings.HasPrefix(got, "rqlock: timeout: "+want) || strings.Contains(got, "\n") {
			t.Errorf("the error is %q, want one line with %q", got, want)
		}
	}
	whole := fmt.Sprintf("%+v", holder.do(func() error { return waitInFirst(l) }))
	if strings.Contains(whole, "lockSlow") || strings.Contains(whole, "lockContended") || !strings.Contains(whole, "waitInFirst") {
		t.Errorf("the stack shows our own slow path, or not the caller: %s", whole)
	}
	holder.unlock(l)
}
