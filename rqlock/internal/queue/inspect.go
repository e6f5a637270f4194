package queue

import (
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// Length returns how many waiters are in l's queue. Those who come or leave meanwhile may be
// counted or not.
func Length(l *asm.Owned) (n int) {
	index := asm.LoadAcquire32(&l.Tail) // acquire: pairs with Enter [publish]
	for range waiter.Most {
		if index == 0 || index > waiter.Made() {
			break
		}
		w := waiter.At(index)
		if atomic.LoadUint32(&w.Of) != of(l) {
			break // it has left
		}
		state := asm.LoadAcquire32(&w.State) // acquire: pairs with promote [handoff]
		if state != abandoned {
			n++
		}
		if state == first {
			break
		}
		index = asm.LoadAcquire32(&w.Prev) // acquire: pairs with Enter [linked]
	}
	return n
}

// Since returns since when l has been granted to nobody, as far as w knows, whose goroutine
// calls it and waits for l. It is 0 if w is not the head.
func Since(l *asm.Owned, w *waiter.Waiter) int64 {
	if atomic.LoadUint32(&w.Of) != of(l) {
		return 0
	}
	if asm.LoadRelaxed32(&w.Prev) != 0 && asm.LoadAcquire32(&w.State) != first { // acquire: pairs with promote [handoff]
		return 0
	}
	return w.Head.Since()
}

// Words renders the words of l.
func Words(l *asm.Owned) string {
	return fmt.Sprintf("owner %d, tail %d, sleeper %#x", l.Owner.Load(), asm.LoadRelaxed32(&l.Tail), asm.LoadRelaxed32(&l.Sleeper))
}
