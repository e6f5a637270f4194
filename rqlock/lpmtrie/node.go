package lpmtrie

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// A node decides about one octet of the keys that begin with its path. It has the prefixes
// that end in this octet. For longer ones it has, below the octet, another node or a leaf.
//
// Readers see a node that never changes, but for its slots: a writer stores what is below an
// octet by one atomic store (change.go).
//
// To find what is below an octet, a lookup counts the octets before it that have a slot (Tree
// Bitmap: Eatherton, Dittia and Varghese, 2004). The fields are in the order in which a lookup
// needs them, and a node is four cache lines.
type node[V any] struct {
	child
	depth    uint16  // length of path
	pathEnd  [2]byte // the last octets of path
	slotBase [4]uint8
	levels   uint16 // bit n: there are prefixes with n bits in the octet
	kids     uint16 // slots that are not empty; only writers use it
	slotted  octetSet
	slots    []slot[V]

	covered octetSet // octets that match a prefix of this node
	values  []V      // of the prefixes that end here, by position

	own     positionSet // the prefixes that end here
	ownBase [8]uint16
	path    string // the octets of the key before this one
	gen     uint64 // see edit
	_       [3]uint64
}

// A leaf is the only prefix below an octet. It never changes.
type leaf[V any] struct {
	child
	tail  [inTail]byte // the last octets of key, in the same cache line
	key   string       // as many octets as len needs; the bits after len are 0
	value V
}

const inTail = 8

// A child is the beginning of a node or leaf, so that a slot can have either.
type child struct {
	len uint32 // of a leaf's prefix, never 0; 0 in a node
}

// A slot has a node or leaf, or nothing.
type slot[V any] struct{ at atomic.Pointer[child] }

// full is the number of slots of a node that has a slot for every octet. Others have as many
// as there are nodes and leaves below them.
const full = 256

// An octetSet is a set of octets.
type octetSet [4]uint64

func (s *octetSet) has(o byte) bool { return s[o>>6]>>(o&63)&1 != 0 }
func (s *octetSet) add(o byte)      { s[o>>6] |= 1 << (o & 63) }
func (s *octetSet) remove(o byte)   { s[o>>6] &^= 1 << (o & 63) }

// addRange adds the octets from first to last.
func (s *octetSet) addRange(first, last byte) {
	for w := first >> 6; w <= last>>6; w++ {
		m := ^uint64(0)
		if w == first>>6 {
			m = m << (first & 63)
		}
		if w == last>>6 {
			m &= ^uint64(0) >> (63 - last&63)
		}
		s[w] |= m
	}
}

// base returns, for each word of the set, the number of members in the words before it.
func (s *octetSet) base() (b [4]uint8) {
	for i := range 3 {
		b[i+1] = b[i] + uint8(bits.OnesCount64(s[i])) // at most 192
	}
	return b
}

// A position is that of a prefix among all that end in one octet, in the kernel's order: it
// numbers a binary tree of depth 8 in post-order. A prefix that has n bits in the octet comes
// with the last octet that it covers, after the longer ones that end there, too.
type position uint16

const positions = 511

// positionOf returns the position of a prefix that has n bits in the octet.
func positionOf(octet byte, n int) position {
	last := octet | 0xff>>n
	return 2*position(last) - position(bits.OnesCount8(last)) + position(8-n)
}

// A span is what a position stands for: the octets that it covers, and its bits in the octet.
type span struct {
	first, last byte
	len         uint8
}

var spans = func() (of [positions]span) {
	for n := range 9 {
		for i := range 1 << n {
			first := byte(i << (8 - n))
			of[positionOf(first, n)] = span{first, first | 0xff>>n, uint8(n)}
		}
	}
	return of
}()

// A positionSet is a set of positions.
type positionSet [8]uint64

// next returns the first member from p on, or the number of positions.
func (s *positionSet) next(p position) position {
	for ; p < positions; p = (p | 63) + 1 {
		if m := s[p>>6] >> (p & 63); m != 0 {
			return p + position(bits.TrailingZeros64(m))
		}
	}
	return positions
}

func (s *positionSet) base() (b [8]uint16) {
	for i := range 7 {
		b[i+1] = b[i] + uint16(bits.OnesCount64(s[i]))
	}
	return b
}

// The first fields of nodes and leaves are children, so these pointers may be converted.

func (c *child) isLeaf() bool             { return c.len != 0 }
func nodeOf[V any](c *child) *node[V]     { return (*node[V])(unsafe.Pointer(c)) }
func leafOf[V any](c *child) *leaf[V]     { return (*leaf[V])(unsafe.Pointer(c)) }
func (t *node[V]) asChild() *child        { return &t.child }
func (l *leaf[V]) asChild() *child        { return &l.child }
func (t *node[V]) isRoot() bool           { return t.depth == 0 }
func (t *node[V]) entries() int           { return len(t.values) + int(t.kids) }
func (t *node[V]) slotOf(o byte) *slot[V] { return &t.slots[t.slotIndex(o)] }

