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
type Parker struct{ token uint32 }

// Init is Parker.Init.
func (p *Parker) Init() {}

// Declare names the token.
func (p *Parker) Declare(name string) { mc.Name(unsafe.Pointer(&p.token), name) }

// Signal is Parker.Signal. It is ordered as a send to a channel.
func (p *Parker) Signal(site mc.Site) {
	mc.StoreWord(site, "Signal", unsafe.Pointer(&p.token), 32, 1, mc.SeqCst)
}

// Wait is Parker.Wait.
func (p *Parker) Wait(site mc.Site) {
	mc.Block(site, "a token", p.signalled)
	p.take(site)
}

func (p *Parker) signalled() bool { return p.token != 0 }

func (p *Parker) take(site mc.Site) {
	mc.Update(site, "token", unsafe.Pointer(&p.token), 32, mc.SeqCst, func(uint64) (uint64, bool) { return 0, true })
}

// WaitFor is Parker.WaitFor. A short wait is a poller's sleep. Its length makes no
// difference, so it is a Pause.
func (p *Parker) WaitFor(site mc.Site, d time.Duration, done <-chan struct{}) {
	if d <= wait.Long {
		p.take(site)
		mc.PauseFor(site, int64(d))
		return
	}
	end := int64(mc.Never)
	if d < mc.Never {
		end = mc.Now() + int64(d)
	}
	mc.BlockUntil(site, "a token", func() bool { return p.signalled() || context.Cancelled(done) }, end)
	p.take(site)
}

// Closed is park.Closed.
func Closed(site mc.Site, done <-chan struct{}) bool { return context.Closed(site, done) }
