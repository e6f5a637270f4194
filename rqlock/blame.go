package rqlock

import (
	"sync"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// mostHolders is how many readers a report names.
const mostHolders = 16

// blame names those who hold l, for a wait whose goroutine is known. since is when the lock was
// granted last, as far as that is known, or 0.
func (w *Wait) blame(l *asm.Owned, kind waiter.Kind, now, since int64) {
	held := atLeast(now, since)
	owner := l.Owner.Load()
	if waitgraph.HandedOver(l, kind) {
		w.handed = owner
		return
	}
	draining := kind != waiter.ForMutex && gate.Of(l).Draining()
	if owner != 0 && owner != w.Goroutine && !draining {
		w.Holders = []Holder{{Goroutine: owner, For: held, Taken: takenAt(owner, l)}}
		return
	}
	if kind == waiter.ForMutex {
		return
	}
	gate.Of(l).EachReader(func(id uint64) bool {
		if len(w.Holders) < mostHolders {
			w.Holders = append(w.Holders, Holder{Goroutine: id, Read: true, For: held, Taken: takenAt(id, l)})
		} else {
			w.more++
		}
		return true
	})
	if draining && kind == waiter.ForReading && len(w.Holders) > 0 {
		w.behind = owner
	}
}

// atLeast returns for how long a lock has been held that was granted last at the time given.
func atLeast(now, since int64) time.Duration {
	if since == 0 {
		return 0
	}
	return time.Duration(max(now-since, 0))
}

// quietSince returns since when l has been granted to nobody, as far as those know who wait for
// it, or 0. w is the wait of the calling goroutine for l, or nil.
func quietSince(l *asm.Owned, kind waiter.Kind, w *waiter.Waiter) int64 {
	if w != nil && w.Edge.Lock.Load() == l {
		since := int64(0)
		if kind == waiter.ForReading {
			since = gate.Of(l).Since(w)
		} else {
			since = queue.Since(l, w)
		}
		if since != 0 {
			return since
		}
	}
	index := asm.LoadRelaxed32(&l.Sleeper) &^ asm.ClosedMask // the head says what it is there
	if index == 0 && kind != waiter.ForMutex {
		index = gate.Of(l).Watcher()
	}
	if index == 0 || index > waiter.Made() {
		return 0
	}
	return waiter.At(index).QuietSince(l)
}

// waitOf describes the wait of a step, but for its holders.
func waitOf(s waitgraph.Step, now int64) Wait {
	return Wait{
		Goroutine: s.ID,
		Lock:      infoOf(s.Lock, s.Kind),
		Read:      s.Kind == waiter.ForReading,
		For:       time.Duration(max(now-s.Waiter.Since.Load(), 0)),
		Stack:     s.Waiter.Where.Frames(),
		Labels:    s.Waiter.Where.Labels(),
		epoch:     s.Epoch,
	}
}

// lastCount keeps how many waiters a lock had, for the many whose waits end at the same time:
// else each would count all the others.
var lastCount struct {
	mu   sync.Mutex
	lock uintptr
	at   int64
	n    int
}

const countedFor = int64(10 * time.Millisecond)

// waiting returns how many goroutines wait for l, of which the caller, me, is one.
func waiting(l *asm.Owned, kind waiter.Kind, me uint64) int {
	lastCount.mu.Lock()
	defer lastCount.mu.Unlock()
	c := &lastCount
	if now, lock := clock.Now(), infoOf(l, kind).Addr; c.lock != lock || now-c.at > countedFor {
		c.lock, c.at, c.n = lock, now, queue.Length(l)
		if kind != waiter.ForMutex {
			c.n += gate.Of(l).Waiting()
		}
		if w := waiter.Lookup(me); w == nil || w.Edge.Lock.Load() != l || w.Durable() {
			c.n++ // the caller is in no queue
		}
	}
	return max(c.n, 1)
}
