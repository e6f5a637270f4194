package rqlock

import (
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// When all records are in use, those who have none get the next ones that are given back,
// first come first served, and not those who come later.
var unqueued = struct {
	n       atomic.Int32 // who wait for a record
	records chan *waiter
}{records: make(chan *waiter)}

// awaitRecord waits for a record, and returns it. Meanwhile it tries to barge: without a
// record and an error it has acquired l.
func (l *Mutex) awaitRecord(lim *limit) (*waiter, error) {
	count(evUnqueued)
	unqueued.n.Add(1)
	defer unqueued.n.Add(-1)
	w := newWaiter(0) // what was given back before we were counted
	timer := time.NewTimer(wait.Long)
	defer timer.Stop()
	for w == nil {
		if l.spin() {
			return nil, nil
		}
		if err := lim.expired(l); err != nil {
			return nil, err
		}
		select {
		case w = <-unqueued.records:
		case <-timer.C:
			// One may have gone to a bucket or the list, past us.
			w = newWaiter(0)
			timer.Reset(wait.Long)
		}
	}
	return w, nil
}

// handOut gives a record to somebody who has none, and reports whether it did.
func handOut(w *waiter) bool {
	if unqueued.n.Load() == 0 {
		return false
	}
	select {
	case unqueued.records <- w:
		return true
	default:
		return false
	}
}
