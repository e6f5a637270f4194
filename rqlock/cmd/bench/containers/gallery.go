package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/gen/gallery/clh"
	"github.com/rqlock/rqlock/gen/gallery/deque"
	"github.com/rqlock/rqlock/gen/gallery/mcs"
	"github.com/rqlock/rqlock/gen/gallery/rwlock"
	"github.com/rqlock/rqlock/gen/gallery/seqlock"
	"github.com/rqlock/rqlock/gen/gallery/ticket"
)

var galleryPage = page{
	"The gallery beside Go's own", "bench-gallery",
	"In\nbrackets is the median of the first one's time by this one's in the same round: above 1 this\none is faster.", gallery,
}

var gallery = []group{
	{"locks", "Each guards two words. A write stores both, a read loads both, and whoever has no read lock\nreads as it writes. A queue lock that spins must not have more goroutines than processors:\nthe last row shows why.", guarded},
	{"deque", "The owner pushes 8 elements and takes them. Then thieves steal at the same time.", dequeGroup},
}

// A pair is two words that a lock guards. Who uses it has a number.
type pair struct {
	name        string
	store, load func(id int, v uint64) uint64
}

// words are guarded by everything but seqlock.
type words struct{ a, b uint64 }

func (w *words) store(v uint64) uint64 { w.a, w.b = v, v; return v }
func (w *words) load() uint64          { return w.a + w.b }

// locked returns a pair behind a lock without readers.
func locked(name string, lock func(id int) sync.Locker) pair {
	w := new(words)
	return pair{name, func(id int, v uint64) uint64 {
		l := lock(id)
		l.Lock()
		defer l.Unlock()
		return w.store(v)
	}, func(id int, _ uint64) uint64 {
		l := lock(id)
		l.Lock()
		defer l.Unlock()
		return w.load()
	}}
}

type rwLocker interface {
	sync.Locker
	RLock()
	RUnlock()
}

// readLocked returns a pair behind a lock that readers share.
func readLocked(name string, l rwLocker) pair {
	w := new(words)
	return pair{name, func(_ int, v uint64) uint64 {
		l.Lock()
		defer l.Unlock()
		return w.store(v)
	}, func(int, uint64) uint64 {
		l.RLock()
		defer l.RUnlock()
		return w.load()
	}}
}

// channelLock is a channel with one token.
type channelLock chan struct{}

func (c channelLock) Lock()   { c <- struct{}{} }
func (c channelLock) Unlock() { <-c }

// crowd is how many goroutines there are in the row of more than there are processors.
const crowd = 16

func pairs() []pair {
	mutex, channel, tickets := new(sync.Mutex), make(channelLock, 1), new(ticket.Lock)
	queue, chain, seq := mcs.New(crowd), clh.New(crowd), new(seqlock.Pair)
	return []pair{
		locked("sync.Mutex", func(int) sync.Locker { return mutex }),
		readLocked("sync.RWMutex", new(sync.RWMutex)),
		locked("channel", func(int) sync.Locker { return channel }),
		locked("ticket", func(int) sync.Locker { return tickets }),
		locked("mcs", func(id int) sync.Locker { return queue.Waiter(id) }),
		locked("clh", func(id int) sync.Locker { return chain.Waiter(id) }),
		readLocked("rwlock", new(rwlock.Lock)),
		{"seqlock", func(_ int, v uint64) uint64 { seq.Store(v, v); return v }, func(int, uint64) uint64 { a, b := seq.Load(); return a + b }},
	}
}

// guarded measures pairs in situations: so many goroutines, of whose operations every so
// manyth is a write.
func guarded(*rand.Rand) (all []comparison) {
	procs := runtime.GOMAXPROCS(0)
	for _, s := range []struct {
		what       string
		goroutines int
		every      int
		ops        int
	}{
		{"write, one goroutine", 1, 1, 100_000},
		{fmt.Sprintf("write, %d goroutines", procs), procs, 1, 30_000},
		{fmt.Sprintf("read, %d goroutines", procs), procs, 0, 30_000},
		{fmt.Sprintf("9 reads, 1 write, %d goroutines", procs), procs, 10, 30_000},
		{fmt.Sprintf("write, %d goroutines", crowd), crowd, 1, 1_000},
	} {
		c := comparison{what: s.what}
		for _, p := range pairs() {
			c.of = append(c.of, contender{name: p.name, turn: func() int {
				var wg sync.WaitGroup
				for id := range s.goroutines {
					wg.Go(func() {
						for i := range work(s.ops) {
							if s.every > 0 && i%s.every == 0 {
								p.store(id, uint64(i))
							} else {
								p.load(id, 0)
							}
						}
					})
				}
				wg.Wait()
				return work(s.ops) * s.goroutines
			}})
		}
		all = append(all, c)
	}
	return all
}

// A stack is what the owner and the thieves of a deque do.
type stack struct {
	name  string
	push  func(v uint64)
	take  func() bool
	steal func() bool
}

func stacks() []stack {
	d := deque.New(8)
	var mu sync.Mutex
	var slice []uint64
	channel := make(chan uint64, 1<<8)
	receive := func() bool {
		select {
		case <-channel:
			return true
		default:
			return false
		}
	}
	remove := func(cut func()) bool {
		mu.Lock()
		defer mu.Unlock()
		if len(slice) == 0 {
			return false
		}
		cut()
		return true
	}
	return []stack{
		{"sync.Mutex + slice", func(v uint64) {
			mu.Lock()
			defer mu.Unlock()
			slice = append(slice, v)
		}, func() bool { return remove(func() { slice = slice[:len(slice)-1] }) }, func() bool { return remove(func() { slice = slice[1:] }) }},
		{"channel", func(v uint64) { channel <- v }, receive, receive},
		{"deque", func(v uint64) { d.Push(v) }, func() bool { _, ok := d.Take(); return ok }, func() bool { _, ok := d.Steal(); return ok }},
	}
}

func dequeGroup(*rand.Rand) []comparison {
	rounds := work(40_000)
	alone, robbed := comparison{what: "push and take"}, comparison{what: "the same, with thieves"}
	for _, s := range stacks() {
		owner := func() int {
			for range rounds {
				for v := range uint64(8) {
					s.push(v)
				}
				for s.take() {
				}
			}
			return 8 * rounds
		}
		alone.of = append(alone.of, contender{name: s.name, turn: owner})
		robbed.of = append(robbed.of, contender{name: s.name, turn: func() int {
			over := make(chan struct{})
			var wg sync.WaitGroup
			for range max(1, runtime.GOMAXPROCS(0)-1) {
				wg.Go(func() {
					for {
						select {
						case <-over:
							return
						default:
							s.steal()
						}
					}
				})
			}
			ops := owner()
			close(over)
			wg.Wait()
			return ops
		}})
	}
	return []comparison{alone, robbed}
}
