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
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/wait"
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
		start := clock.now()
		a.start(l.Lock)
		for !l.closed() {
			runtime.Gosched()
		}
		shortest = min(shortest, time.Duration(clock.now()-start))
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
	defer w.free()
	select {
	case <-w.Token: // left from an earlier wait
	default:
	}
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

// TestSleepLimits: neither a poller's sleep nor a parked waiter outlasts the limit.
func TestSleepLimits(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, lim := range []*limit{{ctx: cancelled, done: cancelled.Done()}, {deadline: time.Now().Add(time.Millisecond)}, {deadline: time.Now().Add(-1)}} {
		w := anyWaiter()
		var wg sync.WaitGroup
		wg.Go(func() {
			w.sleep(never, lim)
			w.park(lim)
		})
		join(t, &wg)
		w.free()
	}
}

// TestManyRecords: with all records in use, a waiter waits for one, and is none
// the worse for it (G10).
func TestManyRecords(t *testing.T) {
	l := newLock(t)
	a := newActors(t, 1)[0]
	must(t, l.Lock())
	last := anyWaiter() // makes some, if there were none
	taken := takeRecords()
	mostRecords = 0
	a.start(l.Lock)
	time.Sleep(20 * time.Millisecond)
	if len(a.results) != 0 || lookup(a.id) != nil {
		t.Errorf("did not wait for a record: %v", lookup(a.id))
	}
	last.free()
	await(t, "the waiter to get a record", func() bool { return a.queued(l) })
	l.Unlock()
	must(t, a.result())
	a.unlock(l)
	mostRecords = maxRecords
	for _, w := range taken {
		w.free()
	}
}

// TestForgetNames: the name of a lock goes with it.
func TestForgetNames(t *testing.T) {
	size := func() int {
		known.mu.RLock()
		defer known.mu.RUnlock()
		return len(known.of)
	}
	before := size()
	const n = 1000
	for range n {
		new(Mutex).SetName("short-lived")
	}
	await(t, "the names of dead locks to go", func() bool {
		runtime.GC()
		return size() < before+n/2
	})
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
	old := stallTimeout.Load()
	for _, d := range []time.Duration{0, -1} {
		if msg := panicOf(t, func() { SetStallTimeout(d) }); !strings.Contains(msg, "SetStallTimeout") {
			t.Errorf("the panic says %q", msg)
		}
	}
	if got := stallTimeout.Load(); got != old {
		t.Errorf("the stall timeout is %v, it was %v", time.Duration(got), time.Duration(old))
	}
}

// TestProgressNoted: another owner counts as progress to the head of a closed lock (G6),
// and makes the count of the last quarter begin anew.
func TestProgressNoted(t *testing.T) {
	l := newLock(t)
	h := headship{closed: true, owner: 1, quiet: 5, steps: 3}
	l.word.Owner.Store(1)
	if h.look(l); h != (headship{closed: true, owner: 1, quiet: 5, steps: 3}) {
		t.Errorf("the same owner changed %+v", h)
	}
	for _, owner := range []uint64{2, 0} {
		l.word.Owner.Store(owner)
		before := clock.now()
		h.steps = 3
		if h.look(l); h.owner != owner || h.quiet < before || h.steps != 0 {
			t.Errorf("owner %d after another: %+v", owner, h)
		}
	}
	l.word.Owner.Store(0)
}

// TestSteps: the last quarter of the timeout is counted in 50 steps, each of which is a
// step however late it ends (G6).
func TestSteps(t *testing.T) {
	l := newLock(t)
	const timeout = int64(time.Second)
	l.SetStallTimeout(time.Second)
	defer l.SetStallTimeout(-1)
	h := headship{closed: true, quiet: 1}
	if next := h.count(timeout, timeout/2, int64(time.Hour)); h.steps != 0 || next != timeout/4+1 {
		t.Errorf("before the last quarter a step counts %d, and the next is after %d", h.steps, next)
	}
	for i := range 50 {
		now := timeout + int64(i)*int64(time.Hour)
		if h.stalled(l, now+1) {
			t.Fatalf("stalled after %d steps", i)
		}
		if next := h.count(timeout, now, int64(time.Hour)); next != timeout/200 {
			t.Fatalf("in the last quarter the next step is after %v", time.Duration(next))
		}
	}
	if !h.stalled(l, timeout+1) {
		t.Error("not stalled after 50 steps")
	}
	if h.stalled(l, timeout) {
		t.Error("stalled before the timeout")
	}
	h.closed = false
	if h.stalled(l, 2*timeout) {
		t.Error("a lock that is open has stalled")
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
		watchdog.mu.Lock()
		defer watchdog.mu.Unlock()
		return len(watchdog.heads) == 1
	})
	before := ReadEvents().Rescued
	l.word.Owner.CompareAndSwap(me, 0) // an unlock that wakes nobody
	must(t, a.result())
	if n := ReadEvents().Rescued - before; n != 1 {
		t.Errorf("counted %d rescues", n)
	}
	a.unlock(l)
}

// TestLateLink: a waiter that links after the one before it has left is the head,
// knows what that knew of the lock's progress, and frees it.
func TestLateLink(t *testing.T) {
	l := newLock(t)
	a, b := anyWaiter(), anyWaiter()
	if !l.enqueue(a) {
		t.Fatal("the first is not the head")
	}
	a.head, b.head = headship{quiet: 7}, headship{quiet: 1}
	l.word.Tail = b.index // b is in the tail, but not linked
	l.handOff(a)
	l.word.Tail = a.index // now the whole of b's enqueue
	if !l.enqueue(b) {
		t.Error("behind a node that has left, and not the head")
	}
	if b.head.quiet != 7 {
		t.Errorf("the progress handed on is %d, want 7", b.head.quiet)
	}
	l.handOff(b)
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

// TestSpareRecord: a goroutine that waits again gets the record that it had before,
// and a bucket that has a spare one leaves the next to all.
func TestSpareRecord(t *testing.T) {
	l := newLock(t)
	a := newActors(t, 1)[0]
	var last uint32
	for i := range 3 {
		must(t, l.Lock())
		a.waits(l, l.Lock)
		index := lookup(a.id).index
		l.Unlock()
		must(t, a.result())
		a.unlock(l)
		if i > 0 && index != last {
			t.Errorf("record %d, before %d", index, last)
		}
		last = index
	}
	one, two := anyWaiter(), anyWaiter()
	one.home, two.home = 1, 1
	spare := edges[1].takeSpare()
	one.free()
	two.free()
	if got := edges[1].spare; got != one.index {
		t.Errorf("the bucket's spare record is %d, want %d", got, one.index)
	}
	if top := uint32(registry.free.top.Load()); top != two.index {
		t.Errorf("the list's first record is %d, want %d", top, two.index)
	}
	if spare != nil {
		spare.free()
	}
}

// TestLines: a record and a bucket have cache lines of their own, and what the waiter
// ahead writes is in a record's first.
func TestLines(t *testing.T) {
	if r, b := unsafe.Sizeof(record{}), unsafe.Sizeof(bucket{}); r%cacheLine != 0 || b != cacheLine {
		t.Errorf("a record has %d bytes, a bucket %d", r, b)
	}
	var w waiter
	if end := unsafe.Offsetof(w.Parker) + unsafe.Sizeof(w.Token); end > cacheLine {
		t.Errorf("the queue's fields end at %d", end)
	}
}
