package torture

import (
	"errors"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// An instance is one lock under torture, with the counters that it guards and the
// history of its grants.
type instance struct {
	Locker
	counters
	history
	_ [64]byte
}

func newInstance(k Kind) *instance {
	l := &instance{Locker: k.New(), counters: new(plainCounters)}
	if _, ok := l.Locker.(busted); ok {
		l.counters = new(hiddenCounters)
	}
	return l
}

// A method is a method of Locker that acquires the lock.
type method func(Locker) error

// acquire acquires l, and returns when it began to.
func (l *instance) acquire(by method) (began int64, err error) {
	began = nanotime()
	if err = by(l.Locker); err == nil {
		l.granted(began)
	}
	return began, err
}

// release releases l.
func (l *instance) release() {
	l.releasing()
	l.Unlock()
}

// stalled reports whether err, of an acquisition begun at the time given, is a stall
// of the given length or more, and l was indeed granted to nobody for so long.
func (l *instance) stalled(began int64, err error, atLeast time.Duration) bool {
	var timeout *rqlock.TimeoutError
	return errors.As(err, &timeout) && timeout.Stall && timeout.Wait.For >= atLeast && l.idle(began, timeout.Wait.For-slack)
}

// Counters are what a critical section changes. One is incremented when the section
// begins. The other is loaded then, and stored when the section ends. So of two
// sections that overlap one finds the first counter changed, or the second misses one.
type counters interface {
	enter() (a, b int64)
	leave(a, b int64) (alone bool)
	sections() int64
}

type plainCounters struct{ a, b int64 }

func (c *plainCounters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

func (c *plainCounters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}

func (c *plainCounters) sections() int64 { return c.b }

// hiddenCounters are hidden from the race detector. The busted lock has them: it is to
// fail by its counters, in a build with the race detector too.
type hiddenCounters struct{ plainCounters }

//go:norace
func (c *hiddenCounters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

//go:norace
func (c *hiddenCounters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}
