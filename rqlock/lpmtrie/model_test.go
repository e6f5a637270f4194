package lpmtrie

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A model does what a trie must do, by searching a whole map. Its keys are texts of 0s and
// 1s. For a Table, they begin with 4 or 6.
type model struct {
	of    map[string]int
	limit int
}

func (m *model) update(k string, v int, flag Flag) error {
	_, ok := m.of[k]
	switch {
	case ok && flag == NoExist:
		return ErrExist
	case !ok && flag == Exist:
		return ErrNotExist
	case !ok && len(m.of) == m.limit:
		return ErrFull
	}
	m.of[k] = v
	return nil
}

func (m *model) remove(k string) (int, error) {
	v, ok := m.of[k]
	if !ok {
		return 0, ErrNotExist
	}
	delete(m.of, k)
	return v, nil
}

func (m *model) compute(k string, v int, a Action) error {
	switch a {
	case Set:
		return m.update(k, v, Any)
	case Remove:
		m.remove(k)
	}
	return nil
}

func (m *model) lookup(k string) (match string, v int, ok bool) {
	for x, y := range m.of {
		if strings.HasPrefix(k, x) && (!ok || len(x) > len(match)) {
			match, v, ok = x, y, true
		}
	}
	return match, v, ok
}

// kernelOrder compares two keys: one that goes on with 0 or 1 comes before one that ends.
func kernelOrder(a, b string) int { return strings.Compare(a+"e", b+"e") }

func (m *model) keys() []string { return slices.SortedFunc(maps.Keys(m.of), kernelOrder) }

func (m *model) first() (first string, ok bool) {
	for k := range m.of {
		if !ok || kernelOrder(k, first) < 0 {
			first, ok = k, true
		}
	}
	return first, ok
}

// within returns the keys that begin with k, and those that k begins with, the longest first.
func (m *model) within(k string) (sub, super []string) {
	for x := range m.of {
		if strings.HasPrefix(x, k) {
			sub = append(sub, x)
		}
		if strings.HasPrefix(k, x) {
			super = append(super, x)
		}
	}
	slices.SortFunc(sub, kernelOrder)
	slices.SortFunc(super, kernelOrder)
	return sub, super
}

// A subject is a Table or Map whose methods take the model's keys.
type subject interface {
	Len() int
	update(k string, v int, flag Flag) error
	remove(k string) (int, error)
	compute(k string, f func(int, bool) (int, Action)) error
	lookup(k string) (match string, v int, ok bool)
	get(k string) (int, bool)
	next(k string) (string, bool)
	all() iter.Seq2[string, int]
	subnets(k string) iter.Seq2[string, int]
	supernets(k string) iter.Seq2[string, int]
	overlaps(k string) bool
	transact(f func(txSubject) error) error
	clear() error
	roots() []*node[int]
}

// A txSubject is a transaction whose methods take the model's keys.
type txSubject interface {
	Len() int
	Clear() error
	update(k string, v int, flag Flag) error
	remove(k string) (int, error)
	get(k string) (int, bool)
	covers(k string) bool
	all() iter.Seq2[string, int]
}

// texts has the model's keys instead of others.
func texts[K any](of iter.Seq2[K, int], text func(K) string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for k, v := range of {
			if !yield(text(k), v) {
				return
			}
		}
	}
}

type mapSubject struct{ *Map[int] }

