package rqlock

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// ErrDeadlock matches every [*DeadlockError] under errors.Is, ErrTimeout every
// [*TimeoutError]. So do syscall.EDEADLK and syscall.ETIMEDOUT where they exist.
//
// ErrTimeout need not be a mistake in the program. The causes are:
//
//   - the limit of LockTimeout, or the deadline of LockContext's context, has passed;
//   - a holder's section takes longer than the stall timeout;
//   - a holder waits for something that is no lock of this package, like a channel;
//   - a holder has ended with the lock held;
//   - a holder is ready, but does not run: the machine is badly overloaded.
//
// In the last case the lock, and everything that it guards, is as it should be: try again.
var (
	ErrDeadlock = errors.New("rqlock: deadlock")
	ErrTimeout  = errors.New("rqlock: timeout")
)

// DeadlockError says that an acquisition would have waited for ever, because
// of a cycle of goroutines that wait for one another. The caller does not hold
// the lock; the other goroutines of the cycle are unharmed.
type DeadlockError struct {
	// Cycle begins with the caller's wait. Each goroutine holds the lock that the
	// one before it waits for, and the caller the one that the last waits for. A
	// cycle of one says that the caller holds the lock already.
	Cycle []Wait

	// Unreported is how many violations of this lock, at this call, OnViolation's function
	// was not told of since it was told of the one before.
	Unreported uint64
}

// Error describes the cycle in one line.
func (e *DeadlockError) Error() string {
	if len(e.Cycle) == 0 {
		return ErrDeadlock.Error()
	}
	if w := e.Cycle[0]; len(e.Cycle) == 1 {
		return fmt.Sprintf("rqlock: deadlock: goroutine %d already holds lock %v", w.Goroutine, w.Lock)
	}
	var b strings.Builder
	b.WriteString("rqlock: deadlock: ")
	for i, w := range e.Cycle {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "goroutine %d waits for lock %v, %s", w.Goroutine, w.Lock, w.heldBy())
	}
	return b.String()
}

// Is matches ErrDeadlock and syscall.EDEADLK.
func (e *DeadlockError) Is(target error) bool {
	return target == ErrDeadlock || isErrnoDeadlock(target)
}

// Format prints the whole report, stacks included, for %+v.
func (e *DeadlockError) Format(s fmt.State, verb rune) {
	format(s, verb, e.Error(), e.Cycle)
}

// TimeoutError says that an acquisition gave up. The caller does not hold the
// lock.
type TimeoutError struct {
	Wait  Wait // For is the limit of LockTimeout, or with Stall the time without progress
	Stall bool // the lock was granted to nobody for the stall timeout

	Waiters int // how many goroutines waited for the lock in its queue, the caller included; counted within the last 10 ms

	Unreported uint64 // see [DeadlockError]
}

// Error says who held the lock and for how long.
func (e *TimeoutError) Error() string {
	w := &e.Wait
	if e.Stall {
		return fmt.Sprintf("rqlock: timeout: lock %v, %s, was granted to nobody for %v", w.Lock, w.heldBy(), w.For.Round(time.Millisecond))
	}
	return fmt.Sprintf("rqlock: timeout: lock %v, %s, was not acquired within %v", w.Lock, w.heldBy(), w.For)
}

// Format prints the whole report, the caller's stack included, for %+v.
func (e *TimeoutError) Format(s fmt.State, verb rune) {
	format(s, verb, e.Error(), []Wait{e.Wait})
}

// Is matches ErrTimeout and syscall.ETIMEDOUT.
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout || isErrnoTimeout(target) }

// Timeout is true, as of all errors of the standard library that are timeouts.
func (e *TimeoutError) Timeout() bool { return true }

// errNoCause stands for the cause of a context that is done and does not say why.
var errNoCause = errors.New("the context is done, and its Err is nil")

// contextError wraps the cause for which a context ended a wait.
type contextError struct {
	lock  LockInfo
	cause error
}

func (e *contextError) Error() string {
	return fmt.Sprintf("rqlock: lock %v: %s", e.lock, strings.ReplaceAll(e.cause.Error(), "\n", "; "))
}
func (e *contextError) Unwrap() error { return e.cause }

// format prints the line, and for %+v the whole report.
func format(s fmt.State, verb rune, line string, waits []Wait) {
	switch {
	case verb == 'v' && s.Flag('+'):
		fmt.Fprintf(s, "%s\n", line)
		writeWaits(s, waits)
	case verb == 'q':
		fmt.Fprintf(s, "%q", line)
	default:
		io.WriteString(s, line)
	}
}

