package model

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

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
	owner     [maxLocks]int   // thread in the section
	lockedAt  [maxLocks]int64 // when the locked byte was last set
	grantedAt [maxLocks]int64 // when the locked byte was set for the last owner
	closer    [maxLocks]int   // thread that has closed it
	barged    [maxLocks]int   // acquisitions by other threads since then

	// Of each thread's acquisition.
	lock       [maxThreads]int   // the lock that it acquires
	began      [maxThreads]int64 // when it called
	inCycle    [maxThreads]bool  // whether it has been in a cycle since
	clockReads [maxThreads]int   // by its wait, up to setupReads
	waitBegan  [maxThreads]int64 // at the last of these
	roundBegan [maxThreads]int64 // at the first clock read of a round of polling; -1 if none
	noGrant    [maxThreads]int64 // how long the lock had not been granted at the last clock read

	cycles  int
	victims int
}

// hash covers all ghost variables.
func (g *ghosts) hash() uint64 {
	h := uint64(0)
	add := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	for i := range g.owner {
		add(uint64(g.owner[i]))
		add(uint64(g.lockedAt[i]))
		add(uint64(g.grantedAt[i]))
		add(uint64(g.closer[i]))
		add(uint64(g.barged[i]))
	}
	for i := range g.lock {
		add(uint64(g.lock[i]))
		add(uint64(g.began[i]))
		add(uint64(g.clockReads[i]))
		add(uint64(g.waitBegan[i]))
		add(uint64(g.roundBegan[i]))
		add(uint64(g.noGrant[i]))
		if g.inCycle[i] {
			add(1)
		}
	}
	add(uint64(g.cycles))
	add(uint64(g.victims))
	return h
}

func init() {
	lock.OnClosed = func() { ghost.closer[ghost.lock[mc.Self()]-1] = mc.Self() + 1 }
	lock.OnClockRead = clockRead
	mc.OnPause = checkPause
}

// declare names the variables for the explorer, and tells the checks of changes.
func declare() {
	lock.Declare()
	shared.ctx.Declare()
	for i := range shared.locks {
		locked := func() { ghost.lockedAt[i] = mc.Clock() }
		granted := func(thread int) {
			ghost.grantedAt[i] = ghost.lockedAt[i]
			checkBarging(thread, i)
		}
		reopened := func(thread int) { checkReopened(thread, i) }
		shared.locks[i].Declare(fmt.Sprintf("L%d", i), locked, granted, reopened)
		mc.Name(unsafe.Pointer(&shared.data[i]), fmt.Sprintf("data%d", i))
	}
	mc.GhostVar("checks", func() uint64 { return ghost.hash() })
}

// setupReads is how often a waiter reads the clock before it waits: when it takes a record
// and when it publishes its edge. Later it does so when it becomes the queue's head, and in
// each round of polling.
const setupReads = 2

// clockRead records what a waiter that reads the clock can know at that time.
func clockRead() {
	me := mc.Self()
	if me < 0 || ghost.lock[me] == 0 {
		return
	}
	now := mc.Clock()
	if ghost.clockReads[me] < setupReads {
		ghost.clockReads[me]++
		ghost.waitBegan[me] = now
	}
	if ghost.roundBegan[me] < ghost.waitBegan[me] {
		ghost.roundBegan[me] = now
	}
	ghost.noGrant[me] = now - max(ghost.began[me], ghost.grantedAt[ghost.lock[me]-1])
}

// checkPause checks, at the end of a round of polling, that a waiter that has polled for
// 1 ms has closed the lock.
func checkPause() {
	me := mc.Self()
	if me < 0 || ghost.lock[me] == 0 {
		return
	}
	l := &shared.locks[ghost.lock[me]-1]
	if ghost.roundBegan[me]-ghost.waitBegan[me] >= int64(wait.Barging) && !l.Closed() && !l.FewNodes() {
		mc.Fail("has waited for %v, and the lock is not closed", wait.Barging)
	}
	ghost.roundBegan[me] = -1
}

// errHeld is what a TryLock that fails stands for.
var errHeld = errors.New("the lock is held")

