package hashtab

import "sync/atomic"

// A growth moves the elements of a table to one with twice the buckets. Every writer moves
// a few buckets, and none waits for another one's.
//
// A bucket is moved while its lock is held: its elements become those of two buckets of the
// next table, which nobody uses yet. Then its header says that it has moved, and it never
// changes again. A reader that has begun in it finds there what was present at the moment
// when it moved.
type growth[K comparable, V any] struct {
	next    atomic.Pointer[table[K, V]] // nil: the table does not grow
	begun   atomic.Bool                 // somebody allocates the next table
	sweep   atomic.Uint64               // buckets that helpers have come by
	unmoved atomic.Int64                // buckets that have not moved
}

const (
	// A table grows when its buckets have so many elements on average, and one more does not
	// find a free slot. Then 1 bucket in 5 has a chain.
	maxLoad = 3

	// A writer comes by so many buckets. A table must have moved before the next one is full:
	// maxLoad insertions for each bucket later.
	sweepBuckets = 4
)

// grow begins to move t's elements to a larger table, if there are too many.
func (m *Map[K, V]) grow(t *table[K, V]) {
	if len(t.buckets) >= m.maxBuckets || m.Len() < maxLoad*len(t.buckets) || !t.begun.CompareAndSwap(false, true) {
		return
	}
	t.next.Store(newTable[K, V](64 - int(t.shift) + 1)) // release: pairs with acquire in help and follow
}

// help moves a few buckets if the map grows. The caller may hold locks of buckets.
func (m *Map[K, V]) help() {
	t := m.table.Load()
	if next := t.next.Load(); next != nil {
		m.moveSome(t, next)
	}
}

func (m *Map[K, V]) moveSome(t, next *table[K, V]) {
	n := uint64(len(t.buckets))
	first := t.sweep.Add(sweepBuckets) - sweepBuckets
	for i := first; i < first+sweepBuckets; i++ {
		b := &t.buckets[i&(n-1)]
		// Who holds the lock may be in a callback. A later sweep comes by again.
		if b.header.load().moved() || !b.lock.TryLock() {
			continue
		}
		if !b.header.load().moved() {
			m.move(b, i&(n-1), next)
			if t.unmoved.Add(-1) == 0 {
				m.table.CompareAndSwap(t, next)
			}
		}
		b.lock.Unlock()
	}
}

// move moves bucket number i of a table to the next one. The caller holds b's lock.
func (m *Map[K, V]) move(b *bucket[K, V], i uint64, next *table[K, V]) {
	for at := range b.all() {
		// The hash of a key that is not equal to itself is another one each time. Its bucket
		// is one of these two anyway.
		hash := m.hash(*at.e.key.Fixed())
		to := &next.buckets[2*i|hash>>next.shift&1]
		to.link(to.header.load(), at.e, nil, hash)
	}
	b.header.store(b.header.load() | movedBit) // release: pairs with acquire in follow
}

// follow returns the bucket for a hash that has not moved, and its table.
func (m *Map[K, V]) follow(hash uint64) (*table[K, V], *bucket[K, V]) {
	t := m.made()
	for {
		b := t.bucket(hash)
		if !b.header.load().moved() { // acquire: pairs with release in move
			return t, b
		}
		t = t.next.Load()
	}
}

// lock locks the bucket for a hash.
func (m *Map[K, V]) lock(hash uint64) (t *table[K, V], b *bucket[K, V], err error) {
	for {
		t, b = m.follow(hash)
		if err := b.lock.Lock(); err != nil {
			return nil, nil, err
		}
		if !b.header.load().moved() {
			return t, b, nil
		}
		b.lock.Unlock()
	}
}
