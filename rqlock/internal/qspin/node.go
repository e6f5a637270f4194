package qspin

import (
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// A node is a waiter's record in a queue (MCS). Its memory is never given back, so
// that the tail of any lock can name a node at any time.
type node struct {
	state    uint32 // one of stateWaiting, stateParked, stateHead
	next     uint32 // successor's index, 0 if none has linked, or linkClosed; by exchange
	nextFree uint32 // next node of the free list
	index    uint32 // of this node, from 1; constant

	park.Parker
	_ [32]byte // a node fills its cache lines
}

// States of a queued waiter.
const (
	stateWaiting uint32 = iota // spins, or is about to park
	stateParked                // blocks until it is woken
	stateHead                  // is the queue's head and polls the lock
)

// linkClosed in next says that the node has left the queue. A waiter that comes to
// link behind it is the head.
const linkClosed = ^uint32(0)

// Nodes are made in chunks, as many as the tail can name.
const (
	chunkSize = 64
	maxChunks = asm.TailMax / chunkSize
)

type chunk [chunkSize]node

var arena struct {
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex // guards made, and the making of chunks
	made   uint32     // number of chunks
	free   freeList
}

func nodeAt(index uint32) *node {
	i := index - 1
	return &arena.chunks[i/chunkSize].Load()[i%chunkSize]
}

// tail returns n's index in the bits of the lock word's tail.
func (n *node) tail() uint32 { return n.index << asm.TailShift }

// newNode returns a free node, or nil if all are in use.
func newNode() *node {
	for {
		if n := arena.free.pop(); n != nil {
			return n
		}
		if !makeChunk() {
			return nil
		}
	}
}

func (n *node) free() { arena.free.push(n) }

// makeChunk adds nodes to the free list and reports whether it has any.
func makeChunk() bool {
	arena.mu.Lock()
	defer arena.mu.Unlock()
	if arena.free.any() {
		return true // another goroutine has made a chunk meanwhile
	}
	if arena.made == maxChunks {
		return false
	}
	c := new(chunk)
	arena.chunks[arena.made].Store(c)
	for i := range c {
		c[i].index = arena.made*chunkSize + uint32(i) + 1
		c[i].Init()
		c[i].free()
	}
	arena.made++
	return true
}

// A freeList is a stack of free nodes (Treiber 1986). The lower half of top is the
// index of the first node, 0 if the list is empty. The upper half counts pushes, so
// that a compare-and-exchange fails if the first node was popped and pushed again.
type freeList struct {
	top atomic.Uint64
}

func (l *freeList) any() bool { return uint32(l.top.Load()) != 0 }

func (l *freeList) push(n *node) {
	for {
		top := l.top.Load()
		asm.StoreRelaxed32(&n.nextFree, uint32(top)) // ordered by the exchange below
		if l.top.CompareAndSwap(top, (top>>32+1)<<32|uint64(n.index)) {
			return
		}
	}
}

func (l *freeList) pop() *node {
	for {
		top := l.top.Load()
		if uint32(top) == 0 {
			return nil
		}
		n := nodeAt(uint32(top))
		next := asm.LoadRelaxed32(&n.nextFree) // stale only if the exchange below fails
		if l.top.CompareAndSwap(top, top>>32<<32|uint64(next)) {
			return n
		}
	}
}
