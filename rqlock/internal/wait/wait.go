// Package wait says how long to wait in which way: the policy that rqlock shares
// with qspin, so that comparing the two shows the cost of resilience alone.
package wait

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// The values were chosen by measurement on two cores: see ARCHITECTURE.md.
const (
	Queued = 60               // PAUSEs before a queued goroutine parks
	Door   = time.Millisecond // how long the queue's head lets others pass
	Long   = time.Millisecond // a long sleep between two polls: the sleeper asks to be woken

	tries      = 5                     // of a spinning goroutine, after 4, 8, 16, ... PAUSEs
	headPauses = 60                    // PAUSEs of a poller between two yields
	yields     = 4                     // before a poller sleeps
	first      = 20 * time.Microsecond // first sleep; each is about twice the one before
	shorter    = 6                     // sleeps before the first long one
	longest    = 32 * Long             // a wake-up costs up to 200 us of CPU: 1 s is to cost less than 10 ms
)

// Tries returns how often a goroutine tries to take a lock before it queues. On
// one processor the owner does not run meanwhile.
func Tries() int {
	if processors.n.Load() == 1 {
		return 1
	}
	return tries
}

// Pauses returns the PAUSEs before try number i, from 0. Each wait is twice the
// one before (Anderson 1990): waits of one length fall into step with an owner
// that comes back after as long, and meet it every time.
func Pauses(i int) int { return 4 << i }

// Relax lets n PAUSEs pass between two looks at a lock word. Looking at each
// would take the cache line from the owner, who needs it to unlock.
func Relax(n int) {
	for range n {
		asm.CPURelax()
	}
}

// processors caches runtime.GOMAXPROCS, which takes a lock of the scheduler.
var processors struct {
	n     atomic.Int32
	known atomic.Int64 // when it was read
}

func init() { processors.n.Store(int32(runtime.GOMAXPROCS(0))) }

// Refresh reads GOMAXPROCS again if that was long ago, on the caller's clock.
func Refresh(now int64) {
	if known := processors.known.Load(); now-known > int64(10*time.Millisecond) && processors.known.CompareAndSwap(known, now) {
		processors.n.Store(int32(runtime.GOMAXPROCS(0)))
	}
}

// Backoff spaces the polls of one who waits for the lock word itself. The zero
// value is at its start: spinning and yielding.
type Backoff struct{ rounds int }

// Pauses returns the PAUSEs before the next poll.
func (b *Backoff) Pauses() int {
	if b.rounds <= yields && Tries() > 1 {
		return headPauses
	}
	return 0
}

// Next returns how long to sleep before the next poll; 0 means to yield.
func (b *Backoff) Next() time.Duration {
	b.rounds++
	switch n := b.rounds - yields - 1; {
	case n < 0:
		return 0
	case n < shorter:
		return first << n
	default:
		return min(Long<<min(n-shorter, 10), longest)
	}
}
