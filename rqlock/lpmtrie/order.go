package lpmtrie

import "math/bits"

// The kernel's order: before a prefix itself come the longer ones that go on with a 0, then
// those that go on with a 1. In a node, this means for each octet: first what is below it,
// then the prefixes whose last octet it is, by position.
//
// Each function here reads each slot once, so it sees one moment (see trie.go).

// An item is a prefix, from a node or a leaf.
type item[V any] struct {
	path  string // all octets but the last one
	octet byte   // the last octet
	len   int
	value *V
}

// appendKey appends as many octets of the prefix as its length needs.
func (x item[V]) appendKey(b []byte) []byte {
	b = append(b, x.path...)
	if x.len > 8*len(x.path) {
		b = append(b, x.octet)
	}
	return b
}

// is reports whether the item is the first n bits of key.
func (x item[V]) is(key []byte, n int) bool {
	return x.len == n && sameBits(x.path, key, min(n, 8*len(x.path))) &&
		(n <= 8*len(x.path) || (key[len(x.path)]^x.octet)>>(-n&7) == 0)
}

// sameBits reports whether the first n bits of a and b are the same.
func sameBits(a string, b []byte, n int) bool {
	whole := n >> 3
	return a[:whole] == string(b[:whole]) && (n&7 == 0 || (a[whole]^b[whole])>>(8-n&7) == 0)
}

func (t *node[V]) item(p position) item[V] {
	i, _ := t.find(p)
	s := spans[p]
	return item[V]{t.path, s.first, 8*len(t.path) + int(s.len), &t.values[i]}
}

func (l *leaf[V]) item() item[V] {
	end := len(l.key) - 1
	return item[V]{l.key[:end], l.key[end], int(l.len), &l.value}
}

// each calls yield for all items of t until it returns false. It reports whether yield
// always returned true.
func (t *node[V]) each(yield func(item[V]) bool) bool { return t.eachFrom(0, positions-1, yield) }

// eachFrom is each for the prefixes of t's own from position p to position last, and for what
// is below the octets that these cover.
func (t *node[V]) eachFrom(p, last position, yield func(item[V]) bool) bool {
	for o, c := t.nextChild(int(spans[p].first)); c != nil && o <= int(spans[last].last); o, c = t.nextChild(o + 1) {
		for p = t.own.next(p); p < positionOf(byte(o), 8); p = t.own.next(p + 1) {
			if !yield(t.item(p)) {
				return false
			}
		}
		if !eachBelow(c, yield) {
			return false
		}
	}
	for p = t.own.next(p); p <= last; p = t.own.next(p + 1) {
		if !yield(t.item(p)) {
			return false
		}
	}
	return true
}

func eachBelow[V any](c *child, yield func(item[V]) bool) bool {
	if c.isLeaf() {
		return yield(leafOf[V](c).item())
	}
	return nodeOf[V](c).each(yield)
}

// nextChild returns the first octet from o on that has something below it, and that. It
// returns nil if there is none.
func (t *node[V]) nextChild(o int) (int, *child) {
	for o < 256 {
		m := t.slotted[o>>6] >> (o & 63)
		if m == 0 {
			o = (o | 63) + 1
			continue
		}
		o += bits.TrailingZeros64(m)
		if c := t.slotOf(byte(o)).at.Load(); c != nil { // acquire: pairs with release in setChild and removeChild
			return o, c
		}
		o++
	}
	return o, nil
}

// from returns the first item of t among its own prefixes from position p on and what is
// below the octets from o on.
func (t *node[V]) from(p position, o int) (x item[V], ok bool) {
	p = t.own.next(p)
	o, c := t.nextChild(o)
	switch {
	case p < positions && (c == nil || int(spans[p].last) < o):
		return t.item(p), true
	case c == nil:
		return x, false
	case c.isLeaf():
		return leafOf[V](c).item(), true
	}
	return nodeOf[V](c).first()
}

// first returns the first item of t, if there is any.
func (t *node[V]) first() (item[V], bool) { return t.from(0, 0) }

// after returns the item of t that comes after the first n bits of key. It reports whether
// these are present, and whether there is such an item.
func (t *node[V]) after(key []byte, n int) (x item[V], present, ok bool) {
	d := int(t.depth)
	if n <= 8*(d+1) {
		p := positionOf(octetAt(key, n, d), n-8*d)
		_, present = t.find(p)
		x, ok = t.from(p+1, int(spans[p].last)+1)
		return x, present, ok
	}
	o := key[d]
	if c := t.below(o); c != nil && c.isLeaf() {
		present = leafOf[V](c).item().is(key, n)
	} else if c != nil {
		if t := nodeOf[V](c); n > 8*int(t.depth) && sameBits(t.path, key, 8*int(t.depth)) {
			if x, present, ok = t.after(key, n); ok {
				return x, present, ok
			}
		}
	}
	if present {
		x, ok = t.from(positionOf(o, 8), int(o)+1)
	}
	return x, present, ok
}

// subnets is each for the prefixes that begin with the first n bits of key.
func (t *node[V]) subnets(key []byte, n int, yield func(item[V]) bool) bool {
	d := int(t.depth)
	if n <= 8*(d+1) {
		last := positionOf(octetAt(key, n, d), n-8*d)
		return t.eachFrom(last-(2<<spans[last].height()-2), last, yield)
	}
	c := t.below(key[d])
	if c == nil {
		return true
	}
	if c.isLeaf() {
		l := leafOf[V](c)
		return int(l.len) < n || !sameBits(l.key, key, n) || yield(l.item())
	}
	t = nodeOf[V](c)
	bits := min(n, 8*int(t.depth))
	switch {
	case !sameBits(t.path, key, bits):
		return true
	case bits == n:
		return t.each(yield)
	}
	return t.subnets(key, n, yield)
}

// height returns how many bits less than 8 the prefix has in its octet.
func (s span) height() int { return 8 - int(s.len) }

// supernets appends the prefixes of the first n bits of key, the shortest first.
func (t *node[V]) supernets(key []byte, n int, to []item[V]) []item[V] {
	for {
		d := int(t.depth)
		o := octetAt(key, n, d)
		for bits := range min(n-8*d, 8) + 1 {
			if p := positionOf(o, bits); t.levels>>bits&1 != 0 {
				if _, ok := t.find(p); ok {
					to = append(to, t.item(p))
				}
			}
		}
		if n <= 8*(d+1) {
			return to
		}
		c := t.below(o)
		if c == nil {
			return to
		}
		if c.isLeaf() {
			if l := leafOf[V](c); l.covers(key, n, d+1) {
				to = append(to, l.item())
			}
			return to
		}
		t = nodeOf[V](c)
		if n < 8*int(t.depth) || !sameBits(t.path, key, 8*int(t.depth)) {
			return to
		}
	}
}
