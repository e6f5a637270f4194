package main

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/cmd/bench/internal/sim"
	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// readLocks are the reader-writer locks that are simulated. The first is rqlock's.
var readLocks = []string{"rqlock.RWMutex", "one counter"}

// mixes are how many operations there are to each write; with 0 all of them are reads.
var mixes = []int{0, 1000}

// mostMixed is the most cores that are simulated with writes, which take long.
const mostMixed = 64

// readsEach is how often each core reads or writes, in the half that is measured.
const readsEach = 200

// A sharedLock is a reader-writer lock as a simulation uses it.
type sharedLock struct{ lock, unlock, rlock, runlock func() }

// simulateReads measures a reader-writer lock that all cores want all the time, and of which every
// writeEvery-th acquisition is to write.
func simulateReads(name string, cores, writeEvery int) cost {
	var m sim.Machine
	l := newShared(name, cores, &m)
	var from, to struct{ transfers, time int64 }
	total, half := 0, cores*readsEach
	m.Run(slices.Repeat([]func(){func() {
		for total < 2*half {
			total++
			switch total {
			case half: // the first half was to warm up
				from.transfers, from.time = m.Transfers, m.Now()
			case 2 * half:
				to.transfers, to.time = m.Transfers, m.Now()
			}
			if writeEvery > 0 && total%writeEvery == 0 {
				l.lock()
				mc.PauseFor(0, insideTime)
				l.unlock()
			} else {
				l.rlock()
				mc.PauseFor(0, insideTime)
				l.runlock()
			}
			mc.PauseFor(0, outsideTime)
		}
	}}, cores))
	return cost{
		transfers: float64(to.transfers-from.transfers) / float64(half),
		time:      float64(to.time-from.time) / float64(half),
	}
}

// newShared returns a reader-writer lock in a cache line of its own.
func newShared(name string, cores int, m *sim.Machine) sharedLock {
	if name == readLocks[0] {
		l := alone[lock.RWMutex]()
		lock.SimulateReaders(cores)
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		return sharedLock{
			func() { must(l.Lock(0)) }, func() { l.Unlock(0) },
			func() { must(l.RLock(0)) }, func() { l.RUnlock(0) },
		}
	}
	// The shape of sync.RWMutex: each read adds to one word, and subtracts from it.
	w := alone[uint32]()
	const writes = 1 << 31
	update := func(f func(v uint64) (uint64, bool)) uint64 {
		return mc.Update(0, "counter", unsafe.Pointer(w), 32, mc.AcqRel, f)
	}
	until := func(mask uint64) {
		for mc.LoadWord(0, "counter", unsafe.Pointer(w), 32, mc.Acquire)&mask != 0 {
			m.Spin(unsafe.Pointer(w))
		}
	}
	return sharedLock{
		func() {
			for update(func(v uint64) (uint64, bool) { return v | writes, v&writes == 0 })&writes != 0 {
				until(writes)
			}
			until(writes - 1)
		},
		func() { update(func(v uint64) (uint64, bool) { return v &^ writes, true }) },
		func() {
			for update(func(v uint64) (uint64, bool) { return v + 1, v&writes == 0 })&writes != 0 {
				until(writes)
			}
		},
		func() { update(func(v uint64) (uint64, bool) { return v - 1, true }) },
	}
}

// readsText is what the page says of reader-writer locks.
const readsText = `
## Readers

The same for reader-writer locks whose sections take 100 ns, with 200 ns between two. All
acquisitions are reads, or one of 1000 is a write. "One counter" is a lock whose readers add to one
word and subtract from it, which is the shape of sync.RWMutex. Each lock begins as new.

A read of rqlock.RWMutex moves no line in the steady state, and what the first reads of each core
have moved is all there is: its slot is in a line of its own, and the lock's words are only read.
So its time per read falls with each core, while a lock with one counter moves two lines for each
read, one after the other. A write costs lines in proportion to the cores, each of which has a row
that the writer looks at, and a reader that it makes wait: the table says what that comes to.

`

// readsTable returns the page's table of reader-writer locks.
func readsTable(costs map[string][]cost) []byte {
	var b bytes.Buffer
	b.WriteString("| cores |")
	for _, name := range readLocks {
		for _, every := range mixes {
			fmt.Fprintf(&b, " %s, %s |", name, mixName(every))
		}
	}
	b.WriteString("\n|---|")
	for range len(readLocks) * len(mixes) {
		b.WriteString("---|")
	}
	b.WriteString("\n")
	for i, cores := range allCores {
		fmt.Fprintf(&b, "| %d |", cores)
		for _, name := range readLocks {
			for _, every := range mixes {
				if every > 0 && cores > mostMixed {
					b.WriteString(" |")
					continue
				}
				c := costs[readsKey(name, every)][i]
				fmt.Fprintf(&b, " %.2f lines, %.1f ns |", c.transfers, c.time)
			}
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

// readCosts simulates all reader-writer locks.
func readCosts() map[string][]cost {
	costs := map[string][]cost{}
	for _, name := range readLocks {
		for _, every := range mixes {
			key := readsKey(name, every)
			for _, cores := range allCores {
				if every > 0 && cores > mostMixed {
					break
				}
				costs[key] = append(costs[key], simulateReads(name, cores, every))
			}
		}
	}
	return costs
}

func mixName(every int) string {
	if every == 0 {
		return "reads"
	}
	return fmt.Sprintf("a write in %d", every)
}

func readsKey(name string, every int) string { return fmt.Sprintf("%s %d", name, every) }
