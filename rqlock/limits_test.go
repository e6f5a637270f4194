package rqlock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
)

// TestOwnLimit: a limit that the caller gives is the limit, however long the lock is
// granted to nobody. The stall timeout bounds those who give none.
func TestOwnLimit(t *testing.T) {
	setStallTimeout(t, short)
	l := newLock(t)
	must(t, l.Lock())
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	patient := newActors(t, 2)
	patient[0].waits(l, func() error { return l.LockTimeout(time.Hour) })
	patient[1].waits(l, func() error { return l.LockContext(ctx) })
	for _, a := range newActors(t, 2) {
		err := a.do(func() error { return l.LockContext(context.WithoutCancel(ctx)) })
		if e := (*TimeoutError)(nil); !errors.As(err, &e) || !e.Stall {
			t.Fatalf("without a deadline of its own a wait ends with %v, want a stall", err)
		}
	}
	time.Sleep(2 * short)
	for i, a := range patient {
		if len(a.results) != 0 {
			t.Fatalf("patient waiter %d got %v", i, a.result())
		}
	}
	l.Unlock()
	getAll(t, l, patient)
}

// TestStallTimeoutOfOne: a lock may have a stall timeout of its own, or none, and
// gives the memory for it back.
func TestStallTimeoutOfOne(t *testing.T) {
	setStallTimeout(t, never)
	before := attributes.Number()
	locks := newLocks(t, 2)
	own, other := &locks[0], &locks[1]
	must(t, own.Lock())
	must(t, other.Lock())
	a := newActors(t, 2)
	own.SetStallTimeout(short)
	a[1].waits(other, other.Lock)
	if e := (*TimeoutError)(nil); !errors.As(a[0].do(own.Lock), &e) || !e.Stall || e.Wait.For < short {
		t.Errorf("a timeout of its own: %+v", e)
	}

	// 0 is never, though the process's is short. Those who wait learn of a change.
	own.SetStallTimeout(0)
	other.SetStallTimeout(0)
	SetStallTimeout(short)
	a[0].waits(own, own.Lock)
	time.Sleep(3 * short)
	for i := range a {
		if len(a[i].results) != 0 {
			t.Fatalf("waiter %d got %v, though its lock has no stall timeout", i, a[i].result())
		}
	}
	own.SetStallTimeout(-5)
	other.SetStallTimeout(-time.Hour)
	for i := range a {
		if err := a[i].result(); !errors.Is(err, ErrTimeout) {
			t.Errorf("with the process's timeout again: %v", err)
		}
	}
	if n := attributes.Number(); n != before {
		t.Errorf("%d locks have attributes, %d had some before", n, before)
	}
	own.Unlock()
	other.Unlock()
}

// TestAssertHeld: it panics unless the caller holds the lock, and does nothing else.
func TestAssertHeld(t *testing.T) {
	l := newLock(t)
	l.SetName("asserted")
	defer l.SetName("")
	setOnViolation(t, func(err error) { t.Errorf("reported %v", err) })
	asserts := func() (said string) {
		defer func() {
			if r := recover(); r != nil {
				said = fmt.Sprint(r)
			}
		}()
		l.AssertHeld()
		return ""
	}
	before := ReadEvents()
	free := asserts()
	must(t, l.Lock())
	held := asserts()
	var other string
	newActors(t, 1)[0].do(func() error { other = asserts(); return nil })
	l.Unlock()
	me := fmt.Sprintf("goroutine %d", asm.CurrentGoid())
	if !strings.Contains(free, me+` must hold lock "asserted"`) || !strings.HasSuffix(free, "which is free") {
		t.Errorf("of a free lock it says %q", free)
	}
	if held != "" {
		t.Errorf("the holder is told %q", held)
	}
	if !strings.HasSuffix(other, "which is held by "+me) {
		t.Errorf("another goroutine is told %q", other)
	}
	if e := since(before); e != (Events{}) {
		t.Errorf("counted %+v", e)
	}
}
