package rqlock

import "github.com/rqlock/rqlock/rqlock/internal/events"

// Events counts outcomes of acquisitions since the program started. What the
// fast path acquires is not counted: it would have to write a shared line.
type Events struct {
	Spun          uint64 // acquired by spinning, past the queue if there was one
	Queued        uint64 // entered a queue
	Parked        uint64 // blocked in a queue; one wait may block several times
	Closed        uint64 // waited for 1 ms at the queue's head, and closed the lock to newcomers
	Unqueued      uint64 // waited beside the queue: no record was free, or in a bubble of testing/synctest
	SelfDeadlock  uint64 // failed: the caller held the lock already (AA)
	CycleDeadlock uint64 // failed: the victim of a cycle of two or more goroutines (ABBA)
	Stall         uint64 // failed: the lock was granted to nobody for the stall timeout
	Deadline      uint64 // failed: LockTimeout's limit had passed
	Cancelled     uint64 // failed: LockContext's context was done
	Rescued       uint64 // slept beside a free lock until the watchdog came: should be 0
	Unreported    uint64 // violations that OnViolation's function was not told of
	Admitted      uint64 // readers let in past a writer that waited, as a cycle would have closed

	// Of package rqlock/sync, which confirms a deadlock before it does anything. SelfDeadlock and
	// CycleDeadlock count only those that were confirmed.
	Confirmed uint64 // nobody unlocked meanwhile: what the policy says was done
	Withdrawn uint64 // somebody unlocked meanwhile, and the wait ended as any
}

// ReadEvents returns the counters. Those of concurrent acquisitions may be
// missing.
func ReadEvents() Events {
	n := events.Read()
	return Events{
		Spun: n[events.Spun], Queued: n[events.Queued], Parked: n[events.Parked], Closed: n[events.Closed], Unqueued: n[events.Unqueued],
		SelfDeadlock: n[events.SelfDeadlock], CycleDeadlock: n[events.CycleDeadlock], Stall: n[events.Stall],
		Deadline: n[events.Deadline], Cancelled: n[events.Cancelled],
		Rescued: n[events.Rescued], Unreported: n[events.Unreported], Admitted: n[events.Admitted],
		Confirmed: n[events.Confirmed], Withdrawn: n[events.Withdrawn],
	}
}
