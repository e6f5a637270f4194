package lpmtrie

import (
	"iter"
	"net/netip"
)

// A tx is a transaction: roots that nobody else knows, and the trie that they will be of.
type tx[V any] struct {
	trie  *trie[V] // nil: ended
	edit  edit[V]
	roots roots[V]
	len   int64
}

// transact locks the trie and calls f. Unless f returns an error, what the transaction then
// has becomes the trie.
func (t *trie[V]) transact(f func(*tx[V]) error) error {
	if err := t.lock.Lock(); err != nil {
		return err
	}
	defer t.lock.Unlock()
	x := &tx[V]{trie: t, edit: edit[V]{t.gen.Add(1), true}, roots: *t.roots.Load(), len: t.len.Load()}
	defer func() { x.trie = nil }()
	if err := f(x); err != nil {
		return err
	}
	t.publish(x.roots, x.len)
	return nil
}

// snapshot returns the present roots, and has the transaction change copies from now on.
func (x *tx[V]) snapshot() roots[V] {
	if x.trie != nil {
		x.edit.gen = x.trie.gen.Add(1)
	}
	return x.roots
}

func (x *tx[V]) get(f family, key []byte, n int) *V {
	if x.trie == nil {
		return nil
	}
	return x.roots[f].get(key, n)
}

func (x *tx[V]) match(f family, key []byte, n int) *V {
	if x.trie == nil {
		return nil
	}
	p, _ := x.roots[f].match(key, n)
	return p
}

func (x *tx[V]) update(f family, key []byte, n int, v V, flag Flag) error {
	if x.trie == nil {
		return ErrEnded
	}
	present := x.roots[f].get(key, n) != nil
	if err := flag.check(present); err != nil {
		return err
	}
	if !present {
		if x.len == x.trie.limit {
			return ErrFull
		}
		x.len++
	}
	x.roots[f] = x.edit.set(x.roots[f], key, n, v)
	return nil
}

func (x *tx[V]) lookupAndDelete(f family, key []byte, n int) (v V, err error) {
	if x.trie == nil {
		return v, ErrEnded
	}
	p := x.roots[f].get(key, n)
	if p == nil {
		return v, ErrNotExist
	}
	v = *p
	x.roots[f] = nodeOf[V](x.edit.remove(x.roots[f], key, n))
	x.len--
	return v, nil
}

func (x *tx[V]) clear() error {
	if x.trie == nil {
		return ErrEnded
	}
	x.roots, x.len = emptyRoots[V](), 0
	return nil
}

// A TableTx is a transaction on a [Table]. [Table.Transact] has more. One goroutine at a time
// may use it.
type TableTx[V any] struct{ tx *tx[V] }

// Transact locks the table and calls f, which changes the table by the methods of the
// transaction. When f has returned nil, all its changes take effect at once: no lookup and no
// iteration sees some of them and not others. If f returns an error, which Transact returns
// then, or if f panics, nothing changes.
//
// f may use the table, too, which is as it was. A call that needs the lock returns a
// [*rqlock.DeadlockError]. A transaction copies each node that it changes once, so many changes
// cost less than one by one. The next change of each node after it is a copy, too.
//
// Transact returns the lock's error, or that of f.
func (t *Table[V]) Transact(f func(tx *TableTx[V]) error) error {
	return t.made().transact(func(x *tx[V]) error { return f(&TableTx[V]{x}) })
}

