package hashtab

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// An elem is an element. It changes only while its bucket's version is odd, or while it is
// in no bucket. But a value of one word may change at any time, by one store.
type elem[K comparable, V any] struct {
	key   words.Cell[K]
	value words.Cell[V]
}

// A bucket is one cache line. It has slots for a few elements, and its header has a few
// bits of each element's hash, so that most lookups read one bucket and one element. Further
// elements are chained to the element of the last slot (see store). A bucket changes only
// while its lock is held.
type bucket[K comparable, V any] struct {
	header versionedHeader
	lock   rqlock.Mutex
	// The padding is not last because the compiler would pad a last field of size 0.
	_     [64 - unsafe.Sizeof(rqlock.Mutex{}) - 8 - slots*unsafe.Sizeof(uintptr(0))]byte
	slots [slots]atomic.Pointer[elem[K, V]]
}

const (
	slots = 5
	last  = slots - 1
)

// A header is a bucket's version and tags:
//
//	bits  0-29  a tag of 6 bits for each slot: the upper bits of the element's hash
//	bits 30-63  version, odd while the bucket changes
//
// A reader that sleeps during exactly 2^33 changes does not notice them.
type header uint64

const (
	tagBits    = 6
	tagMask    = 1<<tagBits - 1
	oneVersion = header(1) << (slots * tagBits)

	// lowBits has the lowest bit of each tag.
	lowBits = 1 | 1<<tagBits | 1<<(2*tagBits) | 1<<(3*tagBits) | 1<<(4*tagBits)
)

func (h header) changing() bool { return h&oneVersion != 0 }

// A slotSet is a set of slots: the lowest bit of each one's tag.
type slotSet uint64

// candidates returns the slots that may have the tag, without a branch for each slot. It
// returns all that have it, and perhaps the slot after one that has it. The tag of an empty
// slot means nothing.
func (h header) candidates(tag uint64) slotSet {
	x := uint64(h) ^ tag*lowBits // 0 where the tags are equal
	return slotSet((x - lowBits) &^ x >> (tagBits - 1) & lowBits)
}

// next removes a slot from the set and returns it.
func (s *slotSet) next() (slot int) {
	slot = bits.TrailingZeros64(uint64(*s)) * 11 >> 6 // divides 0, 6, ... 24 by 6
	*s &= *s - 1
	return slot
}

func (h header) withTag(slot int, tag uint64) header {
	return h&^(tagMask<<(slot*tagBits)) | header(tag)<<(slot*tagBits)
}

func tagOf(hash uint64) uint64 { return hash >> (64 - tagBits) }

// A versionedHeader is a header that serves as a sequence lock.
type versionedHeader struct{ word atomic.Uint64 }

// load returns the present header, for comparison with a later one.
func (v *versionedHeader) load() header {
	return header(v.word.Load()) // acquire: pairs with release in change
}

// settle waits until the bucket does not change.
func (v *versionedHeader) settle() {
	for tries := 1; v.load().changing(); tries++ {
		if tries%100 == 0 {
			runtime.Gosched() // The writer may need this processor.
		}
	}
}

// change makes a new version of the bucket. It calls f, which changes the bucket, with the
// header, and stores the header that f returns. The caller holds the lock.
func (v *versionedHeader) change(f func(h header) header) {
	h := v.load() + oneVersion
	v.word.Store(uint64(h)) // before anything changes: pairs with acquire in load
	h = f(h) + oneVersion
	v.word.Store(uint64(h)) // release: pairs with acquire in load
}

// slotOf returns the slot that has e, and whether there is one. If e is nil, that is an
// empty slot.
func (b *bucket[K, V]) slotOf(e *elem[K, V]) (slot int, ok bool) {
	for i := range b.slots {
		if b.slots[i].Load() == e {
			return i, true
		}
	}
	return 0, false
}

// link adds e to b, in an empty slot or else in the chain. It returns the new header.
func (m *Map[K, V]) link(b *bucket[K, V], h header, e *elem[K, V], tag uint64) header {
	if i, ok := b.slotOf(nil); ok {
		b.slots[i].Store(e)
		return h.withTag(i, tag)
	}
	first := m.store.next(b.slots[last].Load())
	m.store.next(e).Store(first.Load())
	first.Store(e)
	return h
}

// unlink removes e from b. If e is in the last slot, the next element of the chain gets
// that slot. It returns the new header.
func (m *Map[K, V]) unlink(b *bucket[K, V], h header, e *elem[K, V]) header {
	next := m.store.next(e).Load()
	if i, ok := b.slotOf(e); ok {
		b.slots[i].Store(next)
		if next != nil {
			h = h.withTag(i, tagOf(m.hash(next.key.Load(&m.keys))))
		}
	} else {
		before := m.store.next(b.slots[last].Load())
		for before.Load() != e {
			before = m.store.next(before.Load())
		}
		before.Store(next)
	}
	m.store.next(e).Store(nil)
	return h
}

// next returns the element that is chained to e, if any. It returns nil if e is nil.
func (m *Map[K, V]) next(e *elem[K, V]) *elem[K, V] {
	if e == nil {
		return nil
	}
	return m.store.next(e).Load()
}

// all iterates over b's elements. It stops early if the header is not h any more, because
// the chain may then lead into another bucket.
func (m *Map[K, V]) all(b *bucket[K, V], h header) func(yield func(e *elem[K, V]) bool) {
	return func(yield func(e *elem[K, V]) bool) {
		for i := range b.slots {
			if e := b.slots[i].Load(); e != nil && !yield(e) {
				return
			}
		}
		for e := m.next(b.slots[last].Load()); e != nil && b.header.load() == h; e = m.next(e) {
			if !yield(e) {
				return
			}
		}
	}
}

// any returns one of b's elements, or nil. The caller holds b's lock.
func (m *Map[K, V]) any(b *bucket[K, V]) *elem[K, V] {
	for e := range m.all(b, b.header.load()) {
		return e
	}
	return nil
}
