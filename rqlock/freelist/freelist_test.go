package freelist

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// patience bounds waits that end soon if all is well. It is the stall timeout, too, so that
// a slow machine does not fail a lock that another goroutine is about to release.
const patience = time.Minute

func TestMain(m *testing.M) {
	rqlock.SetStallTimeout(patience)
	os.Exit(m.Run())
}

// during returns the end of a test that runs for d, and for a tenth of it with -short.
func during(d time.Duration) time.Time {
	if testing.Short() {
		d /= 10
	}
	return time.Now().Add(d)
}

// filled returns a list with nodes of the values 0 to n-1.
func filled(shards, n int) *List[int] {
	l := New[int](shards)
	nodes := make([]Node[int], n)
	for i := range nodes {
		nodes[i].Value = i
	}
	l.Fill(nodes)
	return l
}

// drain pops all nodes and checks that each of n values comes once.
func drain(t *testing.T, l *List[int], n int) {
	t.Helper()
	seen := map[int]bool{}
	for node := l.Pop(); node != nil; node = l.Pop() {
		if seen[node.Value] {
			t.Errorf("value %d is popped twice", node.Value)
		}
		if node.next != nil {
			t.Errorf("the popped node of value %d still has a successor", node.Value)
		}
		seen[node.Value] = true
	}
	if len(seen) != n || l.Len() != 0 {
		t.Errorf("%d values of %d were popped; then Len() = %d", len(seen), n, l.Len())
	}
}

// TestFill checks that nodes are spread evenly, neighbours in the same shard, and that all
// of them come back.
func TestFill(t *testing.T) {
	l := filled(4, 10)
	for i, want := range [][]int{{2, 1, 0}, {4, 3}, {7, 6, 5}, {9, 8}} {
		var got []int
		for n := l.shards[i].first; n != nil; n = n.next {
			got = append(got, n.Value)
		}
		if !slices.Equal(got, want) || l.shards[i].len != len(want) {
			t.Errorf("shard %d has nodes %v and the count %d, want %v", i, got, l.shards[i].len, want)
		}
	}
	if l.Len() != 10 {
		t.Errorf("Len() = %d", l.Len())
	}
	drain(t, l, 10)
	if got := len(New[int](0).shards); got != runtime.GOMAXPROCS(0) {
		t.Errorf("New(0) has %d shards", got)
	}
	if size := unsafe.Sizeof(shard[int]{}); size != 128 {
		t.Errorf("a shard has %d bytes, want two cache lines", size)
	}
}

