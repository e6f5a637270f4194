// Package events counts outcomes of acquisitions, and tells of violations.
package events

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// An Event is what is counted. Package rqlock's Events says what each means.
type Event int

const (
	Spun Event = iota
	Queued
	Parked
	Closed
	Unqueued
	SelfDeadlock
	CycleDeadlock
	Stall
	Deadline
	Cancelled
	Rescued
	Unreported
	Admitted
	Confirmed
	Withdrawn
	Number
)

// counters are spread over cache lines by goroutine.
var counters [64]struct {
	n [Number]atomic.Uint64
	_ [128 - Number*8%128]byte
}

// Count counts one e.
func Count(e Event) {
	counters[uint32(asm.CurrentGoid()*0x9e3779b97f4a7c15>>40)%uint32(len(counters))].n[e].Add(1)
}

// CountDeadlock counts a deadlock of so many goroutines.
func CountDeadlock(parties int) {
	if parties == 1 {
		Count(SelfDeadlock)
	} else {
		Count(CycleDeadlock)
	}
}

// Read returns the counts since the program started. Concurrent ones may be missing.
func Read() (sum [Number]uint64) {
	for i := range counters {
		for e := range sum {
			sum[e] += counters[i].n[e].Load()
		}
	}
	return sum
}

// Violated is called with the error of each violation, if it is not nil, by the goroutine that
// gets the error. It must take no lock of package rqlock.
var Violated atomic.Pointer[func(error)]
