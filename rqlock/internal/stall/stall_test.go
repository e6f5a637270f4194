package stall

import (
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// TestProgressNoted: another owner counts as progress to the head of a closed lock (G6),
// and makes the count of the last quarter begin anew.
func TestProgressNoted(t *testing.T) {
	l := new(asm.Owned)
	h := Head{Closed: true, owner: 1, quiet: 5, steps: 3}
	l.Owner.Store(1)
	if h.Look(l); h != (Head{Closed: true, owner: 1, quiet: 5, steps: 3}) {
		t.Errorf("the same owner changed %+v", h)
	}
	for _, owner := range []uint64{2, 0} {
		l.Owner.Store(owner)
		before := clock.Now()
		h.steps = 3
		if h.Look(l); h.owner != owner || h.quiet < before || h.steps != 0 {
			t.Errorf("owner %d after another: %+v", owner, h)
		}
	}
}

// TestSteps: the last quarter of the timeout is counted in 50 steps, each of which is a
// step however late it ends (G6).
func TestSteps(t *testing.T) {
	l := new(asm.Owned)
	const timeout = int64(time.Second)
	attributes.Change(l, func(a *attributes.Attributes) { a.Own, a.Stall = true, time.Second })
	h := Head{Closed: true, quiet: 1}
	if next := h.count(timeout, timeout/2, int64(time.Hour)); h.steps != 0 || next != timeout/4+1 {
		t.Errorf("before the last quarter a step counts %d, and the next is after %d", h.steps, next)
	}
	for i := range 50 {
		now := timeout + int64(i)*int64(time.Hour)
		if h.Stalled(l, now+1) {
			t.Fatalf("stalled after %d steps", i)
		}
		if next := h.count(timeout, now, int64(time.Hour)); next != timeout/200 {
			t.Fatalf("in the last quarter the next step is after %v", time.Duration(next))
		}
	}
	if !h.Stalled(l, timeout+1) {
		t.Error("not stalled after 50 steps")
	}
	if h.Stalled(l, timeout) {
		t.Error("stalled before the timeout")
	}
	h.Closed = false
	if h.Stalled(l, 2*timeout) {
		t.Error("a lock that is open has stalled")
	}
}

// TestInherit: what was before a waiter came is nothing to it.
func TestInherit(t *testing.T) {
	for _, c := range []struct{ since, quiet, steps int64 }{
		{since: 5, quiet: 10, steps: 7}, // came before the last grant
		{since: 13, quiet: 13, steps: 4},
		{since: 30, quiet: 30, steps: 0},
	} {
		h := Head{Closed: true, quiet: 10, steps: 7}
		if h.Inherit(c.since); h.quiet != c.quiet || h.steps != c.steps {
			t.Errorf("since %d: %+v, want %+v", c.since, h, c)
		}
	}
}

// TestRescueOfMany: the watchdog wakes each head whose lock is free, and counts it (G14).
func TestRescueOfMany(t *testing.T) {
	const n = 20
	locks, heads := make([]asm.Owned, n), make([]Head, n)
	parkers, sleepers := make([]park.Parker, n), make([]Sleeper, n)
	before := events.Read()[events.Rescued]
	for i := range locks {
		locks[i].Owner.Store(1)
		heads[i].Begin(1)
		parkers[i].Begin(false, nil)
		sleepers[i].Watch(&locks[i], 0, &heads[i], &parkers[i])
	}
	for i := 0; i < n; i += 2 {
		locks[i].Owner.Store(0)
	}
	for i := 0; i < n; i += 2 {
		parkers[i].Wait()
		sleepers[i].Unwatch()
	}
	if got := events.Read()[events.Rescued] - before; got < n/2 {
		t.Errorf("%d rescues, want %d", got, n/2)
	}
	for i := 1; i < n; i += 2 {
		if parkers[i].Tokens() != 0 {
			t.Errorf("head %d was woken, whose lock is held", i)
		}
		sleepers[i].Unwatch()
	}
	if n := Sleepers(); n != 0 {
		t.Errorf("%d heads are still watched", n)
	}
}

// TestLateSteps: the watchdog takes no head for lost because it was stopped itself, as its owner
// may have been.
func TestLateSteps(t *testing.T) {
	var s Sleeper
	looks := 1
	for ; !s.lost(int64(time.Hour)); looks++ {
	}
	if want := 1 + int(grace/graceStep); looks != want {
		t.Errorf("lost after %d looks, want %d", looks, want)
	}
	s.free = 0
	for range looks {
		s.woken.Store(true)
		if s.lost(graceStep) {
			t.Error("a head that was woken is lost")
		}
	}
}
