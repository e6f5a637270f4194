package rqlock

import (
	"fmt"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// mostHolders is how many readers a report names.
const mostHolders = 16

func (l *RWMutex) info() LockInfo { return infoOf(&l.rw.Owned) }

// blame names those who hold l, while the caller waits for it.
func (l *RWMutex) blame(w *Wait) {
	if owner := l.owner(); owner != 0 && owner != w.Goroutine && !l.gate().Draining() {
		w.Holders = []Holder{{Goroutine: owner}}
		return
	}
	l.gate().EachReader(func(id uint64) bool {
		if len(w.Holders) < mostHolders {
			w.Holders = append(w.Holders, Holder{Goroutine: id, Reads: true})
		} else {
			w.More++
		}
		return true
	})
}

func (l *RWMutex) failStall(kind waiter.Kind, waited time.Duration) error {
	events.Count(events.Stall)
	return l.newTimeout(kind, waited, true)
}

// newTimeout describes the wait of the calling goroutine, and who is to blame for it.
func (l *RWMutex) newTimeout(kind waiter.Kind, waited time.Duration, stall bool) *TimeoutError {
	e := &TimeoutError{Wait: Wait{
		Goroutine: asm.CurrentGoid(), Lock: l.info(), Read: kind == waiter.Read, For: waited, Stack: report.Caller(),
	}, Stall: stall}
	l.blame(&e.Wait)
	e.Wait.lookUp()
	return e
}

// state says who holds l.
func (l *RWMutex) state() string {
	var w Wait
	if l.blame(&w); len(w.Holders) == 0 {
		return "free"
	}
	return w.heldBy()
}

// badUnlock panics because the caller, me, does not hold l for writing. Nothing has changed.
func (l *RWMutex) badUnlock(me uint64) {
	if l.owner() == 0 && !l.gate().Read() {
		panic(fmt.Sprintf("rqlock: unlock of unlocked lock %v", l.info()))
	}
	panic(fmt.Sprintf("rqlock: goroutine %d unlocks lock %v, which is %s", me, l.info(), l.state()))
}

// badRUnlock panics because the caller does not hold l for reading. Nothing has changed.
func (l *RWMutex) badRUnlock() {
	panic(fmt.Sprintf("rqlock: goroutine %d ends reading lock %v, which is %s and not read by it", asm.CurrentGoid(), l.info(), l.state()))
}

// badOverwritten panics because nobody holds l any more, although the caller did.
func (l *RWMutex) badOverwritten() {
	panic(fmt.Sprintf("rqlock: lock %v was overwritten while goroutine %d read it", l.info(), asm.CurrentGoid()))
}

// badAssert panics because the caller, me, does not hold l in this way.
func (l *RWMutex) badAssert(me uint64, way string) {
	panic(fmt.Sprintf("rqlock: goroutine %d must hold lock %v%s, which is %s", me, l.info(), way, l.state()))
}
