package hashtab

import (
	"errors"
	"fmt"
)

// ErrShort says that a slice is too short: it has fewer values than there are keys, or less
// room than the next bucket needs.
var ErrShort = errors.New("hashtab: slice too short")

// UpdateBatch calls [Map.Update] for each key and its value, in order, until one call
// fails. It returns the number of keys that it has updated, and the error of the next one.
// It returns [ErrShort] if there are fewer values than keys.
func (m *Map[K, V]) UpdateBatch(keys []K, values []V, flag Flag) (n int, err error) {
	if flag > Exist {
		return 0, flag.unknown()
	}
	if len(values) < len(keys) {
		return 0, fmt.Errorf("%w: %d values for %d keys", ErrShort, len(values), len(keys))
	}
	for i, k := range keys {
		if err := m.Update(k, values[i], flag); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// DeleteBatch calls [Map.Delete] for each key, in order, until one call fails. It returns
// the number of keys that it has deleted, and the error of the next one.
func (m *Map[K, V]) DeleteBatch(keys []K) (n int, err error) {
	for i, k := range keys {
		if err := m.Delete(k); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// A Cursor is a position in a map, where the next batch begins. The zero value is the
// beginning of the map.
type Cursor struct{ bucket int }

// LookupBatch copies the elements of the next buckets into keys and values, as many whole
// buckets as fit, and moves the cursor past them. It returns the number of elements. The
// result 0 without an error means the end of the map, or that there is no room at all.
// [ErrShort] means that the next bucket does not fit: call again with longer slices.
//
// LookupBatch takes no lock. An element that is added or deleted between two batches may be
// missing.
func (m *Map[K, V]) LookupBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	return m.batch(at, keys, values, func(b *bucket[K, V], buf []pair[K, V]) ([]pair[K, V], error) {
		return m.snapshot(b, buf), nil
	})
}

// LookupAndDeleteBatch is [Map.LookupBatch] that also deletes the elements, each bucket's in
// one step. If a bucket's lock fails, that bucket is unchanged. The error is then the
// lock's, and n elements were copied and deleted before.
func (m *Map[K, V]) LookupAndDeleteBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	room := min(len(keys), len(values))
	return m.batch(at, keys, values, func(b *bucket[K, V], buf []pair[K, V]) ([]pair[K, V], error) {
		if err := b.lock.Lock(); err != nil {
			return buf, err
		}
		defer b.lock.Unlock()
		if buf = m.snapshot(b, buf); len(buf) <= room {
			room -= len(buf)
			for e := m.any(b); e != nil; e = m.any(b) {
				m.remove(b, e)
			}
		}
		return buf, nil
	})
}

// batch calls get for the next buckets, and copies what it appends as long as that fits.
func (m *Map[K, V]) batch(at *Cursor, keys []K, values []V, get func(*bucket[K, V], []pair[K, V]) ([]pair[K, V], error)) (n int, err error) {
	room := min(len(keys), len(values))
	var buf []pair[K, V]
	for ; at.bucket < len(m.buckets) && room > 0; at.bucket++ {
		if buf, err = get(&m.buckets[at.bucket], buf[:0]); err != nil {
			return n, err
		}
		if len(buf) > room {
			if n == 0 {
				return 0, ErrShort
			}
			return n, nil
		}
		for _, p := range buf {
			keys[n], values[n] = p.k, p.v
			n++
		}
		room -= len(buf)
	}
	return n, nil
}
