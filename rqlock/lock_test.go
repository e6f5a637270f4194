package rqlock

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestBasic(t *testing.T) {
	if s := unsafe.Sizeof(Lock{}); s > 16 {
		t.Errorf("%d bytes", s)
	}
	var l Lock
	must(t, l.Lock())
	err := l.Lock()
	var d *DeadlockError
	if !errors.Is(err, ErrDeadlock) || !errors.As(err, &d) {
		t.Fatal(err)
	}
	t.Logf("%v\n%+v", err, err)
	l.Unlock()
	for _, f := range []func(){l.Unlock, func() {
		done := make(chan struct{})
		must(t, l.Lock())
		go func() { l.Lock(); close(done) }()
		time.Sleep(10 * time.Millisecond)
		l.Unlock()
		<-done
		l.Unlock()
	}} {
		func() {
			defer func() {
				r := recover()
				if r == nil {
					t.Error("no panic")
				}
				t.Log(r)
			}()
			f()
		}()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v", err)
	}
}

func TestABBA(t *testing.T) {
	for n := 2; n <= 64; n *= 2 {
		locks := make([]Lock, n)
		var ready, done sync.WaitGroup
		ready.Add(n)
		errs := make([]error, n)
		for i := range n {
			done.Go(func() {
				must(t, locks[i].Lock())
				ready.Done()
				ready.Wait()
				errs[i] = locks[(i+1)%n].Lock()
				if errs[i] == nil {
					locks[(i+1)%n].Unlock()
				}
				locks[i].Unlock()
			})
		}
		done.Wait()
		victims := 0
		for _, err := range errs {
			if err != nil {
				victims++
				if !errors.Is(err, ErrDeadlock) {
					t.Error(err)
				}
				if n == 2 {
					t.Logf("%+v", err)
				}
			}
		}
		if victims != 1 {
			t.Errorf("%d victims of %d", victims, n)
		}
	}
}

func TestCounter(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, g := range []int{2, 16, 256} {
			t.Run(fmt.Sprint(procs, g), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				var l Lock
				a, b := 0, 0
				var wg sync.WaitGroup
				for range g {
					wg.Go(func() {
						for range 20000 / g {
							must(t, l.Lock())
							a++
							if a%64 == 0 {
								runtime.Gosched()
							}
							b++
							l.Unlock()
						}
					})
				}
				wg.Wait()
				if a != b || a != 20000/g*g {
					t.Error(a, b)
				}
			})
		}
	}
	t.Logf("%+v", ReadEvents())
}

func TestStall(t *testing.T) {
	SetStallTimeout(50 * time.Millisecond)
	defer SetStallTimeout(DefaultTimeout)
	var l Lock
	must(t, l.Lock())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			start := time.Now()
			err := l.Lock()
			d := time.Since(start)
			if !errors.Is(err, ErrTimeout) || d < 50*time.Millisecond || d > 100*time.Millisecond {
				t.Error(err, d)
			}
		})
	}
	wg.Wait()
	l.Unlock()
	must(t, l.Lock())
	start := time.Now()
	wg.Go(func() {
		err := l.LockTimeout(5 * time.Millisecond)
		t.Log(err, time.Since(start))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		err = l.LockContext(ctx)
		t.Log(err, errors.Is(err, context.DeadlineExceeded))
	})
	wg.Wait()
	l.Unlock()
	if l.word.Val != 0 || l.word.Owner != 0 {
		t.Error(l.word)
	}
}

var sink int

func work(n int) {
	for range n {
		sink1 = sink1*5 + 1
	}
}

var sink1 uint32

func BenchmarkUncontended(b *testing.B) {
	b.Run("rqlock", func(b *testing.B) {
		var l Lock
		for b.Loop() {
			if l.Lock() == nil {
				l.Unlock()
			}
		}
	})
	b.Run("mutex", func(b *testing.B) {
		var l sync.Mutex
		for b.Loop() {
			l.Lock()
			l.Unlock()
		}
	})
}

func spinFor(ns int) {
	x := uint32(1)
	for range ns * 2 {
		x = x*1664525 + 1013904223
	}
	if x == 42 {
		sink++
	}
}

func contend(b *testing.B, g, in, out int, lock, unlock func()) {
	var wg sync.WaitGroup
	n := b.N/g + 1
	for range g {
		wg.Go(func() {
			for range n {
				lock()
				if in > 0 {
					spinFor(in)
				}
				unlock()
				if out > 0 {
					spinFor(out)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkGrid(b *testing.B) {
	for _, procs := range []int{2, 1} {
		for _, g := range []int{2, 4, 16, 256, 4096} {
			if procs == 1 && g != 16 {
				continue
			}
			for _, c := range [][2]int{{0, 0}, {50, 0}, {0, 200}, {50, 200}} {
				name := fmt.Sprintf("p%d/g%d/%d-%d", procs, g, c[0], c[1])
				b.Run(name+"/rqlock", func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
					var l Lock
					contend(b, g, c[0], c[1], func() {
						if err := l.Lock(); err != nil {
							panic(err)
						}
					}, l.Unlock)
				})
				b.Run(name+"/mutex", func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
					var l sync.Mutex
					contend(b, g, c[0], c[1], l.Lock, l.Unlock)
				})
			}
		}
	}
}
