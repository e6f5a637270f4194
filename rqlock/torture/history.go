package torture

import (
	"sync"
	"sync/atomic"
	"time"
)

// A history tells how long a lock was granted to nobody, by the clocks of those who
// had it: whether a stall was one. A machine that is badly overloaded makes real ones.
//
// When exactly a lock is granted nobody can tell; what is kept is no later. So a
// stretch may come out as longer than it was, and never as shorter: a stall that it
// does not cover was none.
type history struct {
	released atomic.Int64 // just before the last release
	granted  atomic.Int64 // the last grant was not before
	mu       sync.Mutex
	long     []stretch // the last ones of minLong and more
}

// A stretch is a time between two grants.
type stretch struct{ from, to int64 }

const (
	minLong = int64(5 * time.Millisecond) // below any stall timeout, which is 10 ms at least
	maxLong = 64                          // a wait of the default timeout has 50 of minLong

	// slack is what the stall clock and the head's first look may differ by.
	slack = 2 * time.Millisecond
)

var epoch = time.Now()

func clock() int64 { return int64(time.Since(epoch)) }

// grant notes that the caller, who asked at that time, has got the lock.
func (h *history) grant(asked int64) {
	now, last := clock(), h.granted.Load()
	if now-last >= minLong {
		h.mu.Lock()
		if h.long = append(h.long, stretch{last, now}); len(h.long) > maxLong {
			h.long = h.long[1:]
		}
		h.mu.Unlock()
	}
	h.granted.Store(max(asked, h.released.Load()))
}

// release notes that the caller is about to release the lock.
func (h *history) release() { h.released.Store(clock()) }

// quiet reports whether the lock may have been granted to nobody for d, at some time
// that ended after since.
func (h *history) quiet(since int64, d time.Duration) bool {
	if clock()-h.granted.Load() >= int64(d) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.long {
		if s.to >= since && s.to-s.from >= int64(d) {
			return true
		}
	}
	return false
}
