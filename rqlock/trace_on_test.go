//go:build rqlocktrace

package rqlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/events"
)

// Thousands of inversions, which the tests of other things make, would hide which test failed.
var stderr = setUntold(io.Discard)

func setUntold(w io.Writer) (previous io.Writer) {
	previous, untold = untold, w
	return previous
}

//go:noinline
func takesHere(l *Mutex) error { return l.Lock() }

//go:noinline
func readsHere(l *RWMutex) error { return l.RLock() }

// names reports whether a stack names a function.
func names(stack []runtime.Frame, function string) bool {
	for _, f := range stack {
		if strings.Contains(f.Function, function) {
			return true
		}
	}
	return false
}

// heldNow returns how many locks the calling goroutine is known to hold.
func heldNow() int {
	at := &holds[asm.CurrentGoid()%uint64(len(holds))]
	at.mu.Lock()
	defer at.mu.Unlock()
	return len(at.of[asm.CurrentGoid()])
}

// TestTaken: reports say where the lock was taken, in whatever way, and nothing is left when it
// is released.
func TestTaken(t *testing.T) {
	var l Mutex
	must(t, takesHere(&l))
	var d *DeadlockError
	if err := l.Lock(); !errors.As(err, &d) || !names(d.Cycle[0].Holders[0].Taken, "takesHere") { //rqvet:ignore selfdeadlock it is what the test is about
		t.Errorf("got %+v", err)
	}
	errs := make(chan error)
	go func() { errs <- l.LockTimeout(time.Millisecond) }()
	err := <-errs
	var e *TimeoutError
	if !errors.As(err, &e) || !names(e.Wait.Holders[0].Taken, "takesHere") || !strings.Contains(fmt.Sprintf("%+v", err), "took it at:") {
		t.Errorf("got %+v", err)
	}
	l.Unlock()

	var rw RWMutex
	must(t, readsHere(&rw))
	must(t, rw.RLock())
	go func() { errs <- rw.LockTimeout(time.Millisecond) }()
	if err := <-errs; !errors.As(err, &e) || !names(e.Wait.Holders[0].Taken, "readsHere") {
		t.Errorf("got %+v", err)
	}
	rw.RUnlock()
	rw.RUnlock()
	if n := heldNow(); n != 0 {
		t.Errorf("%d locks are left", n)
	}
	// Each way to take and to release.
	for _, take := range []func() error{l.Lock, func() error { return l.LockTimeout(time.Hour) }, func() error { return l.LockContext(t.Context()) }, try(l.TryLock)} {
		must(t, take())
		if n := heldNow(); n != 1 {
			t.Errorf("%d locks are held", n)
		}
		l.Unlock()
	}
	for _, c := range []struct {
		take func() error
		end  func()
	}{
		{rw.Lock, rw.Unlock},
		{func() error { return rw.LockTimeout(time.Hour) }, rw.Unlock},
		{func() error { return rw.LockContext(t.Context()) }, rw.Unlock},
		{try(rw.TryLock), rw.Unlock},
		{rw.RLock, rw.RUnlock},
		{func() error { return rw.RLockTimeout(time.Hour) }, rw.RUnlock},
		{func() error { return rw.RLockContext(t.Context()) }, rw.RUnlock},
		{try(rw.TryRLock), rw.RUnlock},
		{rw.Lock, func() { rw.Downgrade(); rw.RUnlock() }},
	} {
		must(t, c.take())
		if n := heldNow(); n != 1 {
			t.Errorf("%d locks are held", n)
		}
		if c.end(); heldNow() != 0 {
			t.Errorf("%d locks are left", heldNow())
		}
	}
	must(t, l.LockPinned())
	l.UnlockPinned()
}

func try(f func() bool) func() error {
	return func() error {
		if !f() {
			return errors.New("the lock was not free")
		}
		return nil
	}
}

