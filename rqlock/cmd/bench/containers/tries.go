package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"github.com/rqlock/rqlock/rqlock/lpmtrie"
)

const trieNotes = `100,000 prefixes, with lengths distributed as in the global routing tables. bart.Table and
bart.Fast change in place, which is not allowed during lookups. "persistent" is bart.Table as
it is used with concurrent lookups: each change makes another table. lpmtrie allows lookups
during changes. Bars: a lookup takes at most 2.00 of bart's time, an insertion at most 5.00 of
bart.Table's and less than the persistent one's.`

// triePrefixes is the number of prefixes in a table.
const triePrefixes = 100_000

// A table is a routing table as the benchmarks use it.
type table struct {
	name   string
	lookup func(netip.Addr) (int, bool)
	get    func(netip.Prefix) (int, bool)
	insert func(netip.Prefix, int)
	delete func(netip.Prefix)
}

func tables(prefixes int) []table {
	ours := lpmtrie.NewTable[int](2 * prefixes)
	plain, fast, now := new(bart.Table[int]), new(bart.Fast[int]), new(bart.Table[int])
	return []table{
		{"lpmtrie", ours.Lookup, ours.Get, func(p netip.Prefix, v int) { must(ours.Update(p, v, lpmtrie.Any)) }, func(p netip.Prefix) { must(ours.Delete(p)) }},
		{"bart.Table", plain.Lookup, plain.Get, plain.Insert, plain.Delete},
		{"bart.Fast", fast.Lookup, fast.Get, fast.Insert, fast.Delete},
		{"bart.Table, persistent",
			func(a netip.Addr) (int, bool) { return now.Lookup(a) }, func(p netip.Prefix) (int, bool) { return now.Get(p) },
			func(p netip.Prefix, v int) { now = now.InsertPersist(p, v) }, func(p netip.Prefix) { now = now.DeletePersist(p) }},
	}
}

func tries(rnd *rand.Rand, v6 bool) []comparison {
	n := work(triePrefixes)
	all := prefixes(rnd, n+n/10, v6)
	in, extra := all[:n], all[n:]
	ts := tables(n)
	for _, t := range ts {
		for i, p := range in {
			t.insert(p, i)
		}
	}
	hits, misses := addresses(rnd, ts, in, v6)
	present := slices.Clone(in)
	rnd.Shuffle(len(present), func(i, j int) { present[i], present[j] = present[j], present[i] })

	each := func(what string, turn func(t table) int, undo func(t table)) comparison {
		c := comparison{what: what}
		for _, t := range ts {
			c.of = append(c.of, contender{name: t.name, turn: func() int { return turn(t) }, undo: func() { undo(t) }})
		}
		return c
	}
	nothing := func(table) {}
	lookups := func(of []netip.Addr) func(t table) int {
		return func(t table) int {
			for _, a := range of {
				t.lookup(a)
			}
			return len(of)
		}
	}
	gets := func(of []netip.Prefix) func(t table) int {
		return func(t table) int {
			for _, p := range of {
				t.get(p)
			}
			return len(of)
		}
	}
	insert := func(t table) int {
		for i, p := range extra {
			t.insert(p, i)
		}
		return len(extra)
	}
	remove := func(t table) int {
		for _, p := range extra {
			t.delete(p)
		}
		return len(extra)
	}
	return []comparison{
		each("Lookup, hit", lookups(hits), nothing),
		each("Lookup, miss", lookups(misses), nothing),
		each("Get, present", gets(present), nothing),
		each("Get, absent", gets(extra), nothing),
		each("insert", insert, func(t table) { remove(t) }),
		each("insert and delete", func(t table) int { return insert(t) + remove(t) }, nothing),
	}
}

// addresses returns addresses that match a prefix, and some that do not. All tables must agree.
func addresses(rnd *rand.Rand, ts []table, in []netip.Prefix, v6 bool) (hits, misses []netip.Addr) {
	n := work(1 << 16)
	addr := addr4
	if v6 {
		addr = addr6
	}
	for len(hits) < n {
		a := inside(rnd, in[rnd.IntN(len(in))])
		found(ts, a)
		hits = append(hits, a)
	}
	for len(misses) < n {
		if a := addr(rnd); !found(ts, a) {
			misses = append(misses, a)
		}
	}
	return hits, misses
}

