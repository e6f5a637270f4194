package rqlock

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

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