// keyOf returns a key whose bits after Len are all set, because they must not matter.
func keyOf(k string) Key {
	b := make([]byte, (len(k)+7)/8)
	for i := range 8 * len(b) {
		if i >= len(k) || k[i] == '1' {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return Key{b, len(k)}
}

func textOf(k Key) string {
	var b strings.Builder
	for i := range k.Len {
		b.WriteByte('0' + k.Bits[i/8]>>(7-i%8)&1)
	}
	return b.String()
}

func (s mapSubject) update(k string, v int, flag Flag) error { return s.Update(keyOf(k), v, flag) }
func (s mapSubject) remove(k string) (int, error)            { return s.LookupAndDelete(keyOf(k)) }
func (s mapSubject) get(k string) (int, bool)                { return s.Get(keyOf(k)) }
func (s mapSubject) roots() []*node[int]                     { return s.trie.roots.Load()[:1] }
func (s mapSubject) compute(k string, f func(int, bool) (int, Action)) error {
	return s.Compute(keyOf(k), f)
}

func (s mapSubject) lookup(k string) (string, int, bool) {
	match, v, ok := s.LookupLPM(keyOf(k))
	if w, has := s.Lookup(keyOf(k)); w != v || has != ok {
		panic(fmt.Sprintf("%s: Lookup returns %d, %v, LookupLPM %d, %v", k, w, has, v, ok))
	}
	return textOf(match), v, ok
}

func (s mapSubject) next(k string) (string, bool) {
	next, ok := s.NextKey(keyOf(k))
	return textOf(next), ok
}

func (s mapSubject) all() iter.Seq2[string, int] { return texts(s.All(), textOf) }
func (s mapSubject) subnets(k string) iter.Seq2[string, int] {
	return texts(s.Subnets(keyOf(k)), textOf)
}
func (s mapSubject) supernets(k string) iter.Seq2[string, int] {
	return texts(s.Supernets(keyOf(k)), textOf)
}
func (s mapSubject) overlaps(k string) bool { return s.OverlapsPrefix(keyOf(k)) }
func (s mapSubject) clear() error           { return s.Clear() }
func (s mapSubject) transact(f func(txSubject) error) error {
	return s.Transact(func(tx *MapTx[int]) error { return f(mapTx{tx}) })
}

type mapTx struct{ *MapTx[int] }

func (x mapTx) update(k string, v int, flag Flag) error { return x.Update(keyOf(k), v, flag) }
func (x mapTx) remove(k string) (int, error)            { return x.LookupAndDelete(keyOf(k)) }
func (x mapTx) get(k string) (int, bool)                { return x.Get(keyOf(k)) }
func (x mapTx) covers(k string) bool                    { _, ok := x.Lookup(keyOf(k)); return ok }
func (x mapTx) all() iter.Seq2[string, int]             { return texts(x.All(), textOf) }

type tableSubject struct{ *Table[int] }

func prefixOf(k string) netip.Prefix {
	key := keyOf(k[1:])
	a := make([]byte, 4)
	if k[0] == '6' {
		a = make([]byte, 16)
	}
	copy(a, key.Bits)
	addr, _ := netip.AddrFromSlice(a)
	return netip.PrefixFrom(addr, key.Len)
}

func prefixText(p netip.Prefix) string {
	if p != p.Masked() {
		panic(p.String() + " is not masked")
	}
	name := "4"
	if p.Addr().Is6() {
		name = "6"
	}
	return name + textOf(Key{p.Addr().AsSlice(), p.Bits()})
}

func (s tableSubject) update(k string, v int, flag Flag) error {
	return s.Update(prefixOf(k), v, flag)
}
func (s tableSubject) remove(k string) (int, error) { return s.LookupAndDelete(prefixOf(k)) }
func (s tableSubject) get(k string) (int, bool)     { return s.Get(prefixOf(k)) }
func (s tableSubject) roots() []*node[int]          { return s.trie.roots.Load()[:] }
func (s tableSubject) compute(k string, f func(int, bool) (int, Action)) error {
	return s.Compute(prefixOf(k), f)
}

func (s tableSubject) lookup(k string) (string, int, bool) {
	p := prefixOf(k)
	match, v, ok := s.LookupPrefixLPM(p)
	w, has := s.LookupPrefix(p)
	if p.IsSingleIP() && w == v && has == ok {
		w, has = s.Lookup(p.Addr())
	}
	if w != v || has != ok {
		panic(fmt.Sprintf("%s: Lookup or LookupPrefix returns %d, %v, LookupPrefixLPM %d, %v", p, w, has, v, ok))
	}
	if !ok {
		return "", v, ok
	}
	return prefixText(match), v, ok
}

func (s tableSubject) next(k string) (string, bool) {
	next, ok := s.NextKey(prefixOf(k))
	if !ok {
		return "", false
	}
	return prefixText(next), true
}

func (s tableSubject) all() iter.Seq2[string, int] { return texts(s.All(), prefixText) }
func (s tableSubject) subnets(k string) iter.Seq2[string, int] {
	return texts(s.Subnets(prefixOf(k)), prefixText)
}
func (s tableSubject) supernets(k string) iter.Seq2[string, int] {
	return texts(s.Supernets(prefixOf(k)), prefixText)
}
func (s tableSubject) overlaps(k string) bool { return s.OverlapsPrefix(prefixOf(k)) }
func (s tableSubject) clear() error           { return s.Clear() }
func (s tableSubject) transact(f func(txSubject) error) error {
	return s.Transact(func(tx *TableTx[int]) error { return f(tableTx{tx}) })
}

type tableTx struct{ *TableTx[int] }

func (x tableTx) update(k string, v int, flag Flag) error { return x.Update(prefixOf(k), v, flag) }
func (x tableTx) remove(k string) (int, error)            { return x.LookupAndDelete(prefixOf(k)) }
func (x tableTx) get(k string) (int, bool)                { return x.Get(prefixOf(k)) }
func (x tableTx) covers(k string) bool {
	p := prefixOf(k)
	_, ok := x.Lookup(p.Addr())
	return ok
}
func (x tableTx) all() iter.Seq2[string, int] { return texts(x.All(), prefixText) }

// check compares a whole trie with the model, and checks its nodes.
func (m *model) check(t *testing.T, got subject) {
	t.Helper()
	if got.Len() != len(m.of) {
		t.Fatalf("Len() = %d, want %d", got.Len(), len(m.of))
	}
	keys := m.keys()
	m.checkSeq(t, "All", got.all(), keys)
	i := 0
	for range got.all() { // A loop may break.
		if i++; i > len(keys)/2 {
			break
		}
	}
	for i, k := range keys {
		m.checkKey(t, got, k)
		next, ok := got.next(k)
		if last := i == len(keys)-1; ok == last || ok && next != keys[i+1] {
			t.Fatalf("NextKey(%q) = %q, %v, want the key after it in %q", k, next, ok, keys)
		}
	}
	n := 0
	for _, root := range got.roots() {
		n += checkNode(t, root, true)
	}
	if n != len(keys) {
		t.Fatalf("the nodes have %d prefixes, want %d", n, len(keys))
	}
}

// checkSeq compares what a loop yields with the keys that it must yield.
func (m *model) checkSeq(t *testing.T, name string, of iter.Seq2[string, int], want []string) {
	t.Helper()
	i := 0
	for k, v := range of {
		if i == len(want) || k != want[i] || v != m.of[k] {
			t.Fatalf("%s: item %d is %q with the value %d, want %q", name, i, k, v, want[i:min(i+1, len(want))])
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%s yields %d prefixes, want %q", name, i, want)
	}
	for range of { // A loop may break.
		break
	}
}

// checkKey compares what all methods that only read return for a key, present or not.
func (m *model) checkKey(t *testing.T, got subject, k string) {
	t.Helper()
	want, present := m.of[k]
	if v, ok := got.get(k); ok != present || v != want {
		t.Fatalf("Get(%q) = %d, %v, want %d, %v", k, v, ok, want, present)
	}
	match, v, ok := got.lookup(k)
	if wantMatch, want, has := m.lookup(k); match != wantMatch || v != want || ok != has {
		t.Fatalf("lookup of %q: %q, %d, %v, want %q, %d, %v", k, match, v, ok, wantMatch, want, has)
	}
	sub, super := m.within(k)
	m.checkSeq(t, "Subnets of "+k, got.subnets(k), sub)
	m.checkSeq(t, "Supernets of "+k, got.supernets(k), super)
	if got, want := got.overlaps(k), len(sub)+len(super) > 0; got != want {
		t.Fatalf("OverlapsPrefix(%q) = %v, want %v", k, got, want)
	}
	if !present {
		next, ok := got.next(k)
		if want, has := m.first(); next != want || ok != has {
			t.Fatalf("NextKey(%q), which is not present, = %q, %v, want the first key, %q, %v", k, next, ok, want, has)
		}
	}
}

// checkNode checks the invariants of a node and of all nodes below it. It returns the number
// of their prefixes.
func checkNode(t *testing.T, n *node[int], root bool) int {
	t.Helper()
	bad := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("node %x: %s: %+v", n.path, fmt.Sprintf(format, args...), *n)
	}
	if int(n.depth) != len(n.path) || n.depth > 1 && n.path[n.depth-2:] != string(n.pathEnd[:]) || n.isLeaf() {
		bad("depth or pathEnd")
	}
	if root != (n.depth == 0) || !root && n.entries() < 2 {
		bad("a node with fewer than two entries")
	}
	if n.slotBase != n.slotted.base() || n.ownBase != n.own.base() {
		bad("bases")
	}
	prefixes, kids, slots := 0, 0, 0
	var covered octetSet
	var levels uint16
	for p := range position(positions) {
		i, ok := n.find(p)
		if i != prefixes {
			bad("position %d has the index %d", p, i)
		}
		if !ok {
			continue
		}
		s := spans[p]
		if positionOf(s.first, int(s.len)) != p || positionOf(s.last, int(s.len)) != p || s.len == 0 && !root {
			bad("position %d is %v", p, s)
		}
		for o := int(s.first); o <= int(s.last); o++ {
			covered.add(byte(o))
		}
		levels |= 1 << s.len
		prefixes++
	}
	if covered != n.covered || levels != n.levels || prefixes != len(n.values) {
		bad("covered or levels")
	}
	for o := range 256 {
		o := byte(o)
		if n.slotted.has(o) {
			if n.slotIndex(o) != slots {
				bad("the slot of %#x", o)
			}
			slots++
		}
		c := n.below(o)
		if c == nil {
			continue
		}
		kids++
		if key := octetsOf[int](c); !strings.HasPrefix(key, n.path+string([]byte{o})) {
			bad("below %#x is %x", o, key)
		}
		if !c.isLeaf() {
			prefixes += checkNode(t, nodeOf[int](c), false)
			continue
		}
		prefixes++
		l := leafOf[int](c)
		tail := l.key[max(len(l.key)-inTail, 0):]
		if len(l.key) != int(l.len+7)/8 || int(l.len) <= 8*(len(n.path)+1) || string(l.tail[inTail-len(tail):]) != tail {
			bad("below %#x is %+v", o, l)
		}
	}
	if kids != int(n.kids) || slots != len(n.slots) || slots != kids && slots != full || slots == full && kids < minFull || slots < full && slots > maxSparse {
		bad("%d nodes and leaves, %d slots", kids, slots)
	}
	return prefixes
}
