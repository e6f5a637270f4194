package torture

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A history tells for how long a lock was granted to nobody, and held by one goroutine,
// by the times that its holders took. It decides whether a stall was real: a machine with
// too much load makes real ones.
//
// Nobody can tell exactly when a lock is granted and released. A gap, from one grant to
// the next, and a hold may come out longer than they were, but never shorter: a stall
// that none of them covers was not real.
//
// Many readers hold a lock at a time. If none of them is granted it for a while, then it is
// one goroutine that holds it as long as anybody does. So a hold is the time from the first
// reader's grant to the last one's release.
type history struct {
	lastRelease atomic.Int64 // just before it
	lastWrite   atomic.Int64 // just before a writer's last release
	lastGrant   atomic.Int64 // not after it
	holdBegan   atomic.Int64 // not after the grant to the first of those who hold the lock
	shared      atomic.Bool  // the last grant was to a reader
	holders     atomic.Int32 // not fewer than there are
	mu          sync.Mutex
	gaps, holds []span // the last maxSpans ones of minSpan and more
}

// A span is a time.
type span struct{ from, to int64 }

func (s span) length() int64 { return s.to - s.from }

// cut returns the part of s that lies in another span. Its length is not positive if
// there is none.
func (s span) cut(other span) span { return span{max(s.from, other.from), min(s.to, other.to)} }

const (
	minSpan  = int64(5 * time.Millisecond) // less than half of any stall timeout, which is 10 ms at least
	maxSpans = 1000                        // a wait of the default stall timeout has at most 200

	// slack is the most by which a stall's length, which rqlock counts in ticks, and
	// the gap, which begins before the waiter's first poll, may differ.
	slack = 2 * time.Millisecond
)

var start = time.Now()

// nanotime returns the nanoseconds since the program started.
func nanotime() int64 { return int64(time.Since(start)) }

// granted notes that the lock was granted to the caller, which began to wait then.
func (h *history) granted(began int64, reads bool) {
	first := h.holders.Add(1) == 1
	now, last := nanotime(), h.lastGrant.Load()
	h.note(&h.gaps, span{last, now})
	if !reads {
		h.shared.Store(false)
		granted := max(began, h.lastRelease.Load())
		h.holdBegan.Store(granted)
		h.lastGrant.Store(granted)
		return
	}
	granted := max(began, h.lastWrite.Load()) // other readers may have released it since
	if afterWriter := !h.shared.Swap(true); first || afterWriter {
		h.holdBegan.Store(granted)
	}
	h.lastGrant.Store(max(last, granted))
}

// releasing notes that the caller is about to release the lock, and returns when the hold
// began.
func (h *history) releasing(reads bool) (began int64) {
	now, began := nanotime(), h.holdBegan.Load()
	h.note(&h.holds, span{began, now})
	h.lastRelease.Store(now)
	if !reads {
		h.lastWrite.Store(now)
	}
	return began
}

// downgrading notes that the caller, a writer, is about to become a reader.
func (h *history) downgrading() {
	h.lastWrite.Store(nanotime())
	h.shared.Store(true)
}

// released notes that the caller has released the lock, the hold of which began then. It may
// not have run for a while since releasing.
func (h *history) released(began int64) {
	h.note(&h.holds, span{began, nanotime()})
	h.holders.Add(-1)
}

func (h *history) note(list *[]span, s span) {
	if s.length() < minSpan {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if *list = append(*list, s); len(*list) > maxSpans {
		*list = (*list)[1:]
	}
}

// idle returns the gaps that reach into a wait, and may have lasted for d when they or
// the wait ended. What comes after the wait is cut off.
func (h *history) idle(wait span, d time.Duration) (long []span) {
	h.mu.Lock()
	gaps := append(slices.Clone(h.gaps), span{h.lastGrant.Load(), nanotime()})
	h.mu.Unlock()
	for _, g := range gaps {
		if g.to >= wait.from && min(g.to, wait.to)-g.from >= int64(d) {
			long = append(long, span{g.from, min(g.to, wait.to)})
		}
	}
	return long
}

// held reports whether one goroutine may have held the lock for d, and still in the wait.
func (h *history) held(wait span, d time.Duration) bool {
	if h.holders.Load() > 0 && wait.to-h.holdBegan.Load() >= int64(d) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.holds, func(s span) bool {
		return s.to >= wait.from && min(s.to, wait.to)-s.from >= int64(d)
	})
}
