// Package park blocks goroutines that wait for a lock, for rqlock and qspin alike.
package park

import "time"

// A Parker blocks a waiter until somebody leaves it a token, which says: look
// again. A token may be stale, left for a wait that is over.
type Parker struct {
	Token chan struct{}
	Timer *time.Timer // bounds a wait; made when first needed
}

// Init makes p ready.
func (p *Parker) Init() { p.Token = make(chan struct{}, 1) }

// Signal leaves a token if none is there. It orders what came before it, before
// what comes after the wait that takes the token.
func (p *Parker) Signal() {
	select {
	case p.Token <- struct{}{}:
	default:
	}
}

// Wait takes a token.
func (p *Parker) Wait() { <-p.Token }

// WaitFor waits for a token, for d, or for done.
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

// Closed reports whether done is closed; nil is not.
func Closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
