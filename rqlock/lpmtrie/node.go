package lpmtrie

import (
	"math/bits"
	"slices"
)

// A node decides about one octet of the keys that begin with its path. It has the prefixes
// that end in this octet. For longer ones it has, below the octet, another node or a leaf. A
// node never changes: a writer makes a new one (change.go).
//
// To find the node or leaf below an octet, a lookup counts the octets before it that have
// one (Tree Bitmap: Eatherton, Dittia and Varghese, 2004). To find the longest prefix that
// an octet matches, it counts runs: neighbouring octets that match the same prefix (Poptrie:
// Asai and Ohara, 2015).
//
// The fields are in the order in which a lookup needs them, each paragraph a cache line.
type node[V any] struct {
	nodes    []*node[V]
	hasNode  octetSet
	nodeBase base
	depth    uint16  // length of path
	pathEnd  [2]byte // the last octets of path

	leaves   []leaf[V]
	hasLeaf  octetSet
	leafBase base
	runBase  base

	covered octetSet // octets that match a prefix of this node
	starts  octetSet // covered octets that begin a run

	runs []prefix[V] // the longest match of each run; equal to own if no prefix is in another
	own  []prefix[V] // the prefixes that end here, by position
	path string      // the octets of the key before this one
}

// A prefix ends in the node that has it.
type prefix[V any] struct {
	pos   position
	value V
}

// A leaf is the only prefix below an octet.
type leaf[V any] struct {
	len   uint32
	rest  [inRest]byte // the octets of key below the node, if they fit: in the same cache line
	key   string       // as many octets as len needs; the bits after len are 0
	value V
}

const inRest = 8

// An octetSet is a set of octets.
type octetSet [4]uint64

func (s *octetSet) has(o byte) bool { return s[o>>6]>>(o&63)&1 != 0 }

// index returns the number of members that are less than o.
func (s *octetSet) index(b *base, o byte) int {
	return int(b[o>>6]) + bits.OnesCount64(s[o>>6]&(1<<(o&63)-1))
}

// A base has, for each word of a set, the number of members in the words before it.
type base [4]uint8

func (s *octetSet) base() (b base) {
	for i := range 3 {
		b[i+1] = b[i] + uint8(bits.OnesCount64(s[i])) // at most 192
	}
	return b
}

// A position is that of a prefix among a node's own, in the kernel's order: by the last
// octet that the prefix covers, and of several with the same last octet the longest first.
//
//	bits 0-3   8 minus the prefix's length in this octet
//	bits 4-11  the last octet that it covers
type position uint16

// positionOf returns the position of a prefix that has n bits in the octet.
func positionOf(octet byte, n int) position {
	return position(octet|0xff>>n)<<4 | position(8-n)
}

func (p position) len() int    { return 8 - int(p&15) }
func (p position) last() byte  { return byte(p >> 4) }
func (p position) first() byte { return p.last() &^ (0xff >> p.len()) }

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
		if !t.hasNode.has(o) {
			if t.hasLeaf.has(o) {
				if l := t.leafAt(o); l.covers(key, n, d+1) {
					return &l.value, int(l.len)
				}
			}
			return best.matchOctet(whole)
		}
		t = t.nodeAt(o)
		if int(t.depth) != d+1 && !t.follows(whole, d+1) {
			return best.matchOctet(whole)
		}
	}
	if v, n := t.matchRest(key, n); v != nil {
		return v, n
	}
	return best.matchOctet(whole)
}

// matchOctet is match in a node that has a match for its octet of key. It returns nil if
// the node is nil.
func (t *node[V]) matchOctet(key []byte) (*V, int) {
	if t == nil {
		return nil, 0
	}
	r := t.run(key[t.depth])
	return &r.value, 8*int(t.depth) + r.pos.len()
}

// matchRest is match in the node in which the key ends: fewer than 8 bits are left.
func (t *node[V]) matchRest(key []byte, n int) (*V, int) {
	d := int(t.depth)
	o := octetAt(key, n, d)
	for rest := n - 8*d; rest >= 0; rest-- {
		if i, ok := t.find(positionOf(o, rest)); ok {
			return &t.own[i].value, 8*d + rest
		}
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
	rest := key[d:end]
	if len(rest) < inRest {
		for i, o := range rest {
			if o != l.rest[i&(inRest-1)] {
				return false
			}
		}
		return (key[end]^l.rest[len(rest)])>>(-l.len&7) == 0
	}
	return string(rest) == l.key[d:end] && (key[end]^l.key[end])>>(-l.len&7) == 0
}

// nodeAt returns the node below octet o. There is one.
func (t *node[V]) nodeAt(o byte) *node[V] { return t.nodes[t.hasNode.index(&t.nodeBase, o)] }

// leafAt returns the leaf below octet o. There is one.
func (t *node[V]) leafAt(o byte) *leaf[V] { return &t.leaves[t.hasLeaf.index(&t.leafBase, o)] }

// run returns the longest prefix that octet o matches. The octet is covered.
func (t *node[V]) run(o byte) *prefix[V] {
	i := t.starts.index(&t.runBase, o)
	if !t.starts.has(o) {
		i--
	}
	return &t.runs[i]
}

// find returns the index in own of the prefix at p, or the index where it would be.
func (t *node[V]) find(p position) (int, bool) {
	return slices.BinarySearchFunc(t.own, p, func(x prefix[V], p position) int { return int(x.pos) - int(p) })
}

// get returns the value of the first n bits of key, or nil if they are not present.
func (t *node[V]) get(key []byte, n int) *V {
	for {
		d := int(t.depth)
		if n <= 8*(d+1) {
			return t.getOwn(positionOf(octetAt(key, n, d), n-8*d))
		}
		o := key[d]
		if !t.hasNode.has(o) {
			if t.hasLeaf.has(o) {
				if l := t.leafAt(o); int(l.len) == n && l.covers(key, n, d+1) {
					return &l.value
				}
			}
			return nil
		}
		t = t.nodeAt(o)
		if int(t.depth) != d+1 && !t.follows(key[:(n-1)>>3], d+1) {
			return nil
		}
	}
}

func (t *node[V]) getOwn(p position) *V {
	o := p.last()
	if !t.covered.has(o) {
		return nil
	}
	r := t.run(o)
	if r.pos >= p { // Otherwise o matches a longer prefix, and own must be searched.
		if r.pos > p {
			return nil
		}
		return &r.value
	}
	if i, ok := t.find(p); ok {
		return &t.own[i].value
	}
	return nil
}
