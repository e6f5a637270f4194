package verdict

import (
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
)

// A goroutine may release a lock for a while, and lock it again: so does Cond.Wait. If that ends
// with a panic, the goroutine goes on as if it had the lock. Its deferred unlock would release the
// lock of whoever has it now, as it is allowed to unlock for others. So it owes one unlock, which
// is left out.

// A debt is an unlock that a goroutine owes.
type debt struct {
	goroutine uint64
	lock      uintptr
	read      bool
}

var owed struct {
	n  atomic.Int32 // of all debts
	mu sync.Mutex
	of map[debt]bool
}

// mostOwed debts are kept, some 40 KB, and forgotten together. Those are left of goroutines that
// had no deferred unlock, one for each deadlock that was reported.
const mostOwed = 1000

// owe notes that the calling goroutine, which is about to panic, owes the unlock of what it has
// waited for. If it holds that itself, its unlock is its own.
func owe(err *rqlock.DeadlockError) {
	if len(err.Cycle) < 2 {
		return
	}
	w := &err.Cycle[0]
	owed.mu.Lock()
	defer owed.mu.Unlock()
	if owed.of == nil || len(owed.of) >= mostOwed {
		owed.of = map[debt]bool{}
	}
	owed.of[debt{w.Goroutine, w.Lock.Addr, w.Read}] = true
	owed.n.Store(int32(len(owed.of)))
}

// Owed reports whether the calling goroutine owes an unlock of l, which is left out then. The
// debt is paid by that.
func Owed(l *asm.Owned, read bool) bool {
	return owed.n.Load() != 0 && pay(debt{asm.CurrentGoid(), addr(l), read})
}

// settle forgets what the calling goroutine owes of l: it has l again, so the unlock is its own.
func settle(l *asm.Owned) {
	for _, read := range []bool{false, true} {
		Owed(l, read)
	}
}

func pay(d debt) bool {
	owed.mu.Lock()
	defer owed.mu.Unlock()
	if !owed.of[d] {
		return false
	}
	delete(owed.of, d)
	owed.n.Store(int32(len(owed.of)))
	return true
}