// slotIndex returns the number of slots before that of octet o.
func (t *node[V]) slotIndex(o byte) int {
	return int(t.slotBase[o>>6]) + bits.OnesCount64(t.slotted[o>>6]&(1<<(o&63)-1))
}

// below returns the node or leaf below octet o, or nil.
func (t *node[V]) below(o byte) *child {
	if !t.slotted.has(o) {
		return nil
	}
	return t.slotOf(o).at.Load() // acquire: pairs with release in setChild and removeChild
}

// match returns the value of the longest prefix of the first n bits of key, and the
// prefix's length. It returns nil if there is none.
func (t *node[V]) match(key []byte, n int) (*V, int) {
	var best *node[V] // the last node so far that has a match for its octet
	whole := key[:n>>3]
	for d := 0; d < len(whole); d = int(t.depth) {
		o := whole[d]
		if t.covered.has(o) {
			best = t
		}
		c := t.below(o)
		if c == nil {
			return best.matchOctet(whole)
		}
		if c.isLeaf() {
			if l := leafOf[V](c); l.covers(key, n, d+1) {
				return &l.value, int(l.len)
			}
			return best.matchOctet(whole)
		}
		t = nodeOf[V](c)
		if int(t.depth) != d+1 && !t.follows(whole, d+1) {
			return best.matchOctet(whole)
		}
	}
	d := int(t.depth)
	if v, bits := t.longest(octetAt(key, n, d), n-8*d); v != nil {
		return v, 8*d + bits
	}
	return best.matchOctet(whole)
}

// matchOctet is match in a node that has a match for its octet of key. It returns nil if
// the node is nil.
func (t *node[V]) matchOctet(key []byte) (*V, int) {
	if t == nil {
		return nil, 0
	}
	v, bits := t.longest(key[t.depth], 8)
	return v, 8*int(t.depth) + bits
}

// longest returns the value of the longest of t's own prefixes that octet o matches and that
// has at most max bits in it, and these bits. It returns nil if there is none.
func (t *node[V]) longest(o byte, max int) (*V, int) {
	for m := t.levels & (2<<max - 1); m != 0; {
		n := bits.Len16(m) - 1
		if i, ok := t.find(positionOf(o, n)); ok {
			return &t.values[i], n
		}
		m &^= 1 << n
	}
	return nil, 0
}

// octetAt returns octet d of a key of n bits, or 0 after its end.
func octetAt(key []byte, n, d int) byte {
	if 8*d >= n {
		return 0
	}
	return key[d]
}

// follows reports whether key begins with t's path. The first d octets do, and the path is
// longer than that.
func (t *node[V]) follows(key []byte, d int) bool {
	end := int(t.depth)
	if end > len(key) || key[end-1] != t.pathEnd[1] {
		return false
	}
	if end == d+1 {
		return true
	}
	return key[end-2] == t.pathEnd[0] && (end == d+2 || string(key[d:end-2]) == t.path[d:end-2])
}

// covers reports whether l is a prefix of the first n bits of key. The first d octets are
// equal: those up to the octet that l is below.
func (l *leaf[V]) covers(key []byte, n, d int) bool {
	if int(l.len) > n {
		return false
	}
	end := int(l.len-1) >> 3
	if (key[end]^l.tail[inTail-1])>>(-l.len&7) != 0 {
		return false
	}
	if end-d < inTail {
		for i := end - 1; i >= d; i-- {
			if key[i] != l.tail[(inTail-1-end+i)&(inTail-1)] {
				return false
			}
		}
		return true
	}
	return string(key[d:end]) == l.key[d:end]
}

// find returns the index in values of the prefix at p, or the index where it would be.
func (t *node[V]) find(p position) (i int, ok bool) {
	word := t.own[p>>6]
	i = int(t.ownBase[p>>6]) + bits.OnesCount64(word&(1<<(p&63)-1))
	return i, word>>(p&63)&1 != 0
}

// get returns the value of the first n bits of key, or nil if they are not present.
func (t *node[V]) get(key []byte, n int) *V {
	for {
		d := int(t.depth)
		if n <= 8*(d+1) {
			if i, ok := t.find(positionOf(octetAt(key, n, d), n-8*d)); ok {
				return &t.values[i]
			}
			return nil
		}
		c := t.below(key[d])
		if c == nil {
			return nil
		}
		if c.isLeaf() {
			if l := leafOf[V](c); int(l.len) == n && l.covers(key, n, d+1) {
				return &l.value
			}
			return nil
		}
		t = nodeOf[V](c)
		if int(t.depth) != d+1 && !t.follows(key[:(n-1)>>3], d+1) {
			return nil
		}
	}
}
