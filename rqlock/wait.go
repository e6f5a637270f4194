package rqlock

import (
	"context"
	"runtime"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// pause waits until the next poll of l's word.
func (l *Mutex) pause(w *waiter, b *wait.Backoff, lim *limit) {
	d := b.Next()
	if d == 0 {
		runtime.Gosched()
		return
	}
	if d >= wait.Long {
		l.call(w)
	}
	w.sleep(min(d, time.Duration(maxTick()/2)), lim) // longer would not count in full
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

// limit bounds a wait besides the stall timeout.
type limit struct {
	start    time.Time
	deadline time.Time       // zero = none
	ctx      context.Context // nil = none
	done     <-chan struct{} // of ctx
}

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
