package qspin

import (
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// A node is a waiter's place in a queue (MCS). Nodes are never freed, so that
// the tail of any lock can name one at any time.
type node struct {
	state  uint32 // stateWaiting and so on
	next   uint32 // 0, index of the node behind, or linkClosed; by exchange
	parent uint32 // next node of the free list
	index  uint32 // of this node, from 1; constant

	park.Parker          // blocks the goroutine
	_           [32]byte // a cache line for each
}

// States of a queued waiter.
const (
	stateWaiting uint32 = iota // runs, or is about to park
	stateParked                // blocks until it gets a token
	stateHead                  // first of the queue; polls the lock
)

// linkClosed in next: the node has left the queue, and whoever comes to link
// behind it is the head.
const linkClosed = ^uint32(0)

// Nodes are made in chunks, as many as the tail can name.
const (
	chunkSize = 64
	maxChunks = asm.TailMax / chunkSize
)

type chunk [chunkSize]node

var arena struct {
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex // held to make a chunk
	made   uint32     // chunks made
	free   freeList
}

func nodeAt(index uint32) *node {
	i := index - 1
	return &arena.chunks[i/chunkSize].Load()[i%chunkSize]
}

// tail returns n's index in place.
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
		return true // somebody else was faster
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

// freeList is a stack of free nodes (Treiber 1986). Its upper half counts the
// pushes, so that a compare-and-exchange cannot mistake a reused node.
type freeList struct {
	top atomic.Uint64
}

func (l *freeList) any() bool { return uint32(l.top.Load()) != 0 }

func (l *freeList) push(n *node) {
	for {
		top := l.top.Load()
		asm.StoreRelaxed32(&n.parent, uint32(top)) // ordered by the exchange below
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
		parent := asm.LoadRelaxed32(&n.parent) // stale only if the exchange below fails
		if l.top.CompareAndSwap(top, top>>32<<32|uint64(parent)) {
			return n
		}
	}
}
