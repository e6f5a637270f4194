package lpmtrie

import (
	"fmt"
	"iter"
	"net/netip"

	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

// A Table maps prefixes of IPv4 and IPv6 addresses to values. Make it with [NewTable]. All
// methods may be called by many goroutines at once.
//
// A prefix matches an address if [netip.Prefix.Contains] says so. An IPv4-mapped IPv6
// address (::ffff:1.2.3.4) is therefore an IPv6 address, and no prefix matches an address
// with a zone. [netip.Addr.Unmap] and [netip.Addr.WithZone] change that. The bits of a
// prefix after its length do not matter: 10.1.2.3/8 is 10.0.0.0/8.
type Table[V any] struct {
	trie trie[V]
}

// NewTable returns an empty table for up to limit prefixes, IPv4 and IPv6 together. It
// panics if limit is not positive. Memory is allocated for the prefixes that there are.
func NewTable[V any](limit int) *Table[V] {
	t := new(Table[V])
	t.trie.init("lpmtrie.NewTable", limit)
	t.trie.lock.SetName("lpmtrie.Table")
	return t
}

// made returns the table's trie.
func (t *Table[V]) made() *trie[V] {
	if t.trie.limit == 0 {
		capacity.NotMade("lpmtrie.Table", "NewTable")
	}
	return &t.trie
}

var errPrefix = fmt.Errorf("%w: the netip.Prefix is not valid", ErrKey)

// Len returns the number of prefixes. While others change the table, it may be behind what
// lookups find.
func (t *Table[V]) Len() int { return int(t.made().len.Load()) }

// familyOf returns the family of p, and whether p is valid. The key there is
// p.Addr().AsSlice(), which does not allocate here.
func familyOf(p netip.Prefix) (family, bool) {
	if p.Addr().Is4() {
		return v4, p.IsValid()
	}
	return v6, p.IsValid()
}

// familyOfAddr returns the family of ip, and whether a prefix can match it.
func familyOfAddr(ip netip.Addr) (family, bool) {
	if ip.Is4() {
		return v4, true
	}
	return v6, ip.IsValid() && ip.Zone() == ""
}

// value returns what at points to, if that is not nil.
func value[V any](at *V) (v V, ok bool) {
	if at == nil {
		return v, false
	}
	return *at, true
}

// Lookup returns the value of the longest prefix that contains ip, and whether there is one.
// It takes no lock and allocates nothing.
func (t *Table[V]) Lookup(ip netip.Addr) (v V, ok bool) {
	f, ok := familyOfAddr(ip)
	if !ok {
		return v, false
	}
	key := ip.AsSlice()
	at, _ := t.made().match(f, key, 8*len(key))
	return value(at)
}

// LookupPrefix returns the value of the longest prefix that contains all of p, which may be
// p itself, and whether there is one. It takes no lock and allocates nothing.
func (t *Table[V]) LookupPrefix(p netip.Prefix) (v V, ok bool) {
	_, v, ok = t.LookupPrefixLPM(p)
	return v, ok
}

// LookupPrefixLPM is [Table.LookupPrefix], and also returns the prefix that matches.
func (t *Table[V]) LookupPrefixLPM(p netip.Prefix) (match netip.Prefix, v V, ok bool) {
	f, ok := familyOf(p)
	if !ok {
		return match, v, false
	}
	at, n := t.made().match(f, p.Addr().AsSlice(), p.Bits())
	if at == nil {
		return match, v, false
	}
	return netip.PrefixFrom(p.Addr(), n).Masked(), *at, true
}

// Get returns the value of p itself, and whether p is present. It takes no lock and
// allocates nothing.
func (t *Table[V]) Get(p netip.Prefix) (v V, ok bool) {
	f, ok := familyOf(p)
	if !ok {
		return v, false
	}
	return value(t.made().get(f, p.Addr().AsSlice(), p.Bits()))
}

// Update sets p's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrKey] if p is not valid, [ErrFull] if there is no
// room, or the lock's error.
func (t *Table[V]) Update(p netip.Prefix, v V, flag Flag) error {
	f, ok := familyOf(p)
	if !ok {
		return errPrefix
	}
	return t.made().update(f, p.Addr().AsSlice(), p.Bits(), v, flag)
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
	f, ok := familyOf(p)
	if !ok {
		return v, errPrefix
	}
	return t.made().lookupAndDelete(f, p.Addr().AsSlice(), p.Bits())
}

// Compute locks the table, calls f with p's value and true, or with the zero value and false
// if p is not present, and does what f returns. If f panics, nothing changes.
//
// f may use the table. A call that needs the lock returns a [*rqlock.DeadlockError].
//
// Compute returns [ErrFull] if there is no room, [ErrAction] for an unknown action, [ErrKey]
// if p is not valid, or the lock's error. In the last two cases f was not called.
func (t *Table[V]) Compute(p netip.Prefix, f func(old V, present bool) (V, Action)) error {
	in, ok := familyOf(p)
	if !ok {
		return errPrefix
	}
	return t.made().compute(in, p.Addr().AsSlice(), p.Bits(), f)
}

// All iterates over the prefixes as they were when the loop began: IPv4 first, each family
// in the kernel's order (see package lpmtrie). The prefixes are masked. All holds no lock:
// the loop's body may use the table in any way.
func (t *Table[V]) All() iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) { eachPrefix(t.made().snapshot(), yield) }
}

