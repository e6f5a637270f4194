package rqlock

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// How long to wait in which way. The values were chosen by measurement, see
// ARCHITECTURE.md.
const (
	spinPauses  = 30 // PAUSEs between two tries of a spinning goroutine
	queueSpins  = 60 // PAUSEs before a queued goroutine parks
	headSpins   = 60 // PAUSEs of the head between two yields
	headYields  = 4  // yields before the head sleeps
	firstSleep  = 20 * time.Microsecond
	longSleep   = time.Millisecond
	longestNap  = 4 * time.Millisecond
	napAfter    = 100 // sleeps of longSleep before they grow
	doorTimeout = int64(time.Millisecond)
)

// spinRounds is how often a goroutine tries to take the lock before it queues.
func spinRounds() int {
	if runtime.NumCPU() == 1 || procs() == 1 {
		return 1
	}
	return 4
}

// procs caches runtime.GOMAXPROCS, which takes a lock of the scheduler.
func procs() int32 {
	n := procsCache.Load()
	if procsAge.Add(1)&1023 == 1 {
		n = int32(runtime.GOMAXPROCS(0))
		procsCache.Store(n)
	}
	return n
}

var (
	procsCache atomic.Int32
	procsAge   atomic.Uint32
)

// backoff spaces the polls of one who waits for the lock word.
type backoff struct{ rounds int }

// spins returns the PAUSEs of the next poll.
func (b *backoff) spins() uint32 {
	if b.rounds <= headYields && spinRounds() > 1 {
		return headSpins
	}
	return 0
}

// pause waits until the next poll.
func (b *backoff) pause(w *waiter, lim *limit) {
	b.rounds++
	if b.rounds <= headYields {
		runtime.Gosched()
		return
	}
	d := longSleep
	switch n := b.rounds - headYields - 1; {
	case n < 6:
		d = min(firstSleep<<n, longSleep)
	case n > napAfter:
		d = longestNap
	}
	w.sleep(d, lim)
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
	last, elapsed atomic.Int64 // ns
}

var (
	stallClock tickClock
	clockStart = time.Now()
)

func (c *tickClock) now() int64 {
	t := int64(time.Since(clockStart))
	last := c.last.Load()
	if t <= last || !c.last.CompareAndSwap(last, t) {
		return c.elapsed.Load()
	}
	return c.elapsed.Add(min(t-last, maxTick()))
}

// maxTick is short against the stall timeout, and long against the polls of a
// head on a busy machine.
func maxTick() int64 { return min(int64(20*time.Millisecond), stallTimeout.Load()/4) }

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