// beginAcquisition records that a thread wants a lock, and whether that closes a cycle.
func beginAcquisition(me int, a acquisition) {
	ghost.lock[me], ghost.began[me], ghost.inCycle[me] = a.lock+1, mc.Clock(), false
	if a.call == tryLock {
		return
	}
	if cycle := cycleOf(me); len(cycle) > 1 {
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
	case errors.As(err, &deadlock):
		switch {
		case owned != deadlock.AtOnce || owned != (len(deadlock.Threads) == 1):
			mc.Fail("is told of a deadlock of %d, holding the lock: %v", len(deadlock.Threads), owned)
		case !owned && !ghost.inCycle[me]:
			mc.Fail("is told of a deadlock, but was in none")
		case !owned:
			ghost.victims++
		}
	case owned && a.call != tryLock:
		mc.Fail("is not told that it holds the lock, but: %v", err)
	case errors.As(err, &timeout):
		p.checkTimeout(me, a, timeout)
	case a.call == lockContext && errors.Is(err, context.Canceled):
	case a.call == tryLock:
	default:
		mc.Fail("gets %v", err)
	}
}

// checkTimeout checks that a wait ends by time only if the time has passed: the limit since
// the wait began or, for a stall, the stall timeout since the lock was last granted. A stall
// may be reported up to 1 ms too early, because the queue's head cannot tell that the same
// thread has acquired the lock again until it closes the lock.
func (p *program) checkTimeout(me int, a acquisition, err *lock.TimeoutError) {
	waited := time.Duration(mc.Clock() - ghost.began[me])
	noGrant := time.Duration(ghost.noGrant[me])
	switch {
	case !p.aborts:
		mc.Fail("times out")
	case err.Stall && noGrant < lock.StallTimeout-wait.Barging:
		mc.Fail("reports a stall, but the lock had not been granted for %v only", noGrant)
	case !err.Stall && (a.call != lockTimeout || waited < limit):
		mc.Fail("gives up after %v", waited)
	}
}

// endAcquisition clears what is not needed any more, so that it makes no states.
func endAcquisition(me int) {
	ghost.roundBegan[me], ghost.clockReads[me] = -1, 0
	ghost.began[me], ghost.waitBegan[me], ghost.noGrant[me], ghost.inCycle[me] = 0, 0, 0, false
}

// checkBarging checks that at most one acquisition barges while the lock is closed. That
// one may have set the locked byte just before.
func checkBarging(thread, l int) {
	if closer := ghost.closer[l]; closer == 0 || closer == thread+1 {
		ghost.barged[l] = 0
	} else if ghost.barged[l]++; ghost.barged[l] > 1 {
		mc.Fail("barges, though T%d has closed L%d", closer-1, l)
	}
}

// checkReopened checks that the thread that reopens a lock is the one that closed it.
func checkReopened(thread, l int) {
	if closer := ghost.closer[l] - 1; closer >= 0 && closer != thread {
		mc.Fail("reopens L%d, which T%d has closed", l, closer)
	}
	ghost.closer[l], ghost.barged[l] = 0, 0
}

// enterSection checks mutual exclusion, by a ghost variable and by accesses to plain data
// that the race detector checks.
func enterSection(me, l int) {
	if ghost.owner[l] != 0 {
		mc.Fail("holds L%d together with T%d", l, ghost.owner[l]-1)
	}
	ghost.owner[l] = me + 1
	mc.PlainRead(0, unsafe.Pointer(&shared.data[l]), 64)
	v := shared.data[l]
	mc.PlainWrite(0, unsafe.Pointer(&shared.data[l]), 64)
	shared.data[l] = v + 1
	if wrong := shared.locks[l].WrongTail(); wrong != "" {
		mc.Fail("%s", wrong)
	}
}

func leaveSection(l int) { ghost.owner[l] = 0 }

// outcome describes the end of an execution, for comparisons.
func outcome() string {
	s := ""
	for i := range shared.locks {
		s += fmt.Sprintf("L%d: %s, %d sections; ", i, shared.locks[i].String(), shared.data[i])
	}
	return s + fmt.Sprintf("%d cycles, %d victims, records %s", ghost.cycles, ghost.victims, lock.Records())
}

// final checks what an execution leaves behind, and that each cycle had one victim.
func (p *program) final() {
	for i := range shared.locks {
		if left := shared.locks[i].Left(); left != "" && ghost.owner[i] == 0 {
			mc.Fail("%s", left)
		}
	}
	if leak := lock.Leaks(); leak != "" {
		mc.Fail("%s", leak)
	}
	if ghost.victims > ghost.cycles || ghost.victims < ghost.cycles && !p.aborts {
		mc.Fail("%d victims of %d cycles", ghost.victims, ghost.cycles)
	}
}
