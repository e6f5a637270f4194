package rqlock

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// lockSlow acquires l for writing after the fast path has failed.
func (l *RWMutex) lockSlow(lim *park.Limit) error { return conclude(l.acquireSlow(lim), lim) }

// rlockSlow acquires l for reading after the fast path has failed.
func (l *RWMutex) rlockSlow(lim *park.Limit) error { return conclude(l.readSlow(lim), lim) }

func (l *RWMutex) acquireSlow(lim *park.Limit) error {
	me := readers.Here()
	if (l.owner() == me.ID || l.gate().Reads(me)) && claims(&l.rw.Owned, waiter.ForWriting, lim) {
		return failSelf(&l.rw.Owned, waiter.ForWriting, l.owner() != me.ID)
	}
	try := func() bool { return l.gate().TryLock() }
	w, err := l.record(me, waiter.ForWriting, lim, try)
	if w == nil {
		return err
	}
	if err := findDeadlock(w, &l.rw.Owned); err != nil {
		discard(w)
		return err
	}
	if w.Durable() {
		return l.awaitBeside(w, lim, try)
	}
	return l.enqueue(w, lim, false)
}

// drainSlow acquires l for writing for its owner, who has found readers. If nobody is in the queue
// the gate stays closed. So the wait is over soon, even if the goroutine is preempted before it
// drains: readers would come in, and each of them would run for as long as it may. The limit has
// no time and no context, so others may depend on the wait in a bubble, too.
func (l *RWMutex) drainSlow(lim *park.Limit) error {
	me := asm.CurrentGoid()
	w := waiter.New(me)
	if w == nil {
		l.gate().GiveBack()
		return l.acquireSlow(lim)
	}
	waitgraph.Begin(w, me, &l.rw.Owned, waiter.ForWriting, lim)
	if err := findDeadlock(w, &l.rw.Owned); err != nil {
		waitgraph.End(w)
		l.gate().GiveBack()
		w.Free()
		return err
	}
	return l.enqueue(w, lim, true)
}

// enqueue acquires l for w, whose wait has begun, in its turn. The owner keeps l if it is the
// first in the queue.
func (l *RWMutex) enqueue(w *waiter.Waiter, lim *park.Limit, owns bool) error {
	events.Count(events.Queued)
	position := queue.Enter(&l.rw.Owned, w)
	if owns && position != queue.AtHead {
		l.gate().GiveBack()
		owns = false
	}
	switch position {
	case queue.Nowhere:
		waitgraph.End(w)
		queue.TurnAway(&l.rw.Owned, w)
		badCopy(l.info())
	case queue.Behind:
		if err := l.awaitHead(w, lim); err != nil {
			return err
		}
	}
	return l.awaitLock(w, lim, owns, position == queue.Behind)
}

// record returns a record whose wait for l has begun. Without one, and without an error, the
// caller has acquired l by trying.
func (l *RWMutex) record(me readers.Reader, kind waiter.Kind, lim *park.Limit, try func() bool) (*waiter.Waiter, error) {
	if l.spin(kind, try) {
		events.Count(events.Spun)
		return nil, nil
	}
	if err := l.reached(kind, lim); err != nil {
		return nil, err
	}
	w := waiter.New(me.ID)
	if w == nil {
		var err error
		if w, err = l.awaitRecord(kind, lim, try); w == nil {
			return nil, err
		}
	}
	waitgraph.Begin(w, me.ID, &l.rw.Owned, kind, lim)
	return w, nil
}

// discard ends a wait that is in no queue and in no list.
func discard(w *waiter.Waiter) {
	waitgraph.End(w)
	w.Free()
}

// How often a goroutine tries before it waits, and how. A writer's section is over soon, or its
// goroutine does not run: then to yield is cheaper than to park, and those who come meanwhile
// need not queue. The first pauses are long, since two that alternate step on each other's
// cache lines: meanwhile the other one goes on alone.
const (
	rwPauses = 256 // PAUSEs before the first try; twice as many before each next one
	rwTries  = 2
)

