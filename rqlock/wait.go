package rqlock

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// pause waits until the next poll of l's word.
func (l *Lock) pause(w *waiter, b *wait.Backoff, lim *limit) {
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
		w.block(d, nil)
		return
	}
	w.block(min(d, max(lim.remaining(), 0)), lim.done())
}

// park waits for a token or until the limit is reached.
func (w *waiter) park(lim *limit) {
	if lim == nil {
		<-w.wake
		return
	}
	w.block(lim.remaining(), lim.done())
}

// block waits for a token, for d, or for done.
func (w *waiter) block(d time.Duration, done <-chan struct{}) {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	select {
	case <-w.wake:
	case <-w.timer.C:
	case <-done:
	}
	w.timer.Stop()
}

// signal makes w look again: it leaves a token if none is there.
func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// limit bounds a wait besides the stall timeout.
type limit struct {
	start    time.Time
	deadline time.Time       // zero = none
	ctx      context.Context // nil = none
}

const forever = time.Duration(1<<63 - 1)

func (lim *limit) remaining() time.Duration {
	if lim.deadline.IsZero() {
		return forever
	}
	return time.Until(lim.deadline)
}

func (lim *limit) done() <-chan struct{} {
	if lim.ctx == nil {
		return nil
	}
	return lim.ctx.Done()
}

// expired returns why the limit forbids to wait on, or nil.
func (lim *limit) expired(l *Lock) error {
	switch {
	case lim == nil:
		return nil
	case lim.ctx != nil && lim.ctx.Err() != nil:
		return l.failContext(lim)
	case !lim.deadline.IsZero() && lim.remaining() <= 0:
		return l.failDeadline(lim)
	}
	return nil
}

// tickClock is a monotonic clock that a stopped process does not see jump: the
// time between two looks at it counts as one tick at most (G6).
type tickClock struct {
	mu            sync.Mutex
	last, elapsed int64 // ns
}

var (
	stallClock tickClock
	clockStart = time.Now()
)

func (c *tickClock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := int64(time.Since(clockStart))
	c.elapsed += min(t-c.last, maxTick())
	c.last = t
	return c.elapsed
}

// maxTick is short against the stall timeout, and long against the polls of a
// head on a busy machine.
func maxTick() int64 { return min(int64(64*time.Millisecond), stallTimeout.Load()/4) }

var stallTimeout = func() *atomic.Int64 {
	d := new(atomic.Int64)
	d.Store(int64(DefaultTimeout))
	return d
}()

// DefaultTimeout is the stall timeout unless SetStallTimeout changes it.
const DefaultTimeout = 250 * time.Millisecond

// SetStallTimeout sets how long a lock may be granted to nobody, while
// goroutines wait for it, before they give up with a [*TimeoutError]. It holds
// for all locks from now on. It panics if d is not positive.
func SetStallTimeout(d time.Duration) {
	if d <= 0 {
		panic("rqlock: SetStallTimeout: the timeout must be positive")
	}
	stallTimeout.Store(int64(d))
}
