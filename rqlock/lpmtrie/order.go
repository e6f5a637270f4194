package lpmtrie

import "math/bits"

// The kernel's order: before a prefix itself come the longer ones that go on with a 0, then
// those that go on with a 1. In a node, this means for each octet: first what is below it,
// then the prefixes whose last octet it is, by position.

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

func (t *node[V]) item(p *prefix[V]) item[V] {
	return item[V]{t.path, p.pos.first(), 8*len(t.path) + p.pos.len(), &p.value}
}

func (l *leaf[V]) item() item[V] {
	end := len(l.key) - 1
	return item[V]{l.key[:end], l.key[end], int(l.len), &l.value}
}

// each calls yield for all items of t until it returns false. It reports whether yield
// always returned true.
func (t *node[V]) each(yield func(item[V]) bool) bool {
	own := t.own
	for o := t.nextBelow(0); o < 256; o = t.nextBelow(o + 1) {
		for ; len(own) > 0 && int(own[0].pos.last()) < o; own = own[1:] {
			if !yield(t.item(&own[0])) {
				return false
			}
		}
		if !t.eachBelow(byte(o), yield) {
			return false
		}
	}
	for i := range own {
		if !yield(t.item(&own[i])) {
			return false
		}
	}
	return true
}

func (t *node[V]) eachBelow(o byte, yield func(item[V]) bool) bool {
	if t.hasLeaf.has(o) {
		return yield(t.leafAt(o).item())
	}
	return t.nodeAt(o).each(yield)
}

// nextBelow returns the first octet from o on that has a node or leaf below it, or 256.
func (t *node[V]) nextBelow(o int) int {
	for ; o < 256; o = (o | 63) + 1 {
		if s := (t.hasNode[o>>6] | t.hasLeaf[o>>6]) >> (o & 63); s != 0 {
			return o + bits.TrailingZeros64(s)
		}
	}
	return 256
}

// from returns the first item of t among its own prefixes from position p on and what is
// below the octets from o on.
func (t *node[V]) from(p position, o int) (x item[V], ok bool) {
	i, _ := t.find(p)
	o = t.nextBelow(o)
	switch {
	case i < len(t.own) && int(t.own[i].pos.last()) < o:
		return t.item(&t.own[i]), true
	case o == 256:
		return x, false
	case t.hasLeaf.has(byte(o)):
		return t.leafAt(byte(o)).item(), true
	}
	return t.nodeAt(byte(o)).first()
}

// first returns the first item of t, if there is any.
func (t *node[V]) first() (item[V], bool) { return t.from(0, 0) }

// after returns the item of t that comes after the first n bits of key, which are present.
func (t *node[V]) after(key []byte, n int) (item[V], bool) {
	d := int(t.depth)
	if n <= 8*(d+1) {
		p := positionOf(octetAt(key, n, d), n-8*d)
		return t.from(p+1, int(p.last())+1)
	}
	o := key[d]
	if t.hasNode.has(o) {
		if x, ok := t.nodeAt(o).after(key, n); ok {
			return x, true
		}
	}
	return t.from(position(o)<<4, int(o)+1)
}
