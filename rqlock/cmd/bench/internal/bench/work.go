package bench

import (
	"math"
	"time"
	"unsafe"
)

func sizeof[T any]() uintptr { return unsafe.Sizeof(*new(T)) }

// work takes the time of n spins. If n is 0 it costs a branch that is always predicted.
func work(n int) {
	if n > 0 {
		_ = spin(n)
	}
}

// spin is a chain of dependent multiplications. It has no memory access and no PAUSE, and
// takes the same time on a core that shares its units with another thread.
//
//go:noinline
func spin(n int) uint32 {
	x := uint32(n)
	for range n {
		x = x*1664525 + 1013904223
	}
	return x
}

// perSpin is the time of one spin, ns.
var perSpin = measureSpin()

// measureSpin returns the fastest of many short runs, which no other program interrupted.
func measureSpin() float64 {
	const n = 10_000
	best := time.Duration(math.MaxInt64)
	for range 200 {
		start := time.Now()
		_ = spin(n)
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / n
}

// spins converts a time to spins.
func spins(d time.Duration) int {
	return int(math.Round(float64(d.Nanoseconds()) / perSpin))
}
