// Package wait is the twin of rqlock/internal/wait. How often and how long a thread waits
// makes no difference to correctness. So in an exploration a thread tries Spins times,
// yields once, and then sleeps for Long. In a simulation it waits as the original does.
package wait

import (
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// The values of the original that decide what happens.
const (
	Queued  = 1
	Barging = wait.Barging
	Drain   = wait.Drain
	Long    = wait.Long
)

// Spins is how often a thread tries to acquire a lock before it queues.
var Spins = 1

// relax is the simulated time of a PAUSE, ns.
const relax = 30

func simulated() bool { return mc.Simulation != nil }

// Tries returns Spins.
func Tries() int {
	if simulated() {
		return wait.Tries()
	}
	return Spins
}

// Processors is wait.Processors: more than an exploration has threads.
func Processors() int {
	if simulated() {
		return wait.Processors()
	}
	return 64
}

// Pauses is wait.Pauses.
func Pauses(i int) int { return wait.Pauses(i) }

// Relax is wait.Relax. In an exploration it does nothing.
func Relax(n int) {
	if simulated() && n > 0 {
		mc.PauseFor(0, int64(n)*relax)
	}
}

// Refresh does nothing.
func Refresh(int64) {}

// Backoff yields once.
type Backoff struct {
	Yielded bool
	real    wait.Backoff
}

// Pauses is Backoff.Pauses.
func (b *Backoff) Pauses() int { return b.real.Pauses() }

// Next returns 0, and then Long.
func (b *Backoff) Next() time.Duration {
	if simulated() {
		return b.real.Next()
	}
	if !b.Yielded {
		b.Yielded = true
		return 0
	}
	return Long
}