// UpdateAll is [Table.Update] for many prefixes in one transaction: if one of them fails,
// UpdateAll returns that error and has changed nothing.
func (t *Table[V]) UpdateAll(of iter.Seq2[netip.Prefix, V], flag Flag) error {
	return t.Transact(func(tx *TableTx[V]) error {
		for p, v := range of {
			if err := tx.Update(p, v, flag); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lookup is [Table.Lookup] in what the transaction has now.
func (tx *TableTx[V]) Lookup(ip netip.Addr) (v V, ok bool) {
	if f, ok := familyOfAddr(ip); ok {
		key := ip.AsSlice()
		return value(tx.tx.match(f, key, 8*len(key)))
	}
	return v, false
}

// Get is [Table.Get] in what the transaction has now.
func (tx *TableTx[V]) Get(p netip.Prefix) (v V, ok bool) {
	if f, ok := familyOf(p); ok {
		return value(tx.tx.get(f, p.Addr().AsSlice(), p.Bits()))
	}
	return v, false
}

// Update is [Table.Update] in the transaction.
func (tx *TableTx[V]) Update(p netip.Prefix, v V, flag Flag) error {
	f, ok := familyOf(p)
	if !ok {
		return errPrefix
	}
	return tx.tx.update(f, p.Addr().AsSlice(), p.Bits(), v, flag)
}

// Delete is [Table.Delete] in the transaction.
func (tx *TableTx[V]) Delete(p netip.Prefix) error {
	_, err := tx.LookupAndDelete(p)
	return err
}

// LookupAndDelete is [Table.LookupAndDelete] in the transaction.
func (tx *TableTx[V]) LookupAndDelete(p netip.Prefix) (v V, err error) {
	f, ok := familyOf(p)
	if !ok {
		return v, errPrefix
	}
	return tx.tx.lookupAndDelete(f, p.Addr().AsSlice(), p.Bits())
}

// Clear removes all prefixes in the transaction.
func (tx *TableTx[V]) Clear() error { return tx.tx.clear() }

// Len returns the number of prefixes that the transaction has now.
func (tx *TableTx[V]) Len() int { return int(tx.tx.len) }

// All is [Table.All] for what the transaction has now. The loop's body may change it.
func (tx *TableTx[V]) All() iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) { r := tx.tx.snapshot(); eachPrefix(&r, yield) }
}

// A MapTx is a transaction on a [Map]. [Map.Transact] has more. One goroutine at a time may
// use it.
type MapTx[V any] struct {
	m  *Map[V]
	tx *tx[V]
}

// Transact is [Table.Transact] for a map.
func (m *Map[V]) Transact(f func(tx *MapTx[V]) error) error {
	return m.made().transact(func(x *tx[V]) error { return f(&MapTx[V]{m, x}) })
}

// UpdateAll is [Map.Update] for many keys in one transaction: if one of them fails, UpdateAll
// returns that error and has changed nothing.
func (m *Map[V]) UpdateAll(of iter.Seq2[Key, V], flag Flag) error {
	return m.Transact(func(tx *MapTx[V]) error {
		for k, v := range of {
			if err := tx.Update(k, v, flag); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lookup is [Map.Lookup] in what the transaction has now.
func (tx *MapTx[V]) Lookup(k Key) (v V, ok bool) {
	if !tx.m.valid(k) {
		return v, false
	}
	return value(tx.tx.match(0, k.Bits, k.Len))
}

// Get is [Map.Get] in what the transaction has now.
func (tx *MapTx[V]) Get(k Key) (v V, ok bool) {
	if !tx.m.valid(k) {
		return v, false
	}
	return value(tx.tx.get(0, k.Bits, k.Len))
}

// Update is [Map.Update] in the transaction.
func (tx *MapTx[V]) Update(k Key, v V, flag Flag) error {
	if err := tx.m.check(k); err != nil {
		return err
	}
	return tx.tx.update(0, k.Bits, k.Len, v, flag)
}

// Delete is [Map.Delete] in the transaction.
func (tx *MapTx[V]) Delete(k Key) error {
	_, err := tx.LookupAndDelete(k)
	return err
}

// LookupAndDelete is [Map.LookupAndDelete] in the transaction.
func (tx *MapTx[V]) LookupAndDelete(k Key) (v V, err error) {
	if err := tx.m.check(k); err != nil {
		return v, err
	}
	return tx.tx.lookupAndDelete(0, k.Bits, k.Len)
}

// Clear removes all prefixes in the transaction.
func (tx *MapTx[V]) Clear() error { return tx.tx.clear() }

// Len returns the number of prefixes that the transaction has now.
func (tx *MapTx[V]) Len() int { return int(tx.tx.len) }

// All is [Map.All] for what the transaction has now. The loop's body may change it.
func (tx *MapTx[V]) All() iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		tx.tx.snapshot()[0].each(func(x item[V]) bool { return yield(x.key(), *x.value) })
	}
}
