// Package lock is the lock as the explorer runs it: gen's copy of package rqlock in the
// z* files, and what replaces the files that are not copied. stubs.go replaces errors,
// events, call stacks and the clock. reset.go makes the first state, and has checks of the
// last. hash.go has the hashes of live variables.
package lock

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/time"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// Tables have room for the largest simulation. Explorations use one chunk of records and
// exploredBuckets of the table of edges, so that all of its cases occur.
const (
	chunkSize  = 8
	maxChunks  = 512
	maxRecords = chunkSize * maxChunks

	edgeBuckets     = 4096
	exploredBuckets = 4
	bucketSlots     = 1
)

// A bucket fills a cache line, as the original's does.
type bucket struct {
	slots         [bucketSlots]uint32
	passed, spare uint32
	_             [cacheLine - 4*(bucketSlots+2)]byte
}

// hash is the same for all threads in explorations. So they share a bucket, and threads
// that do the same differ in nothing but their numbers.
func hash(x uint64) uint32 {
	if mc.Simulation == nil {
		return 0
	}
	return uint32(x * 0x9e3779b97f4a7c15 >> 40)
}

// DeadlockError is rqlock.DeadlockError without what is shown to users.
type DeadlockError struct {
	Threads []int
	AtOnce  bool // the thread held the lock itself, so there was no walk
}

func (*DeadlockError) Error() string { return "deadlock" }

// TimeoutError is rqlock.TimeoutError without what is shown to users.
type TimeoutError struct {
	Stall bool
	Told  bool // of the stall, by the queue's head
}

func (*TimeoutError) Error() string { return "timeout" }

// contextError is the original's, without what is shown to users.
type contextError struct{ cause error }

func (e *contextError) Error() string { return e.cause.Error() }
func (e *contextError) Unwrap() error { return e.cause }

// Checks need no more of these errors than their kind, so they are made once.
var (
	errStall    = &TimeoutError{Stall: true}
	errTold     = &TimeoutError{Stall: true, Told: true}
	errDeadline = &TimeoutError{}
)

func (l *Mutex) failSelf() error            { return &DeadlockError{Threads: []int{mc.Self()}, AtOnce: true} }
func (l *Mutex) failDeadline(*limit) error  { return errDeadline }
func (l *Mutex) failContext(*limit) error   { return &contextError{} }
func failDeadlock(err *DeadlockError) error { return err }
func reportViolation(error)                 {}

func (l *Mutex) failStall(d time.Duration) error {
	for i := range records {
		w := &records[i].waiter
		if v := w.verdict.Peek(); v != nil && v.epoch == w.epoch && v.err == nil && int(w.ID()) == mc.Self()+1 {
			return errTold
		}
	}
	return errStall
}

func newDeadlock(steps []step) *DeadlockError {
	e := &DeadlockError{}
	for _, s := range steps {
		e.Threads = append(e.Threads, int(s.g)-1)
	}
	if OnCycle != nil {
		OnCycle(e.Threads)
	}
	return e
}

// OnCycle is called for each cycle that a second walk has confirmed, with the victim
// first.
var OnCycle func(threads []int)

func (l *Mutex) badUnlock(uint64) {
	mc.Fail("thread %d unlocks a lock that it does not hold", mc.Self())
}

func (l *Mutex) badAssert(uint64) {
	mc.Fail("thread %d does not hold a lock that it must hold", mc.Self())
}

// place replaces the original's record of a call stack. It has no stack here, but a
// simulation counts its cache lines.
type place struct{ lines [3][8]uint64 }

func (p *place) record() {
	if mc.Simulation != nil {
		for i := range p.lines {
			mc.Simulation.Access("place", unsafe.Pointer(&p.lines[i]), true)
		}
	}
}

// Events are not counted.
const (
	evSpun = iota
	evQueued
	evParked
	evClosed
	evUnqueued
	evCycleDeadlock
)

// counters have the original's layout, for simulations.
var counters [64][128]byte

// OnClosed is called when a thread has closed a lock.
var OnClosed func()

func count(event int) {
	if event == evClosed && OnClosed != nil && mc.Simulation == nil {
		OnClosed()
	}
	if mc.Simulation != nil {
		i := hash(asm.CurrentGoid()) % uint32(len(counters))
		mc.Simulation.Access("count", unsafe.Pointer(&counters[i]), true)
	}
}

// clock is the explorer's clock, beginning at 1. Tests of package rqlock check that the
// original's does not jump.
var clock monotonic

type monotonic struct{ last [8]uint64 }

func (c *monotonic) now() int64 {
	if mc.Simulation != nil {
		mc.Simulation.Access("clock", unsafe.Pointer(&c.last), false)
	}
	if OnClockRead != nil && mc.Simulation == nil {
		OnClockRead()
	}
	return mc.Now() + 1
}

// OnClockRead is called when a thread reads the clock.
var OnClockRead func()

// StallTimeout is the stall timeout of all programs.
const StallTimeout = 4 * wait.Long

func (l *Mutex) stallTimeout() int64 { return int64(StallTimeout) }

// watchdog wakes a sleeping head when the lock has stalled, and then counts the steps of
// the timeout's last quarter for it. A head whose lock is free it does not wake: the owner
// has to.
var watchdog watch

type watch struct{}

func (watch) watch(l *Mutex, w *waiter) {
	if mc.Simulation == nil {
		last := int64(StallTimeout / 4)
		w.Alarm = max(mc.Clock(), w.head.quiet-1+int64(StallTimeout)-last) + last - w.head.steps
		w.Alarmed = func() bool { return l.word.Owner.Peek() != 0 }
	}
}

func (watch) unwatch(w *waiter) {
	if mc.Simulation == nil {
		last := int64(StallTimeout / 4)
		w.head.steps = max(w.head.steps, mc.Clock()-w.Alarm+last)
		w.Alarm = 0
	}
}

// awaitRecord polls: there is nobody who hands a record out.
func (l *Mutex) awaitRecord(site mc.Site, lim *limit) (*waiter, error) {
	mc.Enter(-3)
	defer mc.Leave()
	for {
		mc.Forget()
		mc.At(site, 1, hashLimitPtr(lim))
		if l.spin(site) {
			return nil, nil
		}
		mc.At(site, 2, hashLimitPtr(lim))
		if err := lim.expired(site, l); err != nil {
			return nil, err
		}
		mc.At(site, 3, hashLimitPtr(lim))
		if w := newWaiter(site, 0); w != nil {
			return w, nil
		}
		mc.At(site, 4, hashLimitPtr(lim))
		mc.Pause(site)
	}
}

func handOut(*waiter) bool { return false }
