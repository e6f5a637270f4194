package hashtab

import "errors"

// ErrShort says that a bucket has more elements than the slices have room for.
var ErrShort = errors.New("hashtab: the slices are too short for a bucket")

// UpdateBatch updates keys[i] to values[i], in order, until one fails. It returns how
// many it has updated, and that one's error. It panics if values is shorter than keys.
func (m *Map[K, V]) UpdateBatch(keys []K, values []V, flag Flag) (n int, err error) {
	values = values[:len(keys)]
	for i, k := range keys {
		if err := m.Update(k, values[i], flag); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// DeleteBatch deletes the keys, in order, until one fails. It returns how many it has
// deleted, and that one's error.
func (m *Map[K, V]) DeleteBatch(keys []K) (n int, err error) {
	for i, k := range keys {
		if err := m.Delete(k); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// A Cursor is a place in a map between two batches. Its zero value is the beginning.
type Cursor struct{ bucket int }

// LookupBatch copies the next elements into keys and values, whole buckets of them, and
// moves the cursor on. It returns how many; 0 and no error is the end. ErrShort means
// that the next bucket does not fit: come again with longer slices. It takes no lock,
// and sees of concurrent changes what All does.
func (m *Map[K, V]) LookupBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	return m.batch(at, keys, values, func(b *bucket[K, V], buf []pair[K, V]) ([]pair[K, V], error) {
		return m.snapshot(b, buf), nil
	})
}

// LookupAndDeleteBatch is LookupBatch that deletes what it copies: each bucket in one
// step. A bucket whose lock fails is left as it is; the error is the lock's, and n says
// how many have been copied and deleted before it.
func (m *Map[K, V]) LookupAndDeleteBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	free := min(len(keys), len(values))
	return m.batch(at, keys, values, func(b *bucket[K, V], buf []pair[K, V]) ([]pair[K, V], error) {
		if err := b.lock.Lock(); err != nil {
			return buf, err
		}
		defer b.lock.Unlock()
		if buf = m.snapshot(b, buf); len(buf) <= free {
			free -= len(buf)
			for e := m.any(b); e != nil; e = m.any(b) {
				m.remove(b, e)
			}
		}
		return buf, nil
	})
}

// batch copies what take gets from the next buckets, as far as they fit.
func (m *Map[K, V]) batch(at *Cursor, keys []K, values []V, take func(*bucket[K, V], []pair[K, V]) ([]pair[K, V], error)) (n int, err error) {
	free := min(len(keys), len(values))
	var buf []pair[K, V]
	for ; at.bucket < len(m.buckets) && free > 0; at.bucket++ {
		if buf, err = take(&m.buckets[at.bucket], buf[:0]); err != nil {
			return n, err
		}
		if len(buf) > free {
			if n == 0 {
				return 0, ErrShort
			}
			return n, nil
		}
		for _, p := range buf {
			keys[n], values[n] = p.k, p.v
			n++
		}
		free -= len(buf)
	}
	return n, nil
}
