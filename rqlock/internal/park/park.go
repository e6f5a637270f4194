// Package park parks and wakes goroutines that wait for a lock. rqlock and qspin
// share it.
package park

import "time"

// A Parker parks one waiter until another goroutine wakes it by leaving a token. A
// token may be left from an earlier wait, so a waiter that is woken must look again
// whether what it waits for is there.
type Parker struct {
	Token chan struct{}
	Timer *time.Timer // bounds a wait; made when first needed
}

// Init makes p ready for use.
func (p *Parker) Init() { p.Token = make(chan struct{}, 1) }

// Signal leaves a token unless there is one, and reports whether it did. What the
// caller did before it happens before what the waiter does after it has taken the token.
func (p *Parker) Signal() (left bool) {
	select {
	case p.Token <- struct{}{}:
		return true
	default:
		return false
	}
}

// Wait parks the caller until there is a token, and takes it.
func (p *Parker) Wait() { <-p.Token }

// WaitFor parks the caller until it takes a token, d has passed or done is closed.
func (p *Parker) WaitFor(d time.Duration, done <-chan struct{}) {
	if p.Timer == nil {
		p.Timer = time.NewTimer(d)
	} else {
		p.Timer.Reset(d)
	}
	select {
	case <-p.Token:
	case <-p.Timer.C:
	case <-done:
	}
	p.Timer.Stop()
}

// Closed reports whether done is closed. A nil channel is not.
func Closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
