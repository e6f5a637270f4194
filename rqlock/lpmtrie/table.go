package lpmtrie

import (
	"fmt"
	"iter"
	"net/netip"
)

// A Table has prefixes of IPv4 and IPv6 addresses, each family in a trie of its own.
// Make it with [NewTable]. All methods may be called by many goroutines at once.
//
// What matches is what [netip.Prefix.Contains] says. An IPv4-mapped IPv6 address
// (::ffff:1.2.3.4) is an IPv6 address, and one with a zone is in no prefix: use
// [netip.Addr.Unmap] and [netip.Addr.WithZone] where that is not what you want. The
// bits of a prefix after its length do not matter: 10.1.2.3/8 is 10.0.0.0/8.
type Table[V any] struct {
	room
	v4, v6 trie[V]
}

// NewTable returns an empty table for up to capacity prefixes, of both families
// together. It panics if capacity is not positive.
func NewTable[V any](capacity int) *Table[V] {
	t := new(Table[V])
	t.room.init(capacity)
	t.v4.init()
	t.v6.init()
	return t
}

var errPrefix = fmt.Errorf("%w: the netip.Prefix is not valid", ErrKey)

// of returns where p is kept, or nil for an invalid one. Its key is p.Addr().AsSlice(),
// which allocates nothing.
func (t *Table[V]) of(p netip.Prefix) *trie[V] {
	switch {
	case !p.IsValid():
		return nil
	case p.Addr().Is4():
		return &t.v4
	}
	return &t.v6
}

// Lookup returns the value of the longest prefix that contains ip, and whether there is
// one. It takes no lock and allocates nothing.
func (t *Table[V]) Lookup(ip netip.Addr) (v V, ok bool) {
	in := &t.v4
	if !ip.Is4() {
		if ip.Zone() != "" || !ip.IsValid() {
			return v, false
		}
		in = &t.v6
	}
	key := ip.AsSlice()
	p, _ := in.now().match(key, 8*len(key))
	if p == nil {
		return v, false
	}
	return *p, true
}

// LookupPrefix returns the value of the longest prefix that contains all of p, which
// may be p itself, and whether there is one. It takes no lock and allocates nothing.
func (t *Table[V]) LookupPrefix(p netip.Prefix) (v V, ok bool) {
	_, v, ok = t.LookupPrefixLPM(p)
	return v, ok
}

// LookupPrefixLPM is LookupPrefix that says which prefix it is.
func (t *Table[V]) LookupPrefixLPM(p netip.Prefix) (match netip.Prefix, v V, ok bool) {
	in := t.of(p)
	if in == nil {
		return match, v, false
	}
	at, n := in.now().match(p.Addr().AsSlice(), p.Bits())
	if at == nil {
		return match, v, false
	}
	return netip.PrefixFrom(p.Addr(), n).Masked(), *at, true
}

// Get returns p's own value, and whether there is one. It takes no lock.
func (t *Table[V]) Get(p netip.Prefix) (v V, ok bool) {
	in := t.of(p)
	if in == nil {
		return v, false
	}
	at := in.now().get(p.Addr().AsSlice(), p.Bits())
	if at == nil {
		return v, false
	}
	return *at, true
}

// Update sets p's value. It returns ErrExist or ErrNotExist if the flag does not allow
// that, ErrFull if there is no room, ErrKey for an invalid prefix, ErrFlag for a flag
// that is none, or the lock's error.
func (t *Table[V]) Update(p netip.Prefix, v V, flag Flag) error {
	in := t.of(p)
	if in == nil {
		return errPrefix
	}
	return in.update(&t.room, p.Addr().AsSlice(), p.Bits(), v, flag)
}

// Delete removes p. It returns ErrNotExist if it is not present, ErrKey for an invalid
// prefix, or the lock's error.
func (t *Table[V]) Delete(p netip.Prefix) error {
	_, err := t.LookupAndDelete(p)
	return err
}

// LookupAndDelete removes p and returns its value, as one step. It returns ErrNotExist
// if it is not present, ErrKey for an invalid prefix, or the lock's error.
func (t *Table[V]) LookupAndDelete(p netip.Prefix) (v V, err error) {
	in := t.of(p)
	if in == nil {
		return v, errPrefix
	}
	return in.lookupAndDelete(&t.room, p.Addr().AsSlice(), p.Bits())
}

// Compute calls f with p's value, or the zero value and false, while the table is
// locked, and does what f returns. f may use the table: a call that would need the lock
// returns a *rqlock.DeadlockError. If f panics p stays as it is. Compute returns ErrFull
// if there is no room, ErrKey for an invalid prefix, or the lock's error; f has not been
// called in the latter two cases.
func (t *Table[V]) Compute(p netip.Prefix, f func(old V, present bool) (V, Action)) error {
	in := t.of(p)
	if in == nil {
		return errPrefix
	}
	return in.compute(&t.room, p.Addr().AsSlice(), p.Bits(), f)
}

// All goes over the prefixes, masked, in the kernel's order (see package lpmtrie), IPv4
// first. It shows the table as it was when the loop began and holds no lock: the loop's
// body may use the table in any way.
func (t *Table[V]) All() iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) {
		v4, v6 := t.v4.now(), t.v6.now()
		_ = v4.each(func(x item[V]) bool { return yield(prefix4(x), *x.value) }) &&
			v6.each(func(x item[V]) bool { return yield(prefix6(x), *x.value) })
	}
}

// NextKey returns the prefix that comes after p in the order of All, and whether there
// is one. If p is not present, or is no prefix, it returns the first one, as the kernel
// does. It takes no lock.
func (t *Table[V]) NextKey(p netip.Prefix) (next netip.Prefix, ok bool) {
	v4, v6 := t.v4.now(), t.v6.now()
	in, key, n := t.of(p), p.Addr().AsSlice(), p.Bits()
	switch {
	case in == &t.v6 && v6.get(key, n) != nil:
		return next6(v6.after(key, n))
	case in == &t.v4 && v4.get(key, n) != nil:
		if x, ok := v4.after(key, n); ok {
			return prefix4(x), true
		}
		return next6(v6.first())
	}
	if x, ok := v4.first(); ok {
		return prefix4(x), true
	}
	return next6(v6.first())
}

func next6[V any](x item[V], ok bool) (netip.Prefix, bool) {
	if !ok {
		return netip.Prefix{}, false
	}
	return prefix6(x), true
}

func prefix4[V any](x item[V]) netip.Prefix {
	var a [4]byte
	x.appendKey(a[:0])
	return netip.PrefixFrom(netip.AddrFrom4(a), x.len)
}

func prefix6[V any](x item[V]) netip.Prefix {
	var a [16]byte
	x.appendKey(a[:0])
	return netip.PrefixFrom(netip.AddrFrom16(a), x.len)
}
