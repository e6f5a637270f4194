package lpmtrie

// A node other than the root has at least two entries: prefixes, leaves or nodes. A node that
// would have one entry is left out. A leaf is not in the root's place.

// An edit changes a trie. Each node has the generation in which it was made.
//
// The nodes of earlier generations belong to a snapshot and are copied to change them. Those
// of the edit's own generation are in the trie only. If the edit is private, they were made by
// it, nobody else knows them, and they are changed in place. Otherwise readers know them: an
// edit replaces what a slot has, and copies a node to change anything else. Then it makes
// exactly one store that readers can see, to a slot or, if it returns another root, by its
// caller.
type edit[V any] struct {
	gen     uint64
	private bool
}

// set gives the first n bits of key the value v in t or in a copy of it, and returns that.
// The bits begin with t's path and are longer than it, or t is the root.
func (e edit[V]) set(t *node[V], key []byte, n int, v V) *node[V] {
	d := int(t.depth)
	if n <= 8*(d+1) {
		return e.setOwn(t, positionOf(octetAt(key, n, d), n-8*d), v)
	}
	o := key[d]
	old := t.below(o)
	if below := e.setBelow(old, key, n, d+1, v); below != old {
		return e.setChild(t, o, below)
	}
	return t
}

// setBelow is set in a child, which may be nil. The first d octets are those up to it.
func (e edit[V]) setBelow(c *child, key []byte, n, d int, v V) *child {
	if c == nil {
		return newLeaf(key, n, v).asChild()
	}
	var path string
	if c.isLeaf() {
		l := leafOf[V](c)
		if int(l.len) == n && l.covers(key, n, d) {
			return newLeaf(key, n, v).asChild()
		}
		path = l.key[:len(l.key)-1]
	} else {
		path = nodeOf[V](c).path
	}
	d = common(path, key, n, d)
	if !c.isLeaf() && d == len(path) {
		return e.set(nodeOf[V](c), key, n, v).asChild()
	}
	// A new node has both, with the longest path that they have in common.
	fresh := edit[V]{e.gen, true}
	t := fresh.newNode(path[:d])
	if c.isLeaf() && leafOf[V](c).len <= uint32(8*(d+1)) {
		l := leafOf[V](c)
		fresh.setOwn(t, positionOf(l.key[d], int(l.len)-8*d), l.value)
	} else {
		fresh.setChild(t, octetsOf[V](c)[d], c)
	}
	return fresh.set(t, key, n, v).asChild()
}

