package hashtab

import "sync/atomic"

// NewLRU returns a map for capacity elements that makes room for a new one, when it is
// full, by deleting one that has not been used for long: about the least recently used
// (CLOCK, Corbato 1968: those that have been looked up or updated since the hand came
// by last are passed over once). Update and Compute return ErrFull only if it finds
// none whose bucket can be locked at once, as inside of a callback in a map of one
// element. It panics if capacity is not positive.
func NewLRU[K comparable, V any](capacity int) *Map[K, V] {
	m := New[K, V](capacity)
	m.clock = &clock{places: make([]atomic.Uint64, capacity)}
	return m
}

// A clock goes round over all elements to find one that has not been used for long.
type clock struct {
	places []atomic.Uint64 // of each of them
	hand   atomic.Uint64
}

// A place is zero for an element that is in no bucket. It becomes and ceases to be so
// under its bucket's lock.
const (
	inUse      = 1 << iota
	referenced // used since the hand came by
	oneBucket  // times the bucket's number
)

// enter and leave note that element i comes into a bucket, or out of it.

func (c *clock) enter(i int, bucket uint64) {
	c.places[i].Store(bucket*oneBucket | referenced | inUse)
}

func (c *clock) leave(i int) { c.places[i].Store(0) }

// touch notes that element i is used. (By the time it may be another's: no harm.)
func (c *clock) touch(i int) {
	if p := c.places[i].Load(); p&(inUse|referenced) == inUse { // mostly it is noted: do not write a shared line
		c.places[i].CompareAndSwap(p, p|referenced)
	}
}

// evict takes an element out of its bucket and returns it, or nil if it finds none.
// Bucket held is locked already. It does not wait for another bucket's lock: that
// might close a cycle, and there are other elements.
func (m *Map[K, V]) evict(held *bucket[K, V]) *elem[K, V] {
	places := m.clock.places
	for range 2 * len(places) { // in the first round all may be referenced
		i := int(m.clock.hand.Add(1) % uint64(len(places)))
		switch p := places[i].Load(); {
		case p == 0:
		case p&referenced != 0:
			places[i].CompareAndSwap(p, p&^referenced)
		case m.evictFrom(&m.buckets[p/oneBucket], held, i, p):
			return &m.store.elems[i]
		}
	}
	return nil
}

// evictFrom takes element i out of b if that can be locked and i is still there, not
// used since its place was p.
func (m *Map[K, V]) evictFrom(b, held *bucket[K, V], i int, p uint64) bool {
	if b != held {
		if !b.lock.TryLock() {
			return false
		}
		defer b.lock.Unlock()
	}
	if m.clock.places[i].Load() != p {
		return false
	}
	m.takeOut(b, &m.store.elems[i])
	return true
}
