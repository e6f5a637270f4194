package waitgraph

import (
	"runtime"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// waited is told of each wait, w's, before it ends.
func waited(w *waiter.Waiter) {
	rate, watched := delays.Rate(), delays.Watched.Load()
	if rate <= 0 && watched == nil {
		return
	}
	now := clock.Now()
	d := time.Duration(now - w.Since.Load())
	if watched != nil && d > delays.Long {
		(*watched)(d)
	}
	if rate <= 0 {
		return
	}
	sampled := delays.Sampled(rate)
	if sampled {
		delays.Waits.Add(w.Where.Frames(), d, rate)
	}
	if l := w.Edge.Lock.Load(); w.Kind.Load() == waiter.ForReading || l.Owner.Load() == w.ID.Load() {
		granted(w, now, sampled, rate)
	}
}

// unseen stands for the stack of an unlock that found nobody asleep, and so was not looked at.
var unseen = []runtime.Frame{{Function: "(an unlock that woke nobody)"}}

// granted charges the unlock that ended w's wait with the time that goroutines have been blocked
// since the lock was granted before: w itself, and those behind it.
func granted(w *waiter.Waiter, now int64, sampled bool, rate int) {
	before, by := w.Grant()
	behind := next(w)
	if behind != nil {
		behind.Granted(now)
	}
	if !sampled {
		return
	}
	d := now - max(before, w.Since.Load())
	for n := 0; behind != nil && n < mostCharged; n++ {
		d += max(now-max(before, behind.Since.Load()), 0)
		behind = next(behind)
	}
	if len(by) == 0 {
		by = unseen
	}
	delays.Unlocks.Add(by, time.Duration(d), rate)
}

// mostCharged bounds what a long queue costs.
const mostCharged = 1000

// next returns the waiter that has linked behind w in a queue, or nil. What it returns may be
// somewhere else by now: then the charge is a little wrong.
func next(w *waiter.Waiter) *waiter.Waiter {
	index := asm.LoadAcquire32(&w.Next) // acquire: pairs with Enter [link]
	if asm.LoadRelaxed32(&w.Of) == 0 || index == 0 || index > waiter.Made() {
		return nil // it is in no queue, or the last
	}
	return waiter.At(index)
}
