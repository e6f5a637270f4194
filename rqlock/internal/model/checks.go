package model

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// ghost has the ghost variables: what the checks remember of an execution. A lock or a
// thread in them is its number plus 1, so that 0 is none.
var ghost ghosts

type ghosts struct {
	// Of each lock.
	owner     [maxLocks]int    // thread in the section
	grantedAt [maxLocks]int64  // when it was last acquired
	mayPass   [maxLocks]uint32 // while it is closed: threads that had looked before, as bits
	mustOpen  [maxLocks]bool   // its head has acquired it, and it is closed still

	// Of each thread's acquisition.
	lock       [maxThreads]int   // the lock that it acquires
	looked     [maxThreads]int   // the lock that it has found open, and is about to acquire past the queue
	began      [maxThreads]int64 // when it called
	inCycle    [maxThreads]bool  // whether it has been in a cycle since
	stalled    [maxThreads]bool  // whether the lock has stalled since
	queued     [maxThreads]bool  // whether it has a record
	bounded    [maxThreads]bool  // whether a stall ends its wait
	waitBegan  [maxThreads]int64 // since when
	roundBegan [maxThreads]int64 // at the first clock read of a round of polling; -1 if none
	noGrant    [maxThreads]int64 // how long the lock had not been granted at the last clock read

	cycles  int
	victims int

	readerGhosts
}

// hash covers all ghost variables.
func (g *ghosts) hash() uint64 {
	h := uint64(0)
	add := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	for i := range g.owner {
		add(uint64(g.owner[i]))
		add(uint64(g.grantedAt[i]))
		add(uint64(g.mayPass[i]))
		if g.mustOpen[i] {
			add(uint64(i) + 1)
		}
	}
	for i := range g.lock {
		add(uint64(g.lock[i]))
		add(uint64(g.looked[i]))
		add(uint64(g.began[i]))
		add(uint64(g.waitBegan[i]))
		add(uint64(g.roundBegan[i]))
		add(uint64(g.noGrant[i]))
		flags := uint64(0)
		for n, b := range []bool{g.inCycle[i], g.stalled[i], g.queued[i], g.bounded[i]} {
			if b {
				flags |= 1 << n
			}
		}
		add(flags)
	}
	add(uint64(g.cycles))
	add(uint64(g.victims))
	if lock.AnyReaders {
		g.readerGhosts.hash(add)
	}
	return h
}

func init() {
	lock.OnClockRead = clockRead
	asm.OnLook = looked
	mc.OnPause = checkPause
}

// declare names the variables for the explorer, and tells the checks of changes.
func declare() {
	lock.Declare()
	shared.ctx.Declare()
	for i := range shared.locks {
		shared.locks[i].Declare(fmt.Sprintf("L%d", i), func(thread int) { granted(thread, i) }, func() { closed(i) }, func() { opened(i) }, func() { emptied(i) })
	}
	declareReaders()
	for i := range shared.data {
		mc.Name(unsafe.Pointer(&shared.data[i]), fmt.Sprintf("data%d", i))
	}
	mc.GhostVar("checks", func() uint64 { return ghost.hash() })
}

// looked records that a thread has looked whether the lock is open, or that it has tried
// to acquire it since. (RA has no time. There, who reads an old value has looked before.)
func looked(w *asm.Owned, open bool) {
	me := mc.Self()
	if ghost.looked[me] = 0; !open {
		return
	}
	for i := range shared.locks {
		if l := &shared.locks[i]; l.Is(w) {
			ghost.looked[me] = i + 1
			if l.Closed() {
				ghost.mayPass[i] |= 1 << me
			}
		}
	}
}

// closed records who may still pass the queue of a lock that has just been closed.
func closed(l int) {
	for i, at := range ghost.looked {
		if at == l+1 {
			ghost.mayPass[l] |= 1 << i
		}
	}
}

func opened(l int) { ghost.mayPass[l], ghost.mustOpen[l] = 0, false }

// emptied checks that a lock is open when its queue becomes empty.
func emptied(l int) {
	if !misused[l] && !shared.locks[l].Open() {
		mc.Fail("leaves the queue empty, and the lock with sleeper %s", shared.locks[l].Sleeper())
	}
}

// misused says which locks the program copies or overwrites. Their sections may not exclude
// one another, and newcomers may barge.
var misused [maxLocks]bool

