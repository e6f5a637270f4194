package bench

import (
	"math"
	"time"
	"unsafe"
)

func sizeof[T any]() uintptr { return unsafe.Sizeof(*new(T)) }

// work spends n spins. Zero costs a branch that is always predicted.
func work(n int) {
	if n > 0 {
		spin(n)
	}
}

// spin is a chain of dependent multiplications: no memory, no PAUSE, and the
// same time on a core that shares its units with another thread.
//
//go:noinline
func spin(n int) uint32 {
	x := uint32(n)
	for range n {
		x = x*1664525 + 1013904223
	}
	return x
}

// perSpin is what one spin takes, in nanoseconds: the fastest of many short
// runs, which no other program has interrupted.
var perSpin = func() float64 {
	const n = 10_000
	best := time.Duration(math.MaxInt64)
	for range 200 {
		start := time.Now()
		spin(n)
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / n
}()

// spins converts a time to spins.
func spins(d time.Duration) int {
	return int(math.Round(float64(d.Nanoseconds()) / perSpin))
}
