package torture

import (
	"errors"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// A guard is a lock and what it guards: two plain counters. a is counted at a
// section's start, and b is loaded there and stored at its end, so that a section
// beside it is noticed or lost.
type guard struct {
	Locker
	section
	history
	_ [64]byte
}

// A way is a method of a lock that acquires it.
type way func(Locker) error

// acquire takes the lock, and returns since when it was wanted.
func (g *guard) acquire(by way) (asked int64, err error) {
	asked = clock()
	if err = by(g.Locker); err == nil {
		g.grant(asked)
	}
	return asked, err
}

// release gives the lock back.
func (g *guard) release() {
	g.history.release()
	g.Unlock()
}

// late reports whether err, which came of an acquisition begun at asked, tells of a
// stall, and there was one: the holder, or who it waits for, did not run.
func (g *guard) late(asked int64, err error, after time.Duration) bool {
	var timeout *rqlock.TimeoutError
	return errors.As(err, &timeout) && timeout.Stall && timeout.Wait.For >= after && g.quiet(asked, timeout.Wait.For-slack)
}

type section interface {
	enter() (a, b int64)
	leave(a, b int64) (alone bool)
	sections() int64
}

func newGuard(k Kind) *guard {
	g := &guard{Locker: k.New(), section: new(counters)}
	if _, ok := g.Locker.(busted); ok {
		g.section = new(unseen)
	}
	return g
}

type counters struct{ a, b int64 }

func (c *counters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

func (c *counters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}

func (c *counters) sections() int64 { return c.b }

// unseen is what the broken lock guards: its counts are to go wrong, and not the
// race detector off.
type unseen struct{ counters }

//go:norace
func (c *unseen) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

//go:norace
func (c *unseen) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}
