package rqlock

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// lockSlow acquires l after the fast path has failed. lim bounds the wait; nil
// means the stall timeout alone.
func (l *Mutex) lockSlow(lim *park.Limit) error {
	return conclude(l.acquireSlow(lim), lim)
}

// conclude is what is done with the result of a wait.
func conclude(err error, lim *park.Limit) error {
	// Out of the queue and the graph: what is called now may do anything.
	if cancelled, ok := err.(*contextError); ok {
		if cancelled.cause = lim.Cause(); cancelled.cause == nil {
			cancelled.cause = errNoCause
		}
	} else if err != nil {
		reportViolation(err)
	}
	return err
}

func (l *Mutex) acquireSlow(lim *park.Limit) error {
	me := asm.CurrentGoid()
	if l.owner() == me && claims(&l.word, waiter.ForMutex, lim) { // only me stores or clears me
		return l.failSelf()
	}
	if l.spin() {
		events.Count(events.Spun)
		return nil
	}
	if err := l.reached(lim); err != nil {
		return err
	}
	w := waiter.New(me)
	if w == nil {
		var err error
		if w, err = l.awaitRecord(lim); w == nil {
			return err
		}
	}
	waitgraph.Begin(w, me, &l.word, waiter.ForMutex, lim)
	if err := l.deadlock(w); err != nil {
		waitgraph.End(w)
		w.Free()
		return err
	}
	if w.Durable() {
		return l.awaitBeside(w, lim)
	}
	events.Count(events.Queued)
	switch queue.Enter(&l.word, w) {
	case queue.Nowhere:
		waitgraph.End(w)
		queue.TurnAway(&l.word, w)
		l.badCopy()
	case queue.Behind:
		if err := l.awaitHead(w, lim); err != nil {
			return err
		}
	}
	return l.awaitLock(w, lim)
}

// owner returns the id of the goroutine that holds l, or 0 if none does.
func (l *Mutex) owner() uint64 { return l.word.Owner.Load() }

// spin tries for a short while to take l past the queue, as a running goroutine
// may until the lock is closed (G9).
func (l *Mutex) spin() bool {
	for i := range wait.Tries() {
		if queue.Closed(&l.word) {
			return false
		}
		wait.Relax(wait.Pauses(i))
		if l.owner() != 0 {
			continue
		}
		if asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
			return true
		}
	}
	return false
}

// awaitRecord is for a goroutine for which there is no record. Until there is one it tries
// to take l past the queue: without a record and an error it has acquired l.
func (l *Mutex) awaitRecord(lim *park.Limit) (*waiter.Waiter, error) {
	events.Count(events.Unqueued)
	waiter.Want(1)
	defer waiter.Want(-1)
	for {
		if w := waiter.Wanted(lim != nil); w != nil {
			return w, nil
		}
		if l.spin() {
			return nil, nil
		}
		if err := l.reached(lim); err != nil {
			return nil, err
		}
	}
}

// deadlock looks for cycles that w's edge closes, and returns the error if w is the one who
// must give up. If another one is, it is told, and w waits on.
func (l *Mutex) deadlock(w *waiter.Waiter) error { return findDeadlock(w, &l.word) }

func findDeadlock(w *waiter.Waiter, word *asm.Owned) error {
	cycles := waitgraph.Cycles(w, word)
	for i := range cycles {
		err := newDeadlock(cycles[i])
		victim := cycles[i][0]
		if victim.Waiter == w {
			return closes(w, err)
		}
		waitgraph.Convict(victim.Waiter, &waiter.Verdict{Epoch: victim.Epoch, Err: err})
	}
	return nil
}

// awaitHead waits until w is the head of the queue. On an error w has left the
// queue, or its predecessor will take it out.
func (l *Mutex) awaitHead(w *waiter.Waiter, lim *park.Limit) error {
	for isHead := queue.Spin(&l.word, w); !isHead; isHead = queue.Park(w, lim) {
		if err := l.reason(w, lim); err != nil {
			waitgraph.End(w) // once abandoned, w is not ours any more
			queue.Abandon(&l.word, w)
			return err
		}
	}
	return nil
}

// awaitLock waits for the lock itself, as the head of the queue. On an error w has
// left the queue.
func (l *Mutex) awaitLock(w *waiter.Waiter, lim *park.Limit) error {
	b := wait.Backoff{}
	w.Head.Inherit(w.Since.Load())
	for {
		if l.owner() == 0 && l.word.Owner.CompareAndSwap(0, w.ID.Load()) { // 0 -> me; acquire [unlock]
			queue.Open(&l.word, w)
			waitgraph.End(w)
			queue.Leave(&l.word, w)
			return nil
		}
		now := w.Head.Look(&l.word)
		if !w.Head.Closed && now-w.Since.Load() >= int64(wait.Barging) {
			queue.Close(&l.word, w)
			b = wait.Backoff{} // while we sleep nobody has the lock
		}
		err := l.reason(w, lim)
		if err == nil && w.Head.Stalled(&l.word, now) {
			err = l.stall(w, now)
		}
		if err != nil {
			waitgraph.End(w)
			queue.Leave(&l.word, w)
			return err
		}
		l.pause(w, &b, lim)
		wait.Relax(b.Pauses())
	}
}

// pause waits until the next look of the head w at the lock.
func (l *Mutex) pause(w *waiter.Waiter, b *wait.Backoff, lim *park.Limit) {
	switch d := b.Next(); {
	case d == 0:
		runtime.Gosched()
	case d < wait.Long || !w.Head.Closed:
		w.Sleep(d, lim)
	default:
		queue.Sleep(&l.word, w, lim)
	}
}

// stall is for the head w of a lock that has stalled. It returns the error that ends w's
// wait, or nil if w has a limit of its own: then it ends the waits of those behind that
// have none, and have waited as long.
func (l *Mutex) stall(w *waiter.Waiter, now int64) error {
	if !w.Bounded {
		return l.failStall(w.Head.Quiet(now))
	}
	w.Head.Again()
	for b := queue.Next(w); b != nil; b = queue.Next(b) {
		if waited := now - b.Since.Load(); !b.Bounded && waited >= stall.Timeout(&l.word) {
			quiet := min(w.Head.Quiet(now), time.Duration(waited))
			waitgraph.Convict(b, &waiter.Verdict{Epoch: atomic.LoadUint32(&b.Epoch), Quiet: quiet})
		}
	}
	return nil
}

// reason returns why w must stop waiting for l, or nil.
func (l *Mutex) reason(w *waiter.Waiter, lim *park.Limit) error {
	if v := waitgraph.Convicted(w); v != nil {
		if v.Err == nil {
			return l.failStall(v.Quiet)
		}
		return v.Err
	}
	return l.reached(lim)
}

// reached returns why the limit forbids to wait on, or nil.
func (l *Mutex) reached(lim *park.Limit) error {
	switch lim.Reached() {
	case park.Cancelled:
		return l.failContext()
	case park.Passed:
		return l.failDeadline(lim)
	}
	return nil
}
