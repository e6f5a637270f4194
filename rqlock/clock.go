package rqlock

import (
	"sync"
	"sync/atomic"
	"time"
)

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
