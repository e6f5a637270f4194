package rqlock

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
)

// A waiter is the record of a goroutine that waits: its node in a lock's queue
// and its edge in the wait-for graph. Records are never freed, so that any
// goroutine may look at any of them at any time.
type waiter struct {
	// The queue node (MCS).
	state    uint32   // stateWaiting and so on; changes by compare-and-exchange
	next     uint32   // 0, index of the waiter behind, or linkClosed; by exchange
	index    uint32   // of this record; constant
	nextFree uint32   // next record of the free list
	head     headship // what the head knows; in the same cache line, as whoever hands it over writes it

	park.Parker // blocks the goroutine

	// The wait edge: goroutine g waits for lock, if that is not nil.
	epoch uint32                // number of this wait; changes before the edge appears
	g     atomic.Uint64         // goroutine id
	lock  atomic.Pointer[Mutex] // sequentially consistent [edge]

	verdict atomic.Pointer[verdict] // set by another goroutine: this waiter must give up

	since atomic.Int64 // when the wait began, on the clock
	long  bool         // the caller gave a limit, and so a stall does not end the wait

	home, bucket, slot uint32 // where the edge stands in the table
	watched            int    // index in the watchdog's list
	where              place  // the waiting goroutine's call stack
}

// States of a queued waiter. Handing it headship and giving up are both one
// compare-and-exchange, so that exactly one of them happens.
const (
	stateWaiting   uint32 = iota // runs, or is about to park
	stateParked                  // blocks until it gets a token
	stateHead                    // first of the queue; polls the lock
	stateAbandoned               // gave up; its predecessor takes it out and frees it
)

// linkClosed in next: the node has left the queue, and whoever comes to link
// behind it is the head.
const linkClosed = ^uint32(0)

// A record is in cache lines of its own.
type record struct {
	waiter
	_ [cacheLine - unsafe.Sizeof(waiter{})%cacheLine]byte
}

const cacheLine = 64

// Records are made in chunks.
type chunk [chunkSize]record

var registry struct {
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex // held to make a chunk
	made   uint32     // records made
	free   freeList   // what is free, apart from the buckets' spare records
}

// mostRecords is how many waiters there can be, over all locks. Tests have fewer.
var mostRecords = uint32(maxRecords)

// waiterAt returns the record with the given index, from 1.
func waiterAt(index uint32) *waiter {
	i := index - 1
	return &registry.chunks[i/chunkSize].Load()[i%chunkSize].waiter // acquire: pairs with makeChunk [record]
}

// newWaiter returns a free record for the goroutine: the one that it had last, whose
// lines are where it runs, or another. It returns nil if all are in use.
func newWaiter(id uint64) *waiter {
	if w := edges[hash(id)&edgeMask].takeSpare(); w != nil {
		return w
	}
	for {
		if w := registry.free.pop(); w != nil {
			return w
		}
		if !makeChunk() {
			return anySpare()
		}
	}
}

// makeChunk adds records to the free list and reports whether there are any.
func makeChunk() bool {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.free.any() {
		return true // somebody else was faster
	}
	if registry.made >= mostRecords {
		return false
	}
	c := new(chunk)
	registry.chunks[registry.made/chunkSize].Store(c) // release: pairs with waiterAt [record]
	for i := range c {
		w := &c[i].waiter
		w.index = registry.made + uint32(i) + 1
		w.Init()
	}
	registry.made += chunkSize
	for i := range c {
		registry.free.push(&c[i].waiter)
	}
	return true
}

// free returns a record that nobody can reach any more through a queue, to the
// bucket that its edge was in, if that has no other.
func (w *waiter) free() {
	if handOut(w) {
		return
	}
	if !asm.TryCmpxchgRelease32(&edges[w.home].spare, 0, w.index) { // release: pairs with takeSpare [record]
		registry.free.push(w)
	}
}

// takeSpare returns the spare record of b, or nil if it has none.
func (b *bucket) takeSpare() *waiter {
	index := asm.Xchg32AcqRel(&b.spare, 0) // acq_rel: pairs with free [record]
	if index == 0 {
		return nil
	}
	return waiterAt(index)
}

// anySpare returns a spare record of whatever bucket, or nil if there is none.
func anySpare() *waiter {
	for i := range edges[:edgeMask+1] {
		if asm.LoadRelaxed32(&edges[i].spare) == 0 {
			continue
		}
		if w := edges[i].takeSpare(); w != nil {
			return w
		}
	}
	return nil
}

// freeList is a stack of free records (Treiber 1986). Its upper half counts the
// pushes, so that a compare-and-exchange cannot mistake a reused record.
type freeList struct {
	top atomic.Uint64
}

func (l *freeList) any() bool { return uint32(l.top.Load()) != 0 }

func (l *freeList) push(w *waiter) {
	for {
		top := l.top.Load()
		asm.StoreRelaxed32(&w.nextFree, uint32(top)) // ordered by the exchange below
		if l.top.CompareAndSwap(top, (top>>32+1)<<32|uint64(w.index)) {
			return
		}
	}
}

func (l *freeList) pop() *waiter {
	for {
		top := l.top.Load()
		if uint32(top) == 0 {
			return nil
		}
		w := waiterAt(uint32(top))
		next := asm.LoadRelaxed32(&w.nextFree) // stale only if the exchange below fails
		if l.top.CompareAndSwap(top, top>>32<<32|uint64(next)) {
			return w
		}
	}
}
