package rqlock

import (
	"sync"
	"sync/atomic"
	"time"
)

// tickClock is a monotonic clock that a stopped process does not see jump: the
// time between two looks at it counts as one tick at most (G6). Those who look
// often share its cache line, which changes once in a resolution.
type tickClock struct {
	seen atomic.Int64 // the system's time at the last look, or up to a resolution before
	lost atomic.Int64 // what did not count
	mu   sync.Mutex   // held to change both
}

const resolution = int64(time.Millisecond)

var (
	stallClock tickClock
	clockStart = time.Now()
)

// now returns the time that has counted, ns.
func (c *tickClock) now() int64 {
	for {
		lost := c.lost.Load()
		t := int64(time.Since(clockStart))
		if t-c.seen.Load() >= resolution {
			c.look(t)
		}
		// If a jump has been found meanwhile, t may be from before or after it.
		if c.lost.Load() == lost {
			return t - lost
		}
	}
}

// look notes that somebody looks at time t.
func (c *tickClock) look(t int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if jump := t - c.seen.Load() - maxTick(); jump > 0 {
		c.lost.Add(jump)
	}
	c.seen.Store(max(t, c.seen.Load()))
}

// maxTick is short against the stall timeout, and long against the polls of a
// head on a busy machine.
func maxTick() int64 { return min(int64(64*time.Millisecond), stallTimeout.Load()/4) }

var stallTimeout = func() *atomic.Int64 {
	d := new(atomic.Int64)
	d.Store(int64(DefaultStallTimeout))
	return d
}()

// DefaultStallTimeout is the stall timeout unless SetStallTimeout changes it.
const DefaultStallTimeout = 250 * time.Millisecond

// SetStallTimeout sets how long a lock may be granted to nobody, while
// goroutines wait for it, before they give up with a [*TimeoutError]. It holds
// for all locks from now on. Less than 10 ms count as 10 ms, as systems cannot
// sleep for short enough to tell such a stall from a busy machine. It panics if d
// is not positive.
func SetStallTimeout(d time.Duration) {
	if d <= 0 {
		panic("rqlock: SetStallTimeout: the timeout must be positive")
	}
	stallTimeout.Store(int64(max(d, minTimeout)))
}

const minTimeout = 10 * time.Millisecond
