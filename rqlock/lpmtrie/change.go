package lpmtrie

import "slices"

// A writer copies the nodes that it changes, and all nodes from there up to the root. So a
// root leads to a trie that never changes. A node other than the root has at least two
// entries: prefixes, leaves or nodes. A node that would have one entry is left out.

// with returns a copy of t in which the first n bits of key have the value v. They begin
// with t's path and are longer than it, or t is the root.
func (t *node[V]) with(key []byte, n int, v V) *node[V] {
	d := int(t.depth)
	if n <= 8*(d+1) {
		return t.withOwn(prefix[V]{positionOf(octetAt(key, n, d), n-8*d), v})
	}
	o := key[d]
	switch {
	case t.hasNode.has(o):
		return t.withNode(o, t.nodeAt(o).above(key, n, d+1).with(key, n, v))
	case t.hasLeaf.has(o):
		l := t.leafAt(o)
		if int(l.len) != n || !l.covers(key, n, d+1) {
			return t.withNode(o, l.above(key, n, d+1).with(key, n, v))
		}
	}
	return t.withLeaf(o, newLeaf(key, n, v))
}

// above returns t, or a new node above t, that key can be added to: with the longest path
// that both have in common. The first d octets are equal.
func (t *node[V]) above(key []byte, n, d int) *node[V] {
	d = common(t.path, key, n, d)
	if d == len(t.path) {
		return t
	}
	return newNode[V](t.path[:d]).withNode(t.path[d], t)
}

// above returns a new node with l, that key can be added to: with the longest path that both
// have in common. The first d octets are equal.
func (l *leaf[V]) above(key []byte, n, d int) *node[V] {
	d = common(l.key[:len(l.key)-1], key, n, d)
	return newNode[V](l.key[:d]).with([]byte(l.key), int(l.len), l.value)
}

func newNode[V any](path string) *node[V] {
	t := &node[V]{path: path, depth: uint16(len(path))}
	copy(t.pathEnd[:], path[max(len(path)-len(t.pathEnd), 0):])
	return t
}

// common returns the length of the longest part of path that the path of a node can have,
// if the first n bits of key end in that node or below it. The first d octets are equal.
func common(path string, key []byte, n, d int) int {
	end := min(len(path), (n-1)>>3)
	for d < end && path[d] == key[d] {
		d++
	}
	return d
}

// newLeaf returns a leaf with a copy of the first n > 0 bits of key.
func newLeaf[V any](key []byte, n int, v V) leaf[V] {
	k := slices.Clone(key[:(n+7)>>3])
	k[len(k)-1] &= 0xff << (-n & 7)
	return leaf[V]{len: uint32(n), key: string(k), value: v}
}

// without returns a copy of t without the first n bits of key, which are present.
func (t *node[V]) without(key []byte, n int) *node[V] {
	d := int(t.depth)
	if n <= 8*(d+1) {
		return t.withoutOwn(positionOf(octetAt(key, n, d), n-8*d))
	}
	o := key[d]
	if t.hasLeaf.has(o) {
		return t.withoutLeaf(o)
	}
	below := t.nodeAt(o).without(key, n)
	switch {
	case len(below.own)+len(below.leaves)+len(below.nodes) > 1:
		return t.withNode(o, below)
	case len(below.nodes) == 1:
		return t.withNode(o, below.nodes[0])
	case len(below.leaves) == 1:
		return t.withLeaf(o, below.leaves[0])
	}
	p := below.own[0]
	return t.withLeaf(o, newLeaf(append([]byte(below.path), p.pos.first()), 8*int(below.depth)+p.pos.len(), p.value))
}

// withNode returns a copy of t with a node below octet o, instead of what t has there.
func (t *node[V]) withNode(o byte, below *node[V]) *node[V] {
	c := *t
	if t.hasLeaf.has(o) {
		c.removeLeaf(o)
	}
	c.nodes = put(t.nodes, t.hasNode.index(&t.nodeBase, o), below, t.hasNode.has(o))
	c.hasNode.add(o)
	c.nodeBase = c.hasNode.base()
	return &c
}

