package rqlock

import (
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// Nobody records when a lock is granted. But a lock that is closed can be granted to
// nobody but the queue's head, and to those few who looked before it was closed, each of
// whom is another owner. So the head knows of a lock's progress while it is closed, and
// hands on what it knows.

// headship is what the head of a queue knows of its lock. It is handed from head to head.
type headship struct {
	closed bool   // newcomers may not take the lock, see close
	owner  uint64 // who held the lock at the last look since then
	quiet  int64  // since when there was no grant, on the clock
	steps  int64  // of the stall timeout's last quarter, how much has been counted, ns
}

// grant notes that the lock may have been granted up to now.
func (h *headship) grant() { h.quiet, h.steps = clock.now(), 0 }

// inherit takes over what the head before knew, for one who began to wait at the time
// given: what was before that is nothing to it.
func (h *headship) inherit(since int64) {
	if late := since - h.quiet; late > 0 {
		h.quiet, h.steps = since, max(h.steps-late, 0)
	}
}

// look looks at the lock's owner, and returns a time up to which the lock was not granted
// since h.quiet. (A waiter may stand still between any two of its steps.)
func (h *headship) look(l *Mutex) (now int64) {
	now = clock.now()
	if owner := l.owner(); h.closed && owner != h.owner {
		h.owner = owner
		h.grant()
	}
	return now
}

// stalled reports whether the lock has made no progress for its stall timeout.
//
// The last quarter of the timeout is counted in steps by the watchdog, each of which is
// a step however long it took: what stops the process again and again does not add up to
// a stall.
func (h *headship) stalled(l *Mutex, now int64) bool {
	if !h.closed {
		return false
	}
	timeout := l.stallTimeout()
	return h.steps >= timeout/4 && now-h.quiet >= timeout
}

// count counts a step of the watchdog, which began the time given ago, and returns how
// long the next one should be.
func (h *headship) count(timeout, now, length int64) (next int64) {
	if left := timeout - timeout/4 - (now - h.quiet); left > 0 {
		return left
	}
	step := max(timeout/200, int64(time.Millisecond)/4)
	h.steps += min(length, step)
	return step
}

// stall is for the head w of a lock that has stalled. It returns the error that ends w's
// wait, or nil if w has a limit of its own: then it ends the waits of those behind that
// have none, and have waited as long.
func (l *Mutex) stall(w *waiter, now int64) error {
	if !w.long {
		return l.failStall(time.Duration(now - w.head.quiet))
	}
	w.head.steps = 0
	// What is linked behind the head stays there until the head leaves.
	for index := asm.LoadAcquire32(&w.next); index != 0; index = asm.LoadAcquire32(&w.next) { // acquire: pairs with enqueue [link]
		w = waiterAt(index)
		if !w.long && now-w.since.Load() >= l.stallTimeout() {
			w.convict(atomic.LoadUint32(&w.epoch), nil)
		}
	}
	return nil
}
