package verdict

import (
	"slices"
	"sync"

	"github.com/rqlock/rqlock/rqlock"
)

// pending has the deadlocks that were reported, and whose victims wait on, as policy Report has
// it. The others of such a cycle find it later, each in its own turn. It is reported once.
var pending struct {
	mu  sync.Mutex
	all []*rqlock.DeadlockError
}

func pend(err *rqlock.DeadlockError) {
	pending.mu.Lock()
	defer pending.mu.Unlock()
	pending.all = append(pending.all, err)
}

// unpend ends what pend began. err may be nil, or another one's.
func unpend(err *rqlock.DeadlockError) {
	if err == nil {
		return
	}
	pending.mu.Lock()
	defer pending.mu.Unlock()
	pending.all = slices.DeleteFunc(pending.all, func(p *rqlock.DeadlockError) bool { return p == err })
}

// pends reports whether a deadlock was reported, by whichever of its goroutines.
func pends(err *rqlock.DeadlockError) bool {
	pending.mu.Lock()
	defer pending.mu.Unlock()
	return slices.ContainsFunc(pending.all, func(p *rqlock.DeadlockError) bool { return turned(p, err) })
}

// pendsAt reports whether a lock is one of a deadlock that was reported.
func pendsAt(addr uintptr) bool {
	pending.mu.Lock()
	defer pending.mu.Unlock()
	return slices.ContainsFunc(pending.all, func(p *rqlock.DeadlockError) bool {
		return slices.ContainsFunc(p.Cycle, func(w rqlock.Wait) bool { return w.Lock.Addr == addr })
	})
}

// turned reports whether two cycles are the same, from wherever each begins.
func turned(a, b *rqlock.DeadlockError) bool {
	n := len(a.Cycle)
	if n == 0 || n != len(b.Cycle) {
		return false
	}
	first := slices.IndexFunc(b.Cycle, func(w rqlock.Wait) bool { return w.Goroutine == a.Cycle[0].Goroutine })
	for i := range a.Cycle {
		if first < 0 {
			return false
		}
		v, w := &a.Cycle[i], &b.Cycle[(first+i)%n]
		if v.Goroutine != w.Goroutine || v.Lock.Addr != w.Lock.Addr {
			return false
		}
	}
	return true
}
