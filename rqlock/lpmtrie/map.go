package lpmtrie

import (
	"fmt"
	"iter"
	"slices"
)

// A Key is a bit string: the first Len bits of Bits, the most significant bit of each byte
// first. The bits after them do not matter.
type Key struct {
	Bits []byte
	Len  int
}

// A Map maps prefixes of bit strings to values. Make it with [New]. All methods may be
// called by many goroutines at once. They do not keep the Bits of a key that they are given.
//
// A key is bad if its Len is negative, or greater than the number of bits that the map
// allows or that Bits has. Methods that return an error return [ErrKey] for a bad key.
type Map[V any] struct {
	writers writerState
	trie    trie[V]
	bits    int
}

// MaxBits is the greatest number of bits that a key of a [Map] can have.
const MaxBits = 1 << 16

// New returns an empty map for up to capacity prefixes of up to bits bits each. It panics if
// capacity is not positive, or if bits is not from 1 to [MaxBits].
func New[V any](bits, capacity int) *Map[V] {
	if bits < 1 || bits > MaxBits {
		panic(fmt.Sprintf("lpmtrie: keys of %d bits: must be 1 to %d", bits, MaxBits))
	}
	m := &Map[V]{bits: bits}
	m.writers.init(capacity)
	m.writers.lock.SetName("lpmtrie.Map")
	m.trie.init()
	return m
}

// Len returns the number of prefixes.
func (m *Map[V]) Len() int { return int(m.writers.len.Load()) }

func (m *Map[V]) valid(k Key) bool {
	return k.Len >= 0 && k.Len <= m.bits && (k.Len+7)>>3 <= len(k.Bits)
}

func (m *Map[V]) check(k Key) error {
	if m.valid(k) {
		return nil
	}
	return fmt.Errorf("%w: Len is %d: must be from 0 to %d, the map's bits, and at most %d, those of Bits", ErrKey, k.Len, m.bits, 8*len(k.Bits))
}

// Lookup returns the value of the longest prefix of k, which may be k itself, and whether
// there is one. It takes no lock and allocates nothing.
func (m *Map[V]) Lookup(k Key) (v V, ok bool) {
	if m.valid(k) {
		if at, _ := m.trie.now().match(k.Bits, k.Len); at != nil {
			return *at, true
		}
	}
	return v, false
}

// LookupLPM is [Map.Lookup], and also returns the prefix that matches. Its Bits are k's.
func (m *Map[V]) LookupLPM(k Key) (match Key, v V, ok bool) {
	if m.valid(k) {
		if at, n := m.trie.now().match(k.Bits, k.Len); at != nil {
			return Key{k.Bits, n}, *at, true
		}
	}
	return match, v, false
}

// Get returns the value of k itself, and whether k is present. It takes no lock and
// allocates nothing.
func (m *Map[V]) Get(k Key) (v V, ok bool) {
	if m.valid(k) {
		if at := m.trie.now().get(k.Bits, k.Len); at != nil {
			return *at, true
		}
	}
	return v, false
}

// Update sets k's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrFull] if there is no room, or the lock's error.
func (m *Map[V]) Update(k Key, v V, flag Flag) error {
	if err := m.check(k); err != nil {
		return err
	}
	return m.trie.update(&m.writers, k.Bits, k.Len, v, flag)
}

// Delete removes k. It returns [ErrNotExist] if k is not present, or the lock's error.
func (m *Map[V]) Delete(k Key) error {
	_, err := m.LookupAndDelete(k)
	return err
}

// LookupAndDelete removes k and returns its value, in one step. It returns [ErrNotExist] if
// k is not present, or the lock's error.
func (m *Map[V]) LookupAndDelete(k Key) (v V, err error) {
	if err := m.check(k); err != nil {
		return v, err
	}
	return m.trie.lookupAndDelete(&m.writers, k.Bits, k.Len)
}

// Compute locks the map, calls f with k's value and true, or with the zero value and false
// if k is not present, and does what f returns. If f panics, nothing changes.
//
// f may use the map. A call that needs the lock returns a [*rqlock.DeadlockError].
//
// Compute returns [ErrFull] if there is no room, [ErrAction] for an unknown action, or the
// lock's error. In the last case, and for a bad key, f was not called.
func (m *Map[V]) Compute(k Key, f func(old V, present bool) (V, Action)) error {
	if err := m.check(k); err != nil {
		return err
	}
	return m.trie.compute(&m.writers, slices.Clone(k.Bits), k.Len, f) // f may change k.Bits
}

// All iterates over the prefixes in the kernel's order (see package lpmtrie), as they were
// when the loop began. It holds no lock: the loop's body may use the map in any way. It may
// also keep the keys.
func (m *Map[V]) All() iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		m.trie.now().each(func(x item[V]) bool { return yield(x.key(), *x.value) })
	}
}

// NextKey returns the prefix that comes after k in the kernel's order (see package lpmtrie),
// and whether there is one. If k is not present, or is bad like Key{Len: -1}, NextKey
// returns the first prefix, as the kernel does. It takes no lock.
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
