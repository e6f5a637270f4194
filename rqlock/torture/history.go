package torture

import (
	"sync"
	"sync/atomic"
	"time"
)

// A history tells for how long a lock was granted to nobody, by the times that its
// holders took. It decides whether a stall was real: a machine with too much load
// makes real ones.
//
// Nobody can tell exactly when a lock is granted. The time that a history keeps is
// never later. So a gap may come out longer than it was, but never shorter: a stall
// that no gap covers was not real.
type history struct {
	lastRelease atomic.Int64 // just before it
	lastGrant   atomic.Int64 // not after it
	mu          sync.Mutex
	gaps        []gap // the last maxGaps ones of minGap and more
}

// A gap is the time between two grants.
type gap struct{ from, to int64 }

const (
	minGap  = int64(5 * time.Millisecond) // less than any stall timeout, which is 10 ms at least
	maxGaps = 64                          // a wait of the default stall timeout has at most 50

	// slack is the most by which a stall's length, which rqlock counts in ticks, and
	// the gap, which begins before the waiter's first poll, may differ.
	slack = 2 * time.Millisecond
)

var start = time.Now()

// nanotime returns the nanoseconds since the program started.
func nanotime() int64 { return int64(time.Since(start)) }

// granted notes that the lock was granted to the caller, which began to wait then.
func (h *history) granted(began int64) {
	now, last := nanotime(), h.lastGrant.Load()
	if now-last >= minGap {
		h.mu.Lock()
		if h.gaps = append(h.gaps, gap{last, now}); len(h.gaps) > maxGaps {
			h.gaps = h.gaps[1:]
		}
		h.mu.Unlock()
	}
	h.lastGrant.Store(max(began, h.lastRelease.Load()))
}

// releasing notes that the caller is about to release the lock.
func (h *history) releasing() { h.lastRelease.Store(nanotime()) }

// idle reports whether the lock may have been granted to nobody for d, in a gap that
// ended after since.
func (h *history) idle(since int64, d time.Duration) bool {
	if nanotime()-h.lastGrant.Load() >= int64(d) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.gaps {
		if g.to >= since && g.to-g.from >= int64(d) {
			return true
		}
	}
	return false
}
