package rqlock

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// pause waits until the next look of the head w at the lock.
func (l *Mutex) pause(w *waiter, b *wait.Backoff, lim *limit) {
	switch d := b.Next(); {
	case d == 0:
		runtime.Gosched()
	case d < wait.Long || !w.head.closed:
		w.sleep(d, lim)
	default:
		l.sleepUntilWoken(w, lim)
	}
}

// sleepUntilWoken has the head w sleep until the owner unlocks, or there is a reason to
// give up. The owner's unlock is a plain store, and then a look whether somebody sleeps.
// So that look may come before the store is visible, and miss w. But the store is visible
// soon: w sleeps one last short time, looks again, and then whoever unlocks sees w.
func (l *Mutex) sleepUntilWoken(w *waiter, lim *limit) {
	atomic.SwapUint32(&l.word.Sleeper, asm.ClosedMask|w.index) // w sleeps; sequentially consistent: before the looks [sleeper]
	if l.owner() == 0 {
		return
	}
	time.Sleep(wait.Drain) // a token must not cut it short: it may be an earlier owner's, who comes late
	if l.owner() == 0 {
		return
	}
	watchdog.watch(l, w)
	w.park(lim)
	watchdog.unwatch(w)
}

// unlockWake goes on where the fast path of Unlock has found that somebody may sleep. l
// is unlocked already, and may be anybody's.
func unlockWake(l *Mutex) {
	if index := asm.LoadAcquire32(&l.word.Sleeper) &^ asm.ClosedMask; index != 0 { // acquire: pairs with sleepUntilWoken [sleeper]
		waiterAt(index).Signal()
	}
}

// sleep waits for d, for a token, or until the limit is reached.
func (w *waiter) sleep(d time.Duration, lim *limit) {
	if lim == nil {
		w.WaitFor(d, nil)
		return
	}
	w.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)
}

// park waits for a token or until the limit is reached.
func (w *waiter) park(lim *limit) {
	if lim == nil {
		w.Wait()
		return
	}
	w.WaitFor(lim.remaining(), lim.done)
}

// limit bounds a wait. nil means that the stall timeout alone does.
type limit struct {
	start    time.Time
	deadline time.Time       // zero = none
	ctx      context.Context // nil = none
	done     <-chan struct{} // of ctx
	dated    bool            // ctx has a deadline
}

// long reports whether the caller has said how long to wait: then the stall timeout
// does not say it, too.
func (lim *limit) long() bool { return lim != nil && (lim.dated || !lim.deadline.IsZero()) }

const forever = time.Duration(1<<63 - 1)

func (lim *limit) remaining() time.Duration {
	if lim.deadline.IsZero() {
		return forever
	}
	return time.Until(lim.deadline)
}

// expired returns why the limit forbids to wait on, or nil.
func (lim *limit) expired(l *Mutex) error {
	switch {
	case lim == nil:
		return nil
	case park.Closed(lim.done):
		return l.failContext(lim)
	case !lim.deadline.IsZero() && lim.remaining() <= 0:
		return l.failDeadline(lim)
	}
	return nil
}
