package park

import (
	"context"
	"time"
)

// A Limit bounds a wait. nil means that nothing but the stall timeout does.
type Limit struct {
	start    time.Time
	deadline time.Time       // zero = none
	ctx      context.Context // nil = none
	done     <-chan struct{} // of ctx
	dated    bool            // ctx has a deadline, or the wait lasts as long as it must
	blind    bool            // no deadlock ends the wait
}

// Within returns the limit of a wait that lasts for d from now on.
func Within(d time.Duration) Limit {
	now := time.Now()
	return Limit{start: now, deadline: now.Add(max(d, 0))}
}

// Until returns the limit of a wait that lasts until ctx is done.
func Until(ctx context.Context) Limit {
	_, dated := ctx.Deadline()
	return Limit{ctx: ctx, done: ctx.Done(), dated: dated}
}

// Bounded reports whether the caller has said how long to wait: then the stall timeout
// does not say it, too.
func (lim *Limit) Bounded() bool { return lim != nil && (lim.dated || !lim.deadline.IsZero()) }

// Duration is how long a wait with this limit lasts, if it has no context.
func (lim *Limit) Duration() time.Duration { return lim.deadline.Sub(lim.start) }

// Cause says why the limit's context is done. It is nil if the context does not say.
func (lim *Limit) Cause() error { return context.Cause(lim.ctx) }

// Forever is a duration without an end.
const Forever = time.Duration(1<<63 - 1)

// remaining returns how long the wait may still last.
func (lim *Limit) remaining() time.Duration {
	if lim.deadline.IsZero() {
		return Forever
	}
	return time.Until(lim.deadline)
}

// A Reason says why a limit forbids to wait on.
type Reason int

const (
	None      Reason = iota // it does not
	Cancelled               // its context is done
	Passed                  // its time has passed
)

// Reached says whether, and why, the limit forbids to wait on.
func (lim *Limit) Reached() Reason {
	switch {
	case lim == nil:
		return None
	case isClosed(lim.done):
		return Cancelled
	case !lim.deadline.IsZero() && lim.remaining() <= 0:
		return Passed
	}
	return None
}

// isClosed reports whether done is closed. A nil channel is not.
func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Park parks the caller until there is a token or the limit is reached.
func (p *Parker) Park(lim *Limit) {
	if lim == nil {
		p.Wait()
		return
	}
	p.WaitFor(lim.remaining(), lim.done)
}

// Sleep parks the caller for d, until there is a token or the limit is reached. In a
// bubble it only lets others run: the bubble's time is not that of who holds the lock.
func (p *Parker) Sleep(d time.Duration, lim *Limit) {
	switch {
	case p.Bubble():
		yield()
	case lim == nil:
		p.WaitFor(d, nil)
	default:
		p.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)
	}
}
