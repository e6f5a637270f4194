package model

import (
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/qspin"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// baseline has the variables of TestQspin's programs.
var baseline struct {
	lock qspin.Mutex
	data uint64
}

// qspinProgram returns a program whose threads acquire the lock rounds times each.
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

// TestQspin: qspin is correct, too, so that a comparison with it is fair.
func TestQspin(t *testing.T) {
	limit := chosenTier(t)
	for _, test := range []struct {
		threads, rounds int
		sc, tso, ra     tier
		states          int64 // at most, under TSO and RA; 0 = all
	}{
		{2, 1, quick, quick, quick, 0},
		{2, 2, usual, full, full, 0},
		{3, 1, full, full, full, 500_000},
	} {
		for memory, from := range map[mc.Model]tier{mc.SC: test.sc, mc.TSO: test.tso, mc.RA: test.ra} {
			if from > limit {
				continue
			}
			w := mc.World{Memory: memory, Marks: true, Ticks: []int64{int64(wait.Barging)}, MaxTicks: 1, TickWhenIdle: true}
			w.MaxTime = timeUntil(deadline(t))
			if memory != mc.SC {
				w.MaxStates = test.states
			}
			r := w.Run(qspinProgram(test.threads, test.rounds), mc.Exhaustive())
			report(t, r)
			if r.Failure == nil && !r.Complete && w.MaxStates == 0 {
				t.Errorf("not explored to its end: %v", r)
			}
		}
	}
}
