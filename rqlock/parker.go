package rqlock

import "time"

// A parker blocks a waiter until somebody leaves it a token, which says: look
// again. A token may be stale, left for a wait that is over.
type parker struct {
	token chan struct{}
	timer *time.Timer // bounds a wait; made when first needed
}

func (p *parker) init() { p.token = make(chan struct{}, 1) }

// signal leaves a token if none is there.
func (p *parker) signal() {
	select {
	case p.token <- struct{}{}:
	default:
	}
}

// wait takes a token.
func (p *parker) wait() { <-p.token }

// waitFor waits for a token, for d, or for done.
func (p *parker) waitFor(d time.Duration, done <-chan struct{}) {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.token:
	case <-p.timer.C:
	case <-done:
	}
	p.timer.Stop()
}
