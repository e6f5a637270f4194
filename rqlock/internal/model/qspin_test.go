package model

import (
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/qspin"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// baseline is where TestQspin's programs run.
var baseline struct {
	lock qspin.Mutex
	data uint64
}

// qspinProgram has threads that take the lock a number of times.
func qspinProgram(threads, rounds int) *mc.Program {
	one := func() {
		mc.Enter(-1)
		defer mc.Leave()
		for i := range rounds {
			mc.Forget()
			mc.At(0, uint64(i), 0)
			baseline.lock.Lock(0)
			mc.PlainRead(0, unsafe.Pointer(&baseline.data), 64)
			v := baseline.data + 1
			mc.PlainWrite(0, unsafe.Pointer(&baseline.data), 64)
			baseline.data = v
			mc.At(0, uint64(i), 1)
			baseline.lock.Unlock(0)
		}
	}
	return &mc.Program{
		Name:    "qspin",
		Declare: func() { mc.Name(unsafe.Pointer(&baseline.data), "data") },
		Setup: func() {
			qspin.Reset()
			baseline.lock.Reset()
			baseline.data = 0
			wait.Spins = 0
		},
		Threads: repeated(threads, one),
		Final: func() {
			if left := baseline.lock.Left(); left != "" {
				mc.Fail("%s", left)
			}
			if baseline.data != uint64(threads*rounds) {
				mc.Fail("%d sections, but %d were counted", threads*rounds, baseline.data)
			}
		},
	}
}

// TestQspin explores the baseline, too: what is compared with the lock is one.
func TestQspin(t *testing.T) {
	sizes := [][2]int{{2, 1}, {2, 2}}
	if *tierName != "short" {
		sizes = append(sizes, [2]int{3, 1})
	}
	for _, size := range sizes {
		for _, memory := range memories {
			w := mc.World{Memory: memory, Marks: true, Ticks: []int64{int64(wait.Door)}, MaxTicks: 1, Patient: true}
			if size[0] > 2 && memory != mc.SC {
				w.MaxStates = 500_000
			}
			report(t, w.Run(qspinProgram(size[0], size[1]), mc.Exhaustive()))
		}
	}
}
