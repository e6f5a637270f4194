// Package mcs has the queue lock of Mellor-Crummey and Scott: each waiter looks at a node
// of its own, and is granted the lock by a store to that.
package mcs

import "runtime"

// Lock is an MCS lock. New makes one. A Lock must not be copied.
type Lock struct {
	tail    uint32 // the node of the last in the queue; 0 = the lock is free
	nodes   []node
	waiters []Waiter
}

// A node stands in the queue for a waiter or the holder. It has its cache line for itself.
type node struct {
	next  uint32 // the node behind; 0 = none is linked yet
	waits uint32 // 1 until the lock is granted
	_     [56]byte
}

// A Waiter acquires the lock. It is a sync.Locker for one goroutine at a time.
type Waiter struct {
	l     *Lock
	index uint32 // of its node
}

// New returns a lock for so many goroutines.
func New(goroutines uint16) *Lock {
	l := &Lock{nodes: make([]node, int(goroutines)+1), waiters: make([]Waiter, goroutines)}
	for i := range l.waiters {
		l.waiters[i] = Waiter{l, uint32(i) + 1}
	}
	return l
}

// Waiter returns the i-th waiter, from 0.
func (l *Lock) Waiter(i int) *Waiter { return &l.waiters[i] }

// spins is how often a goroutine looks at a node before it lets others run.
const spins = 100

// Lock queues, and waits for the lock to be granted.
func (w *Waiter) Lock() {
	l := w.l
	n := &l.nodes[w.index]
	Prepare(&n.next, 0)
	Prepare(&n.waits, 1)
	before := SwapTail(&l.tail, w.index)
	if before == 0 {
		return
	}
	Link(&l.nodes[before].next, w.index)
	n.awaitGrant()
}

func (n *node) awaitGrant() {
	for AwaitGrant(&n.waits, 0, spins) != 0 {
		runtime.Gosched()
	}
}

// Unlock grants the lock to the next in the queue, or leaves the queue empty.
func (w *Waiter) Unlock() {
	l := w.l
	n := &l.nodes[w.index]
	next := LoadNext(&n.next)
	if next == 0 {
		if CloseTail(&l.tail, w.index, 0) {
			return
		}
		next = n.awaitNext()
	}
	Grant(&l.nodes[next].waits, 0)
}

// awaitNext waits for one that has swapped the tail to link itself.
func (n *node) awaitNext() uint32 {
	for {
		if next := AwaitNext(&n.next, 0, spins); next != 0 {
			return next
		}
		runtime.Gosched()
	}
}
