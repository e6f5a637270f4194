package rqlock

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
)

var onViolation atomic.Pointer[func(error)]

// OnViolation sets a function to be told of [*DeadlockError] and [*TimeoutError] errors, by
// the goroutine that gets the error, when it has left the lock's queue; with build tag
// rqlocktrace also of each [*OrderError]. nil turns it off. OnViolation returns the function
// that was set before, or nil, so that a program can chain the two or put it back.
//
// f may do anything, also what fails in its turn: it is not told of what its own goroutine
// brings about while it runs, nor of other violations on a lock about which it is being told.
// Of many violations on one lock, at one call, it is told of the first ten, and then of one a
// second; of those on more than 4,096 locks, or at so many calls, within a second, it is not told
// of all. Events.Unreported counts those that it was not told of, and so does the next error
// that it is told of, in its field Unreported.
func OnViolation(f func(error)) (previous func(error)) {
	var p *func(error)
	if f != nil {
		p = &f
	}
	if old := onViolation.Swap(p); old != nil {
		previous = *old
	}
	return previous
}

// reports are the calls of OnViolation's function: those that go on, and how many there were.
var reports = struct {
	mu         sync.Mutex
	goroutines map[uint64]bool  // are inside the function
	locks      map[uintptr]bool // about which it is being told
	places     map[place]*quota // where violations were
	swept      int64            // when those were looked through
}{goroutines: map[uint64]bool{}, locks: map[uintptr]bool{}, places: map[place]*quota{}}

// A place is a lock and a call that failed.
type place struct {
	lock uintptr
	file string
	line int
}

// A quota says how much may be reported of one place.
type quota struct {
	left       int   // at once
	since      int64 // on the clock, of the last one that came back
	unreported uint64
}

const (
	atOnce    = 10
	perReport = int64(time.Second)
	maxPlaces = 4096 // whose quotas are kept
)

// reportViolation tells OnViolation's function of a failed wait, if that may be told, and package
// rqhttp of each. It counts deadlocks.
func reportViolation(err error) {
	if e, ok := err.(*DeadlockError); ok {
		events.CountDeadlock(len(e.Cycle))
	}
	if watch := events.Violated.Load(); watch != nil {
		(*watch)(err)
	}
	f := onViolation.Load()
	if f == nil {
		return
	}
	lock, stack, unreported := violation(err)
	me := asm.CurrentGoid()
	if !beginReport(me, lock, stack, unreported) {
		events.Count(events.Unreported)
		return
	}
	defer func() { // also if f panics
		reports.mu.Lock()
		defer reports.mu.Unlock()
		delete(reports.goroutines, me)
		delete(reports.locks, lock)
	}()
	(*f)(err)
}

// violation returns which lock it was, and where, and where the error has its count.
func violation(err error) (lock uintptr, stack []runtime.Frame, unreported *uint64) {
	switch err := err.(type) {
	case *DeadlockError:
		return err.Cycle[0].Lock.Addr, err.Cycle[0].Stack, &err.Unreported
	case *TimeoutError:
		return err.Wait.Lock.Addr, err.Wait.Stack, &err.Unreported
	case *OrderError:
		return err.Locks[1].Addr, err.Orders[0].Then, &err.Unreported
	}
	panic("rqlock: no violation: " + err.Error())
}

// beginReport reports whether the goroutine may tell of it now.
func beginReport(me uint64, lock uintptr, stack []runtime.Frame, unreported *uint64) bool {
	p := place{lock: lock}
	if len(stack) > 1 {
		p.file, p.line = stack[1].File, stack[1].Line // the call of an exported method
	}
	reports.mu.Lock()
	defer reports.mu.Unlock()
	now := clock.Now()
	q := reports.places[p]
	if q == nil {
		if len(reports.places) >= maxPlaces && !forgetPlaces(now) {
			return false
		}
		q = &quota{left: atOnce, since: now}
		reports.places[p] = q
	}
	if reports.goroutines[me] || reports.locks[p.lock] || !q.take(now) {
		q.unreported++
		return false
	}
	*unreported, q.unreported = q.unreported, 0
	reports.goroutines[me], reports.locks[p.lock] = true, true
	return true
}

// take takes one report from the quota, if it has any.
func (q *quota) take(now int64) bool {
	back := (now - q.since) / perReport
	q.since += back * perReport
	q.left = int(min(int64(q.left)+back, atOnce))
	if q.left == 0 {
		return false
	}
	q.left--
	return true
}

// forgetPlaces forgets the places of which all may be reported again, and reports whether
// there were any. It looks once a second.
func forgetPlaces(now int64) (any bool) {
	if now-reports.swept < perReport {
		return false
	}
	reports.swept = now
	for p, q := range reports.places {
		if int64(q.left)+(now-q.since)/perReport >= atOnce {
			delete(reports.places, p)
			any = true
		}
	}
	return any
}
