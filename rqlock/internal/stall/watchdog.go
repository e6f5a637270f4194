package stall

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/report"
)

// The watchdog looks after the heads of queues that sleep: it counts the steps of the
// stall timeout for them, and wakes those whose lock has stalled. It also wakes one
// whose lock is free, and counts that: the owner should have woken it.
var watchdog = newWatch()

type watch struct {
	mu    sync.Mutex
	heads []*Sleeper
	held  int  // how many want the timer to run, though no head may need it
	armed bool // the timer runs
	timer *time.Timer
	last  int64 // when the last step ended
	ticks int64 // length of the step under way
}

// A Sleeper is a head that sleeps until it is woken.
type Sleeper struct {
	lock   *asm.Owned
	head   *Head
	parker *park.Parker
	said   uint32  // what the lock's Sleeper said when the head fell asleep
	beside bool    // it has said nothing in the lock's Sleeper
	reader *uint64 // it is the owner, and waits until this slot does not name the lock; nil = until the lock has no owner
	at     int     // in the watchdog's list

	woken   atomic.Bool                     // an owner is about to wake the head, or has done so
	by      atomic.Pointer[[]runtime.Frame] // the stack of that owner's unlock, while delays are added up
	granted atomic.Int64                    // when the one before was granted the lock, while delays are added up

	free int64 // for how long the lock was free at each look, though nobody has woken the head; 0 = it was not
}

// Asleep comes before the head says that it sleeps.
func (s *Sleeper) Asleep() {
	s.woken.Store(false)
	s.by.Store(nil)
}

// Woken comes before an owner wakes the head: then it is not the watchdog's any more, though
// either may not run for a while.
func (s *Sleeper) Woken() {
	s.Unlocked()
	s.Roused()
}

// Roused is Woken for one who has noted the unlock otherwise.
func (s *Sleeper) Roused() { s.woken.Store(true) }

// Unlocked notes that the caller's unlock ends the wait, if delays are added up.
func (s *Sleeper) Unlocked() {
	if delays.Rate() > 0 {
		by := report.Caller()
		s.by.Store(&by)
	}
}

// Granted notes when the waiter ahead was granted the lock.
func (s *Sleeper) Granted(at int64) { s.granted.Store(at) }

// Grant returns that time, or 0, and the stack of the unlock that has woken s since it fell
// asleep, or nil.
func (s *Sleeper) Grant() (before int64, by []runtime.Frame) {
	if p := s.by.Swap(nil); p != nil {
		by = *p
	}
	return s.granted.Swap(0), by
}

// newWatch makes the timer while the program starts, so that it belongs to nobody.
func newWatch() *watch {
	d := new(watch)
	d.timer = time.AfterFunc(time.Hour, d.step)
	d.timer.Stop()
	return d
}

// usual is a step's length while no timeout is near its end.
const usual = int64(200 * time.Millisecond)

// Watch begins to look after the head of l, which parks by p, and has said so in l.Sleeper.
func (s *Sleeper) Watch(l *asm.Owned, said uint32, head *Head, p *park.Parker) {
	s.reader = nil
	s.watch(l, said, false, head, p)
}

// WatchBeside begins to look after one who waits for l, and has not said so in l.Sleeper.
func (s *Sleeper) WatchBeside(l *asm.Owned, head *Head, p *park.Parker) {
	s.reader = nil
	s.watch(l, 0, true, head, p)
}

// WatchOwner begins to look after the owner of l that waits until a reader leaves its slot, or, if
// that is nil, until one of those leaves that have none.
func (s *Sleeper) WatchOwner(l *asm.Owned, slot *uint64, head *Head, p *park.Parker) {
	s.reader = slot
	s.watch(l, 0, true, head, p)
}

// due reports whether there is what it waits for.
func (s *Sleeper) due() bool {
	if s.reader != nil {
		return atomic.LoadUint64(s.reader)&^3 != uint64(uintptr(unsafe.Pointer(s.lock)))
	}
	return s.lock.Owner.Load() == 0
}

func (s *Sleeper) watch(l *asm.Owned, said uint32, beside bool, head *Head, p *park.Parker) {
	d := watchdog
	d.mu.Lock()
	defer d.mu.Unlock()
	s.lock, s.head, s.parker, s.said, s.beside = l, head, p, said, beside
	s.at, s.free = len(d.heads), 0
	d.heads = append(d.heads, s)
	if p.Bubble() {
		return // a timer that is set in a bubble goes by the bubble's clock
	}
	next := head.count(Timeout(l), clock.Now(), 0)
	if !d.armed || next < d.ticks {
		d.arm(next)
	}
}

// Unwatch ends it. The watchdog sleeps when there is nobody to look after.
func (s *Sleeper) Unwatch() {
	d := watchdog
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(d.heads) - 1
	d.heads[s.at] = d.heads[last]
	d.heads[s.at].at = s.at
	d.heads[last] = nil
	d.heads = d.heads[:last]
	d.rest(s.parker)
}

// rest stops the timer if nobody needs it any more. In a bubble it is left to stop by
// itself.
func (d *watch) rest(p *park.Parker) {
	if len(d.heads)+d.held == 0 && !p.Bubble() {
		d.timer.Stop()
		d.armed = false
	}
}

// Hold has the watchdog run until Release, for one who waits by p. A head in a bubble
// cannot have it run, and so those do who wait behind it outside.
func Hold(p *park.Parker) {
	d := watchdog
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held++
	if !d.armed && !p.Bubble() {
		d.arm(usual)
	}
}

// Release ends it.
func Release(p *park.Parker) {
	d := watchdog
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held--
	d.rest(p)
}

// Sleepers returns how many heads the watchdog looks after.
func Sleepers() int {
	watchdog.mu.Lock()
	defer watchdog.mu.Unlock()
	return len(watchdog.heads)
}

// arm has the next step end after the time given, or as usual.
func (d *watch) arm(after int64) {
	d.armed, d.last, d.ticks = true, clock.Now(), min(after, usual)
	d.timer.Reset(time.Duration(d.ticks))
}

// step looks at each head.
func (d *watch) step() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.heads)+d.held == 0 {
		d.armed = false
		return
	}
	now := clock.Now()
	length, next := now-d.last, usual
	for _, s := range d.heads {
		if s.due() {
			if s.lost(length) && s.parker.Signal() {
				events.Count(events.Rescued)
			}
			next = min(next, graceStep)
			continue
		}
		s.free = 0
		if !s.beside && asm.LoadRelaxed32(&s.lock.Sleeper) != s.said {
			s.parker.Signal() // the lock was overwritten, and names nobody who sleeps
		}
		next = min(next, s.head.count(Timeout(s.lock), now, length))
		if s.head.Stalled(s.lock, now) {
			s.parker.Signal()
		}
	}
	d.arm(next)
}

// grace is how long a lock may be free until the head is woken that sleeps beside it: its
// owner may not run between the unlock and the wake-up. It is counted in steps, and a step that
// ends late counts for no more: then the owner may not have run either.
const (
	grace     = 200 * int64(time.Millisecond)
	graceStep = grace / 10
)

// lost reports whether nobody will wake the head, although its lock is free. The step that
// ends took so long.
func (s *Sleeper) lost(step int64) bool {
	if s.woken.Load() {
		return false
	}
	if s.free == 0 {
		s.free = 1 // it was free at this look
		return false
	}
	s.free += min(step, graceStep)
	return s.free >= grace
}
