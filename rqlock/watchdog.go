package rqlock

import (
	"sync"
	"time"
)

// The watchdog looks after the heads of queues that sleep: it counts the steps of the
// stall timeout for them, and wakes those whose lock has stalled. It also wakes one
// whose lock is free, and counts that: the owner should have woken it.
var watchdog = newWatch()

type watch struct {
	mu    sync.Mutex
	heads []*waiter
	timer *time.Timer
	last  int64 // when the last step ended
	ticks int64 // length of the step under way
}

// newWatch makes the timer while the program starts, so that it belongs to nobody.
func newWatch() *watch {
	d := new(watch)
	d.timer = time.AfterFunc(time.Hour, d.step)
	d.timer.Stop()
	return d
}

// usual is a step's length while no timeout is near its end.
const usual = int64(100 * time.Millisecond)

// watch begins to look after the head w of l.
func (d *watch) watch(l *Mutex, w *waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.watched = len(d.heads)
	d.heads = append(d.heads, w)
	next := w.head.count(l.stallTimeout(), clock.now(), 0)
	if len(d.heads) == 1 || next < d.ticks {
		d.arm(next)
	}
}

// unwatch ends it. The watchdog sleeps when there is nobody to look after.
func (d *watch) unwatch(w *waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(d.heads) - 1
	d.heads[w.watched] = d.heads[last]
	d.heads[w.watched].watched = w.watched
	d.heads[last] = nil
	d.heads = d.heads[:last]
	if last == 0 {
		d.timer.Stop()
	}
}

// arm has the next step end after the time given, or as usual.
func (d *watch) arm(after int64) {
	d.last, d.ticks = clock.now(), min(after, usual)
	d.timer.Reset(time.Duration(d.ticks))
}

// step looks at each head.
func (d *watch) step() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.heads) == 0 {
		return
	}
	now := clock.now()
	length, next := now-d.last, usual
	for _, w := range d.heads {
		l := w.lock.Load()
		if l.owner() == 0 {
			if w.Signal() {
				count(evRescued)
			}
			continue
		}
		timeout := l.stallTimeout()
		next = min(next, w.head.count(timeout, now, length))
		if w.head.stalled(l, now) {
			w.Signal()
		}
	}
	d.arm(next)
}