// granted checks that a thread that acquires a closed lock past its queue had looked before
// it was closed, and does so once. Others are the queue's head, and must open it.
func granted(thread, l int) {
	for i, at := range ghost.lock {
		if at == l+1 && ghost.queued[i] && mc.Clock()-max(ghost.waitBegan[i], ghost.grantedAt[l]) >= int64(lock.StallTimeout) {
			ghost.stalled[i] = true
		}
	}
	ghost.grantedAt[l] = mc.Clock()
	if misused[l] || !shared.locks[l].Closed() {
		return
	}
	if ghost.looked[thread] != l+1 {
		ghost.mustOpen[l] = true
		return
	}
	if ghost.mayPass[l]>>thread&1 == 0 {
		mc.Fail("barges, though L%d is closed", l)
	}
	ghost.mayPass[l] &^= 1 << thread
}

// clockRead records what a waiter that reads the clock can know at that time.
func clockRead() {
	me := mc.Self()
	if me < 0 || ghost.lock[me] == 0 {
		return
	}
	now := mc.Clock()
	if !ghost.queued[me] { // it publishes its edge
		ghost.queued[me], ghost.waitBegan[me] = true, now
	}
	if ghost.roundBegan[me] < ghost.waitBegan[me] {
		ghost.roundBegan[me] = now
	}
	ghost.noGrant[me] = now - max(ghost.waitBegan[me], ghost.grantedAt[ghost.lock[me]-1])
}

// checkPause checks, at the end of a round of polling, that a queue's head that has polled
// for 1 ms has closed the lock, and that it does not take an open one for closed.
func checkPause() {
	me := mc.Self()
	if me < 0 || ghost.lock[me] == 0 || !ghost.queued[me] || misused[ghost.lock[me]-1] || ghost.lock[me] > firstRW {
		return
	}
	l := &shared.locks[ghost.lock[me]-1]
	if ghost.roundBegan[me]-ghost.waitBegan[me] >= int64(wait.Barging) && !l.Closed() {
		mc.Fail("has waited for %v, and the lock is not closed", wait.Barging)
	}
	ghost.roundBegan[me] = -1
	if l.Mistaken(me) {
		mc.Fail("takes the lock for closed, and it is open")
	}
}

// errCopy is what a panic of a copy stands for.
var errCopy = errors.New("the lock is a copy")

// errHeld is what a TryLock that fails stands for.
var errHeld = errors.New("the lock is held")

// beginAcquisition records that a thread wants a lock, and whether that closes a cycle.
func beginAcquisition(me int, a acquisition) {
	ghost.lock[me], ghost.began[me], ghost.inCycle[me] = a.lock+1, mc.Clock(), false
	ghost.bounded[me] = limits[a.call] == 0
	ghost.reads[me] = a.call.reads()
	if a.call.tries() {
		return
	}
	if lock.AnyReaders {
		beginReading(me, a)
	} else if cycle := cycleOf(me); len(cycle) > 1 {
		ghost.cycles++
		for _, i := range cycle {
			ghost.inCycle[i] = true
		}
	}
}

// cycleOf returns the threads of the cycle that me is in, if there is one.
func cycleOf(me int) (cycle []int) {
	for at := me; ghost.lock[at] != 0; {
		cycle = append(cycle, at)
		owner := ghost.owner[ghost.lock[at]-1]
		if owner == 0 || len(cycle) > maxThreads {
			return nil
		}
		if at = owner - 1; at == me {
			return cycle
		}
	}
	return nil
}

// checkAcquisition checks that the outcome of an acquisition is allowed. owned says whether
// the thread had the lock before.
func (p *program) checkAcquisition(me int, a acquisition, owned bool, err error) {
	var deadlock *lock.DeadlockError
	var timeout *lock.TimeoutError
	switch {
	case err == nil:
		if owned {
			mc.Fail("acquires a lock that it holds")
		}
		if ghost.mustOpen[a.lock] {
			mc.Fail("leaves the lock closed")
		}
	case errors.As(err, &deadlock):
		switch {
		case owned != deadlock.AtOnce || owned != (len(deadlock.Threads) == 1):
			mc.Fail("is told of a deadlock of %d, holding the lock: %v", len(deadlock.Threads), owned)
		case !owned && !ghost.inCycle[me]:
			mc.Fail("is told of a deadlock, but was in none")
		case !owned:
			ghost.victims++
		}
	case owned && !a.call.tries():
		mc.Fail("is not told that it holds the lock, but: %v", err)
	case errors.As(err, &timeout):
		p.checkTimeout(me, a, timeout)
	case (a.call == lockContext || a.call == readContext) && errors.Is(err, context.Canceled):
	case a.call.tries():
	case err == errCopy && p.copied(a.lock):
	default:
		mc.Fail("gets %v", err)
	}
}

