package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/puzpuzpuz/xsync/v4"

	"github.com/rqlock/rqlock/rqlock/hashtab"
)

const mapNotes = `GOMAXPROCS goroutines call a map with random keys. "90/10" means that one call in ten updates
the key, and the others look it up. "Add, delete" adds a key that is absent, and deletes it. New
and NewGrowing are hashtab's constructors: one allocates all elements at once, the other grows.
Lookups take no lock, and what changes the map takes the bucket's resilient lock. The ratios are
New's. A turn is 1,000,000 calls by each goroutine. Bars: a lookup takes at most 1.05 of xsync's
time, an update at most 1.00.`

// A mapOf is a map as the benchmarks use it.
type mapOf[K comparable] struct {
	name   string
	lookup func(K) (int, bool)
	update func(K, int)
	delete func(K)
}

// A lockedMap is Go's map with a lock.
type lockedMap[K comparable] struct {
	mu sync.Mutex
	of map[K]int
}

func (m *lockedMap[K]) lookup(k K) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.of[k]
	return v, ok
}

func (m *lockedMap[K]) update(k K, v int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[k] = v
}

func (m *lockedMap[K]) delete(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, k)
}

func ofHashtab[K comparable](name string, h *hashtab.Map[K, int]) mapOf[K] {
	return mapOf[K]{name, h.Lookup, func(k K, v int) { must(h.Update(k, v, hashtab.Any)) }, func(k K) {
		if err := h.Delete(k); err != hashtab.ErrNotExist { // Two goroutines may have added the same key.
			must(err)
		}
	}}
}

// newMaps returns the constructors of empty maps for n keys.
func newMaps[K comparable](n int) []func() mapOf[K] {
	return []func() mapOf[K]{
		func() mapOf[K] { return ofHashtab("New", hashtab.New[K, int](n+runtime.GOMAXPROCS(0))) },
		func() mapOf[K] { return ofHashtab("NewGrowing", hashtab.NewGrowing[K, int]()) },
		func() mapOf[K] {
			x := xsync.NewMap[K, int]()
			return mapOf[K]{"xsync.Map", x.Load, func(k K, v int) { x.Store(k, v) }, x.Delete}
		},
		func() mapOf[K] {
			s := new(sync.Map)
			return mapOf[K]{"sync.Map", func(k K) (int, bool) {
				v, ok := s.Load(k)
				if !ok {
					return 0, false
				}
				return v.(int), true
			}, func(k K, v int) { s.Store(k, v) }, func(k K) { s.Delete(k) }}
		},
		func() mapOf[K] {
			m := &lockedMap[K]{of: map[K]int{}}
			return mapOf[K]{"Mutex and map", m.lookup, m.update, m.delete}
		},
	}
}

// A keySet has keys that are present, and as many that are absent.
type keySet[K comparable] struct {
	kind            string
	present, absent []K
}

// intKeys returns n integers, of which the lowest bit says whether they are present.
func intKeys(rnd *rand.Rand, n int) keySet[int] {
	s := keySet[int]{fmt.Sprintf("%d int keys", n), make([]int, n), make([]int, n)}
	for i := range n {
		s.present[i], s.absent[i] = rnd.Int()|1, rnd.Int()&^1
	}
	return s
}

func stringKeys(rnd *rand.Rand, n int) keySet[string] {
	ints := intKeys(rnd, n)
	s := keySet[string]{kind: fmt.Sprintf("%d string keys", n)}
	for i := range n {
		s.present = append(s.present, fmt.Sprintf("key-%016x", ints.present[i]))
		s.absent = append(s.absent, fmt.Sprintf("key-%016x", ints.absent[i]))
	}
	return s
}

func maps(rnd *rand.Rand) []comparison {
	const few, more = 1 << 16, 500_000
	return slices.Concat(
		mapsWith(stringKeys(rnd, work(few))),
		mapsWith(intKeys(rnd, work(few))),
		mapsWith(intKeys(rnd, work(more))),
	)
}

func manyKeys(rnd *rand.Rand) []comparison {
	keys := intKeys(rnd, work(10_000_000))
	memory := comparison{what: "bytes for each element"}
	for _, create := range newMaps[int](len(keys.present)) {
		memory.of = append(memory.of, contender{name: create().name, number: func() float64 {
			before := heap()
			m := create()
			m.fill(keys)
			used := heap() - before
			runtime.KeepAlive(m)
			return float64(used) / float64(len(keys.present))
		}})
	}
	return append([]comparison{memory}, mapsWith(keys)...)
}

