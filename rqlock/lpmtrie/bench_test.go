package lpmtrie

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// A bitTrie is the simplest trie: it has a node for each bit.
type bitTrie struct {
	kids  [2]*bitTrie
	value *int
}

func (t *bitTrie) insert(a []byte, n, v int) {
	for i := range n {
		kid := &t.kids[a[i/8]>>(7-i%8)&1]
		if *kid == nil {
			*kid = new(bitTrie)
		}
		t = *kid
	}
	t.value = &v
}

func (t *bitTrie) lookup(a []byte) (v int, ok bool) {
	for i := 0; t != nil; i++ {
		if t.value != nil {
			v, ok = *t.value, true
		}
		if i == 8*len(a) {
			break
		}
		t = t.kids[a[i/8]>>(7-i%8)&1]
	}
	return v, ok
}

// lookupLinear searches a table from its beginning to its end.
func lookupLinear(of []netip.Prefix, ip netip.Addr) (best int, ok bool) {
	for i, p := range of {
		if p.Contains(ip) && (!ok || p.Bits() > of[best].Bits()) {
			best, ok = i, true
		}
	}
	return best, ok
}

// benchPrefixes returns prefixes with lengths as in routing tables. For IPv4 most have 24
// bits and the rest 16 to 23. For IPv6 half of them have 48 bits and the rest 32 to 47.
func benchPrefixes(rnd *rand.Rand, v6 bool, n int) (of []netip.Prefix) {
	for range n {
		a := netip.AddrFrom4([4]byte{byte(1 + rnd.IntN(223)), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())})
		bits := 24
		if rnd.IntN(5) < 2 {
			bits = 16 + rnd.IntN(8)
		}
		if v6 {
			a = netip.AddrFrom16([16]byte{0x2a, byte(rnd.IntN(16)), byte(rnd.Uint32()), byte(rnd.IntN(4)) << 3, byte(rnd.Uint32()), byte(rnd.Uint32())})
			bits = 48
			if rnd.IntN(2) == 0 {
				bits = 32 + rnd.IntN(16)
			}
		}
		of = append(of, netip.PrefixFrom(a, bits).Masked())
	}
	return of
}

// BenchmarkLookup compares a table with two simple ones.
func BenchmarkLookup(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		for _, n := range []int{1000, 100_000} {
			of := benchPrefixes(rand.New(rand.NewPCG(1, 2)), v6, n)
			table, bits := NewTable[int](n), new(bitTrie)
			for i, p := range of {
				table.Update(p, i, Any)
				bits.insert(p.Addr().AsSlice(), p.Bits(), i)
			}
			addr := make([]netip.Addr, 1<<12)
			for i := range addr {
				addr[i] = of[i%n].Addr().Next()
			}
			run := func(name string, lookup func(netip.Addr) (int, bool)) {
				b.Run(fmt.Sprintf("v6=%v/prefixes=%d/of=%s", v6, n, name), func(b *testing.B) {
					for i := 0; b.Loop(); i++ {
						if _, ok := lookup(addr[i%len(addr)]); !ok {
							b.Fatal("no prefix")
						}
					}
				})
			}
			run("table", table.Lookup)
			run("bits", func(ip netip.Addr) (int, bool) { return bits.lookup(ip.AsSlice()) })
			if n <= 1000 {
				run("linear", func(ip netip.Addr) (int, bool) { return lookupLinear(of, ip) })
			}
		}
	}
}

// BenchmarkUpdate adds a prefix to a large table, and deletes it.
func BenchmarkUpdate(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		const n = 100_000
		of := benchPrefixes(rand.New(rand.NewPCG(1, 2)), v6, n+1<<12)
		table := NewTable[int](len(of))
		for i, p := range of[:n] {
			table.Update(p, i, Any)
		}
		more := of[n:]
		b.Run(fmt.Sprintf("v6=%v", v6), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := more[i%len(more)]
				table.Update(p, i, Any)
				table.Delete(p)
			}
		})
	}
}
