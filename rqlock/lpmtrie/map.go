package lpmtrie

import (
	"fmt"
	"iter"
	"slices"
)

// A Key is the first Len bits of Bits, the most significant bit of each byte first. The
// bits after them do not matter.
type Key struct {
	Bits []byte
	Len  int
}

// A Map has prefixes of bit strings. Make it with [New]. All methods may be called by
// many goroutines at once. They keep no Key that they are given; those that return an
// error return ErrKey for one whose Len is negative, or more than Bits or the map have.
type Map[V any] struct {
	room
	trie trie[V]
	bits int
}

// MaxBits is the most that a key of a [Map] can have.
const MaxBits = 1 << 16

// New returns an empty map for up to capacity prefixes of up to bits bits each. It
// panics if capacity is not positive, or bits not from 1 to [MaxBits].
func New[V any](bits, capacity int) *Map[V] {
	if bits < 1 || bits > MaxBits {
		panic(fmt.Sprintf("lpmtrie: keys of %d bits: must be 1 to %d", bits, MaxBits))
	}
	m := &Map[V]{bits: bits}
	m.room.init(capacity)
	m.trie.init()
	return m
}

func (m *Map[V]) valid(k Key) bool {
	return k.Len >= 0 && k.Len <= m.bits && (k.Len+7)>>3 <= len(k.Bits)
}

func (m *Map[V]) check(k Key) error {
	if m.valid(k) {
		return nil
	}
	return fmt.Errorf("%w: Len is %d: must be 0 to %d, the map's bits, and at most the %d of Bits", ErrKey, k.Len, m.bits, 8*len(k.Bits))
}

// Lookup returns the value of the longest prefix of k, which may be k itself, and
// whether there is one. It takes no lock and allocates nothing.
func (m *Map[V]) Lookup(k Key) (v V, ok bool) {
	if m.valid(k) {
		if at, _ := m.trie.now().match(k.Bits, k.Len); at != nil {
			return *at, true
		}
	}
	return v, false
}

// LookupLPM is Lookup that says which prefix it is: k with a smaller Len, or k.
func (m *Map[V]) LookupLPM(k Key) (match Key, v V, ok bool) {
	if m.valid(k) {
		if at, n := m.trie.now().match(k.Bits, k.Len); at != nil {
			return Key{k.Bits, n}, *at, true
		}
	}
	return match, v, false
}

// Get returns k's own value, and whether there is one. It takes no lock and allocates
// nothing.
func (m *Map[V]) Get(k Key) (v V, ok bool) {
	if m.valid(k) {
		if at := m.trie.now().get(k.Bits, k.Len); at != nil {
			return *at, true
		}
	}
	return v, false
}

// Update sets k's value. It returns ErrExist or ErrNotExist if the flag does not allow
// that, ErrFull if there is no room, ErrFlag for a flag that is none, or the lock's
// error.
func (m *Map[V]) Update(k Key, v V, flag Flag) error {
	if err := m.check(k); err != nil {
		return err
	}
	return m.trie.update(&m.room, k.Bits, k.Len, v, flag)
}

// Delete removes k. It returns ErrNotExist if it is not present, or the lock's error.
func (m *Map[V]) Delete(k Key) error {
	_, err := m.LookupAndDelete(k)
	return err
}

// LookupAndDelete removes k and returns its value, as one step. It returns ErrNotExist
// if it is not present, or the lock's error.
func (m *Map[V]) LookupAndDelete(k Key) (v V, err error) {
	if err := m.check(k); err != nil {
		return v, err
	}
	return m.trie.lookupAndDelete(&m.room, k.Bits, k.Len)
}

// Compute calls f with k's value, or the zero value and false, while the map is locked,
// and does what f returns. f may use the map: a call that would need the lock returns a
// *rqlock.DeadlockError. If f panics k stays as it is. Compute returns ErrFull if there
// is no room, or the lock's error; f has not been called then in the latter case.
func (m *Map[V]) Compute(k Key, f func(old V, present bool) (V, Action)) error {
	if err := m.check(k); err != nil {
		return err
	}
	return m.trie.compute(&m.room, slices.Clone(k.Bits), k.Len, f) // f may change k.Bits
}

// All goes over the prefixes in the kernel's order (see the package). It shows the map
// as it was when the loop began and holds no lock: the loop's body may use the map in
// any way, and may keep the keys.
func (m *Map[V]) All() iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		m.trie.now().each(func(x item[V]) bool { return yield(x.key(), *x.value) })
	}
}

// NextKey returns the prefix that comes after k in the order of All, and whether there
// is one. If k is not present, or invalid, as Key{Len: -1} is, it returns the first one,
// as the kernel does. It takes no lock.
func (m *Map[V]) NextKey(k Key) (next Key, ok bool) {
	root := m.trie.now()
	x, ok := root.first()
	if m.valid(k) && root.get(k.Bits, k.Len) != nil {
		x, ok = root.after(k.Bits, k.Len)
	}
	if !ok {
		return next, false
	}
	return x.key(), true
}

func (x item[V]) key() Key { return Key{x.appendKey(nil), x.len} }
