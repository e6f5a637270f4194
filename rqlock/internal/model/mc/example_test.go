package mc_test

import (
	"fmt"
	"maps"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Two threads each store to one variable and load the other. Under SC, one of them must load
// the other's store. With store buffers, both may load 0.
func Example() {
	var x, y, r0, r1 uint64
	storeThenLoad := func(store, load, result *uint64) func() {
		return func() {
			mc.StoreWord(0, "store", unsafe.Pointer(store), 64, 1, mc.Relaxed)
			*result = mc.LoadWord(0, "load", unsafe.Pointer(load), 64, mc.Relaxed)
		}
	}
	p := &mc.Program{
		Name:    "store buffering",
		Threads: []func(){storeThenLoad(&x, &y, &r0), storeThenLoad(&y, &x, &r1)},
		Setup:   func() { x, y, r0, r1 = 0, 0, 0, 0 },
		Declare: func() { mc.GhostVar("results", func() uint64 { return r0 | r1<<1 }) },
		Outcome: func() string { return fmt.Sprint(r0, r1) },
	}
	for _, memory := range []mc.Model{mc.SC, mc.TSO, mc.RA} {
		r := mc.World{Memory: memory}.Run(p, mc.Exhaustive())
		fmt.Printf("%v %q, all explored: %v\n", memory, slices.Sorted(maps.Keys(r.Outcomes)), r.Complete)
	}
	// Output:
	// SC ["0 1" "1 0" "1 1"], all explored: true
	// TSO ["0 0" "0 1" "1 0" "1 1"], all explored: true
	// RA ["0 0" "0 1" "1 0" "1 1"], all explored: true
}

// A program that fails gives a short schedule, which can be replayed with a trace.
func ExampleWorld_Replay() {
	var x uint64
	increment := func() {
		v := mc.LoadWord(0, "load", unsafe.Pointer(&x), 64, mc.Relaxed)
		mc.StoreWord(0, "store", unsafe.Pointer(&x), 64, v+1, mc.Relaxed)
	}
	p := &mc.Program{
		Name:    "lost increment",
		Threads: []func(){increment, increment},
		Setup:   func() { x = 0 },
		Final: func() {
			if x != 2 {
				mc.Fail("x is %d", x)
			}
		},
	}
	w := mc.World{Memory: mc.SC}
	failure := w.Run(p, mc.Exhaustive()).Failure
	fmt.Printf("%s: schedule %s\n", failure.Message, failure.Schedule)
	_, again, err := w.Replay(p, failure.Schedule)
	fmt.Println(again.Message, err)
	// Output:
	// x is 1: schedule 0 1*2 0
	// x is 1 <nil>
}
