// Package lock is the lock as the explorer runs it: the copy that gen makes of
// package rqlock, and this file, which stands for the rest of it: reports, events,
// the clock and parking.
package lock

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/time"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// Room for the largest simulation. Explorations use one chunk, and exploredBuckets
// of the table, so that they meet all of its cases.
const (
	chunkSize  = 8
	maxChunks  = 512
	maxRecords = chunkSize * maxChunks

	edgeBuckets     = 4096
	exploredBuckets = 4
	bucketSlots     = 1
)

// A bucket is a cache line here, too.
type bucket struct {
	slots         [bucketSlots]uint32
	passed, spare uint32
	_             [cacheLine - 4*(bucketSlots+2)]byte
}

// hash is the same for all in explorations, so that they share a bucket, and those
// that run the same program differ in nothing.
func hash(x uintptr) uint32 {
	if mc.Outside == nil {
		return 0
	}
	return uint32(uint64(x) * 0x9e3779b97f4a7c15 >> 40)
}

// DeadlockError is a report without its text.
type DeadlockError struct {
	Threads []int
	AtOnce  bool // found without a walk: the thread holds the lock
}

func (*DeadlockError) Error() string { return "deadlock" }

// TimeoutError is a report without its text.
type TimeoutError struct{ Stall bool }

func (*TimeoutError) Error() string { return "timeout" }

// contextError is a report without its text, too.
type contextError struct{ cause error }

func (e *contextError) Error() string { return e.cause.Error() }
func (e *contextError) Unwrap() error { return e.cause }

// The errors are made once: which there are is all that the explorer asks.
var (
	errStall    = &TimeoutError{Stall: true}
	errDeadline = &TimeoutError{}
)

func (l *Mutex) failSelf() error                 { return &DeadlockError{Threads: []int{mc.Self()}, AtOnce: true} }
func (l *Mutex) failStall(d time.Duration) error { return errStall }
func (l *Mutex) failDeadline(*limit) error       { return errDeadline }
func (l *Mutex) failContext(*limit) error        { return &contextError{} }
func failDeadlock(err *DeadlockError) error      { return err }
func reportViolation(error)                      {}

func newDeadlock(steps []step) *DeadlockError {
	e := &DeadlockError{}
	for _, s := range steps {
		e.Threads = append(e.Threads, int(s.g)/2-1)
	}
	if OnCycle != nil {
		OnCycle(e.Threads)
	}
	return e
}

// OnCycle is told of every cycle that a walk has confirmed, the victim first.
var OnCycle func(threads []int)

func (l *Mutex) badUnlock(uintptr) {
	mc.Fail("thread %d unlocks a lock that it does not hold", mc.Self())
}

func (l *Mutex) addr() uintptr { return uintptr(unsafe.Pointer(l)) }

// place says nothing: reports have no stacks here. A simulation counts its lines.
type place struct{ lines [3][8]uint64 }

func (p *place) record() {
	if mc.Outside != nil {
		for i := range p.lines {
			mc.Outside.Access("place", unsafe.Pointer(&p.lines[i]), true)
		}
	}
}

// Nobody counts events.
const (
	evSpun = iota
	evQueued
	evParked
	evClosed
	evUnqueued
	evCycleDeadlock
)

// counters are as the original's, for simulations.
var counters [64][128]byte

// OnClosed is told when a thread has closed the door.
var OnClosed func()

func count(event int) {
	if event == evClosed && OnClosed != nil && mc.Outside == nil {
		OnClosed()
	}
	if mc.Outside != nil {
		i := hash(asm.CurrentG()) % uint32(len(counters))
		mc.Outside.Access("count", unsafe.Pointer(&counters[i]), true)
	}
}

// stallClock is the explorer's clock, from 1 on. That it does not jump is tested
// elsewhere.
var stallClock clock

type clock struct{ last [8]uint64 }

func (c *clock) now() int64 {
	if mc.Outside != nil {
		mc.Outside.Access("clock", unsafe.Pointer(&c.last), false)
	}
	if OnClock != nil && mc.Outside == nil {
		OnClock()
	}
	return mc.Now() + 1
}

// OnClock is told when a thread looks at the clock.
var OnClock func()

// StallTimeout is the stall timeout of all programs.
const StallTimeout = 4 * wait.Long

var stallTimeout timeout

type timeout struct{}

func (timeout) Load(mc.Site) int64 { return int64(StallTimeout) }

func maxTick() int64 { return int64(StallTimeout) }
