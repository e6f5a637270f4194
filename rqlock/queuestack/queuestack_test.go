package queuestack

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// patience bounds waits that end soon if all is well. It is the stall timeout, too, so that
// a slow machine does not fail a lock that another goroutine is about to release.
const patience = time.Minute

func TestMain(m *testing.M) {
	rqlock.SetStallTimeout(patience)
	os.Exit(m.Run())
}

// A container is a queue or a stack.
type container interface {
	Push(int) error
	Replace(int) error
	Pop() (int, error)
	Peek() (int, error)
	Len() (int, error)
}

// both has a queue and a stack. Of n values in the order of their pushes, next returns the
// index of the one that Pop returns.
var both = map[string]struct {
	make func(int) (container, *ring[int])
	next func(n int) int
}{
	"queue": {func(n int) (container, *ring[int]) { q := NewQueue[int](n); return q, &q.ring }, func(int) int { return 0 }},
	"stack": {func(n int) (container, *ring[int]) { s := NewStack[int](n); return s, &s.ring }, func(n int) int { return n - 1 }},
}

// FuzzBoth compares a queue and a stack with a slice. Each byte is an operation.
func FuzzBoth(f *testing.F) {
	f.Add(uint8(3), []byte{0, 0, 0, 0, 1, 1, 2, 3, 0, 2, 2, 2, 2})
	f.Fuzz(func(t *testing.T, size uint8, ops []byte) {
		capacity := int(size%5) + 1
		for name, b := range both {
			c, _ := b.make(capacity)
			var want []int
			for i, op := range ops {
				var err, wantErr error
				switch op % 4 {
				case 0:
					err = c.Push(i)
					if len(want) == capacity {
						wantErr = ErrFull
					} else {
						want = append(want, i)
					}
				case 1:
					err = c.Replace(i)
					if len(want) == capacity {
						want = want[1:]
					}
					want = append(want, i)
				case 2, 3:
					var v, wantV int
					take := c.Pop
					if op%4 == 3 {
						take = c.Peek
					}
					v, err = take()
					if len(want) == 0 {
						wantErr = ErrEmpty
					} else {
						n := b.next(len(want))
						wantV = want[n]
						if op%4 == 2 {
							want = append(want[:n:n], want[n+1:]...)
						}
					}
					if v != wantV {
						t.Fatalf("%s: %d, want %d", name, v, wantV)
					}
				}
				if n, lenErr := c.Len(); err != wantErr || n != len(want) || lenErr != nil {
					t.Fatalf("%s: operation %d: %v, want %v; %d values, want %d; %v", name, op%4, err, wantErr, n, len(want), lenErr)
				}
			}
		}
	})
}

// TestConcurrent checks that each pushed value is popped once, and that a queue keeps the
// order of each producer.
func TestConcurrent(t *testing.T) {
	const producers = 3
	each := 2000
	if testing.Short() {
		each = 500
	}
	for name, b := range both {
		c, _ := b.make(8)
		var wg sync.WaitGroup
		for id := range producers {
			wg.Go(func() {
				for i := range each {
					for c.Push(id*each+i) != nil {
						runtime.Gosched()
					}
				}
			})
		}
		seen := map[int]bool{}
		last := [producers]int{-1, -1, -1}
		for deadline := time.Now().Add(patience); len(seen) < producers*each && time.Now().Before(deadline); {
			v, err := c.Pop()
			if err != nil {
				runtime.Gosched()
				continue
			}
			if seen[v] {
				t.Errorf("%s: %d is popped twice", name, v)
			}
			seen[v] = true
			if id := v / each; name == "queue" {
				if v%each <= last[id] {
					t.Errorf("%d of producer %d comes after %d", v%each, id, last[id])
				}
				last[id] = v % each
			}
		}
		wg.Wait()
		if len(seen) != producers*each {
			t.Errorf("%s: %d of %d values were popped", name, len(seen), producers*each)
		}
	}
}

// TestLockFails checks that each method returns the lock's error, and changes nothing. The
// lock fails because this goroutine holds it.
func TestLockFails(t *testing.T) {
	for name, b := range both {
		c, r := b.make(2)
		c.Push(1)
		for op, f := range map[string]func() error{
			"Push":    func() error { return c.Push(2) },
			"Replace": func() error { return c.Replace(2) },
			"Pop":     func() error { _, err := c.Pop(); return err },
			"Peek":    func() error { _, err := c.Peek(); return err },
			"Len":     func() error { _, err := c.Len(); return err },
		} {
			if err := r.lock.Lock(); err != nil {
				t.Fatal(err)
			}
			if err := f(); !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s of a %s: %v", op, name, err)
			}
			r.lock.Unlock()
			v, err := c.Peek()
			if n, _ := c.Len(); v != 1 || err != nil || n != 1 {
				t.Errorf("after a failed %s a %s has %d values, the next one is %d, %v", op, name, n, v, err)
			}
		}
	}
}

// TestReleases checks that the garbage collector frees what was popped or replaced.
func TestReleases(t *testing.T) {
	q := NewQueue[*[1 << 16]byte](2)
	var gone sync.WaitGroup
	push := func(f func(*[1 << 16]byte) error) {
		v := new([1 << 16]byte)
		gone.Add(1)
		runtime.AddCleanup(v, func(int) { gone.Done() }, 0)
		f(v)
	}
	push(q.Push)
	push(q.Replace)
	q.Replace(nil) // drops the first
	q.Pop()
	defer runtime.KeepAlive(q)
	done := make(chan bool)
	go func() { gone.Wait(); close(done) }()
	for range 100 {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the queue keeps values that it does not hold any more")
}

// TestNew checks that only a constructor allocates, and that it refuses a capacity of 0.
func TestNew(t *testing.T) {
	q := NewQueue[string](4)
	if n := testing.AllocsPerRun(100, func() { q.Push("x"); q.Replace("y"); q.Pop(); q.Pop() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	defer func() {
		if r := fmt.Sprint(recover()); r != "queuestack: room for 0 values: must be positive" {
			t.Errorf("NewStack(0) panics with %s", r)
		}
	}()
	NewStack[int](0)
}

// BenchmarkPushPop measures a Push and a Pop, on all processors at once.
func BenchmarkPushPop(b *testing.B) {
	run := func(name string, push func(int), pop func()) {
		b.Run("of="+name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					push(1)
					pop()
				}
			})
		})
	}
	q, s, c := NewQueue[int](64), NewStack[int](64), make(chan int, 64)
	run("queue", func(v int) { q.Push(v) }, func() { q.Pop() })
	run("stack", func(v int) { s.Push(v) }, func() { s.Pop() })
	run("channel", func(v int) { c <- v }, func() { <-c })
}
