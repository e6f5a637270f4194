package queuestack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"runtime"
	"slices"
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
	PushContext(context.Context, int) error
	PopContext(context.Context) (int, error)
	All() iter.Seq[int]
	Cap() int
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
	f.Add(uint8(2), []byte{4, 5, 4, 0, 4, 5, 2, 4, 3, 1, 4, 5, 5, 4, 4, 2, 2, 2, 5, 4})
	f.Fuzz(func(t *testing.T, size uint8, ops []byte) {
		capacity := int(size%5) + 1
		for name, b := range both {
			c, _ := b.make(capacity)
			var want []int
			for i, op := range ops {
				var err, wantErr error
				switch op % 6 {
				case 4, 5:
					ctx, stop := context.WithCancel(context.Background())
					if op%6 == 5 {
						stop()
						wantErr = context.Canceled
					}
					if len(want) == capacity { // PushContext would wait.
						var v int
						v, err = c.PopContext(ctx)
						if n := b.next(len(want)); wantErr == nil {
							if v != want[n] {
								t.Fatalf("%s: PopContext returns %d, want %d", name, v, want[n])
							}
							want = append(want[:n:n], want[n+1:]...)
						}
					} else if err = c.PushContext(ctx, i); wantErr == nil {
						want = append(want, i)
					}
					if errors.Is(err, wantErr) {
						err = wantErr
					}
					stop()
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
					if op%6 == 3 {
						take = c.Peek
					}
					v, err = take()
					if len(want) == 0 {
						wantErr = ErrEmpty
					} else {
						n := b.next(len(want))
						wantV = want[n]
						if op%6 == 2 {
							want = append(want[:n:n], want[n+1:]...)
						}
					}
					if v != wantV {
						t.Fatalf("%s: %d, want %d", name, v, wantV)
					}
				}
				all := slices.Collect(c.All())
				if name == "stack" {
					slices.Reverse(all)
				}
				for range c.All() { // A loop may break.
					break
				}
				if !slices.Equal(all, want) || c.Cap() != capacity {
					t.Fatalf("%s: All yields %v of %d, want %v of %d", name, all, c.Cap(), want, capacity)
				}
				if n, lenErr := c.Len(); err != wantErr || n != len(want) || lenErr != nil {
					t.Fatalf("%s: operation %d: %v, want %v; %d values, want %d; %v", name, op%6, err, wantErr, n, len(want), lenErr)
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

			"PushContext": func() error { return c.PushContext(context.Background(), 2) },
			"PopContext":  func() error { _, err := c.PopContext(context.Background()); return err },
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

// TestNew checks that only a constructor allocates, which capacities it refuses, and that no
// method works without it.
func TestNew(t *testing.T) {
	q := NewQueue[string](4)
	if n := testing.AllocsPerRun(100, func() { q.Push("x"); q.Replace("y"); q.Pop(); q.Pop() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var q0 Queue[int]
	var s0 Stack[int]
	ctx := context.Background()
	for want, calls := range map[string][]func(){
		"rqlock/queuestack: capacity 0 cannot be made: NewQueue wants 1 or more values":                    {func() { NewQueue[int](0) }},
		"rqlock/queuestack: capacity -1 cannot be made: NewStack wants 1 or more values":                   {func() { NewStack[int](-1) }},
		fmt.Sprintf("rqlock/queuestack: capacity %d cannot be allocated: give NewQueue less", math.MaxInt): {func() { NewQueue[int](math.MaxInt) }},
		fmt.Sprintf("rqlock/queuestack: capacity %d cannot be allocated: give NewStack less", math.MaxInt): {func() { NewStack[int](math.MaxInt) }},
		"rqlock/queuestack: Queue was not made by NewQueue: call NewQueue": {
			func() { q0.Push(1) }, func() { q0.Replace(1) }, func() { q0.Pop() }, func() { q0.Peek() }, func() { q0.Len() }, func() { q0.Cap() },
			func() { q0.All()(nil) }, func() { q0.PushContext(ctx, 1) }, func() { q0.PopContext(ctx) },
		},
		"rqlock/queuestack: Stack was not made by NewStack: call NewStack": {
			func() { s0.Push(1) }, func() { s0.Replace(1) }, func() { s0.Pop() }, func() { s0.Peek() }, func() { s0.Len() }, func() { s0.Cap() },
			func() { s0.All()(nil) }, func() { s0.PushContext(ctx, 1) }, func() { s0.PopContext(ctx) },
		},
	} {
		for i, f := range calls {
			func() {
				defer func() {
					if r := fmt.Sprint(recover()); r != want {
						t.Errorf("call %d panics with %s, want %s", i, r, want)
					}
				}()
				f()
			}()
		}
	}
}

// TestLargest has a queue and a stack of the greatest capacity that an int allows, whose oldest
// value is at the end of their memory.
func TestLargest(t *testing.T) {
	type nothing = struct{}
	q, s := NewQueue[nothing](math.MaxInt), NewStack[nothing](math.MaxInt)
	for _, r := range []*ring[nothing]{&q.ring, &s.ring} {
		r.first = math.MaxInt - 1
	}
	for name, c := range map[string]interface {
		Push(nothing) error
		Pop() (nothing, error)
		Len() (int, error)
		Cap() int
	}{"queue": q, "stack": s} {
		for i := range 5 {
			err := c.Push(nothing{})
			if n, _ := c.Len(); err != nil || n != i+1 || c.Cap() != math.MaxInt {
				t.Errorf("%s: Push: %v; %d values of %d, want %d", name, err, n, c.Cap(), i+1)
			}
		}
		for i := range 5 {
			_, err := c.Pop()
			if n, _ := c.Len(); err != nil || n != 4-i {
				t.Errorf("%s: Pop: %v; %d values, want %d", name, err, n, 4-i)
			}
		}
	}
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