// Subnets iterates over the prefixes that are part of p, with p itself, as they were when the
// loop began, in the order of [Table.All]. If p is not valid, there are none.
func (t *Table[V]) Subnets(p netip.Prefix) iter.Seq2[netip.Prefix, V] {
	return t.within((*trie[V]).subnets, p)
}

// Supernets iterates over the prefixes that contain all of p, with p itself, as they were when
// the loop began: the longest first. If p is not valid, there are none.
func (t *Table[V]) Supernets(p netip.Prefix) iter.Seq2[netip.Prefix, V] {
	return t.within((*trie[V]).supernets, p)
}

// within iterates over what of returns for p.
func (t *Table[V]) within(of func(*trie[V], family, []byte, int) iter.Seq[item[V]], p netip.Prefix) iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) {
		f, ok := familyOf(p)
		if !ok {
			return
		}
		for x := range of(t.made(), f, p.Addr().AsSlice(), p.Bits()) {
			if !yield(x.prefix(f), *x.value) {
				return
			}
		}
	}
}

// OverlapsPrefix reports whether p has an address in common with a prefix of the table: one
// that contains p, or that is part of it. It takes no lock and allocates nothing.
func (t *Table[V]) OverlapsPrefix(p netip.Prefix) bool {
	f, ok := familyOf(p)
	return ok && t.made().overlaps(f, p.Addr().AsSlice(), p.Bits())
}

// Clear removes all prefixes. It returns the lock's error.
func (t *Table[V]) Clear() error { return t.made().clear() }

// NextKey returns the prefix that comes after p in the order of [Table.All], and whether
// there is one. If p is not present, or not valid, NextKey returns the first prefix, as the
// kernel does. It takes no lock.
func (t *Table[V]) NextKey(p netip.Prefix) (next netip.Prefix, ok bool) {
	f, valid := familyOf(p)
	n := p.Bits()
	if !valid {
		n = -1
	}
	x, f, ok := t.made().next(f, p.Addr().AsSlice(), n)
	if !ok {
		return next, false
	}
	return x.prefix(f), true
}

// eachPrefix calls yield for all prefixes until it returns false.
func eachPrefix[V any](r *roots[V], yield func(netip.Prefix, V) bool) {
	for f := range families {
		if !r[f].each(func(x item[V]) bool { return yield(x.prefix(f), *x.value) }) {
			return
		}
	}
}

func (x item[V]) prefix(f family) netip.Prefix {
	if f == v4 {
		var a [4]byte
		x.appendKey(a[:0])
		return netip.PrefixFrom(netip.AddrFrom4(a), x.len)
	}
	var a [16]byte
	x.appendKey(a[:0])
	return netip.PrefixFrom(netip.AddrFrom16(a), x.len)
}