// spin tries for a short while, past all who wait, as a running goroutine may until the lock
// is closed (G9). It does not if a holder waits itself, or if the lock is left by readers, one by
// one. It yields only for a writer, and not for longer than until the head of a queue closes the
// lock: readers may run one after the other, and each yield may last until one is preempted.
func (l *RWMutex) spin(kind waiter.Kind, try func() bool) bool {
	if !l.mayBarge() || kind == waiter.ForWriting && l.owner() == 0 || waitgraph.HolderWaits(&l.rw.Owned, kind) {
		return false
	}
	if wait.Tries() > 1 {
		for i := range rwTries {
			if !l.mayBarge() {
				return false
			}
			wait.Relax(rwPauses << i)
			if try() {
				return true
			}
		}
	}
	for end := clock.Now() + int64(wait.Barging); l.mayBarge() && l.owner() != 0 && clock.Now() < end; {
		runtime.Gosched()
		if try() {
			return true
		}
	}
	return false
}

// mayBarge reports whether a newcomer may hope for l: it is not closed, nobody waits until its
// readers have left, and no readers wait. Those that wait have tried before, and come in next.
func (l *RWMutex) mayBarge() bool {
	return !queue.Closed(&l.rw.Owned) && !l.gate().Draining() && !l.gate().Listed()
}

// awaitRecord is for a goroutine for which there is no record. Until there is one it tries:
// without a record and an error it has acquired l.
func (l *RWMutex) awaitRecord(kind waiter.Kind, lim *park.Limit, try func() bool) (*waiter.Waiter, error) {
	events.Count(events.Unqueued)
	waiter.Want(1)
	defer waiter.Want(-1)
	for {
		if w := waiter.Wanted(lim != nil); w != nil {
			return w, nil
		}
		if l.spin(kind, try) || try() { // spin leaves a lock without an owner to those in the queue
			return nil, nil
		}
		if err := l.reached(kind, lim); err != nil {
			return nil, err
		}
	}
}

// awaitBeside is for a goroutine in a bubble of testing/synctest, on which nobody may depend:
// it tries again and again, beside the queue and the list.
func (l *RWMutex) awaitBeside(w *waiter.Waiter, lim *park.Limit, try func() bool) error {
	events.Count(events.Unqueued)
	defer discard(w)
	for !try() {
		if err := l.reason(w, lim); err != nil {
			return err
		}
		w.Park(lim)
	}
	return nil
}

// awaitHead waits until w is the head of the writers' queue. On an error w has left the
// queue, or its predecessor will take it out.
func (l *RWMutex) awaitHead(w *waiter.Waiter, lim *park.Limit) error {
	for isHead := queue.Spin(&l.rw.Owned, w); !isHead; isHead = queue.Park(w, lim) {
		if err := l.reason(w, lim); err != nil {
			waitgraph.End(w) // once abandoned, w is not ours any more
			queue.Abandon(&l.rw.Owned, w)
			return err
		}
	}
	return nil
}

// awaitLock waits for the lock itself, as the head of the queue: until it has no owner, unless
// that is w's goroutine, and then until it has no readers. If w was behind a writer which has let
// in a crowd of readers, w lets them run first. On an error w has left the queue.
func (l *RWMutex) awaitLock(w *waiter.Waiter, lim *park.Limit, owns, behind bool) error {
	b := wait.Backoff{}
	since := w.Since.Load()
	w.Head.Inherit(since)
	for {
		if behind && l.owner() == 0 {
			behind = false
			if d := l.courtesy(); d != 0 {
				queue.Open(&l.rw.Owned, w)
				since, b = clock.Now()+int64(d), wait.Backoff{}
			}
		}
		if owns || clock.Now() >= since && l.gate().Take(w.ID.Load()) { // 0 -> me
			w.Head.Took(w.ID.Load())
			var err error
			if owns, err = l.drain(w, lim, since, owns); owns {
				queue.Open(&l.rw.Owned, w)
				waitgraph.End(w)
				queue.Leave(&l.rw.Owned, w)
				return nil
			}
			if err != nil {
				waitgraph.End(w)
				if !l.gate().GiveBack() { // me -> 0; the readers that waited for us come in (R9)
					w.Head.GaveBack()
				}
				queue.Leave(&l.rw.Owned, w)
				return err
			}
		}
		now := w.Head.Look(&l.rw.Owned)
		l.close(w, since, now, &b)
		err := l.reason(w, lim)
		if err == nil && w.Head.Stalled(&l.rw.Owned, now) {
			err = l.stall(w, now)
		}
		if err != nil {
			waitgraph.End(w)
			queue.Leave(&l.rw.Owned, w)
			return err
		}
		switch d := b.Next(); {
		case d == 0:
			runtime.Gosched()
		case now < since:
			w.Sleep(min(d, time.Duration(since-now)), lim)
		case d < wait.Long || !w.Head.Closed:
			w.Sleep(d, lim)
		default:
			queue.Sleep(&l.rw.Owned, w, lim)
		}
		wait.Relax(b.Pauses())
	}
}

