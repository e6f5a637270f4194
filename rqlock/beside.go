package rqlock

import (
	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// awaitBeside is for a goroutine in a bubble of testing/synctest, on which nobody may depend:
// it tries again and again, beside the queue.
func (l *Mutex) awaitBeside(w *waiter.Waiter, lim *park.Limit) error {
	events.Count(events.Unqueued)
	defer func() {
		waitgraph.End(w)
		w.Free()
	}()
	for !asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
		if err := l.reason(w, lim); err != nil {
			return err
		}
		w.Park(lim)
	}
	return nil
}
