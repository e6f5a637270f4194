package rqlock

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// Events counts outcomes of acquisitions since the program started. What the
// fast path acquires is not counted: it would have to write a shared line.
type Events struct {
	Spun      uint64 // acquired by spinning, past the queue if there was one
	Queued    uint64 // entered a queue
	Parked    uint64 // blocked in a queue (once for each time)
	Pending   uint64 // waited so long that they closed the door to others
	NoNode    uint64 // waited beside the queue, for want of a node
	Self      uint64 // failed: the caller held the lock already (AA)
	Cycle     uint64 // failed: victim of a cycle (ABBA and longer)
	Stall     uint64 // failed: no grant for the stall timeout
	Deadline  uint64 // failed: LockTimeout's limit
	Cancelled uint64 // failed: LockContext's context
}

type event int

const (
	evSpun event = iota
	evQueued
	evParked
	evPending
	evNoNode
	evSelf
	evCycle
	evStall
	evDeadline
	evCancelled
	numEvents
)

// counters are spread over cache lines by goroutine.
var counters [64]struct {
	n [numEvents]atomic.Uint64
	_ [128 - numEvents*8%128]byte
}

func count(e event) { counters[hash(asm.CurrentG())%uint32(len(counters))].n[e].Add(1) }

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
		Spun: sum[evSpun], Queued: sum[evQueued], Parked: sum[evParked], Pending: sum[evPending], NoNode: sum[evNoNode],
		Self: sum[evSelf], Cycle: sum[evCycle], Stall: sum[evStall], Deadline: sum[evDeadline], Cancelled: sum[evCancelled],
	}
}
