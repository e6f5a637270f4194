// Package context is the twin of package context. A thread of the program cancels the
// contexts.
package context

import (
	"errors"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Canceled is context.Canceled.
//
//lint:ignore ST1012 the original has this name
var Canceled = errors.New("context canceled")

// Context is context.Context. Its done channel only identifies it.
type Context = *Cancel

// A Cancel is a context that can be cancelled.
type Cancel struct {
	cancelled uint32
	done      chan struct{}
}

// byDone finds the context of a channel.
var byDone = map[<-chan struct{}]*Cancel{}

// New returns a context.
func New() *Cancel {
	c := &Cancel{done: make(chan struct{})}
	byDone[c.done] = c
	return c
}

// Declare names the context's variable.
func (c *Cancel) Declare() { mc.Name(unsafe.Pointer(&c.cancelled), "cancelled") }

// Reset undoes a cancellation, before an execution begins.
func (c *Cancel) Reset() { c.cancelled = 0 }

// Cancel cancels the context.
func (c *Cancel) Cancel(site mc.Site) {
	mc.StoreWord(site, "Cancel", unsafe.Pointer(&c.cancelled), 32, 1, mc.SeqCst)
}

// Done is Context.Done.
func (c *Cancel) Done() <-chan struct{} { return c.done }

// Deadline is Context.Deadline: none.
func (c *Cancel) Deadline() (at int64, ok bool) { return 0, false }

// Closed reports whether a done channel is closed; nil is not.
func Closed(site mc.Site, done <-chan struct{}) bool {
	return done != nil && mc.LoadWord(site, "Closed", unsafe.Pointer(&byDone[done].cancelled), 32, mc.SeqCst) != 0
}

// Cancelled is Closed without a step.
func Cancelled(done <-chan struct{}) bool { return done != nil && byDone[done].cancelled != 0 }

// Cause is context.Cause.
func Cause(c Context) error { return Canceled }
