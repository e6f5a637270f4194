package hashtab

import "iter"

// All iterates over the elements, in no particular order. It holds no lock while the loop's
// body runs, which may use the map in any way. An element that is added or deleted
// meanwhile may be missing. A key comes twice only if it was deleted and added again.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var buf []pair[K, V]
		for hash := uint64(0); ; {
			t, b := m.follow(hash)
			buf = m.snapshot(b, buf[:0])
			for _, p := range buf {
				if !yield(p.k, p.v) {
					return
				}
			}
			clear(buf) // Let go of what the body may delete.
			if hash = t.after(hash); hash == 0 {
				return
			}
		}
	}
}

// Keys iterates over the keys, as [Map.All] does.
func (m *Map[K, V]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range m.All() {
			if !yield(k) {
				return
			}
		}
	}
}

// Values iterates over the values, as [Map.All] does.
func (m *Map[K, V]) Values() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range m.All() {
			if !yield(v) {
				return
			}
		}
	}
}

type pair[K comparable, V any] struct {
	k K
	v V
}

// snapshot appends b's elements to buf, which is empty. If elements are reused, they are
// those of one moment. Otherwise none is missing that is present all the time.
func (m *Map[K, V]) snapshot(b *bucket[K, V], buf []pair[K, V]) []pair[K, V] {
	if !m.reuses {
		return m.copyFixed(b, buf)
	}
	for tries := 1; ; tries++ {
		if tries%readerTries == 0 {
			if buf, ok := m.copyLocked(b, buf); ok {
				return buf
			}
		}
		h := b.header.load()
		buf = m.copyReused(b, h, buf)
		if !h.changing() && b.header.load() == h {
			return buf
		}
		clear(buf) // The values may be torn, and are not to be kept.
		buf = buf[:0]
		b.header.settle()
	}
}

// copyFixed appends elements that do not change meanwhile, but for values of one word.
func (m *Map[K, V]) copyFixed(b *bucket[K, V], buf []pair[K, V]) []pair[K, V] {
	for at := range b.all() {
		if !m.expired(at.e) {
			buf = append(buf, pair[K, V]{*at.e.key.Fixed(), m.value(at.e)})
		}
	}
	return buf
}

// copyReused appends elements that are reused. They count only if b's header is h
// afterwards. It stops early if it is not, because the chain may then lead into another
// bucket.
func (m *Map[K, V]) copyReused(b *bucket[K, V], h header, buf []pair[K, V]) []pair[K, V] {
	for at := range b.all() {
		if at.e == nil || b.header.load() != h {
			break
		}
		if !m.expired(at.e) {
			buf = append(buf, pair[K, V]{at.e.key.Load(&m.keys), at.e.value.Load(&m.values)})
		}
	}
	return buf
}

// copyLocked is copyFixed with the bucket locked. It returns false if that fails; see
// lookupLocked.
func (m *Map[K, V]) copyLocked(b *bucket[K, V], buf []pair[K, V]) ([]pair[K, V], bool) {
	m.locked.Add(1)
	if b.lock.Lock() != nil {
		return buf, false
	}
	defer b.lock.Unlock()
	return m.copyFixed(b, buf), true
}

// expired reports whether an element is to be taken for absent.
func (m *Map[K, V]) expired(e *elem[K, V]) bool { return m.lru != nil && m.lru.expired(m.node(e)) }
