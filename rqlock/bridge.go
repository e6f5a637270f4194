package rqlock

import (
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// The locks of package rqlock/sync have the words of these, and use their slow paths.
func init() {
	bridge.Lock = func(l *asm.Owned, lim *park.Limit) error { return mutexOf(l).acquireSlow(lim) }
	bridge.WLock = func(l *asm.RWOwned, lim *park.Limit) error { return rwMutexOf(l).acquireSlow(lim) }
	bridge.Drain = func(l *asm.RWOwned, lim *park.Limit) error { return rwMutexOf(l).drainSlow(lim) }
	bridge.RLock = func(l *asm.RWOwned, lim *park.Limit) error { return rwMutexOf(l).readSlow(lim) }
	bridge.Report = reportViolation
	bridge.Same = func(a, b error) bool {
		d, ok := a.(*DeadlockError)
		e, ok2 := b.(*DeadlockError)
		return ok && ok2 && d.same(e)
	}
}

func mutexOf(l *asm.Owned) *Mutex { return (*Mutex)(unsafe.Pointer(l)) } //rqvet:ignore badlock a Mutex is its word

func rwMutexOf(l *asm.RWOwned) *RWMutex { return (*RWMutex)(unsafe.Pointer(l)) } //rqvet:ignore badlock an RWMutex is its word

// same reports whether e and d are of one deadlock, though its victim has tried again meanwhile.
func (e *DeadlockError) same(d *DeadlockError) bool {
	if len(e.Cycle) != len(d.Cycle) {
		return false
	}
	for i := range e.Cycle {
		a, b := &e.Cycle[i], &d.Cycle[i]
		if a.Goroutine != b.Goroutine || a.Lock.Addr != b.Lock.Addr || i > 0 && a.epoch != b.epoch {
			return false
		}
	}
	return true
}
