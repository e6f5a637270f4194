package hashtab

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// A bucket is one cache line. It has slots for a few elements, and its header has a few
// bits of each one's hash, so that most lookups read one bucket and one element. Further
// elements are in a chain. A bucket changes only while its lock is held.
//
// An element is present while a slot or a cell of the chain points to it. It keeps that
// place until it is removed, so that a reader that goes through the bucket once does not
// miss it.
type bucket[K comparable, V any] struct {
	header versionedHeader
	lock   rqlock.Mutex
	// The padding is not last because the compiler would pad a last field of size 0.
	_     [64 - unsafe.Sizeof(rqlock.Mutex{}) - 8 - (slots+1)*unsafe.Sizeof(uintptr(0))]byte
	slots [slots]atomic.Pointer[elem[K, V]]
	chain atomic.Pointer[cell[K, V]]
}

const slots = 4

// A cell is a place in a bucket's chain. One that has left the chain leads back to it, for
// readers that are there, unless cells are reused.
type cell[K comparable, V any] struct {
	elem atomic.Pointer[elem[K, V]]
	next atomic.Pointer[cell[K, V]]
}

// A header is a bucket's state, and hints about its elements:
//
//	bits  0-31  a byte for each slot. Its lower 7 bits are the tag: the low bits of the
//	            element's hash. Its upper bit says whether some elements are in the chain:
//	            those whose next bits of the hash number this byte
//	bit  32     the bucket's elements have moved to the next table (see grow.go)
//	bits 33-63  version, odd while the value of an element that is reused changes
//
// The hints of an element are set before the element is present, and stay at least until it
// is absent. If it is reused, the version changes before it is present, and when it is absent
// before it changes itself. A reader that sleeps during exactly 2^30 changes does not notice
// them.
type header uint64

const (
	tagBits = 7
	tagMask = 1<<tagBits - 1

	// lowBits and highBits have one bit of each slot's byte.
	lowBits  = 0x01010101
	highBits = lowBits << tagBits

	movedBit   = header(1) << (8 * slots)
	oneVersion = movedBit << 1
	oneChange  = 2 * oneVersion // of a bucket whose elements are reused: one is added or removed
)

// inChain returns the bit for an element in the chain.
func inChain(hash uint64) header {
	return 1 << (hash>>tagBits%slots*8 + tagBits)
}

func (h header) changing() bool { return h&oneVersion != 0 }
func (h header) moved() bool    { return h&movedBit != 0 }

// A slotSet is a set of slots: the upper bit of each one's byte.
type slotSet uint64

// candidates returns the slots that have the tag, without a branch for each slot.
func (h header) candidates(tag uint64) slotSet {
	x := (uint64(h) ^ tag*lowBits) &^ highBits // a byte is 0 where the tags are equal, and otherwise below 0x80
	return slotSet((highBits - x) & highBits)
}

// first returns a slot of the set, which has one.
func (s slotSet) first() (slot int) {
	return bits.TrailingZeros32(uint32(s)) >> 3 & (slots - 1)
}

// rest returns the other slots.
func (s slotSet) rest() slotSet { return s & (s - 1) }

func (h header) withTag(slot int, tag uint64) header {
	return h&^(tagMask<<(slot*8)) | header(tag)<<(slot*8)
}

func tagOf(hash uint64) uint64 { return hash & tagMask }

// A versionedHeader is a header that serves as a sequence lock.
type versionedHeader struct{ word atomic.Uint64 }

func (v *versionedHeader) load() header {
	return header(v.word.Load()) // acquire: pairs with release in store
}

// store changes the header. What a reader must find at once is not stored in this way.
func (v *versionedHeader) store(h header) {
	words.StoreRelease(&v.word, uint64(h)) // release: pairs with acquire in load
}

// settle waits until the bucket does not change, but not for long.
func (v *versionedHeader) settle() {
	const tries = 100
	for range tries {
		if !v.load().changing() {
			return
		}
	}
	runtime.Gosched() // The writer may need this processor.
}

// A table has a power of two of buckets. The upper bits of a key's hash are the number of
// its bucket, so all tables have their elements in the order of hashes.
type table[K comparable, V any] struct {
	buckets []bucket[K, V]
	shift   uint8 // 64 minus the number of those bits
	growth[K, V]
}

// newTable returns a table with 1<<log buckets. There are two at least.
func newTable[K comparable, V any](log int) *table[K, V] {
	t := &table[K, V]{buckets: make([]bucket[K, V], 1<<log), shift: uint8(64 - log)}
	t.unmoved.Store(1 << log)
	attributes.NameEach(t.buckets, "hashtab.Map.buckets")
	return t
}

