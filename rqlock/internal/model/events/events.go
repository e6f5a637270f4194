// Package events is the twin of rqlock/internal/events. It counts nothing.
package events

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// The events that the lock counts.
const (
	Spun     = events.Spun
	Queued   = events.Queued
	Parked   = events.Parked
	Closed   = events.Closed
	Unqueued = events.Unqueued
	Admitted = events.Admitted

	Cancelled = events.Cancelled
	Deadline  = events.Deadline
)

// counters have the original's layout, for simulations.
var counters [64][128]byte

// Count is events.Count. A simulation counts its cache lines.
func Count(events.Event) {
	if mc.Simulation != nil {
		i := uint32(uint64(mc.Self()+1)*0x9e3779b97f4a7c15>>40) % uint32(len(counters))
		mc.Simulation.Access("count", unsafe.Pointer(&counters[i]), true)
	}
}