// withLeaf returns a copy of t with a leaf below octet o, instead of what t has there.
func (t *node[V]) withLeaf(o byte, l leaf[V]) *node[V] {
	c := *t
	copy(l.rest[:], l.key[t.depth+1:])
	if t.hasNode.has(o) {
		c.nodes = remove(t.nodes, t.hasNode.index(&t.nodeBase, o))
		c.hasNode.remove(o)
		c.nodeBase = c.hasNode.base()
	}
	c.leaves = put(t.leaves, t.hasLeaf.index(&t.leafBase, o), l, t.hasLeaf.has(o))
	c.hasLeaf.add(o)
	c.leafBase = c.hasLeaf.base()
	return &c
}

func (t *node[V]) withoutLeaf(o byte) *node[V] {
	c := *t
	c.removeLeaf(o)
	return &c
}

// removeLeaf changes c, which must be a copy that no reader has.
func (c *node[V]) removeLeaf(o byte) {
	c.leaves = remove(c.leaves, c.hasLeaf.index(&c.leafBase, o))
	c.hasLeaf.remove(o)
	c.leafBase = c.hasLeaf.base()
}

func (t *node[V]) withOwn(p prefix[V]) *node[V] {
	c := *t
	i, ok := t.find(p.pos)
	c.own = put(t.own, i, p, ok)
	c.setRuns()
	return &c
}

func (t *node[V]) withoutOwn(p position) *node[V] {
	c := *t
	i, _ := t.find(p)
	c.own = remove(t.own, i)
	c.setRuns()
	return &c
}

func (s *octetSet) add(o byte)    { s[o>>6] |= 1 << (o & 63) }
func (s *octetSet) remove(o byte) { s[o>>6] &^= 1 << (o & 63) }

// put returns a copy of s with x at i. If replace is true, x replaces the element there;
// otherwise it is inserted before it.
func put[T any](s []T, i int, x T, replace bool) []T {
	rest := s[i:]
	if replace {
		rest = s[i+1:]
	}
	c := make([]T, i+1+len(rest))
	copy(c, s[:i])
	c[i] = x
	copy(c[i+1:], rest)
	return c
}

// remove returns a copy of s without the element at i.
func remove[T any](s []T, i int) []T {
	if len(s) == 1 {
		return nil
	}
	c := make([]T, len(s)-1)
	copy(c, s[:i])
	copy(c[i:], s[i+1:])
	return c
}

// setRuns sets the runs of t's own prefixes.
func (t *node[V]) setRuns() {
	// Of the prefixes that cover an octet, the longest comes first in own. So it is the last
	// one that is written here.
	var match [256]uint16 // 1 + index in own
	for i, p := range slices.Backward(t.own) {
		for o := int(p.pos.first()); o <= int(p.pos.last()); o++ {
			match[o] = uint16(i + 1)
		}
	}
	t.covered, t.starts = octetSet{}, octetSet{}
	runs := make([]uint16, 0, len(match)) // 1 + index in own
	last := uint16(0)
	for o, m := range match {
		if m == 0 {
			continue
		}
		t.covered.add(byte(o))
		if m != last { // No gap lies within a prefix, so last need not be reset there.
			t.starts.add(byte(o))
			runs = append(runs, m)
			last = m
		}
	}
	t.runBase = t.starts.base()
	t.runs = t.own
	if !consecutive(runs, len(t.own)) {
		t.runs = make([]prefix[V], len(runs))
		for i, m := range runs {
			t.runs[i] = t.own[m-1]
		}
	}
}

// consecutive reports whether runs has the numbers from 1 to n, in this order.
func consecutive(runs []uint16, n int) bool {
	for i, m := range runs {
		if int(m) != i+1 {
			return false
		}
	}
	return len(runs) == n
}