func (t *table[K, V]) bucket(hash uint64) *bucket[K, V] {
	// The number is below len(buckets) in any case.
	n := uintptr(hash >> (t.shift & 63))
	return (*bucket[K, V])(unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.buckets)), n*unsafe.Sizeof(bucket[K, V]{})))
}

// after returns the first hash that belongs to the bucket after this one, or 0 if there is
// none.
func (t *table[K, V]) after(hash uint64) uint64 { return (hash>>t.shift + 1) << t.shift }

// A place is where an element is, or where one is not: then e is nil.
type place[K comparable, V any] struct {
	e    *elem[K, V]
	in   *atomic.Pointer[elem[K, V]] // the slot, or the cell's elem
	cell *cell[K, V]                 // nil: it is in a slot
	link *atomic.Pointer[cell[K, V]] // what points to the cell
}

// The callers of the following functions hold b's lock, so nothing changes meanwhile.

// find returns k's place in b.
func (m *Map[K, V]) find(b *bucket[K, V], hash uint64, k K) place[K, V] {
	for may := b.header.load().candidates(tagOf(hash)); may != 0; may = may.rest() {
		in := &b.slots[may.first()]
		if e := in.Load(); e != nil && *e.key.Fixed() == k {
			return place[K, V]{e: e, in: in}
		}
	}
	link := &b.chain
	for c := link.Load(); c != nil; c = link.Load() {
		if e := c.elem.Load(); *e.key.Fixed() == k {
			return place[K, V]{e, &c.elem, c, link}
		}
		link = &c.next
	}
	return place[K, V]{}
}

// chained iterates over the elements of b's chain. The loop may remove them.
func (b *bucket[K, V]) chained() func(yield func(at place[K, V]) bool) {
	return func(yield func(at place[K, V]) bool) {
		link := &b.chain
		for c := link.Load(); c != nil; {
			next := c.next.Load()
			if !yield(place[K, V]{c.elem.Load(), &c.elem, c, link}) {
				return
			}
			if link.Load() == c {
				link = &c.next
			}
			c = next
		}
	}
}

// all iterates over b's elements. The loop may remove them.
func (b *bucket[K, V]) all() func(yield func(at place[K, V]) bool) {
	return func(yield func(at place[K, V]) bool) {
		for i := range b.slots {
			if e := b.slots[i].Load(); e != nil && !yield(place[K, V]{e: e, in: &b.slots[i]}) {
				return
			}
		}
		b.chained()(yield)
	}
}

// free returns a slot that is free, or slots if there is none. It has no branch for each slot:
// which ones are taken cannot be predicted.
func (b *bucket[K, V]) free() (slot int) {
	set := uint(1) << slots
	for i := range b.slots {
		if b.slots[i].Load() == nil {
			set |= 1 << i
		}
	}
	return bits.TrailingZeros(set)
}

// link makes e an element of b, with header h and the hints of e: in a slot that is free, or in
// cell c of the chain if the slot is slots.
func (b *bucket[K, V]) link(h header, slot int, e *elem[K, V], c *cell[K, V], hash uint64) {
	if slot < slots {
		b.header.store(h.withTag(slot, tagOf(hash)))
		b.slots[slot].Store(e) // release: pairs with acquire in search
		return
	}
	b.hint(h | inChain(hash))
	c.elem.Store(e)
	c.next.Store(b.chain.Load())
	b.chain.Store(c) // release: pairs with acquire in search
}

// attach is link for an element that has no cell. It reports whether it is in the chain.
func (b *bucket[K, V]) attach(e *elem[K, V], hash uint64) (chained bool) {
	slot := b.free()
	var c *cell[K, V]
	if slot == slots {
		c = new(cell[K, V])
	}
	b.link(b.header.load(), slot, e, c, hash)
	return c != nil
}

// hint makes h the header, if it is not.
func (b *bucket[K, V]) hint(h header) {
	if h != b.header.load() {
		b.header.store(h)
	}
}

// unlink removes an element from b, whose header is then h, but for hints that nothing needs.
func (b *bucket[K, V]) unlink(h header, at place[K, V]) {
	if at.cell == nil {
		at.in.Store(nil)
	} else {
		at.link.Store(at.cell.next.Load())
		if b.chain.Load() == nil {
			h &^= highBits
		}
	}
	b.hint(h)
}
