package waiter

import (
	"fmt"

	"github.com/rqlock/rqlock/asm"
)

// What tests of other packages look at. Nobody may wait meanwhile.

// withheld are the records that Withhold keeps.
var withheld []*Waiter

// Withhold has no more than n waiters have records, until restore is called.
func Withhold(n int) (restore func()) {
	if n >= maxRecords {
		return func() {}
	}
	if w := New(0); w != nil { // makes some, if there were none
		w.Free()
	}
	all := TakeAll()
	most := Most
	Most = 0
	withheld = all[n:]
	for _, w := range all[:n] {
		w.Free()
	}
	return func() {
		Most = most
		for _, w := range withheld {
			w.Free()
		}
		withheld = nil
	}
}

// TakeAll returns all free records, which are the caller's.
func TakeAll() (all []*Waiter) {
	for i := range edges {
		if w := edges[i].takeSpare(); w != nil {
			all = append(all, w)
		}
	}
	for w := registry.free.pop(); w != nil; w = registry.free.pop() {
		all = append(all, w)
	}
	return all
}

// Reclaim frees the records that are not free, and returns how many there were.
func Reclaim() (lost int) {
	free := map[*Waiter]bool{}
	all := TakeAll()
	for _, w := range all {
		free[w] = true
	}
	for index := range Made() {
		if w := At(index + 1); !free[w] {
			lost++
			all = append(all, w)
		}
	}
	for _, w := range all {
		w.Free()
	}
	return lost
}

// Leaks describes what is left of waits that are over: edges in the table, records that are not
// free, or still do something, and a wish for a record.
func Leaks() (found []string) {
	leak := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if n := wanted.n.Load(); n != 0 {
		leak("%d want a record", n)
	}
	registry.mu.Lock()
	made := registry.made
	registry.mu.Unlock()
	free := make([]int, made+1)
	for at := range edges {
		b := &edges[at]
		for i := range b.slots {
			if index := asm.LoadRelaxed32(&b.slots[i]); index != 0 {
				leak("the edge of record %d is left in bucket %d", index, at)
			}
		}
		if n := asm.LoadRelaxed32(&b.passed); n != 0 {
			leak("bucket %d counts %d records that went further", at, int32(n))
		}
		free[asm.LoadRelaxed32(&b.spare)]++
	}
	for _, w := range withheld {
		free[w.Index]++
	}
	for index := uint32(registry.free.top.Load()); index != 0 && free[index] < 2; index = At(index).nextFree {
		free[index]++
	}
	for index := uint32(1); index <= made; index++ {
		w := At(index)
		if free[index] != 1 {
			leak("record %d of %d is free %d times", index, made, free[index])
		}
		if w.Lock.Load() != nil {
			leak("record %d has an edge", index)
		}
		if !w.Idle() {
			leak("record %d waits on", index)
		}
		if !w.Reads.Idle() {
			leak("what the goroutine of record %d holds is entered", index)
		}
		if w.Stage.Load() != 0 {
			leak("record %d waits to read", index)
		}
	}
	return found
}

// Numbers returns how many records belong to a goroutine that waits, and how many there are.
// Records that are given back, or taken, meanwhile may be counted or not.
func Numbers() (waiting, made int) {
	n := Made()
	for i := range n {
		if At(i+1).Lock.Load() != nil {
			waiting++
		}
	}
	return waiting, int(n)
}