// octetsOf returns a node's path or a leaf's key.
func octetsOf[V any](c *child) string {
	if c.isLeaf() {
		return leafOf[V](c).key
	}
	return nodeOf[V](c).path
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

func (e edit[V]) newNode(path string) *node[V] {
	t := &node[V]{path: path, depth: uint16(len(path)), gen: e.gen}
	copy(t.pathEnd[:], path[max(len(path)-len(t.pathEnd), 0):])
	return t
}

// newLeaf returns a leaf with a copy of the first n > 0 bits of key.
func newLeaf[V any](key []byte, n int, v V) *leaf[V] {
	l := &leaf[V]{child: child{uint32(n)}, value: v}
	end := (n - 1) >> 3
	last := key[end] & (0xff << (-n & 7))
	if last == key[end] {
		l.key = string(key[:end+1])
	} else {
		l.key = string(append(key[:end:end], last))
	}
	copy(l.tail[max(inTail-len(l.key), 0):], l.key[max(len(l.key)-inTail, 0):])
	return l
}

// remove removes the first n bits of key, which are present. It returns what takes t's place:
// t, a copy of it, or the only entry that is left.
func (e edit[V]) remove(t *node[V], key []byte, n int) *child {
	d := int(t.depth)
	lone := !t.isRoot() && t.entries() == 2
	if n <= 8*(d+1) {
		p := positionOf(octetAt(key, n, d), n-8*d)
		if lone {
			return t.other(nil, p)
		}
		return e.removeOwn(t, p).asChild()
	}
	o := key[d]
	c := t.below(o)
	if c.isLeaf() {
		if lone {
			return t.other(c, positions)
		}
		return e.removeChild(t, o).asChild()
	}
	if below := e.remove(nodeOf[V](c), key, n); below != c {
		return e.setChild(t, o, below).asChild()
	}
	return t.asChild()
}

// other returns t's entry besides that child or that prefix.
func (t *node[V]) other(c *child, p position) *child {
	for i := range t.slots {
		if x := t.slots[i].at.Load(); x != nil && x != c {
			return x
		}
	}
	x := t.own.next(0)
	if x == p {
		x = t.own.next(x + 1)
	}
	i, _ := t.find(x)
	s := spans[x]
	return newLeaf(append([]byte(t.path), s.first), 8*int(t.depth)+int(s.len), t.values[i]).asChild()
}

// owned returns t if the edit may change all of it in place, and otherwise a copy. What the
// copy's slots have may be changed by atomic stores.
func (e edit[V]) owned(t *node[V]) *node[V] {
	if e.private && t.gen == e.gen {
		return t
	}
	c := *t
	if e.private {
		c.values = append([]V(nil), t.values...)
	}
	if t.gen != e.gen { // Otherwise t and its copy can share the slots: nobody will find t.
		c.slots = make([]slot[V], len(t.slots))
		copy(c.slots, t.slots)
		c.gen = e.gen
	}
	return &c
}

// setChild puts c below octet o of t or of a copy of t, and returns that.
func (e edit[V]) setChild(t *node[V], o byte, c *child) *node[V] {
	if !t.slotted.has(o) {
		return e.addChild(t, o, c)
	}
	if t.gen != e.gen {
		t = e.owned(t)
	}
	s := t.slotOf(o)
	if s.at.Load() == nil {
		t.kids++
	}
	s.at.Store(c) // release: pairs with acquire in below
	return t
}

// A node gets a slot for each octet when it would have more than maxSparse, and fewer again
// when it has fewer than minFull children: then to change the slots costs less than it saves.
const (
	maxSparse = 48
	minFull   = 24
)

// addChild puts c into a slot of its own.
func (e edit[V]) addChild(t *node[V], o byte, c *child) *node[V] {
	t = e.owned(t)
	if len(t.slots) == maxSparse {
		t.spread()
	} else {
		i, old := t.slotIndex(o), t.slots
		if e.private {
			t.slots = append(old, slot[V]{})
		} else {
			t.slots = make([]slot[V], len(old)+1)
			copy(t.slots, old[:i])
		}
		copy(t.slots[i+1:], old[i:])
		t.slotted.add(o)
		t.slotBase = t.slotted.base()
	}
	t.slotOf(o).at.Store(c)
	t.kids++
	return t
}

// removeChild empties the slot of octet o, which is not empty, in t or in a copy of t, and
// returns that.
func (e edit[V]) removeChild(t *node[V], o byte) *node[V] {
	if len(t.slots) == full && int(t.kids) > minFull {
		if t.gen != e.gen {
			t = e.owned(t)
		}
		t.kids--
		t.slotOf(o).at.Store(nil) // release: pairs with acquire in below
		return t
	}
	t = e.owned(t)
	t.kids--
	if len(t.slots) == full {
		t.gather(o)
		return t
	}
	i, old := t.slotIndex(o), t.slots
	t.slots = nil
	if t.kids > 0 {
		t.slots = make([]slot[V], t.kids)
		copy(t.slots, old[:i])
		copy(t.slots[i:], old[i+1:])
	}
	t.slotted.remove(o)
	t.slotBase = t.slotted.base()
	return t
}

// spread gives t, which nobody else knows, a slot for each octet.
func (t *node[V]) spread() {
	slots := make([]slot[V], full)
	for o, c := t.nextChild(0); c != nil; o, c = t.nextChild(o + 1) {
		slots[o].at.Store(c)
	}
	t.slots = slots
	t.slotted.addRange(0, 255)
	t.slotBase = t.slotted.base()
}

// gather is the opposite of spread, and leaves out what is below octet skip.
func (t *node[V]) gather(skip byte) {
	slots := make([]slot[V], 0, t.kids)
	var slotted octetSet
	for o, c := t.nextChild(0); c != nil; o, c = t.nextChild(o + 1) {
		if o != int(skip) {
			slots = append(slots, slot[V]{})
			slots[len(slots)-1].at.Store(c)
			slotted.add(byte(o))
		}
	}
	t.slots, t.slotted, t.slotBase = slots, slotted, slotted.base()
}

// setOwn gives the prefix at p the value v in t or in a copy of t, and returns that.
func (e edit[V]) setOwn(t *node[V], p position, v V) *node[V] {
	t = e.owned(t)
	i, present := t.find(p)
	old := t.values
	switch {
	case e.private && present:
		old[i] = v
		return t
	case e.private:
		t.values = append(old, v)
	case present:
		t.values = append([]V(nil), old...)
		t.values[i] = v
		return t
	default:
		t.values = make([]V, len(old)+1)
		copy(t.values, old[:i])
	}
	copy(t.values[i+1:], old[i:])
	t.values[i] = v
	t.own[p>>6] |= 1 << (p & 63)
	t.ownBase = t.own.base()
	t.cover(p)
	return t
}

// removeOwn removes the prefix at p, which is present, from t or from a copy of t, and
// returns that.
func (e edit[V]) removeOwn(t *node[V], p position) *node[V] {
	t = e.owned(t)
	i, _ := t.find(p)
	old := t.values
	t.values = nil
	if len(old) > 1 {
		t.values = make([]V, len(old)-1)
		copy(t.values, old[:i])
		copy(t.values[i:], old[i+1:])
	}
	t.own[p>>6] &^= 1 << (p & 63)
	t.ownBase = t.own.base()
	t.covered, t.levels = octetSet{}, 0
	for p := t.own.next(0); p < positions; p = t.own.next(p + 1) {
		t.cover(p)
	}
	return t
}

// cover enters a prefix of t's own into what lookups look at first.
func (t *node[V]) cover(p position) {
	s := spans[p]
	t.covered.addRange(s.first, s.last)
	t.levels |= 1 << s.len
}
