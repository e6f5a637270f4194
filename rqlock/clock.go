package rqlock

import (
	"sync/atomic"
	"time"
)

// clock is the process's monotonic clock. It goes on while the process is stopped.
var clock = monotonic{time.Now()}

type monotonic struct{ start time.Time }

// now returns the time in ns.
func (c *monotonic) now() int64 { return int64(time.Since(c.start)) }

var stallTimeout = func() *atomic.Int64 {
	d := new(atomic.Int64)
	d.Store(int64(DefaultStallTimeout))
	return d
}()

// DefaultStallTimeout is the stall timeout unless SetStallTimeout changes it.
const DefaultStallTimeout = time.Second

// SetStallTimeout sets how long a lock may be granted to nobody, while
// goroutines wait for it, before they give up with a [*TimeoutError]. It holds
// from now on for all locks but those that have one of their own, see
// [Mutex.SetStallTimeout], and for all waits but those that have a limit of their
// own, see [Mutex.LockTimeout] and [Mutex.LockContext]. Less than 10 ms count as
// 10 ms, as systems cannot sleep for short enough to tell such a stall from a busy
// machine. It panics if d is not positive.
func SetStallTimeout(d time.Duration) {
	if d <= 0 {
		panic("rqlock: SetStallTimeout: the timeout must be positive")
	}
	stallTimeout.Store(int64(max(d, minTimeout)))
}

const minTimeout = 10 * time.Millisecond
