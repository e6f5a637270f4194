package main

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/rqlock/rqlock/rqlock/hashtab"
)

const mapNotes = `GOMAXPROCS goroutines look up random keys of a map with 65,536 keys. "90/10" means that one
call in ten updates the key. hashtab is preallocated. Its lookups take no lock, and its updates
take the bucket's resilient lock. Bars: Lookup takes at most 1.00 of sync.Map's time, 90/10 at
most 1.11 of xsync.Map's (0.9 of its speed).`

const mapKeys = 1 << 16

// A mapOf is a map as the benchmarks use it.
type mapOf[K comparable] struct {
	name   string
	lookup func(K) (int, bool)
	update func(K, int)
}

func mapsOf[K comparable]() []mapOf[K] {
	h := hashtab.New[K, int](mapKeys)
	x := xsync.NewMap[K, int](xsync.WithPresize(mapKeys))
	s := new(sync.Map)
	return []mapOf[K]{
		{"hashtab", h.Lookup, func(k K, v int) { must(h.Update(k, v, hashtab.Any)) }},
		{"sync.Map", func(k K) (int, bool) {
			v, ok := s.Load(k)
			if !ok {
				return 0, false
			}
			return v.(int), true
		}, func(k K, v int) { s.Store(k, v) }},
		{"xsync.Map", x.Load, func(k K, v int) { x.Store(k, v) }},
	}
}

func maps(rnd *rand.Rand) []comparison {
	ints := make([]int, mapKeys)
	strings := make([]string, mapKeys)
	for i := range ints {
		ints[i] = rnd.Int()
		strings[i] = fmt.Sprintf("key-%016x", ints[i])
	}
	return append(mapsWith("int", ints), mapsWith("string", strings)...)
}

func mapsWith[K comparable](kind string, keys []K) (cs []comparison) {
	all := mapsOf[K]()
	for _, m := range all {
		for i, k := range keys {
			m.update(k, i)
		}
	}
	for _, work := range []struct {
		name    string
		updates uint64 // of 100 calls
	}{{"Lookup", 0}, {"90/10", 10}} {
		c := comparison{what: fmt.Sprintf("%s, %s keys", work.name, kind)}
		for _, m := range all {
			c.of = append(c.of, contender{name: m.name, turn: func() int {
				return parallel(func(id int) int { return m.use(keys, uint64(id), work.updates) })
			}})
		}
		cs = append(cs, c)
	}
	return cs
}

// use calls the map some times.
func (m mapOf[K]) use(keys []K, seed, updates uint64) int {
	calls := work(300_000)
	rnd := rand.NewPCG(seed, 1)
	for range calls {
		r := rnd.Uint64()
		k := keys[r%mapKeys]
		if r>>32%100 < updates {
			m.update(k, int(r))
		} else if _, ok := m.lookup(k); !ok {
			panic(m.name + ": a key is missing")
		}
	}
	return calls
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
