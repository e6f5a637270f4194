package rqlock

import (
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// SetName gives l a name for reports. "" takes it back.
func (l *Mutex) SetName(name string) { setName(&l.word, name) }

func setName(l *asm.Owned, name string) {
	attributes.Change(l, func(a *attributes.Attributes) { a.Name = name })
}

// SetStallTimeout gives l a stall timeout of its own instead of the process's, see
// [SetStallTimeout]: 0 means that no wait for l ever fails by a stall, and a negative
// one that the process's timeout holds again. It holds for the goroutines that wait
// already, too.
func (l *Mutex) SetStallTimeout(d time.Duration) { setStallTimeoutOf(&l.word, d) }

func setStallTimeoutOf(l *asm.Owned, d time.Duration) {
	attributes.Change(l, func(a *attributes.Attributes) {
		if a.Own = d >= 0; !a.Own {
			d = 0
		} else if d > 0 {
			d = max(d, stall.Shortest)
		}
		a.Stall = d
	})
}

// DefaultStallTimeout is the stall timeout unless SetStallTimeout changes it.
const DefaultStallTimeout = stall.Default

// SetStallTimeout sets how long a lock may be granted to nobody, while
// goroutines wait for it, before they give up with a [*TimeoutError]. It holds
// from now on for all locks but those that have one of their own, see
// [Mutex.SetStallTimeout], and for all waits but those that have a limit of their
// own, see [Mutex.LockTimeout] and [Mutex.LockContext]. Less than 10 ms count as
// 10 ms, as systems cannot sleep for short enough to tell such a stall from a busy
// machine. It panics if d is not positive.
func SetStallTimeout(d time.Duration) {
	if d <= 0 {
		panic("rqlock: SetStallTimeout: the timeout must be positive")
	}
	stall.Set(d)
}

func (l *Mutex) info() LockInfo { return infoOf(&l.word, waiter.ForMutex) }
