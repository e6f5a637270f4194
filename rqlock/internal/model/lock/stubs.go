// Package lock is the lock as the explorer runs it: gen's copy of package rqlock, and of the
// internal packages that have its algorithm, in the z* files. The rest is by hand. stubs.go
// replaces errors, the clock, the watchdog and the queue for records. reset.go makes the
// first state, and has checks of the last. hash.go has the hashes of live variables.
package lock

import (
	"errors"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/park"
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
type contextError struct {
	lock  any
	cause error
}

func (e *contextError) Error() string { return e.cause.Error() }
func (e *contextError) Unwrap() error { return e.cause }

// errNoCause is the original's.
var errNoCause = errors.New("no cause")

// Checks need no more of these errors than their kind, so they are made once.
var (
	errStall    = &TimeoutError{Stall: true}
	errTold     = &TimeoutError{Stall: true, Told: true}
	errDeadline = &TimeoutError{}
)

func (l *Mutex) failSelf() error           { return &DeadlockError{Threads: []int{mc.Self()}, AtOnce: true} }
func (l *Mutex) failDeadline(*Limit) error { return errDeadline }
func (l *Mutex) failContext() error        { return &contextError{} }
func reportViolation(error)                {}

func (l *Mutex) failStall(time.Duration) error { return stalled(&l.word) }

// stalled tells checks what the waiter can know, if the head has told it of the stall.
func stalled(word *asm.Owned) error {
	for i := range records {
		w := &records[i].Waiter
		if w.Lock.Peek() != word || w.ID.Peek() != uint64(mc.Self()+1) {
			continue
		}
		if v := w.Verdict.Peek(); v != nil && v.Epoch == w.Epoch && v.Err == nil {
			if OnClockRead != nil {
				OnClockRead()
			}
			return errTold
		}
	}
	return errStall
}

func newDeadlock(cycle Cycle) *DeadlockError {
	e := &DeadlockError{}
	for _, s := range cycle {
		e.Threads = append(e.Threads, int(s.ID)-1)
	}
	return e
}

func (l *Mutex) badUnlock(uint64) {
	mc.Fail("thread %d unlocks a lock that it does not hold", mc.Self())
}

func (l *Mutex) badAssert(uint64) {
	mc.Fail("thread %d does not hold a lock that it must hold", mc.Self())
}

// BadCopy is what a thread panics with that locks the copy of a lock with waiters.
type BadCopy struct{}

func (l *Mutex) badCopy() { panic(BadCopy{}) }
func badCopy(any)         { panic(BadCopy{}) }

// claims is the original's, for limits that no model has.
func claims(site mc.Site, l *asm.Owned, kind Kind, _ *Limit) bool { return !HandedOver(site, l, kind) }

func closes(_ *Waiter, err error) error { return err }

// HandedOver is waitgraph.HandedOver. No Mutex of the model is unlocked by another thread.
func HandedOver(site mc.Site, l *asm.Owned, kind Kind) bool {
	return kind != ForMutex && GateOf(l).HandedOver(site)
}

// newWalk is the original's, without spare ones.
func newWalk(start Step) *walk { return &walk{start: start} }

func (k *walk) free() {}

// clock has the cache line that a reader of the original's clock reads.
var clock [8]uint64

// Read is clock.Read. There are no bubbles here.
func Read() (now int64, bubble bool) { return Now(), false }

// Now is clock.Now on the explorer's clock, beginning at 1.
func Now() int64 {
	if mc.Simulation != nil {
		mc.Simulation.Access("clock", unsafe.Pointer(&clock), false)
	}
	if OnClockRead != nil && mc.Simulation == nil {
		OnClockRead()
	}
	return mc.Now() + 1 + ahead()
}

// OnClockRead is called when a thread reads the clock.
var OnClockRead func()

// naps are how long each thread has slept for stores to drain: so long is nothing on the
// explorer's clock, and so it is on the thread's.
var naps [16]int64

func ahead() int64 {
	if me := mc.Self(); mc.Simulation == nil && me >= 0 {
		return naps[me]
	}
	return 0
}

// StallTimeout is the stall timeout of all programs.
const StallTimeout = 4 * wait.Long

// Timeout is stall.Timeout.
func Timeout(*asm.Owned) int64 { return int64(StallTimeout) }

// A Sleeper is a stall.Sleeper. The watchdog wakes it when its lock has stalled, and then
// counts the steps of the timeout's last quarter for it. It also wakes one whose lock was
// overwritten. Any other waiter whose lock is free it does not wake: the owner, or the
// reader that it waits for, has to.
type Sleeper struct {
	head   *Head
	parker *Parker
}

// Rescues says that the watchdog also wakes a head whose lock is free.
var Rescues bool

const lastQuarter = int64(StallTimeout / 4)

// Asleep is Sleeper.Asleep.
func (s *Sleeper) Asleep() {}

// Woken is Sleeper.Woken.
func (s *Sleeper) Woken() {}

// Roused is Sleeper.Roused.
func (s *Sleeper) Roused() {}

// Unlocked is Sleeper.Unlocked.
func (s *Sleeper) Unlocked() {}

// Watch is Sleeper.Watch.
func (s *Sleeper) Watch(l *asm.Owned, said uint32, head *Head, p *Parker) {
	s.watch(head, p, func() (late, forgotten bool) {
		held := l.Owner.Peek() != 0
		return held, l.Sleeper != said || Rescues && !held
	})
}

// WatchBeside is Sleeper.WatchBeside.
func (s *Sleeper) WatchBeside(l *asm.Owned, head *Head, p *Parker) {
	s.watch(head, p, func() (late, forgotten bool) { return l.Owner.Peek() != 0, false })
}

// WatchOwner is Sleeper.WatchOwner.
func (s *Sleeper) WatchOwner(l *asm.Owned, slot *uint64, head *Head, p *Parker) {
	s.watch(head, p, func() (late, forgotten bool) { return slot == nil || *slot&^readersMore == name(l), false })
}

// watch has the watchdog wake the head when its lock has stalled, if alarmed says so.
func (s *Sleeper) watch(head *Head, p *Parker, alarmed func() (late, forgotten bool)) {
	if mc.Simulation == nil {
		*s = Sleeper{head, p}
		p.Alarm = max(mc.Clock(), head.quiet-1+int64(StallTimeout)-lastQuarter) + lastQuarter - head.steps
		p.Alarmed = alarmed
	}
}

// Unwatch is Sleeper.Unwatch.
func (s *Sleeper) Unwatch() {
	if mc.Simulation == nil {
		s.head.steps = max(s.head.steps, mc.Clock()-s.parker.Alarm+lastQuarter)
		s.parker.Alarm = 0
	}
}

// Hold is stall.Hold, for one behind a head that waits in a bubble.
func Hold(*Parker) {}

// Release is stall.Release.
func Release(*Parker) {}

// A Parker is a park.Parker. The methods that take a Limit to wait by are copied.
type Parker struct{ park.Parker }

// WaitFor is Parker.WaitFor. A reader that waits sleeps for 100 us until an unlock is visible
// that could not see it yet.
func (p *Parker) WaitFor(site mc.Site, d time.Duration, done <-chan struct{}) {
	if mc.Simulation == nil && d > 0 && d <= 2*wait.Drain {
		p.Pause(site, d)
		naps[mc.Self()] += int64(d)
		return
	}
	p.Parker.WaitFor(site, d, done)
}

// Begin is Parker.Begin.
func (p *Parker) Begin(bubble bool, lim *Limit) {}

// Bubbles is park.Bubbles.
func Bubbles() bool { return false }

func yield() {}

// awaitBeside is for who waits in a bubble.
func (l *Mutex) awaitBeside(*Waiter, *Limit) error { panic("there are no bubbles") }

func isClosed(site mc.Site, done <-chan struct{}) bool { return context.Closed(site, done) }

// Nobody hands a record out, so who needs one polls.

// Want is waiter.Want.
func Want(int32) {}

// Wanted is waiter.Wanted.
func Wanted(site mc.Site, _ bool) *Waiter {
	mc.Enter(-3)
	defer mc.Leave()
	mc.At(site, 1)
	if w := New(site, 0); w != nil {
		return w
	}
	mc.At(site, 2)
	mc.Pause(site)
	return nil
}

// Where locks are taken is recorded with a build tag only.

func (l *Mutex) took(err error) error { return err }
func (l *Mutex) tried(ok bool) bool   { return ok }
func (l *Mutex) gives()               {}

// waited is told of waits for a profile.
func waited(*Waiter) {}

// handOut hands out nothing. Free begins with it, so here is where a record must have no edge: who
// takes the record next would find its own edge taken back.
func handOut(w *Waiter) bool {
	if w.Edge.Lock.Peek() != nil {
		mc.Fail("record %d is given back while its goroutine waits", w.Index)
	}
	return false
}
