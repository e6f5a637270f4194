package hashtab

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// A node is an element, in a bucket or in the free list.
type node[K comparable, V any] = freelist.Node[elem[K, V]]

// An elem changes only while its bucket's version is odd, or while it is in none.
type elem[K comparable, V any] struct {
	hash  atomic.Uint64 // what a lookup reads is together
	key   words.Cell[K]
	value words.Cell[V]
	state atomic.Uint32                             // see clock
	next  atomic.Pointer[freelist.Node[elem[K, V]]] // of a chain
}

// A bucket is a cache line. It has slots for a few elements, with some bits of each one's
// hash, so that a lookup mostly touches the bucket and the element that it is for; if it
// has more, those are in a chain. It changes under its lock.
type bucket[K comparable, V any] struct {
	_     [64 - unsafe.Sizeof(rqlock.Lock{}) - 8 - (slots+1)*unsafe.Sizeof(uintptr(0))]byte // first: at the end nothing would take a word
	head  atomic.Uint64
	lock  rqlock.Lock
	slots [slots]atomic.Pointer[node[K, V]]
	chain atomic.Pointer[node[K, V]]
}

const slots = 4

// A head has the bucket's version, odd while it changes, in its upper 40 bits (a reader
// who sleeps for 2^39 changes is deceived), and below a tag for each slot, of 6 bits.
type head uint64

const (
	tagBits    = 6
	tagMask    = 1<<tagBits - 1
	oneVersion = head(1) << (slots * tagBits)
)

func (h head) changing() bool { return h&oneVersion != 0 }

// A match is a set of slots: the last bit of each one's tag.
type match uint64

const firstBits = 1 | 1<<tagBits | 1<<(2*tagBits) | 1<<(3*tagBits) // of each tag

// slotsOf returns those that may have the tag, without a branch for each: besides those
// that do, perhaps one after such a one. The tag of a free slot says nothing.
func (h head) slotsOf(tag uint64) match {
	x := uint64(h) ^ tag*firstBits // 0 where it is the same
	return match((x - firstBits) &^ x >> (tagBits - 1) & firstBits)
}

// next takes a slot out of the set.
func (m *match) next() (slot int) {
	slot = bits.TrailingZeros64(uint64(*m)) / tagBits
	*m &= *m - 1
	return slot
}

func (h head) withTag(i int, tag uint64) head {
	return h&^(tagMask<<(i*tagBits)) | head(tag)<<(i*tagBits)
}

func tagOf(hash uint64) uint64 { return hash & tagMask }

// now returns the head, to compare with later (acquire: pairs with change).
func (b *bucket[K, V]) now() head { return head(b.head.Load()) }

// change makes a new version of the bucket, in which f puts what it wants, and the tags
// of the head that it returns.
func (b *bucket[K, V]) change(f func(h head) head) {
	h := b.now() + oneVersion
	b.head.Store(uint64(h))                 // before anything changes: pairs with now
	b.head.Store(uint64(f(h) + oneVersion)) // release: pairs with now
}

// link puts n, which is in no bucket, into b.
func (b *bucket[K, V]) link(h head, n *node[K, V]) head {
	for i := range b.slots {
		if b.slots[i].Load() == nil {
			b.slots[i].Store(n)
			return h.withTag(i, tagOf(n.Value.hash.Load()))
		}
	}
	n.Value.next.Store(b.chain.Load())
	b.chain.Store(n)
	return h
}

// unlink takes n out of b. The tag of its slot may stay.
func (b *bucket[K, V]) unlink(n *node[K, V]) {
	for i := range b.slots {
		if b.slots[i].Load() == n {
			b.slots[i].Store(nil)
			return
		}
	}
	at := &b.chain
	for at.Load() != n {
		at = &at.Load().Value.next
	}
	at.Store(n.Value.next.Load())
}

// all goes over b's elements, as long as h is its head.
func (b *bucket[K, V]) all(h head) func(yield func(n *node[K, V]) bool) {
	return func(yield func(n *node[K, V]) bool) {
		for i := range b.slots {
			if n := b.slots[i].Load(); n != nil && !yield(n) {
				return
			}
		}
		for n := b.chain.Load(); n != nil && b.now() == h; n = n.Value.next.Load() { // else it leads into another bucket
			if !yield(n) {
				return
			}
		}
	}
}

// any returns one of b's elements, or nil. It needs the lock.
func (b *bucket[K, V]) any() *node[K, V] {
	for n := range b.all(b.now()) {
		return n
	}
	return nil
}
