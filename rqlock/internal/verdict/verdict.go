package verdict

import (
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// Await acquires a lock whose fast path has failed. lock is its slow path, and try acquires it
// without waiting. It returns with the lock held, or panics, as the policy says.
func Await(l *asm.Owned, lock func(*park.Limit) error, try func() bool) {
	policy := current()
	if policy == Off {
		for lim := park.Blindly(); lock(lim) != nil; { // another waiter has found a cycle
		}
		return
	}
	var (
		lim       *park.Limit // at first a stall ends the wait
		suspected *rqlock.DeadlockError
		settled   *rqlock.DeadlockError // was reported
		began     = clock.Now()
	)
	for {
		switch err := lock(lim).(type) {
		case nil:
			granted(l, suspected, settled)
			return
		case *rqlock.DeadlockError:
			switch {
			case settled != nil && bridge.Same(settled, err):
			case pends(err): // another of its goroutines has reported it
				withdraw(suspected)
				unpend(settled)
				suspected, settled, lim = nil, err, park.Blindly()
			case suspected == nil || !bridge.Same(suspected, err):
				withdraw(suspected)
				if suspected = err; confirm(try) {
					granted(l, suspected, settled)
					return
				}
			default:
				err.Cycle[0].For = time.Duration(clock.Now() - began) // and not since the confirmation
				carryOut(policy, err)
				unpend(settled)
				pend(err)
				suspected, settled, lim = nil, err, park.Blindly()
			}
		case *rqlock.TimeoutError:
			held(l, err)
			lim = park.Patient()
		default:
			panic(err) // a wait without a context is not cancelled
		}
	}
}

// Between its tries whoever confirms a verdict yields first, and then sleeps longer and longer:
// most locks that are handed over are so soon.
const (
	yields       = 100
	shortestNap  = 20 * time.Microsecond
	longestNap   = 2 * time.Millisecond
	stepsAtLeast = 10 // a stop of the process counts as one of them
)

// confirm tries for a while whether somebody unlocks the lock, in real time. It reports whether it
// has acquired it.
func confirm(try func() bool) bool {
	limit := settings.confirm.Load()
	last, bubble := clock.Read()
	nap := shortestNap
	for n, passed := 0, int64(0); passed < limit; n++ {
		if try() {
			return true
		}
		if bubble || n < yields { // in a bubble a sleep takes the bubble's time
			runtime.Gosched()
		} else {
			time.Sleep(nap)
			nap = min(2*nap, longestNap)
		}
		now := clock.Now()
		passed += min(now-last, max(limit/stepsAtLeast, 1))
		last = now
	}
	return false
}

// granted ends a wait for l.
func granted(l *asm.Owned, suspected, settled *rqlock.DeadlockError) {
	withdraw(suspected)
	unpend(settled)
	forget(l)
	settle(l)
}

// withdraw notes that a deadlock, if there was one, was none.
func withdraw(suspected *rqlock.DeadlockError) {
	if suspected != nil {
		events.Count(events.Withdrawn)
	}
}

// carryOut does what the policy says.
func carryOut(policy Policy, err *rqlock.DeadlockError) {
	events.Count(events.Confirmed)
	if r := reportOf(asm.CurrentGoid()); r != nil {
		events.CountDeadlock(len(err.Cycle)) // as is any that is reported
		r.nested = err
		owe(err)
		panic(err)
	}
	report("deadlock", err)
	switch policy {
	case Panic:
		owe(err)
		panic(err)
	case Exit:
		os.Exit(2)
	}
}

// stalled has the locks whose stall was reported and that have not been granted since, as far as
// those know who waited for them.
var stalled struct {
	mu sync.Mutex
	of map[uintptr]bool
}

// held reports that a lock is held for long, once until it is granted again, unless a deadlock
// was reported that it is part of.
func held(l *asm.Owned, err *rqlock.TimeoutError) {
	if pendsAt(addr(l)) {
		return // that says why
	}
	stalled.mu.Lock()
	told := stalled.of[addr(l)]
	if !told {
		if stalled.of == nil {
			stalled.of = map[uintptr]bool{}
		}
		stalled.of[addr(l)] = true
	}
	stalled.mu.Unlock()
	if told || reportOf(asm.CurrentGoid()) != nil {
		return
	}
	report("held long", err)
}

// forget forgets that a lock was held for long: it has been granted just now.
func forget(l *asm.Owned) {
	stalled.mu.Lock()
	defer stalled.mu.Unlock()
	if len(stalled.of) > 0 {
		delete(stalled.of, addr(l))
	}
}
