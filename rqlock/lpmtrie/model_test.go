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
	roots() []*node[int]
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
func (s mapSubject) roots() []*node[int]                     { return []*node[int]{s.trie.now()} }
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

func (s mapSubject) all() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for k, v := range s.All() {
			if !yield(textOf(k), v) {
				return
			}
		}
	}
}

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
func (s tableSubject) roots() []*node[int]          { return []*node[int]{s.v4.now(), s.v6.now()} }
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

func (s tableSubject) all() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for p, v := range s.All() {
			if !yield(prefixText(p), v) {
				return
			}
		}
	}
}

// check compares a whole trie with the model, and checks its nodes.
func (m *model) check(t *testing.T, got subject) {
	t.Helper()
	if got.Len() != len(m.of) {
		t.Fatalf("Len() = %d, want %d", got.Len(), len(m.of))
	}
	keys := m.keys()
	i := 0
	for k, v := range got.all() {
		if i == len(keys) || k != keys[i] || v != m.of[k] {
			t.Fatalf("All: item %d is %q with the value %d, want %q", i, k, v, keys[i:min(i+1, len(keys))])
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("All yields %d prefixes, want %d", i, len(keys))
	}
	i = 0
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
	if int(n.depth) != len(n.path) || n.depth > 1 && n.path[n.depth-2:] != string(n.pathEnd[:]) {
		bad("depth or pathEnd")
	}
	if root != (n.depth == 0) || !root && len(n.own)+len(n.leaves)+len(n.nodes) < 2 {
		bad("a node with fewer than two entries")
	}
	if n.nodeBase != n.hasNode.base() || n.leafBase != n.hasLeaf.base() || n.runBase != n.starts.base() {
		bad("bases")
	}
	prefixes, nodes, leaves, run := len(n.own)+len(n.leaves), 0, 0, -1
	before := -1 // index in own of the longest match of the octet before, or -1
	for i := range n.own {
		if i > 0 && n.own[i-1].pos >= n.own[i].pos || n.own[i].pos.len() == 0 && !root {
			bad("own")
		}
	}
	for o := range 256 {
		o := byte(o)
		if n.hasNode.has(o) && n.hasLeaf.has(o) {
			bad("node and leaf below %#x", o)
		}
		if n.hasNode.has(o) {
			x := n.nodes[nodes]
			nodes++
			if !strings.HasPrefix(x.path, n.path+string([]byte{o})) {
				bad("below %#x is %x", o, x.path)
			}
			prefixes += checkNode(t, x, false)
		}
		if n.hasLeaf.has(o) {
			l := n.leaves[leaves]
			leaves++
			rest, ok := strings.CutPrefix(l.key, n.path+string([]byte{o}))
			if !ok || rest == "" || len(l.key) != int(l.len+7)/8 || string(l.rest[:min(len(rest), inRest)]) != rest[:min(len(rest), inRest)] {
				bad("below %#x is %+v", o, l)
			}
		}
		want := -1 // index in own of the longest match
		for i, p := range n.own {
			if p.pos.first() <= o && o <= p.pos.last() && (want < 0 || p.pos.len() > n.own[want].pos.len()) {
				want = i
			}
		}
		if covered := want >= 0; covered != n.covered.has(o) || n.starts.has(o) != (covered && want != before) {
			bad("covered or starts at %#x", o)
		}
		before = want
		if n.starts.has(o) {
			run++
		}
		if want >= 0 && n.runs[run] != n.own[want] {
			bad("run %d, at %#x", run, o)
		}
	}
	if nodes != len(n.nodes) || leaves != len(n.leaves) || run+1 != len(n.runs) {
		bad("%d nodes, %d leaves, %d runs", nodes, leaves, run+1)
	}
	return prefixes
}
