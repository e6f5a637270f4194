package hashtab

import "sync/atomic"

// NewLRU returns a map for capacity elements that makes room for a new one, when it is
// full, by deleting one that has not been used for long: about the least recently used
// (CLOCK, Corbato 1968: those that have been looked up or updated since the hand came
// by last are passed over once). Update and Compute return ErrFull only if it finds
// none whose bucket can be locked at once, as inside of a callback in a map of one
// element. It panics if capacity is not positive.
func NewLRU[K comparable, V any](capacity int) *Map[K, V] {
	m, nodes := preallocated[K, V](capacity)
	m.clock = &clock[K, V]{nodes: nodes}
	return m
}

// A clock goes round over all elements to find one that has not been used for long.
type clock[K comparable, V any] struct {
	nodes []node[K, V]
	hand  atomic.Uint64
}

// States of an element. The first changes under its bucket's lock only.
const (
	inUse      = 1 << iota // in a bucket
	referenced             // used since the hand came by
)

// touch notes that n is used. (By the time it may be another element: no harm.)
func (c *clock[K, V]) touch(n *node[K, V]) {
	if s := n.Value.state.Load(); s == inUse { // mostly it is noted: do not write a shared line
		n.Value.state.CompareAndSwap(s, inUse|referenced)
	}
}

// evict takes an element out of its bucket and returns it, or nil if it finds none.
// Bucket held is locked already. It does not wait for another bucket's lock: that
// might close a cycle, and there are other elements.
func (m *Map[K, V]) evict(held *bucket[K, V]) *node[K, V] {
	c := m.clock
	for range 2 * len(c.nodes) { // in the first round all may be referenced
		n := &c.nodes[c.hand.Add(1)%uint64(len(c.nodes))]
		switch s := n.Value.state.Load(); {
		case s&inUse == 0:
		case s&referenced != 0:
			n.Value.state.CompareAndSwap(s, inUse)
		case m.evictFrom(held, n):
			return n
		}
	}
	return nil
}

// evictFrom takes n out of its bucket if that can be locked, and n is still in it.
func (m *Map[K, V]) evictFrom(held *bucket[K, V], n *node[K, V]) bool {
	b := m.bucket(n.Value.hash.Load())
	if b != held {
		if !b.lock.TryLock() {
			return false
		}
		defer b.lock.Unlock()
	}
	if n.Value.state.Load()&inUse == 0 || m.bucket(n.Value.hash.Load()) != b {
		return false
	}
	m.unlink(b, n)
	return true
}