// FuzzList compares a list with a set. Each byte is a Pop, or a Push of a popped node.
func FuzzList(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 1}, uint8(3))
	f.Fuzz(func(t *testing.T, ops []byte, shards uint8) {
		const n = 8
		l := filled(int(shards%8), n)
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

// TestConcurrent checks that one goroutine at a time has a node, and that no node is lost.
func TestConcurrent(t *testing.T) {
	const n, workers = 10, 8
	l := filled(3, n)
	users := make([]atomic.Int32, n)
	values := make([]int, n) // written without atomics, for the race detector
	var wg sync.WaitGroup
	end := during(50 * time.Millisecond)
	for range workers {
		wg.Go(func() {
			for n := 0; n < 100 || time.Now().Before(end); n++ {
				node := l.Pop()
				if node == nil {
					continue
				}
				if users[node.Value].Add(1) != 1 {
					t.Errorf("two goroutines have the node of value %d", node.Value)
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

// TestNeverNil has fewer goroutines than elements, and each has one element at a time, so some
// element is free all the time. Each Pop returns one, though the elements go from list to list.
func TestNeverNil(t *testing.T) {
	number := seed.Of(t)
	const users = 3
	l := filled(8, users+1)
	end := during(500 * time.Millisecond)
	var wg sync.WaitGroup
	for id := range users {
		rnd := seed.New(number, id)
		wg.Go(func() {
			for i := 0; i%256 != 0 || time.Now().Before(end); i++ {
				n := l.Pop()
				if n == nil {
					t.Error("Pop returns nil, though an element is free")
					return
				}
				l.pushTo(rnd.IntN(8), n)
			}
		})
	}
	wg.Wait()
	drain(t, l, users+1)
}

// TestPushBehind moves elements behind the back of a Pop, to a shard that it has found empty, each
// time that it looks. There is always one that is free, and Pop returns one in the end.
func TestPushBehind(t *testing.T) {
	l := New[int](4)
	x, y := new(Node[int]), new(Node[int])
	lock := func(i int) {
		if err := l.shards[i].lock.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	l.pushTo(3, x)
	lock(3)
	got := make(chan *Node[int])
	go func() { got <- l.popFrom(0) }()
	const reaches = 20 * time.Millisecond // if it takes longer, the test finds less
	time.Sleep(reaches)                   // It waits for shard 3.
	lock(2)
	l.shards[2].push(y)
	l.shards[3].pop()
	l.shards[3].lock.Unlock()
	time.Sleep(reaches) // It waits for shard 2.
	l.pushTo(0, x)
	l.shards[2].pop()
	l.shards[2].lock.Unlock()
	if n := <-got; n != x {
		t.Errorf("Pop returns %p, want %p", n, x)
	}
}

// TestNotMade: no method works on a list that New has not made.
func TestNotMade(t *testing.T) {
	var l List[int]
	huge := fmt.Sprintf("rqlock/freelist: capacity %d cannot be allocated: give New less", math.MaxInt)
	for i, f := range []func(){
		func() { l.Push(new(Node[int])) }, func() { l.Pop() }, func() { l.Fill(nil) }, func() { l.Len() }, func() { New[int](math.MaxInt) },
	} {
		func() {
			want := "rqlock/freelist: List was not made by New: call New"
			if i == 4 {
				want = huge
			}
			defer func() {
				if r := fmt.Sprint(recover()); r != want {
					t.Errorf("call %d panics with %s, want %s", i, r, want)
				}
			}()
			f()
		}()
	}
}

// TestLockFails has each set of locks fail: this goroutine holds them, so it is refused at
// once. Pop takes from the other shards, Push adds to them, and no node is lost or popped
// twice.
func TestLockFails(t *testing.T) {
	const shards, n = 3, 9
	for held := range 1 << shards {
		t.Run(fmt.Sprintf("%03b", held), func(t *testing.T) {
			l := filled(shards, n)
			free := 0
			for i := range shards {
				if held>>i&1 == 0 {
					free++
				} else if err := l.shards[i].lock.Lock(); err != nil {
					t.Fatal(err)
				}
			}
			var out []*Node[int]
			for node := l.Pop(); node != nil; node = l.Pop() {
				out = append(out, node)
			}
			if len(out) != free*n/shards {
				t.Errorf("%d nodes popped from %d shards", len(out), free)
			}
			if free > 0 {
				for _, node := range out {
					l.Push(node)
				}
			}
			if want := free * n / shards; l.Len() != want {
				t.Errorf("Len() = %d without the locked shards, want %d", l.Len(), want)
			}
			for i := range shards {
				if held>>i&1 != 0 {
					l.shards[i].lock.Unlock()
				}
			}
			drain(t, l, n)
		})
	}
}

// TestPushNeverFails checks that Push goes on while all locks fail, until one does not.
func TestPushNeverFails(t *testing.T) {
	rqlock.SetStallTimeout(10 * time.Millisecond)
	defer rqlock.SetStallTimeout(patience)
	l := New[int](2)
	for i := range l.shards {
		if err := l.shards[i].lock.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	before := rqlock.ReadEvents().Stall
	pushed := make(chan bool)
	go func() { l.Push(&Node[int]{Value: 0}); close(pushed) }()
	for deadline := time.Now().Add(patience); rqlock.ReadEvents().Stall-before < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Push does not try again")
		}
	}
	select {
	case <-pushed:
		t.Error("Push has added to a locked shard")
	default:
	}
	for i := range l.shards {
		l.shards[i].lock.Unlock()
	}
	<-pushed
	drain(t, l, 1)
}

// TestAllocs checks that neither Push nor Pop allocates.
func TestAllocs(t *testing.T) {
	l := filled(0, 4)
	if n := testing.AllocsPerRun(1000, func() { l.Push(l.Pop()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPopPush measures a Pop and a Push, on all processors at once.
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