// A crowd is so many readers for each processor. All of them have to run before the next writer
// may write. If the gate were closed meanwhile, each of them would read once and then wait again,
// and so would the next crowd: the lock would spend its time on sleeping and waking.
const (
	crowd = 32
	turn  = 2 * time.Microsecond // that a writer leaves to each of a crowd, ...
	turns = 5000                 // ... but to no more than these
)

// courtesy returns for how long the head of the queue leaves l to those who read now, before it
// closes the gate.
func (l *RWMutex) courtesy() time.Duration {
	n := l.gate().Reading()
	if n <= crowd*wait.Processors() {
		return 0
	}
	return min(time.Duration(n), turns) * turn
}

// close closes l if its head w has waited for long enough since the time given.
func (l *RWMutex) close(w *waiter.Waiter, since, now int64, b *wait.Backoff) {
	if !w.Head.Closed && now-since >= int64(wait.Barging) {
		queue.Close(&l.rw.Owned, w)
		*b = wait.Backoff{} // while we sleep nobody has the lock
	}
}

// drain waits until the readers have left, for the head w that has become the owner, and that may
// have looked for them for a while. It waits since the time given. Without an error it fails if w
// is not the owner any more, as the program has overwritten l.
func (l *RWMutex) drain(w *waiter.Waiter, lim *park.Limit, since int64, looked bool) (owns bool, err error) {
	if !looked && l.gate().Vacant(wait.Tries()) {
		return true, nil
	}
	l.gate().Drain(w)
	// Readers that wait began to wait for us when we became the owner. So it is for us to look
	// whether that has closed a cycle.
	if err := findDeadlock(w, &l.rw.Owned); err != nil {
		return false, err
	}
	visible := false // what readers stored before they could see that we drain
	b := wait.Backoff{}
	for {
		slot, drained := l.gate().Drained(w)
		if owns := l.owner() == w.ID.Load(); drained || !owns {
			return owns, nil
		}
		now := w.Head.Look(&l.rw.Owned)
		l.close(w, since, now, &b)
		err := l.reason(w, lim)
		if err == nil && w.Head.Stalled(&l.rw.Owned, now) && !l.gate().Granted(w) {
			err = l.stall(w, now)
		}
		if err != nil {
			return false, err
		}
		switch d := b.Next(); {
		case d == 0:
			runtime.Gosched()
		case !w.Head.Closed:
			w.Sleep(min(d, wait.Barging), lim) // the readers wake us
		case !visible:
			w.Pause(wait.Drain)
			visible = true
		default: // without a slot they are readers without names, of whom each wakes us who leaves
			w.WatchOwner(&l.rw.Owned, slot, &w.Head, &w.Parker)
			w.Park(lim)
			w.Unwatch()
		}
		wait.Relax(b.Pauses())
	}
}

// stall is for the head w of a lock that has stalled. It returns the error that ends w's
// wait, or nil if w has a limit of its own: then it ends the waits of those behind that
// have none, and have waited as long.
func (l *RWMutex) stall(w *waiter.Waiter, now int64) error {
	if !w.Bounded {
		return l.failStall(waiter.ForWriting, w.Head.Quiet(now))
	}
	w.Head.Again()
	for b := queue.Next(w); b != nil; b = queue.Next(b) {
		l.tell(w, b, now)
	}
	return nil
}

// tell ends the wait of b, because of a stall that the head w has seen, if b has no limit of its
// own and has waited as long.
func (l *RWMutex) tell(w, b *waiter.Waiter, now int64) {
	if waited := now - b.Since.Load(); !b.Bounded && waited >= stall.Timeout(&l.rw.Owned) {
		quiet := min(w.Head.Quiet(now), time.Duration(waited))
		waitgraph.Convict(b, &waiter.Verdict{Epoch: atomic.LoadUint32(&b.Epoch), Quiet: quiet})
	}
}

