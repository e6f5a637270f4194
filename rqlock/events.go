package rqlock

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// Events counts outcomes of acquisitions since the program started. What the
// fast path acquires is not counted: it would have to write a shared line.
type Events struct {
	Spun          uint64 // acquired by spinning, past the queue if there was one
	Queued        uint64 // entered a queue
	Parked        uint64 // blocked in a queue; one wait may block several times
	Closed        uint64 // waited for 1 ms at the queue's head, and closed the lock to newcomers
	Unqueued      uint64 // waited beside the queue, because all queue nodes were in use
	SelfDeadlock  uint64 // failed: the caller held the lock already (AA)
	CycleDeadlock uint64 // failed: the victim of a cycle of two or more goroutines (ABBA)
	Stall         uint64 // failed: the lock was granted to nobody for the stall timeout
	Deadline      uint64 // failed: LockTimeout's limit had passed
	Cancelled     uint64 // failed: LockContext's context was done
	Rescued       uint64 // slept beside a free lock until the watchdog came: should be 0
}

type event int

const (
	evSpun event = iota
	evQueued
	evParked
	evClosed
	evUnqueued
	evSelfDeadlock
	evCycleDeadlock
	evStall
	evDeadline
	evCancelled
	evRescued
	numEvents
)

// counters are spread over cache lines by goroutine.
var counters [64]struct {
	n [numEvents]atomic.Uint64
	_ [128 - numEvents*8%128]byte
}

func count(e event) { counters[hash(asm.CurrentGoid())%uint32(len(counters))].n[e].Add(1) }

// ReadEvents returns the counters. Those of concurrent acquisitions may be
// missing.
func ReadEvents() Events {
	var sum [numEvents]uint64
	for i := range counters {
		for e := range sum {
			sum[e] += counters[i].n[e].Load()
		}
	}
	return Events{
		Spun: sum[evSpun], Queued: sum[evQueued], Parked: sum[evParked], Closed: sum[evClosed], Unqueued: sum[evUnqueued],
		SelfDeadlock: sum[evSelfDeadlock], CycleDeadlock: sum[evCycleDeadlock], Stall: sum[evStall],
		Deadline: sum[evDeadline], Cancelled: sum[evCancelled],
		Rescued: sum[evRescued],
	}
}
