package lpmtrie

import (
	"math/bits"
	"slices"
)

// A node is one octet of the keys that begin with its path. It has the prefixes
// that end in this octet, and for those that are longer a node or a leaf for each octet.
// It never changes: a writer makes another one (change.go).
//
// What is there for an octet is found by counting the octets before it that have one
// (Tree Bitmap: Eatherton, Dittia and Varghese, 2004); what it matches, by counting the
// runs of octets with the same match (Poptrie: Asai and Ohara, 2015).
//
// The fields are in the order in which a lookup needs them, a cache line each.
type node[V any] struct {
	nodes    []*node[V]
	hasNode  octets
	nodeBase base
	depth    uint16  // octets in path
	hop      [2]byte // the last of them

	leaves   []leaf[V]
	hasLeaf  octets
	leafBase base
	runBase  base

	covered octets // those that match a prefix of this node
	starts  octets // those covered that match another prefix than the octet before

	runs []prefix[V] // what an octet matches, by octet; own if no prefix is in another
	own  []prefix[V] // the prefixes that end here, in the order of place
	path string      // the octets before this one
}

// A prefix ends in a node.
type prefix[V any] struct {
	at    place
	value V
}

// A leaf is the only prefix below an octet.
type leaf[V any] struct {
	len   uint32
	rest  [inRest]byte // key's octets from the node on: at hand, if there is room for them
	key   string       // as many octets as len needs; the bits after len are 0
	value V
}

const inRest = 8

// octets is a set of octets.
type octets [4]uint64

func (s *octets) has(o byte) bool { return s[o>>6]>>(o&63)&1 != 0 }

// index returns how many members are before o.
func (s *octets) index(b *base, o byte) int {
	return int(b[o>>6]) + bits.OnesCount64(s[o>>6]&(1<<(o&63)-1))
}

// A base has how many members of a set are before each of its words.
type base [4]uint8

func (s *octets) base() (b base) {
	for i := range 3 {
		b[i+1] = b[i] + uint8(bits.OnesCount64(s[i])) // at most 192
	}
	return b
}

// A place is where a prefix of a node is in the kernel's order: by the last octet that
// it covers, then the longer ones first. Last octet, 8 bits; 8 - length, 4 bits.
type place uint16

// placeOf returns the place of a prefix of n bits of octet.
func placeOf(octet byte, n int) place {
	return place(octet|0xff>>n)<<4 | place(8-n)
}

func (p place) len() int    { return 8 - int(p&15) }
func (p place) last() byte  { return byte(p >> 4) }
func (p place) first() byte { return p.last() &^ (0xff >> p.len()) }

// match returns the value of the longest prefix of the first n bits of key, and its
// length, or nil.
func (t *node[V]) match(key []byte, n int) (*V, int) {
	var best *node[V] // the last one on the way that matches its octet
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

// matchOctet is match for a node in which key has a match and goes on; nil has none.
func (t *node[V]) matchOctet(key []byte) (*V, int) {
	if t == nil {
		return nil, 0
	}
	r := t.run(key[t.depth])
	return &r.value, 8*int(t.depth) + r.at.len()
}

// matchRest is match in a node in which the key ends: fewer than 8 bits are left.
func (t *node[V]) matchRest(key []byte, n int) (*V, int) {
	d := int(t.depth)
	o := octetAt(key, n, d)
	for rest := n - 8*d; rest >= 0; rest-- {
		if i, ok := t.find(placeOf(o, rest)); ok {
			return &t.own[i].value, 8*d + rest
		}
	}
	return nil, 0
}

// octetAt returns octet d of a key of n bits, 0 behind its end.
func octetAt(key []byte, n, d int) byte {
	if 8*d >= n {
		return 0
	}
	return key[d]
}

// follows reports whether key has t's path, if it does up to octet d, which is not all.
func (t *node[V]) follows(key []byte, d int) bool {
	end := int(t.depth)
	if end > len(key) || key[end-1] != t.hop[1] {
		return false
	}
	if end == d+1 {
		return true
	}
	return key[end-2] == t.hop[0] && (end == d+2 || string(key[d:end-2]) == t.path[d:end-2])
}

// covers reports whether l is a prefix of the first n bits of key, if its first d octets
// are: those up to the one that l is below.
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

// nodeAt returns the node below octet o, which has one.
func (t *node[V]) nodeAt(o byte) *node[V] { return t.nodes[t.hasNode.index(&t.nodeBase, o)] }

// leafAt returns the leaf below octet o, which has one.
func (t *node[V]) leafAt(o byte) *leaf[V] { return &t.leaves[t.hasLeaf.index(&t.leafBase, o)] }

// run returns what octet o, which is covered, matches.
func (t *node[V]) run(o byte) *prefix[V] {
	i := t.starts.index(&t.runBase, o)
	if !t.starts.has(o) {
		i--
	}
	return &t.runs[i]
}

// find returns the index of the prefix at p, or where it would be.
func (t *node[V]) find(p place) (int, bool) {
	return slices.BinarySearchFunc(t.own, p, func(x prefix[V], p place) int { return int(x.at) - int(p) })
}

// get returns the value of the prefix that is the first n bits of key, or nil.
func (t *node[V]) get(key []byte, n int) *V {
	for {
		d := int(t.depth)
		if n <= 8*(d+1) {
			return t.getOwn(placeOf(octetAt(key, n, d), n-8*d))
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

func (t *node[V]) getOwn(p place) *V {
	o := p.last()
	if !t.covered.has(o) {
		return nil
	}
	r := t.run(o)
	if r.at >= p { // else there is a longer one, too
		if r.at > p {
			return nil
		}
		return &r.value
	}
	if i, ok := t.find(p); ok {
		return &t.own[i].value
	}
	return nil
}
