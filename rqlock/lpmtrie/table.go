package lpmtrie

import (
	"fmt"
	"iter"
	"net/netip"
)

// A Table maps prefixes of IPv4 and IPv6 addresses to values. Make it with [NewTable]. All
// methods may be called by many goroutines at once.
//
// A prefix matches an address if [netip.Prefix.Contains] says so. An IPv4-mapped IPv6
// address (::ffff:1.2.3.4) is therefore an IPv6 address, and no prefix matches an address
// with a zone. [netip.Addr.Unmap] and [netip.Addr.WithZone] change that. The bits of a
// prefix after its length do not matter: 10.1.2.3/8 is 10.0.0.0/8.
type Table[V any] struct {
	writers writerState
	v4, v6  trie[V]
}

// NewTable returns an empty table for up to capacity prefixes, IPv4 and IPv6 together. It
// panics if capacity is not positive.
func NewTable[V any](capacity int) *Table[V] {
	t := new(Table[V])
	t.writers.init(capacity)
	t.writers.lock.SetName("lpmtrie.Table")
	t.v4.init()
	t.v6.init()
	return t
}

var errPrefix = fmt.Errorf("%w: the netip.Prefix is not valid", ErrKey)

// Len returns the number of prefixes.
func (t *Table[V]) Len() int { return int(t.writers.len.Load()) }

// trieOf returns the trie for p, or nil if p is not valid. The key there is
// p.Addr().AsSlice(), which does not allocate here.
func (t *Table[V]) trieOf(p netip.Prefix) *trie[V] {
	switch {
	case !p.IsValid():
		return nil
	case p.Addr().Is4():
		return &t.v4
	}
	return &t.v6
}

// Lookup returns the value of the longest prefix that contains ip, and whether there is one.
// It takes no lock and allocates nothing.
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

// LookupPrefix returns the value of the longest prefix that contains all of p, which may be
// p itself, and whether there is one. It takes no lock and allocates nothing.
func (t *Table[V]) LookupPrefix(p netip.Prefix) (v V, ok bool) {
	_, v, ok = t.LookupPrefixLPM(p)
	return v, ok
}

// LookupPrefixLPM is [Table.LookupPrefix], and also returns the prefix that matches.
func (t *Table[V]) LookupPrefixLPM(p netip.Prefix) (match netip.Prefix, v V, ok bool) {
	in := t.trieOf(p)
	if in == nil {
		return match, v, false
	}
	at, n := in.now().match(p.Addr().AsSlice(), p.Bits())
	if at == nil {
		return match, v, false
	}
	return netip.PrefixFrom(p.Addr(), n).Masked(), *at, true
}

// Get returns the value of p itself, and whether p is present. It takes no lock and
// allocates nothing.
func (t *Table[V]) Get(p netip.Prefix) (v V, ok bool) {
	in := t.trieOf(p)
	if in == nil {
		return v, false
	}
	at := in.now().get(p.Addr().AsSlice(), p.Bits())
	if at == nil {
		return v, false
	}
	return *at, true
}

// Update sets p's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrKey] if p is not valid, [ErrFull] if there is no
// room, or the lock's error.
func (t *Table[V]) Update(p netip.Prefix, v V, flag Flag) error {
	in := t.trieOf(p)
	if in == nil {
		return errPrefix
	}
	return in.update(&t.writers, p.Addr().AsSlice(), p.Bits(), v, flag)
}

// Delete removes p. It returns [ErrNotExist] if p is not present, [ErrKey] if it is not
// valid, or the lock's error.
func (t *Table[V]) Delete(p netip.Prefix) error {
	_, err := t.LookupAndDelete(p)
	return err
}

// LookupAndDelete removes p and returns its value, in one step. It returns [ErrNotExist] if
// p is not present, [ErrKey] if it is not valid, or the lock's error.
func (t *Table[V]) LookupAndDelete(p netip.Prefix) (v V, err error) {
	in := t.trieOf(p)
	if in == nil {
		return v, errPrefix
	}
	return in.lookupAndDelete(&t.writers, p.Addr().AsSlice(), p.Bits())
}

// Compute locks the table, calls f with p's value and true, or with the zero value and false
// if p is not present, and does what f returns. If f panics, nothing changes.
//
// f may use the table. A call that needs the lock returns a [*rqlock.DeadlockError].
//
// Compute returns [ErrFull] if there is no room, [ErrAction] for an unknown action, [ErrKey]
// if p is not valid, or the lock's error. In the last two cases f was not called.
func (t *Table[V]) Compute(p netip.Prefix, f func(old V, present bool) (V, Action)) error {
	in := t.trieOf(p)
	if in == nil {
		return errPrefix
	}
	return in.compute(&t.writers, p.Addr().AsSlice(), p.Bits(), f)
}

// All iterates over the prefixes as they were when the loop began: IPv4 first, each family
// in the kernel's order (see package lpmtrie). The prefixes are masked. All holds no lock:
// the loop's body may use the table in any way.
func (t *Table[V]) All() iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) {
		v4, v6 := t.v4.now(), t.v6.now()
		_ = v4.each(func(x item[V]) bool { return yield(prefix4(x), *x.value) }) &&
			v6.each(func(x item[V]) bool { return yield(prefix6(x), *x.value) })
	}
}

// NextKey returns the prefix that comes after p in the order of [Table.All], and whether
// there is one. If p is not present, or not valid, NextKey returns the first prefix, as the
// kernel does. It takes no lock.
func (t *Table[V]) NextKey(p netip.Prefix) (next netip.Prefix, ok bool) {
	v4, v6 := t.v4.now(), t.v6.now()
	in, key, n := t.trieOf(p), p.Addr().AsSlice(), p.Bits()
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
