package rqlock

import (
	"context"
	"testing"
	"time"
)

// TestEvents: each outcome is counted once, by its own counter, and violations
// are reported once each.
func TestEvents(t *testing.T) {
	setStallTimeout(t, 20*time.Millisecond)
	l := newLock(t)
	r := newRing(t, 2)
	actors := newActors(t, 2)
	a, holder := actors[0], actors[1]
	holder.lock(l)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name     string
		fail     func() error
		want     func(Events) uint64
		violates bool
	}{
		{"self", func() error { return holder.do(l.Lock) }, func(e Events) uint64 { return e.SelfDeadlock }, true},
		{"stall", func() error { return a.do(l.Lock) }, func(e Events) uint64 { return e.Stall }, true},
		{"deadline", func() error {
			return a.do(func() error { return l.LockTimeout(time.Millisecond) })
		}, func(e Events) uint64 { return e.Deadline }, true},
		{"no wait", func() error {
			return a.do(func() error { return l.LockTimeout(0) })
		}, func(e Events) uint64 { return e.Deadline }, true},
		{"cancelled", func() error {
			return a.do(func() error { return l.LockContext(cancelled) })
		}, func(e Events) uint64 { return e.Cancelled }, false},
		{"cycle", func() error {
			r.actors[0].waits(r.want(0), func() error { return r.want(0).LockTimeout(never) })
			SetStallTimeout(never)
			return r.actors[1].do(r.want(1).Lock)
		}, func(e Events) uint64 { return e.CycleDeadlock }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var reports []error
			setOnViolation(t, func(err error) { reports = append(reports, err) })
			before := ReadEvents()
			err := c.fail()
			e := since(before)
			if err == nil {
				t.Fatal("no failure")
			}
			if sum := e.SelfDeadlock + e.CycleDeadlock + e.Stall + e.Deadline + e.Cancelled; c.want(e) != 1 || sum != 1 {
				t.Errorf("counted %+v", e)
			}
			if c.violates && (len(reports) != 1 || reports[0] != err) || !c.violates && len(reports) != 0 {
				t.Errorf("reported %v, returned %v", reports, err)
			}
		})
	}
	r.resolve(t, 1)
	holder.unlock(l)
}

// TestRWEventsOfWaits: what happens to those who wait for an RWMutex is counted.
func TestRWEventsOfWaits(t *testing.T) {
	setStallTimeout(t, never)
	l := newRW(t)
	a := newActors(t, 2)
	a[0].write(l)
	before := ReadEvents()
	a[1].start(l.RLock)
	await(t, "the reader to park", func() bool { return since(before).Parked != 0 })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, lock := range []func() error{
		func() error { return l.LockTimeout(0) }, func() error { return l.RLockTimeout(0) },
		func() error { return l.LockContext(cancelled) }, func() error { return l.RLockContext(cancelled) },
	} {
		if lock() == nil {
			t.Fatal("acquired a lock that another one has")
		}
	}
	e := since(before)
	e.Parked = 0 // may come more than once
	if want := (Events{Queued: 1, Deadline: 2, Cancelled: 2}); e != want {
		t.Errorf("counted %+v, want %+v", e, want)
	}
	a[0].unwrite(l)
	must(t, a[1].result())
	a[1].unread(l)
}

// TestEventsOfWaits: what happens on the way to the lock is counted, too.
func TestEventsOfWaits(t *testing.T) {
	setStallTimeout(t, never)
	setRecords(t, 2)
	l := newLock(t)
	actors := newActors(t, 3)
	before := ReadEvents()
	must(t, l.Lock())
	for _, a := range actors[:2] {
		a.waits(l, l.Lock)
	}
	actors[2].start(l.Lock)
	await(t, "the second to park", func() bool { return since(before).Parked != 0 })
	await(t, "one to close the lock", func() bool { return since(before).Closed != 0 })
	await(t, "the third to find no record", func() bool { return since(before).Unqueued != 0 })
	e := since(before)
	e.Parked, e.Closed = 0, 0 // may come more than once
	if want := (Events{Queued: 2, Unqueued: 1}); e != want {
		t.Errorf("counted %+v, want %+v", e, want)
	}
	l.Unlock()
	getAll(t, l, actors)
}
