package rqlock

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
	"weak"
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
	// Cycle has the caller first, and then each the owner of the lock that the
	// one before waits for. With one party, the caller holds the lock already.
	Cycle []Party
}

// Party is a goroutine of a cycle.
type Party struct {
	Goroutine uint64    // id of the goroutine that waits (0 = unknown)
	Lock      LockInfo  // what it waits for
	Owner     uint64    // id of the goroutine that holds that lock
	Stack     []uintptr // where it waits, for runtime.CallersFrames
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
	if p := e.Cycle[0]; len(e.Cycle) == 1 {
		return fmt.Sprintf("rqlock: deadlock: goroutine %d already holds lock %v", p.Goroutine, p.Lock)
	}
	var b strings.Builder
	b.WriteString("rqlock: deadlock: ")
	for i, p := range e.Cycle {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "goroutine %d waits for lock %v held by %d", p.Goroutine, p.Lock, p.Owner)
	}
	return b.String()
}

// Is matches ErrDeadlock and syscall.EDEADLK.
func (e *DeadlockError) Is(target error) bool {
	return target == ErrDeadlock || isErrnoDeadlock(target)
}

// Format prints the whole report, stacks included, for %+v.
func (e *DeadlockError) Format(s fmt.State, verb rune) {
	format(s, verb, e.Error(), func() {
		for _, p := range e.Cycle {
			fmt.Fprintf(s, "\n\ngoroutine %d waits for lock %v, held by goroutine %d:", p.Goroutine, p.Lock, p.Owner)
			writeStack(s, p.Stack)
		}
	})
}

// TimeoutError says that an acquisition gave up. The caller does not hold the
// lock.
type TimeoutError struct {
	Lock   LockInfo
	Owner  uint64        // id of the goroutine that held the lock (0 = unknown)
	Waited time.Duration // without progress, or the limit of LockTimeout
	Stall  bool          // the lock was granted to nobody for the stall timeout
}

// Error says who held the lock and for how long.
func (e *TimeoutError) Error() string {
	if e.Stall {
		return fmt.Sprintf("rqlock: timeout: lock %v, held by goroutine %d, was granted to nobody for %v", e.Lock, e.Owner, e.Waited.Round(time.Millisecond))
	}
	return fmt.Sprintf("rqlock: timeout: lock %v, held by goroutine %d, was not acquired within %v", e.Lock, e.Owner, e.Waited)
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

func format(s fmt.State, verb rune, line string, details func()) {
	switch {
	case verb == 'v' && s.Flag('+'):
		io.WriteString(s, line)
		details()
	case verb == 'q':
		fmt.Fprintf(s, "%q", line)
	default:
		io.WriteString(s, line)
	}
}

func writeStack(w io.Writer, stack []uintptr) {
	if len(stack) == 0 {
		return
	}
	frames := runtime.CallersFrames(stack)
	for own := true; ; {
		f, more := frames.Next()
		own = own && (strings.Contains(f.Function, "rqlock.(*Mutex).lock") || strings.HasSuffix(f.Function, "rqlock.lockContended") || strings.HasSuffix(f.Function, "rqlock.lockFused"))
		if own && more {
			continue
		}
		fmt.Fprintf(w, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
		if !more {
			return
		}
	}
}

// A Report is what OnViolation's function gets: the error that the caller of
// the acquisition gets, too.
type Report struct {
	Err error // a *DeadlockError or *TimeoutError
}

var onViolation atomic.Pointer[func(Report)]

// OnViolation sets a function to be called on each deadlock and timeout, by the
// goroutine that gets the error, while it holds no lock of this package's own. If
// f itself brings about a violation it is called for that one, too. nil turns it
// off.
func OnViolation(f func(Report)) {
	if f == nil {
		onViolation.Store(nil)
		return
	}
	onViolation.Store(&f)
}

func reportViolation(err error) {
	if f := onViolation.Load(); f != nil {
		(*f)(Report{err})
	}
}

func (l *Mutex) failSelf() error {
	count(evSelf)
	var p place
	p.record()
	id, stack := p.read()
	return &DeadlockError{Cycle: []Party{{Goroutine: id, Lock: l.info(), Owner: id, Stack: stack}}}
}

func failDeadlock(err *DeadlockError) error {
	count(evCycle)
	return err
}

func (l *Mutex) failStall(waited time.Duration) error {
	count(evStall)
	return &TimeoutError{Lock: l.info(), Owner: goidOf(l.owner()), Waited: waited, Stall: true}
}

func (l *Mutex) failDeadline(lim *limit) error {
	count(evDeadline)
	return &TimeoutError{Lock: l.info(), Owner: goidOf(l.owner()), Waited: lim.deadline.Sub(lim.start)}
}

func (l *Mutex) failContext(lim *limit) error {
	count(evCancelled)
	return &contextError{lock: l.info()} // lockSlow asks for the cause
}

// newDeadlock describes a cycle; the victim's step comes first.
func newDeadlock(steps []step) *DeadlockError {
	e := &DeadlockError{Cycle: make([]Party, len(steps))}
	for i, s := range steps {
		p := &e.Cycle[i]
		p.Lock = s.lock.info()
		p.Goroutine, p.Stack = s.w.where.read()
		e.Cycle[(i+len(steps)-1)%len(steps)].Owner = p.Goroutine
	}
	return e
}

// names holds the names of locks, which have no room for one.
var names struct {
	sync.Mutex
	of map[weak.Pointer[Mutex]]string
}

// SetName gives l a name for reports; "" takes it back.
func (l *Mutex) SetName(name string) {
	key := weak.Make(l)
	names.Lock()
	defer names.Unlock()
	if names.of == nil {
		names.of = map[weak.Pointer[Mutex]]string{}
	}
	if _, known := names.of[key]; !known {
		runtime.AddCleanup(l, forget, key)
	}
	names.of[key] = name
}

func forget(key weak.Pointer[Mutex]) {
	names.Lock()
	defer names.Unlock()
	delete(names.of, key)
}

func (l *Mutex) info() LockInfo {
	names.Lock()
	defer names.Unlock()
	return LockInfo{Addr: l.addr(), Name: names.of[weak.Make(l)]}
}

func (l *Mutex) addr() uintptr { return uintptr(unsafe.Pointer(l)) }

// badUnlock panics because the caller, me, does not own l. Nothing has changed.
func (l *Mutex) badUnlock(me uintptr) {
	switch owner := l.owner(); owner {
	case 0:
		panic(fmt.Sprintf("rqlock: unlock of unlocked lock %v", l.info()))
	default:
		panic(fmt.Sprintf("rqlock: goroutine %d unlocks lock %v, which is held by goroutine %d", goidOf(me), l.info(), goidOf(owner)))
	}
}
