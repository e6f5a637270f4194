// Package clh has the queue lock of Craig, and of Landin and Hagersten: each waiter looks
// at the node of the one before it, and takes that over for its next turn.
package clh

import "runtime"

// Lock is a CLH lock. New makes one. A Lock must not be copied.
type Lock struct {
	tail    uint32 // the node of the last in the queue
	nodes   []node // one for each waiter, and the one that was there first
	waiters []Waiter
}

// A node stands in the queue for a waiter or the holder. It has its cache line for itself.
type node struct {
	held uint32 // 1 until its owner has released the lock
	_    [60]byte
}

// A Waiter acquires the lock. It is a sync.Locker for one goroutine at a time.
type Waiter struct {
	l      *Lock
	mine   uint32 // its node
	before uint32 // while it holds the lock: the node that it has waited for
}

// New returns a lock for so many goroutines.
func New(goroutines uint16) *Lock {
	l := &Lock{nodes: make([]node, int(goroutines)+1), waiters: make([]Waiter, goroutines)}
	for i := range l.waiters {
		l.waiters[i] = Waiter{l: l, mine: uint32(i) + 1}
	}
	return l
}

// Waiter returns the i-th waiter, from 0.
func (l *Lock) Waiter(i int) *Waiter { return &l.waiters[i] }

// spins is how often a goroutine looks at a node before it lets others run.
const spins = 100

// Lock queues, and waits until the one before has released the lock.
func (w *Waiter) Lock() {
	l := w.l
	Prepare(&l.nodes[w.mine].held, 1)
	w.before = SwapTail(&l.tail, w.mine)
	l.nodes[w.before].await()
}

func (n *node) await() {
	for AwaitFree(&n.held, 0, spins) != 0 {
		runtime.Gosched()
	}
}

// Unlock releases the lock. Who waits behind looks at the node still, so the waiter goes on
// with the one that it has waited for, at which nobody looks any more.
func (w *Waiter) Unlock() {
	Free(&w.l.nodes[w.mine].held, 0)
	w.mine = w.before
}