// heap returns how many bytes are in use.
func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func (m mapOf[K]) fill(keys keySet[K]) {
	for i, k := range keys.present {
		m.update(k, i)
	}
}

// mapsWith compares maps with some keys. They are filled when they are used first.
func mapsWith[K comparable](keys keySet[K]) (cs []comparison) {
	var all []mapOf[K]
	filled := sync.OnceFunc(func() {
		for _, create := range newMaps[K](len(keys.present)) {
			m := create()
			m.fill(keys)
			all = append(all, m)
		}
	})
	for _, work := range []struct {
		name string
		use  func(m mapOf[K], keys keySet[K], r uint64)
	}{{"Lookup, hit", mapOf[K].hit}, {"Lookup, miss", mapOf[K].miss}, {"Update", mapOf[K].set}, {"90/10", mapOf[K].mixed}, {"Add, delete", mapOf[K].addDelete}} {
		c := comparison{what: fmt.Sprintf("%s, %s", work.name, keys.kind)}
		for i, create := range newMaps[K](1) {
			c.of = append(c.of, contender{name: create().name, turn: func() int {
				filled()
				return parallel(func(id int) int { return all[i].use(keys, uint64(id), work.use) })
			}})
		}
		cs = append(cs, c)
	}
	return cs
}

// callsInTurn is so many that what a turn finds in the caches, after those of others, does not
// count.
const callsInTurn = 1_000_000

// use calls the map some times.
func (m mapOf[K]) use(keys keySet[K], seed uint64, f func(mapOf[K], keySet[K], uint64)) int {
	calls := work(callsInTurn)
	rnd := rand.NewPCG(seed, 1)
	for range calls {
		f(m, keys, rnd.Uint64())
	}
	return calls
}

func (m mapOf[K]) hit(keys keySet[K], r uint64) {
	if _, ok := m.lookup(keys.present[r%uint64(len(keys.present))]); !ok {
		panic(m.name + ": a key is missing")
	}
}

func (m mapOf[K]) miss(keys keySet[K], r uint64) {
	if _, ok := m.lookup(keys.absent[r%uint64(len(keys.absent))]); ok {
		panic(m.name + ": a key is present that should not be")
	}
}

func (m mapOf[K]) set(keys keySet[K], r uint64) {
	m.update(keys.present[r%uint64(len(keys.present))], int(r>>32))
}

func (m mapOf[K]) mixed(keys keySet[K], r uint64) {
	if r>>32%10 == 0 {
		m.set(keys, r)
	} else {
		m.hit(keys, r)
	}
}

func (m mapOf[K]) addDelete(keys keySet[K], r uint64) {
	k := keys.absent[r%uint64(len(keys.absent))]
	m.update(k, 1)
	m.delete(k)
}

const valueNotes = `GOMAXPROCS goroutines look up the values of 64 keys, which have so many bytes.`

func values(*rand.Rand) []comparison {
	return []comparison{
		valuesOf[int]("8 bytes"), valuesOf[[2]int]("16 bytes"), valuesOf[[4]int]("32 bytes"), valuesOf[[8]int]("64 bytes"),
		valuesOf[[128]int]("1 KB"), valuesOf[[512]int]("4 KB"), valuesOf[[8192]int]("64 KB"),
	}
}

// A valueMap is a map with large values.
type valueMap[V any] struct {
	name   string
	lookup func(int) (V, bool)
	update func(int, V)
}

const valueKeys = 64

func valueMaps[V any]() []valueMap[V] {
	h, g, x := hashtab.New[int, V](valueKeys), hashtab.NewGrowing[int, V](), xsync.NewMap[int, V]()
	all := []valueMap[V]{
		{"New", h.Lookup, func(k int, v V) { must(h.Update(k, v, hashtab.Any)) }},
		{"NewGrowing", g.Lookup, func(k int, v V) { must(g.Update(k, v, hashtab.Any)) }},
		{"xsync.Map", x.Load, func(k int, v V) { x.Store(k, v) }},
	}
	for _, m := range all {
		for k := range valueKeys {
			m.update(k, *new(V))
		}
	}
	return all
}