// ordersOf returns the inversions that f is told of.
func ordersOf(t *testing.T, f func()) (told []*OrderError) {
	setOnViolation(t, func(err error) {
		var e *OrderError
		if errors.As(err, &e) {
			told = append(told, e)
		}
	})
	f()
	return told
}

//go:noinline
func inOrder(t *testing.T, first, then *Mutex) {
	must(t, first.Lock())
	must(t, then.Lock())
	then.Unlock()
	first.Unlock()
}

// TestInversion: two locks that are taken in both orders are reported once, though nothing
// hangs, with the four places. One order alone is no fault, nor is what was only tried.
func TestInversion(t *testing.T) {
	var a, b, c Mutex
	a.SetName("a")
	defer a.SetName("")
	told := ordersOf(t, func() {
		for range 3 {
			inOrder(t, &a, &b)
			inOrder(t, &b, &c)
			inOrder(t, &a, &c)
			must(t, c.Lock())
			must(t, try(a.TryLock)())
			a.Unlock()
			c.Unlock()
		}
	})
	if len(told) != 0 {
		t.Fatalf("told of %+v", told)
	}
	told = ordersOf(t, func() {
		for range 3 {
			inOrder(t, &b, &a)
		}
	})
	if len(told) != 1 {
		t.Fatalf("told of %+v", told)
	}
	e := told[0]
	if e.Locks[0].Addr != addr(&b) || e.Locks[1].Name != "a" || e.Locks[1].Kind != "Mutex" || strings.Contains(e.Error(), "\n") {
		t.Errorf("got %v", e)
	}
	if whole := fmt.Sprintf("%+v", e); strings.Count(whole, "inOrder(...)") != 4 {
		t.Errorf("got %s", whole)
	}
}

// TestInversionUntold: where OnViolation has no function, an inversion is written to standard
// error, and package rqhttp is told of it all the same.
func TestInversionUntold(t *testing.T) {
	setOnViolation(t, nil)
	if stderr != os.Stderr {
		t.Error("it would not be written to standard error")
	}
	var text strings.Builder
	defer setUntold(setUntold(&text))
	var told []error
	watch := func(err error) { told = append(told, err) }
	before := events.Violated.Swap(&watch)
	defer events.Violated.Store(before)
	var a, b Mutex
	inOrder(t, &a, &b)
	inOrder(t, &b, &a)
	var e *OrderError
	if len(told) != 1 || !errors.As(told[0], &e) || !strings.HasPrefix(text.String(), e.Error()) {
		t.Errorf("told of %v, and written %s", told, &text)
	}
}

// TestInversionRead: those who only read do not wait for one another.
func TestInversionRead(t *testing.T) {
	order := func(first, then Locker) {
		must(t, first.Lock())
		must(t, then.Lock())
		then.Unlock()
		first.Unlock()
	}
	for _, test := range []struct {
		how  [4]bool // whether each is taken to read: a, b; b, a
		told int
	}{
		{[4]bool{true, true, true, true}, 0},
		{[4]bool{true, false, true, true}, 0}, // a is read by both
		{[4]bool{true, true, false, true}, 0}, // b is held to write, and a read by both
		{[4]bool{true, false, false, false}, 1},
		{[4]bool{true, true, false, false}, 1},
		{[4]bool{false, false, false, false}, 1},
	} {
		var a, b RWMutex
		as := func(l *RWMutex, read bool) Locker {
			if read {
				return l.RLocker()
			}
			return l
		}
		told := ordersOf(t, func() {
			order(as(&a, test.how[0]), as(&b, test.how[1]))
			order(as(&b, test.how[2]), as(&a, test.how[3]))
		})
		if len(told) != test.told {
			t.Errorf("%v: told of %v", test.how, told)
		}
	}
}

// BenchmarkTraced is what the build tag costs.
func BenchmarkTraced(b *testing.B) {
	var l Mutex
	for b.Loop() {
		must(b, l.Lock())
		l.Unlock()
	}
}
