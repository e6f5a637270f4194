package gate

import (
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// What reports ask. The answers may be old by the time that they arrive.

// Watcher returns the record of the one that waits for l and looks for stalls, apart from the
// head of the queue that waits for the owner: the owner that waits for readers, or the reader
// that has waited longest. 0 = none.
func (l *Lock) Watcher() uint32 {
	if index := atomic.LoadUint32(&l.Drainer); index != 0 {
		return index
	}
	return atomic.LoadUint32(&l.First)
}

// Waiting returns how many readers wait in the list.
func (l *Lock) Waiting() (n int) {
	if atomic.LoadUint32(&l.First) == 0 {
		return 0
	}
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	index := atomic.LoadUint32(&l.First)
	if index == 0 || !l.lists(waiter.At(index)) {
		return 0
	}
	head := waiter.At(index)
	for w := head; w != nil; w = after(w, head) {
		n++
	}
	return n
}

// Since returns since when l has been granted to nobody, as far as the reader w knows, whose
// goroutine calls it and waits for l. It is 0 if another one looks for stalls.
func (l *Lock) Since(w *waiter.Waiter) int64 {
	mu := l.mutex()
	mu.Lock()
	defer mu.Unlock()
	if !w.Leads {
		return 0
	}
	return w.Head.Since()
}

// Words renders the words of l, and which goroutines have a slot that names it: those that have
// ended, too.
func (l *Lock) Words() string {
	var slots []uint64
	readers.Each(l.name(), func(id uint64) bool {
		slots = append(slots, id)
		return true
	})
	return fmt.Sprintf("%s, readers %#x, first %d, drainer %d, balance %d, slots of goroutines %d", queue.Words(&l.Owned),
		atomic.LoadUint32(&l.Readers), atomic.LoadUint32(&l.First), atomic.LoadUint32(&l.Drainer), int32(atomic.LoadUint32(&l.Balance)), slots)
}
