//go:build rqlocktrace

package sync

import (
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// With build tag rqlocktrace, package rqlock records where each lock is taken, and in which order.

// took notes that the caller has acquired l.
func (l *Mutex) took() { bridge.Took(&l.word, waiter.ForMutex, true) }

func (l *RWMutex) took(kind waiter.Kind) { bridge.Took(&l.rw.Owned, kind, true) }

// tried notes that the caller has acquired l, if ok, without waiting: that order may be any.
func (l *Mutex) tried(ok bool) bool {
	if ok {
		bridge.Took(&l.word, waiter.ForMutex, false)
	}
	return ok
}

func (l *RWMutex) tried(kind waiter.Kind, ok bool) bool {
	if ok {
		bridge.Took(&l.rw.Owned, kind, false)
	}
	return ok
}

// gives notes that l is about to be released.
func (l *Mutex) gives() { bridge.Gives(&l.word, waiter.ForMutex) }

func (l *RWMutex) gives(kind waiter.Kind) { bridge.Gives(&l.rw.Owned, kind) }
