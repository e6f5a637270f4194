package rqlock

import (
	"fmt"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

func (l *RWMutex) info() LockInfo { return infoOf(&l.rw.Owned, waiter.ForWriting) }

func (l *RWMutex) failStall(kind waiter.Kind, waited time.Duration) error {
	events.Count(events.Stall)
	return l.newTimeout(kind, waited, true)
}

func (l *RWMutex) newTimeout(kind waiter.Kind, waited time.Duration, stall bool) *TimeoutError {
	return newTimeout(&l.rw.Owned, kind, waited, stall)
}

// state says who holds l.
func (l *RWMutex) state() string {
	var w Wait
	if w.blame(&l.rw.Owned, waiter.ForWriting, 0, 0); len(w.Holders) == 0 {
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
