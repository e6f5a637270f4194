package stall

import (
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

const (
	// Default is the stall timeout unless Set changes it.
	Default = time.Second

	// Shortest is the shortest stall timeout: systems cannot sleep for short enough to
	// tell a shorter stall from a busy machine.
	Shortest = 10 * time.Millisecond
)

var timeout = func() *atomic.Int64 {
	d := new(atomic.Int64)
	d.Store(int64(Default))
	return d
}()

// Set sets the process's stall timeout.
func Set(d time.Duration) { timeout.Store(int64(max(d, Shortest))) }

// Timeout returns after how long without progress a wait for l fails, ns: the lock's own
// timeout if it has one, or the process's.
func Timeout(l *asm.Owned) int64 {
	switch a := attributes.Of(l); {
	case !a.Own:
		return timeout.Load()
	case a.Stall == 0:
		return int64(park.Forever)
	default:
		return int64(a.Stall)
	}
}