func (l *RWMutex) readSlow(lim *park.Limit) error {
	me := readers.Here()
	if l.owner() == me.ID && claims(&l.rw.Owned, waiter.ForReading, lim) {
		return failSelf(&l.rw.Owned, waiter.ForReading, false)
	}
	w, err := l.record(me, waiter.ForReading, lim, func() bool { return l.gate().TryRead(me) })
	if w == nil {
		return err
	}
	if w.Durable() {
		return l.awaitBeside(w, lim, func() bool { return l.listedBriefly(w) })
	}
	events.Count(events.Queued)
	w.Head = stall.Head{}
	position := l.gate().Wait(w)
	if position == gate.Copied {
		discard(w)
		badCopy(l.info())
	}
	if position != gate.Admitted {
		err = l.awaitGate(w, position, lim)
	}
	discard(w)
	return err
}

// listedBriefly is for a reader on which nobody may depend: it is in the list while it looks,
// and not while it sleeps.
func (l *RWMutex) listedBriefly(w *waiter.Waiter) bool {
	switch l.gate().Wait(w) {
	case gate.Admitted:
		return true
	case gate.Copied:
		badCopy(l.info())
	}
	if err := findDeadlock(w, &l.rw.Owned); err != nil {
		waitgraph.Convict(w, &waiter.Verdict{Epoch: w.Epoch, Err: err})
	}
	return !l.gate().Withdraw(w)
}

// awaitGate waits until w holds l for reading. Then, or on an error, w is not in the list.
func (l *RWMutex) awaitGate(w *waiter.Waiter, position gate.Position, lim *park.Limit) error {
	listed := clock.Now() // or later; not w.Since: we may not have run for long since then
	err := findDeadlock(w, &l.rw.Owned)
	for drained := true; ; position = l.gate().Look(w) {
		if position == gate.Admitted {
			return nil
		}
		if err == nil {
			err = l.reason(w, lim)
		}
		if err == nil && position == gate.Leading {
			err = l.lead(w, &drained)
		}
		if err != nil {
			if !l.gate().Withdraw(w) {
				err = nil // it holds l, and so it did not fail
			}
			return err
		}
		// An unlock that could not see w yet is visible after a short while, see queue.Sleep.
		if left := listed + 2*int64(wait.Drain) - clock.Now(); left > 0 {
			w.Sleep(time.Duration(left), lim)
			continue
		}
		if position != gate.Leading {
			queue.ParkBehind(w, lim)
			continue
		}
		events.Count(events.Parked)
		w.WatchBeside(&l.rw.Owned, &w.Head, &w.Parker)
		w.Park(lim)
		w.Unwatch()
	}
}

// lead looks for a stall, for the reader that has waited longest. It returns the error that
// ends w's wait, or nil. If w has a limit of its own, it ends the waits of the others.
func (l *RWMutex) lead(w *waiter.Waiter, drained *bool) error {
	if !w.Head.Closed {
		w.Head.Begin(l.owner())
	}
	now := w.Head.Look(&l.rw.Owned)
	draining := l.gate().Draining()
	if !draining && !*drained {
		w.Head.Granted() // to the writer that waited
	}
	*drained = !draining
	if !w.Head.Stalled(&l.rw.Owned, now) || l.gate().Granted(w) {
		return nil
	}
	if !w.Bounded {
		return l.failStall(waiter.ForReading, w.Head.Quiet(now))
	}
	w.Head.Again()
	l.gate().Each(w, func(b *waiter.Waiter) { l.tell(w, b, now) })
	return nil
}

// reason returns why w must stop waiting for l, or nil.
func (l *RWMutex) reason(w *waiter.Waiter, lim *park.Limit) error {
	if v := waitgraph.Convicted(w); v != nil {
		if v.Err == nil {
			return l.failStall(w.Kind.Load(), v.Quiet)
		}
		return v.Err
	}
	return l.reached(w.Kind.Load(), lim)
}

// reached returns why the limit forbids to wait on, or nil.
func (l *RWMutex) reached(kind waiter.Kind, lim *park.Limit) error {
	switch lim.Reached() {
	case park.Cancelled:
		events.Count(events.Cancelled)
		return &contextError{lock: l.info()} // conclude asks for the cause
	case park.Passed:
		events.Count(events.Deadline)
		return l.newTimeout(kind, lim.Duration(), false)
	}
	return nil
}
