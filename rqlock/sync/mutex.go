package sync

import (
	"reflect"
	gosync "sync"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/verdict"
)

// A Mutex is a mutual exclusion lock, as Go's. The zero value is unlocked. It has 16 bytes on
// 64-bit machines and must not be copied after first use.
type Mutex struct {
	_    noCopy
	word asm.Owned
}

// Lock locks l. It waits while l is locked. If the wait is part of a deadlock, it does what the
// policy says: it panics with a *rqlock.DeadlockError unless the program has chosen otherwise.
func (l *Mutex) Lock() {
	lockFused(l) // 0 -> me; acquire [unlock]
	l.took()
}

// TryLock locks l if it is unlocked and not promised to a waiter, and reports whether it did.
func (l *Mutex) TryLock() bool {
	return l.tried(asm.LockOwned(&l.word)) // 0 -> me; acquire [unlock]
}

// Unlock unlocks l, whichever goroutine has locked it. If l is unlocked, that is a fatal error.
func (l *Mutex) Unlock() {
	l.gives()
	unlockFused(l) // me -> 0; release [unlock]
}

// lockContended goes on where the fast path of Lock has failed.
func lockContended(l *Mutex) {
	verdict.Await(&l.word, func(lim *park.Limit) error { return bridge.Lock(&l.word, lim) }, func() bool { return asm.LockOwned(&l.word) })
}

// unlockWake goes on where the fast path of Unlock has found that somebody may sleep.
func unlockWake(l *Mutex) { queue.Wake(&l.word) }

// unlockForeign goes on where the fast path of Unlock has found another owner.
func unlockForeign(l *Mutex) {
	if !verdict.Owed(&l.word, false) && !l.unlockAny() {
		new(gosync.Mutex).Unlock() // a fatal error
	}
}

// unlockAny releases l, whoever owns it. It fails if nobody does: of two that unlock it at once,
// one fails.
func (l *Mutex) unlockAny() bool {
	for {
		owner := l.word.Owner.Load()
		if owner == 0 {
			return false
		}
		if !attributes.Of(&l.word).HandedOver { // before it is released: others see no cycle that is none
			attributes.Change(&l.word, func(a *attributes.Attributes) { a.HandedOver = true })
		}
		if l.word.Owner.CompareAndSwap(owner, 0) { // somebody -> 0; release [unlock]
			queue.Wake(&l.word)
			return true
		}
	}
}

func init() { bridge.Types = []reflect.Type{reflect.TypeFor[Mutex](), reflect.TypeFor[RWMutex]()} }

// The words come first, as package bridge says.
var _ = [1]struct{}{}[unsafe.Offsetof(Mutex{}.word)|unsafe.Offsetof(RWMutex{}.rw)]

// noCopy makes go vet report copies of a lock; vet looks for these methods.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