func valuesOf[V any](size string) comparison {
	c := comparison{what: "Lookup, " + size}
	for _, m := range valueMaps[V]() {
		c.of = append(c.of, contender{name: m.name, turn: func() int {
			return parallel(func(int) int {
				calls := work(100_000)
				for i := range calls {
					if _, ok := m.lookup(i % valueKeys); !ok {
						panic(m.name + ": a key is missing")
					}
				}
				return calls
			})
		}})
	}
	return c
}

const hotNotes = `One goroutine sets the value of a key without pause, and another one looks it up. The numbers are
the time in ns that one lookup in 10,000 exceeds. Bar: at most 3 times xsync's.`

func hotWriters(*rand.Rand) []comparison {
	return []comparison{hotWriter[int]("8 bytes"), hotWriter[[4]int]("32 bytes"), hotWriter[[128]int]("1 KB"), hotWriter[[512]int]("4 KB")}
}

func hotWriter[V any](size string) comparison {
	c := comparison{what: "Lookup, " + size}
	for _, m := range valueMaps[V]() {
		c.of = append(c.of, contender{name: m.name, number: func() float64 {
			var stop atomic.Bool
			var wg sync.WaitGroup
			wg.Go(func() {
				for !stop.Load() {
					m.update(1, *new(V))
				}
			})
			took := make([]time.Duration, work(200_000))
			for i := range took {
				start := time.Now()
				m.lookup(1)
				took[i] = time.Since(start)
			}
			stop.Store(true)
			wg.Wait()
			slices.Sort(took)
			return float64(max(1, took[len(took)-1-len(took)/10_000]))
		}})
	}
	return c
}

const cacheNotes = `Hits in percent of lookups of keys that are Zipf-distributed over 1,000,000, for a cache with room
for so many. A key that is missed is added. "Scans" means that one key in ten comes for the first
time. Above 1 the ratio is in favour of hashtab. Bar: not more than 1 point below otter.`

// cacheCase is a workload of a cache.
type cacheCase struct {
	zipf float64
	scan bool
	room int
}

func cacheCases() (all []cacheCase) {
	for _, zipf := range []float64{1.01, 1.2} {
		for _, scan := range []bool{false, true} {
			for _, room := range []int{1000, 30_000} {
				all = append(all, cacheCase{zipf, scan, room})
			}
		}
	}
	return all
}

func (c cacheCase) String() string {
	s := fmt.Sprintf("Zipf %v, room for %d", c.zipf, c.room)
	if c.scan {
		s += ", scans"
	}
	return s
}

func caches(rnd *rand.Rand) (cs []comparison) {
	for _, c := range cacheCases() {
		seed := rnd.Uint64()
		cs = append(cs, comparison{c.String(), []contender{
			{name: "NewLRU", number: func() float64 { return c.hits(seed, ofLRU) }},
			{name: "otter", number: func() float64 { return c.hits(seed, ofOtter) }},
		}})
	}
	return cs
}

// ofLRU and ofOtter make caches, of which use reports a hit, or adds the key.

func ofLRU(room int) (use func(int) bool) {
	m := hashtab.NewLRU[int, int](room)
	return func(k int) bool {
		_, ok := m.Lookup(k)
		if !ok {
			must(m.Update(k, k, hashtab.Any))
		}
		return ok
	}
}

func ofOtter(room int) (use func(int) bool) {
	// It does its work in the calls, so that it has evicted before the next one.
	m := otter.Must(&otter.Options[int, int]{MaximumSize: room, Executor: func(f func()) { f() }})
	return func(k int) bool {
		_, ok := m.GetIfPresent(k)
		if !ok {
			m.Set(k, k)
		}
		return ok
	}
}

// hits returns the percentage of hits, after the cache is filled.
func (c cacheCase) hits(seed uint64, cache func(room int) (use func(int) bool)) float64 {
	const keys = 1_000_000
	use := cache(c.room)
	rnd := rand.New(rand.NewPCG(seed, 0))
	zipf := rand.NewZipf(rnd, c.zipf, 1, keys-1)
	hits, calls := 0, work(2_000_000)
	for i := range calls {
		k := int(zipf.Uint64())
		if c.scan && i%10 == 0 {
			k = keys + i
		}
		if use(k) && i >= calls/2 {
			hits++
		}
	}
	return 100 * float64(hits) / float64(calls-calls/2)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
