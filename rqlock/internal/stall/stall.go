// Package stall finds out that a lock makes no progress although goroutines wait for it.
package stall

import (
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
)

// Nobody records when a lock is granted. But a lock that is closed can be granted to
// nobody but the queue's head, and to those few who looked before it was closed, each of
// whom is another owner. So the head knows of a lock's progress while it is closed, and
// hands on what it knows.

// A Head is what the head of a queue knows of its lock. It is handed from head to head.
type Head struct {
	Closed bool   // newcomers may not take the lock
	owner  uint64 // who held the lock at the last look since then
	quiet  int64  // since when there was no grant, on the clock
	steps  int64  // of the stall timeout's last quarter, how much has been counted, ns
}

// Begin begins to watch a lock that is closed now, and has this owner.
func (h *Head) Begin(owner uint64) {
	h.Closed, h.owner = true, owner
	h.grant()
}

// grant notes that the lock may have been granted up to now.
func (h *Head) grant() { h.quiet, h.steps = clock.Now(), 0 }

// Inherit takes over what the head before knew, for one who began to wait at the time
// given: what was before that is nothing to it.
func (h *Head) Inherit(since int64) {
	if late := since - h.quiet; late > 0 {
		h.quiet, h.steps = since, max(h.steps-late, 0)
	}
}

// Look looks at l's owner, and returns a time up to which the lock was not granted
// since then. (A waiter may stand still between any two of its steps.)
func (h *Head) Look(l *asm.Owned) (now int64) {
	now = clock.Now()
	if owner := l.Owner.Load(); h.Closed && owner != h.owner {
		h.owner = owner
		h.grant()
	}
	return now
}

// Took is for a head that has taken l, and has yet to wait until its readers have left. That
// grants l to nobody. Nor did it when the head before did so, if that has left it free.
func (h *Head) Took(owner uint64) {
	if h.Closed && h.owner != 0 {
		h.grant()
	}
	h.owner = owner
}

// GaveBack is for a head that leaves a lock free which was granted to nobody meanwhile.
func (h *Head) GaveBack() { h.owner = 0 }

// Granted notes that the lock was granted to somebody just now.
func (h *Head) Granted() { h.grant() }

// Stalled reports whether l has made no progress for its stall timeout.
//
// The last quarter of the timeout is counted in steps by the watchdog, each of which is
// a step however long it took: what stops the process again and again does not add up to
// a stall.
func (h *Head) Stalled(l *asm.Owned, now int64) bool {
	if !h.Closed {
		return false
	}
	timeout := Timeout(l)
	return h.steps >= timeout/4 && now-h.quiet >= timeout
}

// Quiet returns for how long there was no progress.
func (h *Head) Quiet(now int64) time.Duration { return time.Duration(now - h.quiet) }

// Again has the last quarter of the timeout counted again.
func (h *Head) Again() { h.steps = 0 }

// count counts a step of the watchdog, which began the time given ago, and returns how
// long the next one should be.
func (h *Head) count(timeout, now, length int64) (next int64) {
	if left := timeout - timeout/4 - (now - h.quiet); left > 0 {
		return left
	}
	step := max(timeout/200, int64(time.Millisecond)/4)
	h.steps += min(length, step)
	return step
}
