// Package park parks and wakes goroutines that wait for a lock. rqlock and qspin
// share it.
package park

import (
	"context"
	"runtime/trace"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
)

// A Parker parks one waiter until another goroutine wakes it by leaving a token. A
// token may be left from an earlier wait, so a waiter that is woken must look again
// whether what it waits for is there.
//
// One who waits in a bubble of testing/synctest waits by what is made for this wait, see
// bubble.go: the channel and the timer of a Parker are used by all who wait by it, one
// after the other, and so they belong to no bubble.
type Parker struct {
	token  atomic.Pointer[token]  // nil until somebody waits outside of all bubbles
	inside atomic.Pointer[inside] // of a wait in a bubble
	timer  *time.Timer            // bounds a wait; made when first needed
	blind  bool                   // see Limit.Blind
}

type token struct{ c chan struct{} }

// Begin prepares a wait with this limit. It must come before anybody is told whom to wake.
func (p *Parker) Begin(bubble bool, lim *Limit) {
	p.blind = lim.Blind()
	if bubble {
		bubbles.Add(1)
		p.inside.Store(newInside(lim))
	} else if p.token.Load() == nil {
		p.token.Store(&token{make(chan struct{}, 1)})
	}
}

// Init makes p ready for waits outside of all bubbles.
func (p *Parker) Init() { p.Begin(false, nil) }

// End ends a wait, of which nothing stays that belongs to a bubble.
func (p *Parker) End() {
	if p.inside.Load() != nil {
		p.inside.Store(nil)
		bubbles.Add(-1)
	}
}

// Bubble reports whether this is a wait in a bubble.
func (p *Parker) Bubble() bool { return p.inside.Load() != nil }

// Durable reports whether this is a wait in a bubble that takes the bubble's time, so that
// nobody may depend on its end.
func (p *Parker) Durable() bool { i := p.inside.Load(); return i != nil && i.c != nil }

// Signal leaves a token unless there is one, and reports whether it did. What the
// caller did before it happens before what the waiter does after it has taken the token.
func (p *Parker) Signal() (left bool) {
	if i := p.inside.Load(); i != nil {
		return i.signal()
	}
	t := p.token.Load()
	if t == nil {
		return false // the one to be woken is gone
	}
	select {
	case t.c <- struct{}{}:
		return true
	default:
		return false
	}
}

// Wait parks the caller until there is a token, and takes it.
func (p *Parker) Wait() {
	defer region()()
	if i := p.inside.Load(); i != nil {
		i.wait(Forever, nil)
		return
	}
	<-p.token.Load().c
}

// WaitFor parks the caller until it takes a token, d has passed or done is closed.
func (p *Parker) WaitFor(d time.Duration, done <-chan struct{}) {
	defer region()()
	if i := p.inside.Load(); i != nil {
		i.wait(d, done)
		return
	}
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.token.Load().c:
	case <-p.timer.C:
	case <-done:
	}
	p.timer.Stop()
}

// region begins a region of a trace, if there is one, and returns what ends it.
func region() func() {
	if !trace.IsEnabled() {
		return func() {}
	}
	return trace.StartRegion(context.Background(), "rqlock: parked").End
}

// Pause sleeps for d, which no token cuts short.
func (p *Parker) Pause(d time.Duration) {
	if !p.Bubble() {
		time.Sleep(d)
		return
	}
	for end := clock.Now() + int64(d); clock.Now() < end; {
		yield()
	}
}

// Tokens returns how many tokens are left, of one or none. It is for tests.
func (p *Parker) Tokens() int {
	if t := p.token.Load(); t != nil {
		return len(t.c)
	}
	return 0
}

// Idle reports whether nothing of an earlier wait goes on. It is for tests, while nobody
// waits.
func (p *Parker) Idle() bool {
	return !p.Bubble() && (p.timer == nil || !p.timer.Stop())
}
