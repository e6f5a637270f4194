package hashtab

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// An elem changes only while its bucket's version is odd, or while it is in none; but a
// value that one access writes may change at any time.
type elem[K comparable, V any] struct {
	key   words.Cell[K]
	value words.Cell[V]
}

// A bucket is a cache line. It has slots for a few elements, with some bits of each one's
// hash, so that a lookup mostly touches the bucket and the element that it is for; if it
// has more, those hang on the link of the last slot's element (see store). It changes
// under its lock.
type bucket[K comparable, V any] struct {
	_     [64 - unsafe.Sizeof(rqlock.Mutex{}) - 8 - slots*unsafe.Sizeof(uintptr(0))]byte // first: at the end nothing would take a word
	heads heads
	lock  rqlock.Mutex
	slots [slots]atomic.Pointer[elem[K, V]]
}

const (
	slots = 5
	last  = slots - 1
)

// A head has the bucket's version, odd while it changes, in its upper 34 bits (a reader
// who sleeps for just 2^33 changes is deceived), and below a tag for each slot, of 6 bits.
type head uint64

const (
	tagBits    = 6
	tagMask    = 1<<tagBits - 1
	oneVersion = head(1) << (slots * tagBits)
)

func (h head) changing() bool { return h&oneVersion != 0 }

// A match is a set of slots: the last bit of each one's tag.
type match uint64

const firstBits = 1 | 1<<tagBits | 1<<(2*tagBits) | 1<<(3*tagBits) | 1<<(4*tagBits) // of each tag

// slotsOf returns those that may have the tag, without a branch for each: besides those
// that do, perhaps one after such a one. The tag of a free slot says nothing.
func (h head) slotsOf(tag uint64) match {
	x := uint64(h) ^ tag*firstBits // 0 where it is the same
	return match((x - firstBits) &^ x >> (tagBits - 1) & firstBits)
}

// next takes a slot out of the set.
func (m *match) next() (slot int) {
	slot = bits.TrailingZeros64(uint64(*m)) * 11 >> 6 // of 0, 6 to 24
	*m &= *m - 1
	return slot
}

func (h head) withTag(i int, tag uint64) head {
	return h&^(tagMask<<(i*tagBits)) | head(tag)<<(i*tagBits)
}

func tagOf(hash uint64) uint64 { return hash >> (64 - tagBits) }

// heads has the one head after the other: a sequence lock.
type heads struct{ at atomic.Uint64 }

// now returns the head, to compare with later (acquire: pairs with change).
func (s *heads) now() head { return head(s.at.Load()) }

// settle waits until nothing changes.
func (s *heads) settle() {
	for tries := 1; s.now().changing(); tries++ {
		if tries%100 == 0 {
			runtime.Gosched() // the writer may wait for this processor
		}
	}
}

// change makes a new version, in which f puts what it wants, and the tags of the head
// that it returns.
func (s *heads) change(f func(h head) head) {
	h := s.now() + oneVersion
	s.at.Store(uint64(h))                 // before anything changes: pairs with now
	s.at.Store(uint64(f(h) + oneVersion)) // release: pairs with now
}

// slotOf returns the slot that has e, nil for a free one, and whether there is one.
func (b *bucket[K, V]) slotOf(e *elem[K, V]) (i int, ok bool) {
	for i := range b.slots {
		if b.slots[i].Load() == e {
			return i, true
		}
	}
	return 0, false
}

// link puts e, which is in no bucket, into b: in a free slot, or hung on the last one's
// element.
func (m *Map[K, V]) link(b *bucket[K, V], at head, e *elem[K, V], tag uint64) head {
	if i, ok := b.slotOf(nil); ok {
		b.slots[i].Store(e)
		return at.withTag(i, tag)
	}
	l, on := m.store.link(e), m.store.link(b.slots[last].Load())
	l.Next.Store(on.Next.Load())
	on.Next.Store(l)
	return at
}

// cut takes e out of b. What hangs on it comes to its place.
func (m *Map[K, V]) cut(b *bucket[K, V], at head, e *elem[K, V]) head {
	next := m.next(e)
	if i, ok := b.slotOf(e); ok {
		b.slots[i].Store(next)
		if next != nil {
			at = at.withTag(i, tagOf(m.hash(next.key.Load(&m.keys))))
		}
	} else {
		on := b.slots[last].Load()
		for m.next(on) != e {
			on = m.next(on)
		}
		m.store.link(on).Next.Store(m.store.link(e).Next.Load())
	}
	m.store.link(e).Next.Store(nil)
	return at
}

// next returns the element that hangs on e, nil if that is nil or there is none.
func (m *Map[K, V]) next(e *elem[K, V]) *elem[K, V] {
	if e == nil {
		return nil
	}
	if l := m.store.link(e).Next.Load(); l != nil {
		return l.Value
	}
	return nil
}

// all goes over b's elements, as long as h is its head.
func (m *Map[K, V]) all(b *bucket[K, V], h head) func(yield func(e *elem[K, V]) bool) {
	return func(yield func(e *elem[K, V]) bool) {
		for i := range b.slots {
			if e := b.slots[i].Load(); e != nil && !yield(e) {
				return
			}
		}
		for e := m.next(b.slots[last].Load()); e != nil && b.heads.now() == h; e = m.next(e) { // else they lead into another bucket
			if !yield(e) {
				return
			}
		}
	}
}

// any returns one of b's elements, or nil. It needs the lock.
func (m *Map[K, V]) any(b *bucket[K, V]) *elem[K, V] {
	for e := range m.all(b, b.heads.now()) {
		return e
	}
	return nil
}