// found looks up an address in all tables, and panics if they differ.
func found(ts []table, a netip.Addr) bool {
	v, ok := ts[0].lookup(a)
	for _, t := range ts[1:] {
		if w, has := t.lookup(a); w != v || has != ok {
			panic(fmt.Sprintf("%s: %s has %d, %v; %s has %d, %v", a, ts[0].name, v, ok, t.name, w, has))
		}
	}
	return ok
}

// lengths4 and lengths6 say for each length how many of about 1000 prefixes have it. They
// imitate the global routing tables. In IPv4, 60 % have /24, a fifth has /22 or /23, and most
// others have /16 to /21. In IPv6, nearly half have /48, an eighth has /32, and most others
// have a multiple of 4 between these.
var (
	lengths4 = map[int]int{8: 1, 9: 1, 10: 1, 11: 1, 12: 2, 13: 2, 14: 3, 15: 4, 16: 16, 17: 10, 18: 16, 19: 28, 20: 45, 21: 52, 22: 110, 23: 100, 24: 600, 25: 2, 26: 2, 27: 1, 28: 1, 29: 1, 32: 1}
	lengths6 = map[int]int{20: 2, 24: 3, 28: 8, 29: 25, 30: 5, 31: 3, 32: 130, 33: 15, 34: 12, 35: 6, 36: 50, 37: 5, 38: 10, 39: 5, 40: 90, 41: 4, 42: 15, 43: 4, 44: 100, 45: 8, 46: 20, 47: 20, 48: 450, 56: 4, 64: 6}
)

func pick(rnd *rand.Rand, of map[int]int) int {
	sum := 0
	for n := range 129 {
		sum += of[n]
	}
	r := rnd.IntN(sum)
	for n := range 129 {
		if r -= of[n]; r < 0 {
			return n
		}
	}
	panic("sum")
}

// addr4 returns a random address in 1/8 to 223/8.
func addr4(rnd *rand.Rand) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], rnd.Uint32())
	a[0] = byte(1 + rnd.IntN(223))
	return netip.AddrFrom4(a)
}

// addr6 returns a random address in the blocks of 2000::/3 that the registries have.
func addr6(rnd *rand.Rand) netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], rnd.Uint64())
	binary.BigEndian.PutUint64(a[8:], rnd.Uint64())
	block := []uint16{0x2001, 0x2400, 0x2404, 0x2600, 0x2604, 0x2606, 0x2620, 0x2800, 0x2803, 0x2a00, 0x2a02, 0x2a06, 0x2a0c, 0x2c0f}[rnd.IntN(14)]
	binary.BigEndian.PutUint16(a[:], block+uint16(rnd.IntN(4)))
	return netip.AddrFrom16(a)
}

// prefixes returns n distinct prefixes. Three quarters of the long ones are inside of a short
// one, as a customer's prefix is inside of its provider's.
func prefixes(rnd *rand.Rand, n int, v6 bool) []netip.Prefix {
	addr, lengths, short := addr4, lengths4, 16
	if v6 {
		addr, lengths, short = addr6, lengths6, 32
	}
	var out []netip.Prefix
	var blocks []netip.Prefix
	used := map[netip.Prefix]bool{}
	for len(out) < n {
		bits := pick(rnd, lengths)
		a := addr(rnd)
		if bits > short && len(blocks) > 0 && rnd.IntN(4) != 0 {
			a = inside(rnd, blocks[rnd.IntN(len(blocks))])
		}
		p := netip.PrefixFrom(a, bits).Masked()
		if used[p] {
			continue
		}
		used[p] = true
		out = append(out, p)
		if bits <= short {
			blocks = append(blocks, p)
		}
	}
	return out
}

// inside returns a random address of p.
func inside(rnd *rand.Rand, p netip.Prefix) netip.Addr {
	a := p.Addr().AsSlice()
	for i := range a {
		fixed := min(max(p.Bits()-8*i, 0), 8)
		a[i] |= byte(rnd.Uint32()) & (0xff >> fixed)
	}
	out, _ := netip.AddrFromSlice(a)
	return out
}
