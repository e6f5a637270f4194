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

// patience is how long a test waits for what should come soon.
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

// contend has g goroutines count on two plain counters under the lock, which
// must agree at any time, and at the end with the number of sections.
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
					t.Errorf("inside: %d and %d", a, b)
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

// TestBesideTheQueue runs with no node left.
func TestBesideTheQueue(t *testing.T) {
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

// checkNodes checks that all nodes are back, each once.
func checkNodes(t *testing.T) {
	t.Helper()
	seen := map[uint32]bool{}
	for i := uint32(arena.free.top.Load()); i != 0; i = nodeAt(i).parent {
		if seen[i] {
			t.Fatalf("node %d is in the free list twice", i)
		}
		seen[i] = true
	}
	if len(seen) != int(arena.made*chunkSize) {
		t.Errorf("%d nodes made, %d free", arena.made*chunkSize, len(seen))
	}
}

func TestTryLock(t *testing.T) {
	var l Mutex
	if !l.TryLock() || l.TryLock() {
		t.Error("a free lock was not taken, or a held one was")
	}
	l.Unlock()
	for _, word := range []uint32{asm.PendingVal, asm.PendingVal | asm.TailVal} {
		l.word.Val = word
		if l.TryLock() || l.word.Val != word {
			t.Errorf("a lock with its door closed: %#x is now %#x", word, l.word.Val)
		}
	}
	l.word.Val = asm.TailVal
	if !l.TryLock() || l.word.Val != asm.TailVal|asm.LockedVal {
		t.Errorf("past the queue: %#x", l.word.Val)
	}
}

// TestDoor checks that a waiter closes the door and is the next then.
func TestDoor(t *testing.T) {
	var l Mutex
	l.Lock()
	var got atomic.Bool
	go func() { l.Lock(); got.Store(true) }()
	await(t, "the door is open", func() bool { return l.load()&asm.PendingMask != 0 })
	if l.take(true) {
		t.Fatal("the one at the door took a held lock")
	}
	l.Unlock()
	await(t, "the waiter does not get the lock", func() bool {
		if l.TryLock() {
			t.Fatal("passed a closed door")
		}
		return got.Load()
	})
	if v := l.load(); v != asm.LockedVal {
		t.Errorf("the word is %#x in the waiter's section", v)
	}
	l.Unlock()
}

// TestLateLink has a waiter link itself only after the one before it has left.
func TestLateLink(t *testing.T) {
	var l Mutex
	a, b := newNode(), newNode()
	l.enqueue(a)
	l.word.Val = b.tail() // b is in the tail, but not linked
	l.handOver(a)
	l.word.Val = a.tail() // now the whole of b's enqueue
	if !l.enqueue(b) {
		t.Error("behind a node that has left, and not the head")
	}
	l.handOver(b)
	if l.word.Val != 0 {
		t.Errorf("the word is %#x after the last has left", l.word.Val)
	}
	checkNodes(t)
}

// TestPark checks that those behind the head block, and that each wakes.
func TestPark(t *testing.T) {
	var l Mutex
	var wg sync.WaitGroup
	l.Lock()
	for i := range 4 {
		tail := l.load() & asm.TailMask
		wg.Go(func() { l.Lock(); l.Unlock() })
		await(t, "nobody queues", func() bool { return l.load()&asm.TailMask != tail })
		if i > 0 {
			await(t, "the last does not park", func() bool { return asm.LoadAcquire32(&l.last().state) == stateParked })
		}
	}
	l.Unlock()
	join(t, &l, &wg)
	checkNodes(t)
}

// TestNoAllocations takes the lock by the fast path and as the queue's head.
func TestNoAllocations(t *testing.T) {
	var l Mutex
	n := testing.AllocsPerRun(1000, func() {
		l.Lock()
		l.Unlock()
		n := newNode()
		l.enqueue(n)
		l.awaitLock(now())
		l.handOver(n)
		l.Unlock()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
