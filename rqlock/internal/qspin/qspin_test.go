package qspin

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// patience is how long a test waits for what comes soon unless the lock is broken.
const patience = 10 * time.Second

func (l *Mutex) load() uint32 { return asm.LoadAcquire32(&l.word.Val) }

func (l *Mutex) last() *node { return nodeAt(l.load() & asm.TailMask >> asm.TailShift) }

// await waits until cond holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for start := time.Now(); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Since(start) > patience {
			t.Fatalf("stuck: %s", what)
		}
	}
}

// join waits until the users of l have finished.
func join(t *testing.T, l *Mutex, wg *sync.WaitGroup) {
	t.Helper()
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(6 * patience):
		t.Fatalf("stuck with the word at %#x", l.load())
	}
}

// contend has g goroutines increment two plain counters in sections of one lock. The
// counters must agree in each section, and in the end with the number of sections.
func contend(t *testing.T, g, rounds int) {
	t.Helper()
	var l Mutex
	var a, b int
	var wg sync.WaitGroup
	for range g {
		wg.Go(func() {
			for range rounds {
				l.Lock()
				if a != b {
					t.Errorf("the counters are %d and %d in a section", a, b)
				}
				a++
				if a%16 == 0 {
					runtime.Gosched() // so that waiters queue and park
				}
				b++
				l.Unlock()
			}
		})
	}
	join(t, &l, &wg)
	if a != g*rounds || b != g*rounds {
		t.Errorf("%d and %d sections, want %d", a, b, g*rounds)
	}
	if v := l.load(); v != 0 {
		t.Errorf("the word is %#x after the last unlock", v)
	}
}

func TestMutualExclusion(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, g := range []int{2, 16, 256} {
			t.Run(fmt.Sprintf("procs=%d/g=%d", procs, g), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				contend(t, g, 20_000/g)
			})
		}
	}
	checkNodes(t)
}

// TestUnqueued: waiters exclude one another also when all nodes are in use.
func TestUnqueued(t *testing.T) {
	var taken []*node
	for n := newNode(); n != nil; n = newNode() {
		taken = append(taken, n)
	}
	if len(taken) != maxChunks*chunkSize {
		t.Errorf("%d nodes in all, want %d", len(taken), maxChunks*chunkSize)
	}
	contend(t, 16, 500)
	for _, n := range taken {
		n.free()
	}
	checkNodes(t)
}

// checkNodes checks that every node is in the free list, once.
func checkNodes(t *testing.T) {
	t.Helper()
	free := map[uint32]bool{}
	for i := uint32(arena.free.top.Load()); i != 0; i = nodeAt(i).nextFree {
		if free[i] {
			t.Fatalf("node %d is in the free list twice", i)
		}
		free[i] = true
	}
	if len(free) != int(arena.made*chunkSize) {
		t.Errorf("%d nodes made, %d free", arena.made*chunkSize, len(free))
	}
}

func TestTryLock(t *testing.T) {
	var l Mutex
	if !l.TryLock() || l.TryLock() {
		t.Error("TryLock failed on a free lock, or did not fail on a held one")
	}
	l.Unlock()
	for _, word := range []uint32{asm.PendingVal, asm.PendingVal | asm.TailVal} {
		l.word.Val = word
		if l.TryLock() || l.word.Val != word {
			t.Errorf("TryLock acquired a lock that a waiter has closed, or changed it: %#x is now %#x", word, l.word.Val)
		}
	}
	l.word.Val = asm.TailVal
	if !l.TryLock() || l.word.Val != asm.TailVal|asm.LockedVal {
		t.Errorf("TryLock did not barge past the queue: %#x", l.word.Val)
	}
}

// TestClose: a waiter closes the lock after a while, and is granted it next.
func TestClose(t *testing.T) {
	var l Mutex
	l.Lock()
	var got atomic.Bool
	go func() { l.Lock(); got.Store(true) }()
	await(t, "nobody closes the lock", func() bool { return l.load()&asm.PendingMask != 0 })
	if l.acquire(true) {
		t.Fatal("the waiter that closed the lock acquired it while it was held")
	}
	l.Unlock()
	await(t, "the waiter does not get the lock", func() bool {
		if l.TryLock() {
			t.Fatal("a newcomer barged into a closed lock")
		}
		return got.Load()
	})
	if v := l.load(); v != asm.LockedVal {
		t.Errorf("the word is %#x in the waiter's section", v)
	}
	l.Unlock()
}

// TestLateLink: a waiter that links after its predecessor has left is the head.
func TestLateLink(t *testing.T) {
	var l Mutex
	a, b := newNode(), newNode()
	l.enqueue(a)
	l.word.Val = b.tail() // b has exchanged the tail, but not linked
	l.handOff(a)
	l.word.Val = a.tail() // b's enqueue from its beginning
	if !l.enqueue(b) {
		t.Error("a waiter behind a node that has left is not the head")
	}
	l.handOff(b)
	if l.word.Val != 0 {
		t.Errorf("the word is %#x after the last has left", l.word.Val)
	}
	checkNodes(t)
}

// TestPark: waiters behind the head park, and each is woken in the end.
func TestPark(t *testing.T) {
	var l Mutex
	var wg sync.WaitGroup
	granted := 0
	l.Lock()
	for i := range 4 {
		tail := l.load() & asm.TailMask
		wg.Go(func() { l.Lock(); granted++; l.Unlock() })
		await(t, "nobody queues", func() bool { return l.load()&asm.TailMask != tail })
		if i > 0 {
			await(t, "the last waiter does not park", func() bool { return asm.LoadAcquire32(&l.last().state) == stateParked })
		}
	}
	l.Unlock()
	join(t, &l, &wg)
	if granted != 4 {
		t.Errorf("%d waiters were granted the lock", granted)
	}
	checkNodes(t)
}

// TestNoAllocations: neither the fast path nor the queue's head allocates.
func TestNoAllocations(t *testing.T) {
	var l Mutex
	sections := 0
	n := testing.AllocsPerRun(1000, func() {
		l.Lock()
		sections++
		l.Unlock()
		n := newNode()
		l.enqueue(n)
		l.awaitLock(now())
		l.handOff(n)
		l.Unlock()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
