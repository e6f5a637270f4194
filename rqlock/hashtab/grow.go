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

// full is how many elements are enough for so many buckets: 2.5 for each one. A table grows when
// it has them, and one more does not find a free slot. Then 1 bucket in 9 has a chain. With 3 for
// each, lookups in a table that is about to grow took 11 to 20 % longer (AMD EPYC, 98,000 and
// 780,000 elements, turns of 2,000,000); with 2, a table takes more cache lines for its elements.
func full(buckets int) int { return buckets * 5 / 2 }

// A writer comes by so many buckets. A table must have moved before the next one is full: 2.5
// insertions for each bucket later.
const sweepBuckets = 4

// grow begins to move t's elements to a larger table, if there are too many.
func (m *Map[K, V]) grow(t *table[K, V]) {
	if len(t.buckets) >= m.maxBuckets || m.Len() < full(len(t.buckets)) || !t.begun.CompareAndSwap(false, true) {
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
		to.attach(at.e, hash)
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
	for t = m.made(); ; t = t.next.Load() {
		b = t.bucket(hash)
		if b.header.load().moved() { // acquire: pairs with release in move
			continue
		}
		if err := b.lock.Lock(); err != nil {
			return nil, nil, err
		}
		if !b.header.load().moved() {
			return t, b, nil
		}
		b.lock.Unlock()
	}
}
