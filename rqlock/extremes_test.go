package rqlock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// dated is a context that says when it ends, but is never done.
type dated struct {
	context.Context
	deadline time.Time
}

func (c dated) Deadline() (time.Time, bool) { return c.deadline, true }

// limit is a way to wait with a limit.
type limit struct {
	name string
	lock func(l *Mutex) error
}

func within(d time.Duration) limit {
	return limit{fmt.Sprint("LockTimeout(", int64(d), ")"), func(l *Mutex) error { return l.LockTimeout(d) }}
}

func until(t *testing.T, name string, at time.Time) limit {
	ctx, cancel := context.WithDeadline(context.Background(), at)
	t.Cleanup(cancel)
	return limit{"a context of " + name, func(l *Mutex) error { return l.LockContext(ctx) }}
}

// expired are limits that have passed before the wait begins.
func expired(t *testing.T) []limit {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return []limit{
		within(math.MinInt64), within(math.MinInt64 + 1), within(-1), within(0),
		until(t, "the year 1", time.Time{}),
		until(t, "the first second that there is", time.Unix(math.MinInt64, 0)),
		until(t, "now", time.Now()),
		{"a cancelled context", func(l *Mutex) error { return l.LockContext(ctx) }},
	}
}

// TestEndlessLimits: a limit in the far future does not pass, wherever its waiter stands, and
// nor does that of a context that is not done, whatever it says.
func TestEndlessLimits(t *testing.T) {
	limits := []limit{
		within(math.MaxInt64), within(math.MaxInt64 - 1), within(math.MaxInt64 / 2),
		until(t, "292 years", time.Now().Add(math.MaxInt64)),
		until(t, "the year 9999", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)),
		until(t, "the year 292 billion", time.Unix(math.MaxInt64>>1, 0)),
	}
	for _, at := range []time.Time{{}, time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 0)} {
		ctx := dated{context.Background(), at}
		limits = append(limits, limit{fmt.Sprint("a context dated ", at.Unix()), func(l *Mutex) error { return l.LockContext(ctx) }})
	}
	setStallTimeout(t, 20*time.Millisecond)
	locks := newLocks(t, len(limits))
	patient, other := newActors(t, 2*len(limits)), newActors(t, len(limits))
	for i, lim := range limits {
		l := &locks[i]
		must(t, l.Lock())
		for _, a := range patient[2*i : 2*i+2] { // the head, and one behind it
			a.waits(l, func() error { return lim.lock(l) })
		}
		other[i].start(l.Lock)
	}
	for i := range limits { // who has no limit of its own sees the stall
		if err := other[i].result(); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: one without a limit got %v", limits[i].name, err)
		}
	}
	for i, a := range patient {
		if len(a.results) != 0 {
			t.Fatalf("%s: waiter %d got %v", limits[i/2].name, i%2, a.result())
		}
	}
	for i := range locks {
		locks[i].Unlock()
		getAll(t, &locks[i], patient[2*i:2*i+2])
	}
}

// TestExpiredLimits: with a limit that has passed, whatever its sign and size, nobody waits or
// queues, and the error does not tell of a negative time.
func TestExpiredLimits(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	a := newActors(t, 1)[0]
	for _, lim := range expired(t) {
		var err error
		e := eventsOf(func() { err = a.do(func() error { return lim.lock(l) }) })
		want := Events{Cancelled: 1}
		var timeout *TimeoutError
		switch {
		case errors.As(err, &timeout):
			want = Events{Deadline: 1}
			if timeout.Wait.For != 0 || timeout.Stall {
				t.Errorf("%s: the error says %v", lim.name, err)
			}
		case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("%s: got %v", lim.name, err)
		}
		if e != want {
			t.Errorf("%s: counted %+v, want %+v", lim.name, e, want)
		}
		if s := stateOf(l); s != (state{owner: asm.CurrentGoid()}) {
			t.Errorf("%s: the lock is left with %+v", lim.name, s)
		}
	}
	l.Unlock()
}

// TestExpiredFree: a free lock is acquired whatever the limit is, and the context is not looked
// at.
func TestExpiredFree(t *testing.T) {
	l := newLock(t)
	var nothing context.Context
	none := limit{"a nil context", func(l *Mutex) error { return l.LockContext(nothing) }}
	for _, lim := range append(expired(t), none) {
		if err := lim.lock(l); err != nil {
			t.Errorf("%s: %v", lim.name, err)
			continue
		}
		l.AssertHeld()
		l.Unlock()
	}
	for _, method := range []string{"Deadline", "Done", "Err", "Value"} {
		ctx := &trap{context.Background(), method, func() { t.Errorf("%s is called", method) }, nil}
		must(t, l.LockContext(ctx))
		l.Unlock()
	}
}
