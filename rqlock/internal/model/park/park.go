// Package park is the twin of rqlock/internal/park. A token is a variable that a thread
// blocks for.
package park

import (
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// Parker is park.Parker.
type Parker struct {
	token uint32

	// Alarm, if not 0, is a time at which a wait ends as well, if Alarmed says so then or
	// later, or says at any time that the waiter is forgotten.
	Alarm   int64
	Alarmed func() (late, forgotten bool)
}

// Init is Parker.Init.
func (p *Parker) Init() {}

// End is Parker.End.
func (p *Parker) End() {}

// Bubble is Parker.Bubble. There are no bubbles here.
func (p *Parker) Bubble() bool { return false }

// Durable is Parker.Durable.
func (p *Parker) Durable() bool { return false }

// Pause is Parker.Pause. It is for as long as store buffers take to drain.
func (p *Parker) Pause(site mc.Site, d time.Duration) { mc.Drain(site, int64(d)) }

// Declare names the token.
func (p *Parker) Declare(name string) { mc.Name(unsafe.Pointer(&p.token), name) }

// Signal is Parker.Signal. It is ordered as a send to a channel.
func (p *Parker) Signal(site mc.Site) {
	mc.StoreWord(site, "Signal", unsafe.Pointer(&p.token), 32, 1, mc.SeqCst)
}

// Wait is Parker.Wait.
func (p *Parker) Wait(site mc.Site) { p.block(site, nil, mc.Never) }

// block waits for a token, for the end of done, for a time, for the alarm or to be
// forgotten.
func (p *Parker) block(site mc.Site, done <-chan struct{}, end int64) {
	alarmed := func() (late, forgotten bool) {
		if p.Alarm == 0 {
			return false, false
		}
		return p.Alarmed()
	}
	ready := func() bool {
		_, forgotten := alarmed()
		return forgotten || p.token != 0 || context.Cancelled(done)
	}
	if p.Alarm == 0 || p.Alarm >= end {
		mc.BlockUntil(site, "a token", ready, end)
	} else if !mc.BlockUntil(site, "a token", ready, p.Alarm) {
		if late, _ := alarmed(); !late {
			mc.BlockUntil(site, "a token", func() bool { late, _ := alarmed(); return late || ready() }, end)
		}
	}
	p.take(site)
}

func (p *Parker) take(site mc.Site) {
	mc.Update(site, "token", unsafe.Pointer(&p.token), 32, mc.SeqCst, func(uint64) (uint64, bool) { return 0, true })
}

// WaitFor is Parker.WaitFor. A short wait is a poller's sleep. Its length makes no
// difference, so it is a Pause.
func (p *Parker) WaitFor(site mc.Site, d time.Duration, done <-chan struct{}) {
	switch {
	case d <= wait.Long:
		p.take(site)
		mc.PauseFor(site, int64(d))
	case d < mc.Never:
		p.block(site, done, mc.Now()+int64(d))
	default:
		p.block(site, done, mc.Never)
	}
}
