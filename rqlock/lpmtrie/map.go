package lpmtrie

import (
	"fmt"
	"iter"
	"slices"

	"github.com/rqlock/rqlock/rqlock/internal/capacity"
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
	trie trie[V]
	bits int
}

// MaxBits is the greatest number of bits that a key of a [Map] can have.
const MaxBits = 1 << 16

// New returns an empty map for up to limit prefixes of up to bits bits each. It panics if
// limit is not positive, or if bits is not from 1 to [MaxBits].
func New[V any](bits, limit int) *Map[V] {
	if bits < 1 || bits > MaxBits {
		panic(fmt.Sprintf("rqlock/lpmtrie: keys of %d bits cannot be made: New wants 1 to %d", bits, MaxBits))
	}
	m := &Map[V]{bits: bits}
	m.trie.init("lpmtrie.New", limit)
	m.trie.lock.SetName("lpmtrie.Map")
	return m
}

// made returns the map's trie.
func (m *Map[V]) made() *trie[V] {
	if m.trie.limit == 0 {
		capacity.NotMade("lpmtrie.Map", "New")
	}
	return &m.trie
}

// Len returns the number of prefixes. While others change the map, it may be behind what
// lookups find.
func (m *Map[V]) Len() int { return int(m.made().len.Load()) }

func (m *Map[V]) valid(k Key) bool {
	m.made()
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
	_, v, ok = m.LookupLPM(k)
	return v, ok
}

// LookupLPM is [Map.Lookup], and also returns the prefix that matches. Its Bits are k's.
func (m *Map[V]) LookupLPM(k Key) (match Key, v V, ok bool) {
	if m.valid(k) {
		if at, n := m.trie.match(0, k.Bits, k.Len); at != nil {
			return Key{k.Bits, n}, *at, true
		}
	}
	return match, v, false
}

// Get returns the value of k itself, and whether k is present. It takes no lock and
// allocates nothing.
func (m *Map[V]) Get(k Key) (v V, ok bool) {
	if m.valid(k) {
		return value(m.trie.get(0, k.Bits, k.Len))
	}
	return v, false
}

// Update sets k's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrFull] if there is no room, or the lock's error.
func (m *Map[V]) Update(k Key, v V, flag Flag) error {
	if err := m.check(k); err != nil {
		return err
	}
	return m.trie.update(0, k.Bits, k.Len, v, flag)
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
	return m.trie.lookupAndDelete(0, k.Bits, k.Len)
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
	return m.trie.compute(0, slices.Clone(k.Bits), k.Len, f) // f may change k.Bits
}

// All iterates over the prefixes in the kernel's order (see package lpmtrie), as they were
// when the loop began. It holds no lock: the loop's body may use the map in any way. It may
// also keep the keys.
func (m *Map[V]) All() iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		m.made().snapshot()[0].each(func(x item[V]) bool { return yield(x.key(), *x.value) })
	}
}

// Subnets iterates over the prefixes that begin with k, with k itself, as they were when the
// loop began, in the order of [Map.All]. If k is bad, there are none.
func (m *Map[V]) Subnets(k Key) iter.Seq2[Key, V] { return m.within((*trie[V]).subnets, k) }

// Supernets iterates over the prefixes of k, with k itself, as they were when the loop began:
// the longest first. If k is bad, there are none.
func (m *Map[V]) Supernets(k Key) iter.Seq2[Key, V] { return m.within((*trie[V]).supernets, k) }

// within iterates over what of returns for k.
func (m *Map[V]) within(of func(*trie[V], family, []byte, int) iter.Seq[item[V]], k Key) iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		if !m.valid(k) {
			return
		}
		for x := range of(&m.trie, 0, k.Bits, k.Len) {
			if !yield(x.key(), *x.value) {
				return
			}
		}
	}
}

// OverlapsPrefix reports whether the map has a prefix of k, or one that begins with k. It
// takes no lock and allocates nothing.
func (m *Map[V]) OverlapsPrefix(k Key) bool {
	return m.valid(k) && m.trie.overlaps(0, k.Bits, k.Len)
}

// Clear removes all prefixes. It returns the lock's error.
func (m *Map[V]) Clear() error { return m.made().clear() }

// NextKey returns the prefix that comes after k in the kernel's order (see package lpmtrie),
// and whether there is one. If k is not present, or is bad like Key{Len: -1}, NextKey
// returns the first prefix, as the kernel does. It takes no lock.
func (m *Map[V]) NextKey(k Key) (next Key, ok bool) {
	n := k.Len
	if !m.valid(k) {
		n = -1
	}
	x, _, ok := m.trie.next(0, k.Bits, n)
	if !ok {
		return next, false
	}
	return x.key(), true
}

func (x item[V]) key() Key { return Key{x.appendKey(nil), x.len} }
