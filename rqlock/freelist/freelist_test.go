package freelist

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
)

func filled(lists, n int) *List[int] {
	l := New[int](lists)
	nodes := make([]Node[int], n)
	for i := range nodes {
		nodes[i].Value = i
	}
	l.Fill(nodes)
	return l
}

// drain pops everything and checks that it is each of n values once.
func drain(t *testing.T, l *List[int], n int) {
	t.Helper()
	seen := map[int]bool{}
	for node := l.Pop(); node != nil; node = l.Pop() {
		if seen[node.Value] {
			t.Errorf("%d comes twice", node.Value)
		}
		if node.Next.Load() != nil {
			t.Errorf("%d comes with what was behind it", node.Value)
		}
		seen[node.Value] = true
	}
	if len(seen) != n || l.Len() != 0 {
		t.Errorf("%d values of %d, Len %d after the last", len(seen), n, l.Len())
	}
}

// TestFill: nodes are spread evenly, neighbours together, and all come back.
func TestFill(t *testing.T) {
	l := filled(4, 10)
	for i, want := range [][]int{{2, 1, 0}, {4, 3}, {7, 6, 5}, {9, 8}} {
		var got []int
		for n := l.heads[i].first; n != nil; n = n.Next.Load() {
			got = append(got, n.Value)
		}
		if !slices.Equal(got, want) || l.heads[i].len != len(want) {
			t.Errorf("list %d has nodes %v, by its count %d; want %v", i, got, l.heads[i].len, want)
		}
	}
	if l.Len() != 10 {
		t.Errorf("Len() = %d", l.Len())
	}
	drain(t, l, 10)
	if got := len(New[int](0).heads); got != runtime.GOMAXPROCS(0) {
		t.Errorf("New(0) has %d lists", got)
	}
	if size := unsafe.Sizeof(head[int]{}); size != 128 {
		t.Errorf("a list has %d bytes, want two cache lines", size)
	}
}

// FuzzList compares a list with a set: in each byte, pop or push back.
func FuzzList(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 1}, uint8(3))
	f.Fuzz(func(t *testing.T, ops []byte, lists uint8) {
		const n = 8
		l := filled(int(lists%8), n)
		var out []*Node[int]
		for _, op := range ops {
			if op%2 == 0 {
				node := l.Pop()
				if (node == nil) != (len(out) == n) {
					t.Fatalf("Pop() = %v with %d of %d out", node, len(out), n)
				}
				if node != nil {
					out = append(out, node)
				}
			} else if len(out) > 0 {
				i := int(op/2) % len(out)
				l.Push(out[i])
				out = append(out[:i], out[i+1:]...)
			}
			if l.Len() != n-len(out) {
				t.Fatalf("Len() = %d with %d of %d out", l.Len(), len(out), n)
			}
		}
		for _, node := range out {
			l.Push(node)
		}
		drain(t, l, n)
	})
}

// TestConcurrent: a node is with one goroutine at a time, and none is lost.
func TestConcurrent(t *testing.T) {
	const n, workers = 10, 8
	l := filled(3, n)
	users := make([]atomic.Int32, n)
	values := make([]int, n) // plain: the race detector looks
	var wg sync.WaitGroup
	end := time.Now().Add(100 * time.Millisecond)
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				node := l.Pop()
				if node == nil {
					continue
				}
				if users[node.Value].Add(1) != 1 {
					t.Errorf("%d is with two goroutines", node.Value)
				}
				values[node.Value]++
				runtime.Gosched()
				users[node.Value].Add(-1)
				l.Push(node)
			}
		})
	}
	wg.Wait()
	drain(t, l, n)
}

// TestLockFails has each lock fail, alone and with others: whoever holds it himself
// is refused at once. Pop takes from the other lists, Push gives to them, and
// nothing is lost or comes twice.
func TestLockFails(t *testing.T) {
	const lists, n = 3, 9
	for held := range 1 << lists {
		t.Run(fmt.Sprintf("%03b", held), func(t *testing.T) {
			l := filled(lists, n)
			free := 0
			for i := range lists {
				if held>>i&1 == 0 {
					free++
				} else if err := l.heads[i].lock.Lock(); err != nil {
					t.Fatal(err)
				}
			}
			var out []*Node[int]
			for node := l.Pop(); node != nil; node = l.Pop() {
				out = append(out, node)
			}
			if len(out) != free*n/lists {
				t.Errorf("%d nodes from %d lists", len(out), free)
			}
			if free > 0 {
				for _, node := range out {
					l.Push(node)
				}
			}
			if want := free * n / lists; l.Len() != want {
				t.Errorf("Len() = %d of the lists that are not locked, want %d", l.Len(), want)
			}
			for i := range lists {
				if held>>i&1 != 0 {
					l.heads[i].lock.Unlock()
				}
			}
			drain(t, l, n)
		})
	}
}

// TestPushNeverFails: with all lists out of reach, Push goes on until one is not.
func TestPushNeverFails(t *testing.T) {
	rqlock.SetStallTimeout(10 * time.Millisecond)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	l := New[int](2)
	for i := range l.heads {
		if err := l.heads[i].lock.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	before := rqlock.ReadEvents().Stall
	pushed := make(chan bool)
	go func() { l.Push(&Node[int]{Value: 0}); close(pushed) }()
	for deadline := time.Now().Add(time.Minute); rqlock.ReadEvents().Stall-before < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Push does not try again")
		}
	}
	select {
	case <-pushed:
		t.Error("pushed to a list that is locked")
	default:
	}
	for i := range l.heads {
		l.heads[i].lock.Unlock()
	}
	<-pushed
	drain(t, l, 1)
}

// TestAllocs: nothing is allocated.
func TestAllocs(t *testing.T) {
	l := filled(0, 4)
	if n := testing.AllocsPerRun(1000, func() { l.Push(l.Pop()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPopPush is one Pop and one Push on each processor.
func BenchmarkPopPush(b *testing.B) {
	procs := runtime.GOMAXPROCS(0)
	b.Run("of=freelist", func(b *testing.B) {
		l := filled(0, 4*procs)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if n := l.Pop(); n != nil {
					l.Push(n)
				}
			}
		})
	})
	b.Run("of=sync.Pool", func(b *testing.B) {
		p := sync.Pool{New: func() any { return new(Node[int]) }}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				p.Put(p.Get())
			}
		})
	})
	b.Run("of=channel", func(b *testing.B) {
		c := make(chan *Node[int], 4*procs)
		for range cap(c) {
			c <- new(Node[int])
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c <- <-c
			}
		})
	})
	b.Run("of=mutex", func(b *testing.B) {
		var mu sync.Mutex
		var list []*Node[int]
		for range 4 * procs {
			list = append(list, new(Node[int]))
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				mu.Lock()
				n := list[len(list)-1]
				list = list[:len(list)-1]
				mu.Unlock()
				mu.Lock()
				list = append(list, n)
				mu.Unlock()
			}
		})
	})
}
