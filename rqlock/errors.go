package rqlock

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
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

// A Wait is the wait of one goroutine for one lock.
type Wait struct {
	Goroutine uint64          // id of the goroutine that waits; 0 = unknown
	Lock      LockInfo        // what it waits for
	For       time.Duration   // how long it has waited
	Stack     []runtime.Frame // where it waits, innermost call first
	Read      bool            // it waits to read: the lock is an RWMutex

	// Holders are the goroutines that hold the lock: one, or at most 16 readers of an
	// RWMutex. In a [*DeadlockError] it is the one that waits in its turn.
	Holders []Holder
	More    int // how many more readers hold it
}

// A Holder is a goroutine that holds a lock which others wait for.
type Holder struct {
	Goroutine uint64 // its id
	Reads     bool   // it holds the lock for reading

	// State is what the goroutine did when a [*TimeoutError] was made, as a traceback
	// says it: "running", "chan receive", "coroutine" for an iterator that is suspended
	// (see iter.Pull), or "ended". It is "" if that was not looked up, as in a
	// [*DeadlockError], whose goroutines all wait, or because the last look was too
	// recent: it stops the program for a while.
	State string

	Stack []runtime.Frame // where it was then, innermost call first; nil if unknown
}

// LockInfo identifies a lock in a report.
type LockInfo struct {
	Addr uintptr
	Name string // see Lock.SetName
}

func (i LockInfo) String() string {
	if i.Name != "" {
		return fmt.Sprintf("%q (%#x)", i.Name, i.Addr)
	}
	return fmt.Sprintf("%#x", i.Addr)
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
	format(s, verb, e.Error(), e.Cycle...)
}

// heldBy says who holds the lock that is waited for.
func (w *Wait) heldBy() string {
	if len(w.Holders) == 0 {
		return "free, but not handed over"
	}
	var b strings.Builder
	b.WriteString("held by ")
	if n := len(w.Holders) + w.More; n > 1 {
		fmt.Fprintf(&b, "%d readers: ", n)
	}
	for i, h := range w.Holders {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(h.describe())
	}
	if w.More > 0 {
		fmt.Fprintf(&b, " and %d more", w.More)
	}
	return b.String()
}

func (h *Holder) describe() string {
	reads := ""
	if h.Reads {
		reads = ", which reads"
	}
	switch h.State {
	case "":
		return fmt.Sprintf("goroutine %d%s", h.Goroutine, reads)
	case goid.Ended:
		return fmt.Sprintf("goroutine %d, which has ended", h.Goroutine)
	case goid.Coroutine:
		return fmt.Sprintf("goroutine %d, which is suspended in an iterator (%s)", h.Goroutine, h.State)
	default:
		return fmt.Sprintf("goroutine %d (%s)", h.Goroutine, h.State)
	}
}

// TimeoutError says that an acquisition gave up. The caller does not hold the
// lock.
type TimeoutError struct {
	Wait  Wait // For is the limit of LockTimeout, or with Stall the time without progress
	Stall bool // the lock was granted to nobody for the stall timeout

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
	format(s, verb, e.Error(), e.Wait)
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

func format(s fmt.State, verb rune, line string, waits ...Wait) {
	switch {
	case verb == 'v' && s.Flag('+'):
		io.WriteString(s, line)
		for i := range waits {
			w := &waits[i]
			fmt.Fprintf(s, "\n\ngoroutine %d waits for lock %v, %s:", w.Goroutine, w.Lock, w.heldBy())
			formatStack(s, w.Stack)
			for _, h := range w.Holders {
				if len(h.Stack) > 0 {
					fmt.Fprintf(s, "\n\ngoroutine %d holds lock %v (%s):", h.Goroutine, w.Lock, h.State)
					formatStack(s, h.Stack)
				}
			}
		}
	case verb == 'q':
		fmt.Fprintf(s, "%q", line)
	default:
		io.WriteString(s, line)
	}
}

func formatStack(w io.Writer, stack []runtime.Frame) {
	for _, f := range stack {
		fmt.Fprintf(w, "\n\t%s", f.Function)
		if f.File != "" {
			fmt.Fprintf(w, "\n\t\t%s:%d", f.File, f.Line)
		}
	}
}

func (l *Mutex) failSelf() error { return failSelf(l.info(), false, false) }

// failSelf is for the calling goroutine, which holds the lock.
func failSelf(lock LockInfo, read, reads bool) error {
	events.Count(events.SelfDeadlock)
	e := new(struct { // one allocation
		DeadlockError
		cycle   [1]Wait
		holders [1]Holder
	})
	me := asm.CurrentGoid()
	e.holders[0] = Holder{Goroutine: me, Reads: reads}
	e.cycle[0] = Wait{Goroutine: me, Lock: lock, Read: read, Stack: report.Caller(), Holders: e.holders[:]}
	e.Cycle = e.cycle[:]
	return &e.DeadlockError
}

func failDeadlock(err error) error {
	events.Count(events.CycleDeadlock)
	return err
}

func (l *Mutex) failStall(waited time.Duration) error {
	events.Count(events.Stall)
	return l.newTimeout(waited, true)
}

func (l *Mutex) failDeadline(lim *park.Limit) error {
	events.Count(events.Deadline)
	return l.newTimeout(lim.Duration(), false)
}

func (l *Mutex) failContext() error {
	events.Count(events.Cancelled)
	return &contextError{lock: l.info()} // lockSlow asks for the cause
}

// newTimeout describes the wait of the calling goroutine, and who is to blame for it.
func (l *Mutex) newTimeout(waited time.Duration, stall bool) *TimeoutError {
	e := &TimeoutError{Wait: l.callersWait(waited), Stall: stall}
	e.Wait.lookUp()
	return e
}

// lookUp finds out what the holders do.
func (w *Wait) lookUp() {
	ids := make([]uint64, len(w.Holders))
	for i := range w.Holders {
		ids[i] = w.Holders[i].Goroutine
	}
	goid.States(ids, func(i int, state string, stack []runtime.Frame) {
		w.Holders[i].State, w.Holders[i].Stack = state, stack
	})
}

// callersWait describes the wait of the calling goroutine, which ends now.
func (l *Mutex) callersWait(d time.Duration) Wait {
	w := Wait{Goroutine: asm.CurrentGoid(), Lock: l.info(), For: d, Stack: report.Caller()}
	if owner := l.owner(); owner != 0 {
		w.Holders = []Holder{{Goroutine: owner}}
	}
	return w
}

// newDeadlock describes a cycle; the victim's step comes first.
func newDeadlock(cycle []waitgraph.Step) *DeadlockError {
	e := &DeadlockError{Cycle: make([]Wait, len(cycle))}
	now := clock.Now()
	for i, s := range cycle {
		next := cycle[(i+1)%len(cycle)]
		e.Cycle[i] = Wait{
			Goroutine: s.ID,
			Lock:      LockInfo{Addr: attributes.Addr(s.Lock), Name: attributes.Of(s.Lock).Name},
			For:       time.Duration(now - s.Waiter.Since.Load()),
			Stack:     s.Waiter.Where.Frames(),
			Read:      s.Kind == waiter.Read,
			Holders:   []Holder{{Goroutine: next.ID, Reads: s.Reads(next)}},
		}
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
