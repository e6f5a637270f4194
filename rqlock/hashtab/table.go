package hashtab

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
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
//	bits  0-27  a tag of 7 bits for each slot: the low bits of the element's hash
//	bits 28-35  a bit for each element in the chain, which the next bits of its hash number
//	bit  36     the bucket's elements have moved to the next table (see grow.go)
//	bits 37-63  version, odd while elements that are reused change
//
// The hints of an element are set before the element is present, and stay at least until it
// is absent. A reader that sleeps during exactly 2^26 changes does not notice them.
type header uint64

const (
	tagBits = 7
	tagMask = 1<<tagBits - 1

	filterShift = slots * tagBits
	filterBits  = 8
	filterMask  = header(1<<filterBits-1) << filterShift

	movedBit   = header(1) << (filterShift + filterBits)
	oneVersion = movedBit << 1

	// lowBits has the lowest bit of each tag.
	lowBits = 1 | 1<<tagBits | 1<<(2*tagBits) | 1<<(3*tagBits)
)

// inChain returns the bit for an element in the chain.
func inChain(hash uint64) header {
	return 1 << filterShift << (hash >> tagBits & (filterBits - 1))
}

func (h header) changing() bool { return h&oneVersion != 0 }
func (h header) moved() bool    { return h&movedBit != 0 }

// A slotSet is a set of slots: the lowest bit of each one's tag.
type slotSet uint64

// candidates returns the slots that may have the tag, without a branch for each slot. It
// returns all that have it, and perhaps the slot after one that has it.
func (h header) candidates(tag uint64) slotSet {
	x := uint64(h) ^ tag*lowBits // 0 where the tags are equal
	return slotSet((x - lowBits) &^ x >> (tagBits - 1) & lowBits)
}

// first returns a slot of the set, which has one.
func (s slotSet) first() (slot int) {
	return bits.TrailingZeros64(uint64(s)) * 37 >> 8 & (slots - 1) // divides 0, 7, 14, 21 by 7
}

// rest returns the other slots.
func (s slotSet) rest() slotSet { return s & (s - 1) }

func (h header) withTag(slot int, tag uint64) header {
	return h&^(tagMask<<(slot*tagBits)) | header(tag)<<(slot*tagBits)
}

func tagOf(hash uint64) uint64 { return hash & tagMask }

// A versionedHeader is a header that serves as a sequence lock.
type versionedHeader struct{ word atomic.Uint64 }

func (v *versionedHeader) load() header {
	return header(v.word.Load()) // acquire: pairs with release in store
}

func (v *versionedHeader) store(h header) {
	v.word.Store(uint64(h)) // release: pairs with acquire in load
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
	for at := range b.chained() {
		if *at.e.key.Fixed() == k {
			return at
		}
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

// full reports whether all slots are taken.
func (b *bucket[K, V]) full() bool {
	for i := range b.slots {
		if b.slots[i].Load() == nil {
			return false
		}
	}
	return true
}

// link makes e an element of b, whose header is h. If all slots are taken, it reports that e
// is in the chain, in cell c, or in a new one if c is nil. It returns the header afterwards.
func (b *bucket[K, V]) link(h header, e *elem[K, V], c *cell[K, V], hash uint64) (after header, chained bool) {
	for i := range b.slots {
		if b.slots[i].Load() == nil {
			h = b.hint(h, h.withTag(i, tagOf(hash)))
			b.slots[i].Store(e) // release: pairs with acquire in search
			return h, false
		}
	}
	h = b.hint(h, h|inChain(hash))
	if c == nil {
		c = new(cell[K, V])
	}
	c.elem.Store(e)
	c.next.Store(b.chain.Load())
	b.chain.Store(c) // release: pairs with acquire in search
	return h, true
}

// hint changes b's header from h to with.
func (b *bucket[K, V]) hint(h, with header) header {
	if with != h {
		b.header.store(with)
	}
	return with
}

// unlink removes an element from b, whose header is h. It returns the header afterwards.
func (b *bucket[K, V]) unlink(h header, at place[K, V]) (after header) {
	if at.cell == nil {
		at.in.Store(nil)
		return h
	}
	at.link.Store(at.cell.next.Load())
	if b.chain.Load() == nil {
		h = b.hint(h, h&^filterMask)
	}
	return h
}
