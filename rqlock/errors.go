package rqlock

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// ErrDeadlock matches every [*DeadlockError] under errors.Is, ErrTimeout every
// [*TimeoutError]. So do syscall.EDEADLK and syscall.ETIMEDOUT where they exist.
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
}

// A Wait is the wait of one goroutine for one lock.
type Wait struct {
	Goroutine uint64          // id of the goroutine that waits; 0 = unknown
	Lock      LockInfo        // what it waits for
	For       time.Duration   // how long it has waited
	Stack     []runtime.Frame // where it waits, innermost call first
	Holders   []Holder        // who holds the lock: at most one goroutine
}

// A Holder is a goroutine that holds a lock which others wait for.
type Holder struct {
	Goroutine uint64 // its id

	// State is what the goroutine did when a [*TimeoutError] was made, as a traceback
	// says it: "running", "chan receive", or "ended". It is "" if that was not looked
	// up, as in a [*DeadlockError], whose goroutines all wait, or because the last look
	// was too recent: it stops the program for a while.
	State string
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
	switch h := w.Holders[0]; h.State {
	case "":
		return fmt.Sprintf("held by goroutine %d", h.Goroutine)
	case "ended":
		return fmt.Sprintf("held by goroutine %d, which has ended", h.Goroutine)
	default:
		return fmt.Sprintf("held by goroutine %d (%s)", h.Goroutine, h.State)
	}
}

// TimeoutError says that an acquisition gave up. The caller does not hold the
// lock.
type TimeoutError struct {
	Wait  Wait // For is the limit of LockTimeout, or with Stall the time without progress
	Stall bool // the lock was granted to nobody for the stall timeout
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
			for _, f := range w.Stack {
				fmt.Fprintf(s, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
			}
		}
	case verb == 'q':
		fmt.Fprintf(s, "%q", line)
	default:
		io.WriteString(s, line)
	}
}

// resolve returns the calls of a stack from the exported method on that waits.
func resolve(pcs []uintptr) []runtime.Frame {
	if len(pcs) == 0 {
		return nil
	}
	stack := make([]runtime.Frame, 0, len(pcs))
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if (len(stack) > 0 || !internalCall(f.Function)) && f.Function != "runtime.goexit" {
			stack = append(stack, f)
		}
		if !more {
			return stack
		}
	}
}

// internalCall tells an unexported function of this package.
func internalCall(function string) bool {
	_, name, own := strings.Cut(function, "rqlock/rqlock.")
	name = name[strings.LastIndexByte(name, '.')+1:]
	return own && name != "" && !('A' <= name[0] && name[0] <= 'Z')
}

var onViolation atomic.Pointer[func(error)]

// OnViolation sets a function to be called with each [*DeadlockError] and each
// [*TimeoutError], by the goroutine that gets the error, while it holds no lock of
// this package's own. If f itself brings about a violation it is called for that
// one, too. nil turns it off. OnViolation returns the function that was set
// before, or nil, so that a program can chain the two or put it back.
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

func reportViolation(err error) {
	if f := onViolation.Load(); f != nil {
		(*f)(err)
	}
}

func (l *Mutex) failSelf() error {
	count(evSelfDeadlock)
	w := l.callersWait(0)
	w.Holders = []Holder{{Goroutine: w.Goroutine}}
	return &DeadlockError{Cycle: []Wait{w}}
}

func failDeadlock(err *DeadlockError) error {
	count(evCycleDeadlock)
	return err
}

func (l *Mutex) failStall(waited time.Duration) error {
	count(evStall)
	return l.newTimeout(waited, true)
}

func (l *Mutex) failDeadline(lim *limit) error {
	count(evDeadline)
	return l.newTimeout(lim.deadline.Sub(lim.start), false)
}

func (l *Mutex) failContext(lim *limit) error {
	count(evCancelled)
	return &contextError{lock: l.info()} // lockSlow asks for the cause
}

// newTimeout describes the wait of the calling goroutine, and who is to blame for it.
func (l *Mutex) newTimeout(waited time.Duration, stall bool) *TimeoutError {
	e := &TimeoutError{Wait: l.callersWait(waited), Stall: stall}
	for i := range e.Wait.Holders {
		h := &e.Wait.Holders[i]
		h.State = goroutineState(h.Goroutine)
	}
	return e
}

// callersWait describes the wait of the calling goroutine, which ends now.
func (l *Mutex) callersWait(d time.Duration) Wait {
	var p place
	p.record()
	w := Wait{Lock: l.info(), For: d}
	w.Goroutine, w.Stack = asm.CurrentGoid(), p.read()
	if owner := l.owner(); owner != 0 {
		w.Holders = []Holder{{Goroutine: owner}}
	}
	return w
}

// newDeadlock describes a cycle; the victim's step comes first.
func newDeadlock(steps []step) *DeadlockError {
	e := &DeadlockError{Cycle: make([]Wait, len(steps))}
	now := clock.now()
	for i, s := range steps {
		w := &e.Cycle[i]
		w.Lock = s.lock.info()
		w.For = time.Duration(now - s.w.since.Load())
		w.Goroutine, w.Stack = s.g, s.w.where.read()
		e.Cycle[(i+len(steps)-1)%len(steps)].Holders = []Holder{{Goroutine: w.Goroutine}}
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