func (l *Mutex) failSelf() error { return failSelf(&l.word, waiter.ForMutex, false) }

// failSelf is for the calling goroutine, which holds the lock, and reads it if reads.
func failSelf(l *asm.Owned, kind waiter.Kind, reads bool) error {
	e := new(struct { // one allocation
		DeadlockError
		cycle   [1]Wait
		holders [1]Holder
	})
	me := asm.CurrentGoid()
	e.holders[0] = Holder{Goroutine: me, Read: reads, Taken: takenAt(me, l)}
	e.cycle[0] = Wait{
		Goroutine: me, Lock: infoOf(l, kind), Read: kind == waiter.ForReading, Stack: report.Caller(), Labels: report.Labels(), Holders: e.holders[:],
	}
	e.Cycle = e.cycle[:]
	return &e.DeadlockError
}

// claims reports whether a wait with this limit fails if the caller holds the lock already.
func claims(l *asm.Owned, kind waiter.Kind, lim *park.Limit) bool {
	return !lim.Blind() && !waitgraph.HandedOver(l, kind)
}

// closes is for the victim w of a cycle that it has closed itself.
func closes(w *waiter.Waiter, err error) error {
	if w.Blind() {
		return nil
	}
	return err
}

func (l *Mutex) failStall(waited time.Duration) error {
	events.Count(events.Stall)
	return newTimeout(&l.word, waiter.ForMutex, waited, true)
}

func (l *Mutex) failDeadline(lim *park.Limit) error {
	events.Count(events.Deadline)
	return newTimeout(&l.word, waiter.ForMutex, lim.Duration(), false)
}

func (l *Mutex) failContext() error {
	events.Count(events.Cancelled)
	return &contextError{lock: l.info()} // lockSlow asks for the cause
}

// newTimeout describes the wait of the calling goroutine, which ends now, and who is to blame
// for it.
func newTimeout(l *asm.Owned, kind waiter.Kind, waited time.Duration, stall bool) *TimeoutError {
	me := asm.CurrentGoid()
	e := &TimeoutError{Wait: Wait{
		Goroutine: me, Lock: infoOf(l, kind), Read: kind == waiter.ForReading, For: waited, Stack: report.Caller(), Labels: report.Labels(),
	}, Stall: stall, Waiters: waiting(l, kind, me)}
	now := clock.Now()
	since := quietSince(l, kind, waiter.Lookup(me))
	if stall {
		since = now - int64(waited)
	}
	e.Wait.blame(l, kind, now, since)
	lookUp([]Wait{e.Wait})
	return e
}

// newDeadlock describes a cycle; the victim's step comes first.
func newDeadlock(cycle waitgraph.Cycle) *DeadlockError {
	e := &DeadlockError{Cycle: make([]Wait, len(cycle))}
	now := clock.Now()
	for i, s := range cycle {
		next := cycle[(i+1)%len(cycle)]
		e.Cycle[i] = waitOf(s, now)
		e.Cycle[i].Holders = []Holder{{
			Goroutine: next.ID, Read: s.Reads(next), For: atLeast(now, quietSince(s.Lock, s.Kind, nil)), Taken: takenAt(next.ID, s.Lock),
		}}
	}
	return e
}

// badUnlock panics because the caller, me, does not own l. Nothing has changed.
func (l *Mutex) badUnlock(me uint64) {
	if owner := l.owner(); owner != 0 {
		panic(fmt.Sprintf("rqlock: goroutine %d unlocks lock %v, which is held by goroutine %d", me, l.info(), owner))
	}
	panic(fmt.Sprintf("rqlock: unlock of unlocked lock %v", l.info()))
}

// badAssert panics because the caller, me, does not hold l.
func (l *Mutex) badAssert(me uint64) {
	held := "free"
	if owner := l.owner(); owner != 0 {
		held = fmt.Sprintf("held by goroutine %d", owner)
	}
	panic(fmt.Sprintf("rqlock: goroutine %d must hold lock %v, which is %s", me, l.info(), held))
}

// badCopy panics because the queue that l names is another lock's.
func (l *Mutex) badCopy() { badCopy(l.info()) }

func badCopy(lock LockInfo) {
	panic(fmt.Sprintf("rqlock: lock %v is a copy of one that was waited for, or was overwritten: do not copy a lock after its first use", lock))
}
