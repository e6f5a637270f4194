// Package waiter has the records of goroutines that wait for locks. A record is found by
// its index, which fits into a lock, and while its goroutine waits also by the goroutine's
// id. Package queue and package waitgraph say what becomes of its fields.
package waiter

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
)

// A Waiter is the record of a goroutine that waits. Records are never freed, so that any
// goroutine may look at any of them at any time.
type Waiter struct {
	Node          // its position in a lock's queue
	park.Parker   // blocks the goroutine
	Edge          // its edge in the wait-for graph
	stall.Sleeper // what the watchdog knows of it
	Reading       // its position among the readers that wait
}

// A Node is the node of a queue (MCS). It is package queue's.
type Node struct {
	State    uint32     // by compare-and-exchange
	Next     uint32     // by exchange
	Index    uint32     // of this record; constant
	nextFree uint32     // next record of the free list
	Of       uint32     // whose queue it is in, see package queue; 0 = none
	Prev     uint32     // index of the record before it there
	Head     stall.Head // what the head knows; in the same cache line, as whoever hands it over writes it
}

// An Edge says that goroutine ID waits for Lock, if that is not nil. It is package
// waitgraph's.
type Edge struct {
	Epoch   uint32                    // number of this wait; changes before the edge appears
	ID      atomic.Uint64             // of the goroutine
	Lock    atomic.Pointer[asm.Owned] // sequentially consistent [edge]
	Verdict atomic.Pointer[Verdict]   // set by another goroutine: this waiter must give up
	Since   atomic.Int64              // when the wait began, on stall's clock
	Bounded bool                      // a stall does not end the wait: the caller gave a limit, or waits in a bubble

	Kind   KindWord        // of the wait; changes before the edge appears
	Reader readers.Reader  // the goroutine, as one that reads
	Reads  readers.Blocked // what it holds for reading

	home, bucket, slot uint32       // where the edge stands in the table
	Where              report.Stack // where the goroutine waits
}

// A Verdict tells a waiter, in one of its waits, that it must give up: as the victim of a
// cycle, or if Err is nil because of a stall.
type Verdict struct {
	Epoch uint32
	Err   error
	Quiet time.Duration // for how long the lock has been granted to nobody
}

// A record is in cache lines of its own.
type record struct {
	Waiter
	_ [cacheLine - unsafe.Sizeof(Waiter{})%cacheLine]byte
}

const cacheLine = 64

// Records are made in chunks.
type chunk [chunkSize]record

var registry struct {
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex // held to make a chunk
	made   uint32     // records made; stored with mu held
	free   freeList   // what is free, apart from the buckets' spare records
}

// Most is how many waiters there can be, over all locks. Tests have fewer.
var Most = uint32(maxRecords)

// At returns the record with the given index, from 1.
func At(index uint32) *Waiter {
	i := index - 1
	return &registry.chunks[i/chunkSize].Load()[i%chunkSize].Waiter // acquire: pairs with makeChunk [record]
}

// New returns a free record for the goroutine: the one that it had last, whose
// lines are where it runs, or another. It returns nil if all are in use.
func New(id uint64) *Waiter {
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
	if registry.made >= Most {
		return false
	}
	c := new(chunk)
	_, bubble := clock.Read()
	registry.chunks[registry.made/chunkSize].Store(c) // release: pairs with At [record]
	for i := range c {
		w := &c[i].Waiter
		w.Index = registry.made + uint32(i) + 1
		if !bubble { // what is made in a bubble belongs to it
			w.Parker.Begin(false, nil)
		}
	}
	atomic.StoreUint32(&registry.made, registry.made+chunkSize) // release: pairs with Made [record]
	for i := range c {
		registry.free.push(&c[i].Waiter)
	}
	return true
}

// Free returns a record that nobody can reach any more through a queue, to the
// bucket that its edge was in, if that has no other.
func (w *Waiter) Free() {
	if handOut(w) {
		return
	}
	if !asm.TryCmpxchgRelease32(&edges[w.home].spare, 0, w.Index) { // release: pairs with takeSpare [record]
		registry.free.push(w)
	}
}

// takeSpare returns the spare record of b, or nil if it has none.
func (b *bucket) takeSpare() *Waiter {
	index := asm.Xchg32AcqRel(&b.spare, 0) // acq_rel: pairs with Free [record]
	if index == 0 {
		return nil
	}
	return At(index)
}

// Made returns how many records there are: those with the indices from 1 up to it.
func Made() uint32 { return atomic.LoadUint32(&registry.made) } // acquire: pairs with makeChunk [record]

// anySpare returns a spare record of whatever bucket, or nil if there is none.
func anySpare() *Waiter {
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

func (l *freeList) push(w *Waiter) {
	for {
		top := l.top.Load()
		asm.StoreRelaxed32(&w.nextFree, uint32(top)) // ordered by the exchange below
		if l.top.CompareAndSwap(top, (top>>32+1)<<32|uint64(w.Index)) {
			return
		}
	}
}

func (l *freeList) pop() *Waiter {
	for {
		top := l.top.Load()
		if uint32(top) == 0 {
			return nil
		}
		w := At(uint32(top))
		next := asm.LoadRelaxed32(&w.nextFree) // stale only if the exchange below fails
		if l.top.CompareAndSwap(top, top>>32<<32|uint64(next)) {
			return w
		}
	}
}