// checkTimeout checks that a wait ends by time only if the time has passed: the limit since
// the wait began or, for a stall, the stall timeout since the lock was last granted. Who is
// told of a stall by the queue's head may find that out later. And a head with a limit far
// above has told those behind, before it gives up.
func (p *program) checkTimeout(me int, a acquisition, err *lock.TimeoutError) {
	waited := time.Duration(mc.Clock() - ghost.began[me])
	noGrant := time.Duration(ghost.noGrant[me])
	switch {
	case !p.aborts:
		mc.Fail("times out")
	case err.Stall && limits[a.call] > 0:
		mc.Fail("has a limit, but reports a stall")
	case err.Stall && !ghost.queued[me]:
		mc.Fail("has not waited in the queue, but reports a stall")
	case err.Stall && err.Told && ghost.stalled[me]:
	case err.Stall && noGrant < lock.StallTimeout:
		mc.Fail("reports a stall, but the lock had not been granted for %v only", noGrant)
	case !err.Stall && (limits[a.call] == 0 || waited < limits[a.call]):
		mc.Fail("gives up after %v", waited)
	}
	if a.call != lockPatient || mc.Memory() == mc.RA { // RA has no time in which a link becomes visible
		return
	}
	for i, at := range ghost.lock {
		if at == a.lock+1 && ghost.queued[i] && ghost.bounded[i] && mc.Clock()-max(ghost.waitBegan[i], ghost.grantedAt[a.lock]) > p.toldWithin() {
			mc.Fail("has let T%d wait, though the lock has stalled", i)
		}
	}
}

// toldWithin returns how long after the last grant a head with a long limit has told those
// behind it at the latest. A head that sleeps notes a grant when it wakes, one timeout later,
// and the next timeout begins then. Whenever the clock ticks of itself, the head may stand
// still for a timeout, and then counts the last quarter again.
func (p *program) toldWithin() int64 {
	return int64(lock.StallTimeout)*int64(2+p.ticks) + int64(lock.StallTimeout)/4
}

// endAcquisition clears what is not needed any more, so that it makes no states.
func endAcquisition(me int) {
	ghost.roundBegan[me], ghost.queued[me], ghost.stalled[me] = -1, false, false
	ghost.began[me], ghost.waitBegan[me], ghost.noGrant[me], ghost.inCycle[me] = 0, 0, 0, false
	endReading(me)
}

// enterSection checks mutual exclusion, by a ghost variable and by accesses to plain data
// that the race detector checks.
func enterSection(me int, a acquisition) {
	l := a.lock
	if a.call.reads() {
		enterReading(me, l)
		return
	}
	if lock.AnyReaders {
		excludeReaders(me, l)
	}
	if ghost.owner[l] != 0 {
		mc.Fail("holds L%d together with T%d", l, ghost.owner[l]-1)
	}
	ghost.owner[l] = me + 1
	if misused[l] {
		return
	}
	mc.PlainRead(0, unsafe.Pointer(&shared.data[l]), 64)
	v := shared.data[l]
	mc.PlainWrite(0, unsafe.Pointer(&shared.data[l]), 64)
	shared.data[l] = v + 1
}

func leaveSection(l int) { ghost.owner[l] = 0 }

// outcome describes the end of an execution, for comparisons.
func outcome() string {
	s := ""
	for i := range shared.locks {
		s += fmt.Sprintf("L%d: %s, %d sections; ", i, shared.locks[i].String(), shared.data[i])
	}
	for i := range shared.rws {
		if l := firstRW + i; lock.AnyReaders {
			s += fmt.Sprintf("L%d: %s, %d sections; ", l, shared.rws[i].String(), shared.data[l])
		}
	}
	return s + fmt.Sprintf("%d cycles, %d victims, records %s", ghost.cycles, ghost.victims, lock.Records())
}

// final checks what an execution leaves behind, and that each cycle had one victim.
func (p *program) final() {
	for i := range shared.locks {
		if left := shared.locks[i].Left(); left != "" && ghost.owner[i] == 0 && !p.copied(i) {
			mc.Fail("%s", left)
		}
	}
	if leak := lock.Leaks(p.loses); leak != "" {
		mc.Fail("%s", leak)
	}
	if lock.AnyReaders {
		p.finalReaders()
		return
	}
	if ghost.victims > ghost.cycles || ghost.victims < ghost.cycles && !p.aborts {
		mc.Fail("%d victims of %d cycles", ghost.victims, ghost.cycles)
	}
}
