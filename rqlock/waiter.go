package rqlock

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// A waiter is the record of a goroutine that waits: its node in a lock's queue
// and its edge in the wait-for graph. Records are never freed, so that any
// goroutine may look at any of them at any time.
type waiter struct {
	// The queue node (MCS).
	state  uint32 // stateWaiting and so on; changes by compare-and-exchange
	next   uint32 // 0, index of the waiter behind, or linkClosed; by exchange
	index  uint32 // of this record; constant
	parent uint32 // next record of a free list

	// See sighting. In the same cache line, as whoever hands over headship
	// writes it.
	at     int64
	owner  uintptr
	grants uint32

	park.Parker // blocks the goroutine

	// The wait edge: goroutine g waits for lock, if that is not nil.
	epoch uint32                // number of this wait; changes before the edge appears
	g     uintptr               // CurrentG
	lock  atomic.Pointer[Mutex] // sequentially consistent [edge]

	verdict atomic.Pointer[verdict] // set by whoever finds this waiter to be the victim of a cycle

	since atomic.Int64 // when the wait began, on the stall clock

	home, bucket, slot uint32 // where the edge stands in the table
	where              place  // the waiting goroutine's call stack and id
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

	// What is free, apart from the buckets' spare records.
	nodes freeList // records that the tail can name
	edges freeList // further records, for waiters that cannot queue
}

// maxNodes is how many waiters can queue, over all locks: the tail names them.
var maxNodes = uint32(asm.TailMax)

// waiterAt returns the record with the given index, from 1.
func waiterAt(index uint32) *waiter {
	i := index - 1
	return &registry.chunks[i/chunkSize].Load()[i%chunkSize].waiter // acquire: pairs with makeChunk [record]
}

// canQueue reports whether the tail can name w.
func (w *waiter) canQueue() bool { return w.index <= maxNodes }

// tail returns w's index in place.
func (w *waiter) tail() uint32 { return w.index << asm.TailShift }

func tailOf(val uint32) uint32 { return val & asm.TailMask >> asm.TailShift }

// newWaiter returns a free record for goroutine g, one that can queue if there is
// any; if it can, the one that g had last, whose lines are where g runs. Beyond
// maxRecords waiters it waits until one is free: slower, never wrong (G10). It
// returns nil if the limit or the stall timeout is reached before.
func newWaiter(g uintptr, l *Mutex, lim *limit) (*waiter, error) {
	if w := edges[hash(g)&edgeMask].takeSpare(); w != nil {
		return w, nil
	}
	began := stallClock.now()
	for {
		if w := registry.nodes.pop(); w != nil {
			return w, nil
		}
		if asm.LoadAcquire32(&registry.made) >= maxNodes { // acquire: pairs with makeChunk [record]
			if w := anySpare(); w != nil {
				return w, nil
			}
			if w := registry.edges.pop(); w != nil {
				return w, nil
			}
		}
		if makeChunk() {
			continue
		}
		if err := lim.expired(l); err != nil {
			return nil, err
		}
		if still := stallClock.now() - began; still >= stallTimeout.Load() {
			return nil, l.failStall(time.Duration(still))
		}
		time.Sleep(wait.Long)
	}
}

// makeChunk adds records to the free lists and reports whether there are any.
func makeChunk() bool {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.nodes.any() || registry.made >= maxNodes && registry.edges.any() {
		return true // somebody else was faster
	}
	n := registry.made / chunkSize
	if n == maxChunks {
		return false
	}
	c := new(chunk)
	registry.chunks[n].Store(c) // release: pairs with waiterAt [record]
	for i := range c {
		w := &c[i].waiter
		w.index = registry.made + uint32(i) + 1
		w.Init()
	}
	asm.StoreRelease32(&registry.made, registry.made+chunkSize) // release: pairs with newWaiter [record]
	for i := range c {
		c[i].shelve()
	}
	return true
}

// free returns a record that nobody can reach any more through a queue, to the
// bucket that its edge was in, if that has no other.
func (w *waiter) free() {
	if !w.canQueue() || !asm.TryCmpxchgRelease32(&edges[w.home].spare, 0, w.index) { // release: pairs with takeSpare [record]
		w.shelve()
	}
}

// shelve puts a free record on the list of its kind.
func (w *waiter) shelve() {
	if w.canQueue() {
		registry.nodes.push(w)
	} else {
		registry.edges.push(w)
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
		asm.StoreRelaxed32(&w.parent, uint32(top)) // ordered by the exchange below
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
		next := asm.LoadRelaxed32(&w.parent) // stale only if the exchange below fails
		if l.top.CompareAndSwap(top, top>>32<<32|uint64(next)) {
			return w
		}
	}
}
