package hashtab

import "sync/atomic"

// NewLRU returns a map for up to capacity elements. When the map is full, it makes room for
// a new element by deleting one that was not used for a long time. It allocates memory for
// all elements; later nothing is allocated. It panics if capacity is not positive.
//
// The deleted element is about the least recently used one. The algorithm is CLOCK
// (Corbato, 1968): a hand goes round over the elements and takes the first that was neither
// looked up nor updated since it came by last. [Map.Update] and [Map.Compute] return
// [ErrFull] only if no bucket of such an element can be locked at once, as in a callback of
// a map with room for one element.
func NewLRU[K comparable, V any](capacity int) *Map[K, V] {
	m := New[K, V](capacity)
	m.lru = &lru{uses: make([]atomic.Uint64, capacity)}
	return m
}

// An lru knows which elements of a map were used lately. It has a use for each element:
//
//	bit  0     the element is in a bucket; otherwise all bits are 0
//	bit  1     it was used since the hand came by
//	bits 2-63  the bucket's number
//
// Bits other than bit 1 change only while the bucket's lock is held.
type lru struct {
	uses []atomic.Uint64
	hand atomic.Uint64
}

const (
	inBucket = 1 << iota
	used
	oneBucket
)

// enter notes that element i was added to a bucket.
func (l *lru) enter(i int, bucket uint64) { l.uses[i].Store(bucket*oneBucket | used | inBucket) }

// leave notes that element i was removed from its bucket.
func (l *lru) leave(i int) { l.uses[i].Store(0) }

// touch notes that element i is used. Meanwhile the element may have become another one,
// which does no harm.
func (l *lru) touch(i int) {
	// It is mostly noted already, and then a shared cache line need not be written.
	if u := l.uses[i].Load(); u&(inBucket|used) == inBucket {
		l.uses[i].CompareAndSwap(u, u|used)
	}
}

// evict removes an element from its bucket and returns it, or returns nil if it finds none.
// The caller holds the lock of bucket held. evict does not wait for another bucket's lock:
// that might close a cycle, and there are other elements.
func (m *Map[K, V]) evict(held *bucket[K, V]) *elem[K, V] {
	uses := m.lru.uses
	for range 2 * len(uses) { // In the first round all elements may be used.
		i := int(m.lru.hand.Add(1) % uint64(len(uses)))
		switch u := uses[i].Load(); {
		case u == 0:
		case u&used != 0:
			uses[i].CompareAndSwap(u, u&^used)
		case m.evictFrom(&m.buckets[u/oneBucket], held, i, u):
			return &m.store.elems[i]
		}
	}
	return nil
}

// evictFrom removes element i from b and reports whether it did: if b can be locked, and
// nobody has removed or used the element since its use was u.
func (m *Map[K, V]) evictFrom(b, held *bucket[K, V], i int, u uint64) bool {
	if b != held {
		if !b.lock.TryLock() {
			return false
		}
		defer b.lock.Unlock()
	}
	if m.lru.uses[i].Load() != u {
		return false
	}
	m.takeOut(b, &m.store.elems[i])
	return true
}
