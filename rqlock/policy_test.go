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

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// TestSelfFirst: that the caller holds the lock is noticed before any try to take
// it (G2), and whether or not a waiter has marked the owner.
func TestSelfFirst(t *testing.T) {
	l := newLock(t)
	for _, owner := range []uintptr{asm.CurrentG(), asm.CurrentG() | calling} {
		l.word.Owner = owner // and free, as no holder ever sees it: a try would succeed
		var err error
		if e := eventsOf(func() { err = l.lockSlow(nil) }); e != (Events{SelfDeadlock: 1}) {
			t.Errorf("counted %+v, want one lock held already", e)
		}
		deadlock(t, err)
		if l.word.Val != 0 {
			t.Errorf("the word is %#x", l.word.Val)
		}
		l.word.Owner = 0
	}
}

// TestSpun: the slow path, too, takes a free lock past the queue (G9), and counts it.
func TestSpun(t *testing.T) {
	l := newLock(t)
	for _, val := range []uint32{0, asm.TailVal} {
		l.word.Val = val
		if e := eventsOf(func() { must(t, l.lockSlow(nil)) }); e != (Events{Spun: 1}) {
			t.Errorf("word %#x: counted %+v, want one that spun", val, e)
		}
		l.Unlock()
		l.word.Val = 0
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

// TestDoorTime: the door stays open for a millisecond of waiting, and not much
// longer (G9).
func TestDoorTime(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	a := newActors(t, 1)[0]
	shortest := time.Hour
	for range 20 {
		must(t, l.Lock())
		start := stallClock.now()
		a.start(l.Lock)
		for asm.LoadRelaxed32(&l.word.Val)&asm.PendingMask == 0 {
			runtime.Gosched()
		}
		shortest = min(shortest, time.Duration(stallClock.now()-start))
		l.Unlock()
		must(t, a.result())
		a.unlock(l)
	}
	if shortest < wait.Door || wait.Door != time.Millisecond || shortest > 20*time.Millisecond {
		t.Errorf("the door is open for %v, want 1ms and not much more", shortest)
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
	made := registry.made
	asm.StoreRelease32(&registry.made, maxRecords)
	a.start(l.Lock)
	time.Sleep(20 * time.Millisecond)
	if len(a.results) != 0 || lookup(a.g) != nil {
		t.Errorf("did not wait for a record: %v", lookup(a.g))
	}
	last.free()
	await(t, "the waiter to get a record", func() bool { return a.queued(l) })
	l.Unlock()
	must(t, a.result())
	a.unlock(l)
	asm.StoreRelease32(&registry.made, made)
	for _, w := range taken {
		w.free()
	}
}

// TestForgetNames: the name of a lock goes with it.
func TestForgetNames(t *testing.T) {
	size := func() int {
		names.Lock()
		defer names.Unlock()
		return len(names.of)
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

// TestShortStall: a poller sleeps no longer than what the stall clock counts, so
// that a short stall timeout is kept as well as a long one (G6).
func TestShortStall(t *testing.T) {
	setStallTimeout(t, 20*time.Millisecond)
	l, w := newLock(t), anyWaiter()
	defer w.free()
	var b wait.Backoff
	shortest := never
	for i := range 40 {
		start := time.Now()
		l.pause(w, &b, nil)
		if i >= 30 { // by now as long as they get
			shortest = min(shortest, time.Since(start))
		}
	}
	if shortest > time.Duration(maxTick()) {
		t.Errorf("sleeps %v between two polls, of which the stall clock counts %v", shortest, time.Duration(maxTick()))
	}
}

// TestProgressNoted: each way in which the lock can go on counts as progress to
// the head of its queue (G6): another owner, and the same one once more.
func TestProgressNoted(t *testing.T) {
	l := newLock(t)
	seen := map[grant]bool{}
	for _, w := range []asm.Word{{}, {Owner: 16}, {Owner: 32}, {Owner: 16, Aux: 1}, {Owner: 16, Aux: 2}} {
		l.word = w
		if g := l.grant(); seen[g] {
			t.Errorf("%+v is told from none of those before", w)
		} else {
			seen[g] = true
		}
	}
	l.word = asm.Word{}
}

// TestGrants: each grant to a waiter is counted in the lock, be it the queue's head
// or one without a node.
func TestGrants(t *testing.T) {
	setStallTimeout(t, never)
	for _, nodes := range []uint32{maxNodes, 1} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			setMaxNodes(t, nodes)
			const n = 3
			l := newLock(t)
			actors := newActors(t, n)
			must(t, l.Lock())
			for _, a := range actors {
				a.waits(l, l.Lock)
			}
			l.Unlock()
			getAll(t, l, actors)
			if got := l.word.Aux; got != n {
				t.Errorf("%d grants to %d waiters", got, n)
			}
		})
	}
}

// TestLateLink: a waiter that links after the one before it has left is the head,
// knows what that knew of the lock's progress, and frees it.
func TestLateLink(t *testing.T) {
	l := newLock(t)
	a, b := anyWaiter(), anyWaiter()
	if !l.enqueue(a) {
		t.Fatal("the first is not the head")
	}
	a.at, b.at = 7, 1
	l.word.Val = b.tail() // b is in the tail, but not linked
	l.handOver(a)
	l.word.Val = a.tail() // now the whole of b's enqueue
	if !l.enqueue(b) {
		t.Error("behind a node that has left, and not the head")
	}
	if b.at != 7 {
		t.Errorf("the progress handed on is %d, want 7", b.at)
	}
	l.handOver(b)
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
		want := fmt.Sprintf("lock %q (%#x), held by goroutine %d, was ", "named", addr(l), holder.id)
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
		index := lookup(a.g).index
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
	if top := uint32(registry.nodes.top.Load()); top != two.index {
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
