package waiter

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// When all records are in use, those who have none get the next ones that are given back,
// and not those who come later.
var wanted = struct {
	n       atomic.Int32 // who wait for a record
	records chan *Waiter
}{records: make(chan *Waiter)}

// Want says that the caller needs a record and has none, until it calls Want(-1).
func Want(n int32) { wanted.n.Add(n) }

// Wanted returns a record to a caller that has called Want, or nil if there was none for
// a while. In a bubble of testing/synctest, the while passes on the bubble's clock if the
// caller's wait is durable, and is none if it is not.
func Wanted(durable bool) *Waiter {
	if w := New(0); w != nil { // one may have gone past the caller
		return w
	}
	if _, bubble := clock.Read(); bubble {
		if durable {
			time.Sleep(wait.Long)
		} else {
			runtime.Gosched()
		}
		return nil
	}
	timer := time.NewTimer(wait.Long)
	defer timer.Stop()
	select {
	case w := <-wanted.records:
		return w
	case <-timer.C:
		return nil
	}
}

// handOut gives a record to somebody who has none, and reports whether it did.
func handOut(w *Waiter) bool {
	if wanted.n.Load() == 0 {
		return false
	}
	select {
	case wanted.records <- w:
		return true
	default:
		return false
	}
}
