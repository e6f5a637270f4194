// Package wait is the policy of waiting that rqlock shares with qspin: how long to
// spin, to yield and to sleep. Since both have the same, a comparison of the two shows
// the cost of resilience alone.
package wait

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// The values were chosen by measurement on two cores: see ARCHITECTURE.md.
const (
	Queued  = 60                    // PAUSEs that a queued waiter spins for before it parks
	Barging = time.Millisecond      // wait of the queue's head after which it closes the lock
	Drain   = 50 * time.Microsecond // in which a store becomes visible to all processors
	Long    = time.Millisecond      // shortest sleep for which a poller asks to be woken

	tries      = 5                     // of a spinning goroutine, after 4, 8, 16, ... PAUSEs
	headPauses = 60                    // PAUSEs of a poller between two yields
	yields     = 4                     // yields of a poller before it sleeps
	first      = 20 * time.Microsecond // first sleep of a poller; each next one is twice as long, ...
	shorter    = 6                     // ... for so many sleeps, of which Long is the next
	longest    = 32 * Long             // a wake-up costs 200 us of CPU; a wait of 1 s is to cost 10 ms
)

// Tries returns how often a goroutine tries to acquire a lock before it queues. On
// one processor it tries once, since the owner does not run meanwhile.
func Tries() int {
	if processors.n.Load() == 1 {
		return 1
	}
	return tries
}

// Processors returns GOMAXPROCS, as of a short while ago.
func Processors() int { return int(processors.n.Load()) }

// Pauses returns the number of PAUSEs before try number i, which counts from 0. It
// doubles each time (Anderson 1990): with a constant one the tries fell into step with
// an owner that releases and acquires at the same interval, and met it every time.
func Pauses(i int) int { return 4 << i }

// Relax executes n PAUSEs. A poller that loaded the lock word after each one would
// take its cache line from the owner, who needs it to unlock.
func Relax(n int) {
	for range n {
		asm.CPURelax()
	}
}

// processors caches runtime.GOMAXPROCS, which takes a lock of the scheduler.
var processors struct {
	n     atomic.Int32
	known atomic.Int64 // when it was read, by Refresh's clock
}

func init() { processors.n.Store(int32(runtime.GOMAXPROCS(0))) }

// Refresh reads GOMAXPROCS again if that was more than 10 ms ago by the caller's clock.
func Refresh(now int64) {
	if known := processors.known.Load(); now-known > int64(10*time.Millisecond) && processors.known.CompareAndSwap(known, now) {
		processors.n.Store(int32(runtime.GOMAXPROCS(0)))
	}
}

// A Backoff spaces the polls of a waiter that polls the lock word. The zero value
// begins with spinning and yielding.
type Backoff struct{ rounds int }

// Pauses returns the number of PAUSEs before the next poll.
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
