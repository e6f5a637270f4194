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
// the number of keys that it has deleted, and the error of the next one. It cannot delete
// keys that are not equal to themselves, like NaN: see [Map.Clear].
func (m *Map[K, V]) DeleteBatch(keys []K) (n int, err error) {
	for i, k := range keys {
		if err := m.Delete(k); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// A Cursor is a position in a map, where the next batch begins. The zero value is the
// beginning of the map. A cursor stays valid while the map grows.
type Cursor struct {
	hash uint64 // the elements with lower hashes are done
	end  bool
}

// LookupBatch copies the elements of the next buckets into keys and values, as many whole
// buckets as fit, and moves the cursor past them. It returns the number of elements. Only at
// the end of the map it returns 0 without an error. [ErrShort] means that the next bucket
// does not fit: call again with longer slices.
//
// LookupBatch takes no lock, like [Map.Lookup]. An element that is added or deleted between
// two batches may be missing.
func (m *Map[K, V]) LookupBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	room := min(len(keys), len(values))
	var buf []pair[K, V]
	for !at.end {
		t, b := m.follow(at.hash)
		if buf = m.snapshot(b, buf[:0]); len(buf) > room-n {
			return n, short(n)
		}
		n += pass(at, t.after(at.hash), buf, keys[n:], values[n:])
	}
	return n, nil
}

// LookupAndDeleteBatch is [Map.LookupBatch] that also deletes the elements, each bucket's in
// one step. If a bucket's lock fails, that bucket is unchanged. The error is then the
// lock's, and n elements were copied and deleted before.
func (m *Map[K, V]) LookupAndDeleteBatch(at *Cursor, keys []K, values []V) (n int, err error) {
	room := min(len(keys), len(values))
	var buf []pair[K, V]
	for !at.end {
		var after uint64
		if buf, after, err = m.takeBucket(at.hash, room-n, buf[:0]); err != nil {
			return n, err
		}
		m.help()
		if len(buf) > room-n {
			return n, short(n)
		}
		n += pass(at, after, buf, keys[n:], values[n:])
	}
	return n, nil
}

// takeBucket appends the elements of the bucket for a hash to buf, which is empty. If there
// is room for them, it removes them. It returns the first hash after that bucket.
func (m *Map[K, V]) takeBucket(hash uint64, room int, buf []pair[K, V]) (_ []pair[K, V], after uint64, err error) {
	t, b, err := m.lock(hash)
	if err != nil {
		return buf, 0, err
	}
	defer b.lock.Unlock()
	if buf = m.copyFixed(b, buf); len(buf) <= room {
		err = m.removeAll(b)
	}
	return buf, t.after(hash), err
}

// short returns ErrShort if no bucket has fitted.
func short(n int) error {
	if n == 0 {
		return ErrShort
	}
	return nil
}

// pass copies the elements of one bucket, and moves the cursor to the next.
func pass[K comparable, V any](at *Cursor, after uint64, buf []pair[K, V], keys []K, values []V) int {
	for i, p := range buf {
		keys[i], values[i] = p.k, p.v
	}
	at.hash, at.end = after, after == 0
	return len(buf)
}
