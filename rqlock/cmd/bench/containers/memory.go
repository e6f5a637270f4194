package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"

	"github.com/gaissmai/bart"

	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/localstorage"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
	"github.com/rqlock/rqlock/rqlock/queuestack"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

const memoryNotes = `Bytes of heap for each element, with an int as its value: what a container that was just filled
has more than before it was made. What the runtime keeps for cleanups and weak pointers is not
in the heap and not in here.`

// footprint returns the heap's growth for each of n elements of what build returns.
func footprint(name string, n int, build func() any) contender {
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what the first one has found to be garbage of sync.Pool and cleanups
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	return contender{name: name, number: func() float64 {
		before := used()
		x := build()
		after := used()
		runtime.KeepAlive(x)
		return max(float64(after)-float64(before), 1) / float64(n)
	}}
}

func memory(rnd *rand.Rand) []comparison {
	n := work(100_000)
	cs := []comparison{
		{fmt.Sprintf("queue and stack, %d ints", n), []contender{
			footprint("queuestack", n, func() any { return queuestack.NewQueue[int](n) }),
			footprint("channel", n, func() any { return make(chan int, n) }),
			footprint("slice", n, func() any { return make([]int, n) }),
		}},
		{fmt.Sprintf("ring, %d records of 24 bytes", 1<<15), []contender{
			footprint("ringbuf", 1<<15, func() any { return ringbuf.New(1 << 20) }),
			footprint("channel", 1<<15, func() any {
				c := make(chan []byte, 1<<15)
				for range cap(c) {
					c <- make([]byte, 24)
				}
				return c
			}),
			footprint("slice", 1<<15, func() any {
				s := make([][]byte, 1<<15)
				for i := range s {
					s[i] = make([]byte, 24)
				}
				return s
			}),
		}},
		{fmt.Sprintf("free elements, %d ints", n), []contender{
			footprint("freelist", n, func() any {
				l := freelist.New[int](0)
				l.Fill(make([]freelist.Node[int], n))
				return l
			}),
			footprint("channel", n, func() any {
				c := make(chan *int, n)
				for range n {
					c <- new(int)
				}
				return c
			}),
			footprint("slice", n, func() any { return make([]int, n) }),
		}},
		{fmt.Sprintf("values of %d objects, with the objects and a slice of them, 72 bytes each", n), []contender{
			footprint("localstorage", n, func() any {
				m := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) {})
				objects := newObjects(n)
				for i, o := range objects {
					must(m.Update(o, i, localstorage.Any))
				}
				return []any{m, objects}
			}),
			footprint("sync.Map", n, func() any {
				m, objects := new(sync.Map), newObjects(n)
				for i, o := range objects {
					m.Store(o, i)
				}
				return []any{m, objects}
			}),
			footprint("map", n, func() any {
				m, objects := map[*object]int{}, newObjects(n)
				for i, o := range objects {
					m[o] = i
				}
				return []any{m, objects}
			}),
		}},
	}
	for _, v6 := range []bool{false, true} {
		of := prefixes(rnd, n, v6)
		cs = append(cs, comparison{fmt.Sprintf("%d prefixes, %s", n, ipVersion(v6)), []contender{
			footprint("lpmtrie", n, func() any {
				t := lpmtrie.NewTable[int](n)
				for i, p := range of {
					must(t.Update(p, i, lpmtrie.Any))
				}
				return t
			}),
			footprint("lpmtrie, UpdateAll", n, func() any { return builtTable(of) }),
			footprint("bart.Table", n, func() any {
				t := new(bart.Table[int])
				for i, p := range of {
					t.Insert(p, i)
				}
				return t
			}),
		}})
	}
	return cs
}

func newObjects(n int) []*object {
	of := make([]*object, n)
	for i := range of {
		of[i] = new(object)
	}
	return of
}

func ipVersion(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

// builtTable returns a table with these prefixes, made in one transaction.
func builtTable(of []netip.Prefix) *lpmtrie.Table[int] {
	t := lpmtrie.NewTable[int](len(of))
	must(t.UpdateAll(func(yield func(netip.Prefix, int) bool) {
		for i, p := range of {
			if !yield(p, i) {
				return
			}
		}
	}, lpmtrie.Any))
	return t
}

// builds compares how long it takes to build tables of 1,000,000 prefixes.
func builds(rnd *rand.Rand) (cs []comparison) {
	n := work(1_000_000)
	for _, v6 := range []bool{false, true} {
		of := prefixes(rnd, n, v6)
		cs = append(cs, comparison{"build, " + ipVersion(v6), []contender{
			{name: "lpmtrie, UpdateAll", turn: func() int { return builtTable(of).Len() }},
			{name: "bart.Table", turn: func() int {
				t := new(bart.Table[int])
				for i, p := range of {
					t.Insert(p, i)
				}
				return t.Size()
			}},
			{name: "bart.Fast", turn: func() int {
				t := new(bart.Fast[int])
				for i, p := range of {
					t.Insert(p, i)
				}
				return t.Size()
			}},
		}})
	}
	return cs
}
