package model

import (
	"errors"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// A program is what the threads do, as data: a thread's whole state is then
// where in its script it is and what it holds.
type program struct {
	name    string
	nodes   int // waiters that can queue (0 = all)
	threads []script
	spins   int  // tries before a thread queues
	ticks   int  // how often time may pass at any moment; otherwise it does when nothing else can happen
	bare    bool // is explored without a look for races, of which it would have too many states; walks look
	aborts  bool // waits may end without the lock: by time or by being cancelled
}

// A script is what a thread does: rounds of acquisitions.
type script []round

// A round takes locks one after the other, and releases them, the first first.
// If one cannot be had it releases those that it has.
type round struct {
	takes   []take
	lifo    bool // releases the last first
	forever bool // never releases
	cancels bool // takes nothing: cancels the context instead
}

// A take is one acquisition.
type take struct {
	lock int
	way  way
}

type way uint8

const (
	locks       way = iota // Lock
	tries                  // TryLock
	limited                // LockTimeout, for less than the stall timeout
	withContext            // LockContext
)

// limit of a LockTimeout.
const limit = lock.StallTimeout / 2

const maxLocks, maxThreads = 4, 6

// bench is where programs run: it does not move between executions.
var bench struct {
	locks [maxLocks]lock.Mutex
	data  [maxLocks]uint64 // plain, each guarded by its lock
	ctx   context.Context

	// What the checks remember.
	owner    [maxLocks]int   // thread + 1
	locked   [maxLocks]int64 // when it was last taken
	granted  [maxLocks]int64 // when its owner took it
	bypasses [maxLocks]int   // of the closed door
	door     [maxLocks]int   // who has closed it: thread + 1
	looks    [maxThreads]int
	since    [maxThreads]int64
	round    [maxThreads]int64 // when the first look of a round of polling was
	still    [maxThreads]int64 // how long the lock had not been granted, at the last look
	waits    [maxThreads]int   // lock + 1
	began    [maxThreads]int64
	inCycle  [maxThreads]bool // at any time of this wait
	cycles   int
	victims  int
}

func init() {
	bench.ctx = context.New()
	lock.OnClosed = func() { bench.door[bench.waits[mc.Self()]-1] = mc.Self() + 1 }
	lock.OnClock = looks
	mc.OnPause = pauses
}

// looksBefore is how often a wait looks at the clock before it has begun: when it
// looks for a record and when it begins. Later it does when it is the head, and in
// each round of polling.
const looksBefore = 2

// looks notes what a thread can know when it looks at the clock.
func looks() {
	me := mc.Self()
	if me < 0 || bench.waits[me] == 0 {
		return
	}
	now := mc.Clock()
	if bench.looks[me] < looksBefore {
		bench.looks[me]++
		bench.since[me] = now
	}
	if bench.round[me] < bench.since[me] {
		bench.round[me] = now
	}
	bench.still[me] = now - max(bench.began[me], bench.granted[bench.waits[me]-1])
}

// pauses checks that a polling thread that has waited for long has closed the door.
func pauses() {
	me := mc.Self()
	if me < 0 || bench.waits[me] == 0 {
		return
	}
	l := &bench.locks[bench.waits[me]-1]
	if bench.round[me]-bench.since[me] >= int64(wait.Door) && !l.Pending() && !l.Short() {
		mc.Fail("T%d has waited for long, and the door is open", me)
	}
	bench.round[me] = -1
}

// declare names what the explorer meets, and what the checks remember.
func declare() {
	lock.Declare()
	bench.ctx.Declare()
	for i := range bench.locks {
		locked := func() { bench.locked[i] = mc.Clock() }
		granted := func(thread int) {
			bench.granted[i] = bench.locked[i]
			bypass(thread, i)
		}
		bench.locks[i].Declare(fmt.Sprintf("L%d", i), locked, granted, func(thread int) { opens(thread, i) })
		mc.Name(unsafe.Pointer(&bench.data[i]), fmt.Sprintf("data%d", i))
	}
	mc.GhostVar("checks", ghost)
}

// compile makes the program that the explorer runs.
func (p *program) compile() *mc.Program {
	c := &mc.Program{Name: p.name, Declare: declare, Setup: p.reset, Final: p.final}
	for i, s := range p.threads {
		c.Threads = append(c.Threads, func() { s.run(p) })
		c.Twins = append(c.Twins, p.twin(i))
	}
	return c
}

// twin returns the last thread before i that is the same, or -1. Who waits for two
// locks is like nobody else: in a cycle the threads' numbers decide who is the victim.
// They also decide where an edge stands in the table; see entry.world.
func (p *program) twin(i int) int {
	for _, r := range p.threads[i] {
		if len(r.takes) > 1 {
			return -1
		}
	}
	for k := i - 1; k >= 0; k-- {
		if reflect.DeepEqual(p.threads[i], p.threads[k]) {
			return k
		}
	}
	return -1
}

// world is where the program runs.
func (p *program) world(memory mc.Model) mc.World {
	w := mc.World{Memory: memory, Marks: true, FormatWord: lock.FormatNamed, MaxTicks: p.ticks, Patient: true}
	w.Ticks = []int64{int64(wait.Door)}
	if p.aborts {
		w.Ticks = append(w.Ticks, int64(lock.StallTimeout))
	}
	return w
}

func (p *program) reset() {
	nodes := p.nodes
	if nodes == 0 {
		nodes = maxThreads
	}
	lock.Reset(nodes)
	wait.Spins = p.spins
	for i := range bench.locks {
		bench.locks[i].Reset()
	}
	bench.ctx.Reset()
	bench.data = [maxLocks]uint64{}
	bench.owner, bench.bypasses = [maxLocks]int{}, [maxLocks]int{}
	bench.locked, bench.granted = [maxLocks]int64{}, [maxLocks]int64{}
	bench.door, bench.round = [maxLocks]int{}, [maxThreads]int64{}
	bench.looks, bench.since, bench.still = [maxThreads]int{}, [maxThreads]int64{}, [maxThreads]int64{}
	bench.waits, bench.began, bench.inCycle = [maxThreads]int{}, [maxThreads]int64{}, [maxThreads]bool{}
	bench.cycles, bench.victims = 0, 0
}

// ghost is a hash of what the checks remember.
func ghost() uint64 {
	h := uint64(0)
	add := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	for i := range bench.locks {
		add(uint64(bench.owner[i]))
		add(uint64(bench.locked[i]))
		add(uint64(bench.granted[i]))
		add(uint64(bench.bypasses[i]))
		add(uint64(bench.door[i]))
	}
	for i := range bench.waits {
		add(uint64(bench.waits[i]))
		add(uint64(bench.began[i]))
		add(uint64(bench.looks[i]))
		add(uint64(bench.since[i]))
		add(uint64(bench.round[i]))
		add(uint64(bench.still[i]))
		if bench.inCycle[i] {
			add(1)
		}
	}
	add(uint64(bench.cycles))
	add(uint64(bench.victims))
	return h
}

// run is a thread. Its marks are its whole state.
func (s script) run(p *program) {
	mc.Enter(-1)
	defer mc.Leave()
	for i, r := range s {
		mc.Forget()
		held := 0
		for held < len(r.takes) {
			mc.At(0, uint64(i), uint64(held), 0)
			if !p.take(r.takes[held]) {
				break
			}
			held++
		}
		if r.cancels {
			mc.At(0, uint64(i), 0, 1)
			bench.ctx.Cancel(0)
		}
		if r.forever {
			return
		}
		for k := range held {
			mc.At(0, uint64(i), uint64(held), 2+uint64(k))
			n := k
			if r.lifo {
				n = held - 1 - k
			}
			release(r.takes[n].lock)
		}
	}
}

// take tries to acquire a lock, and checks what comes of it.
func (p *program) take(t take) bool {
	l := &bench.locks[t.lock]
	me := mc.Self()
	own := bench.owner[t.lock] == me+1
	begin(me, t)
	var err error
	switch t.way {
	case locks:
		err = l.Lock(0)
	case tries:
		if !l.TryLock(0) {
			err = errBusy
		}
	case limited:
		err = l.LockTimeout(0, limit)
	case withContext:
		err = l.LockContext(0, bench.ctx)
	}
	p.check(me, t, own, err)
	bench.waits[me] = 0
	if err == nil {
		enter(me, t.lock)
	}
	forget(me)
	return err == nil
}

// forget clears what the checks of a wait need.
func forget(me int) {
	bench.round[me], bench.looks[me] = -1, 0
	bench.began[me], bench.since[me], bench.still[me], bench.inCycle[me] = 0, 0, 0, false
}

var errBusy = errors.New("busy")

// begin notes that a thread wants a lock, and whether that closes a cycle.
func begin(me int, t take) {
	bench.waits[me], bench.began[me], bench.inCycle[me] = t.lock+1, mc.Clock(), false
	if t.way == tries {
		return
	}
	if cycle := cycleOf(me); len(cycle) > 1 {
		bench.cycles++
		for _, i := range cycle {
			bench.inCycle[i] = true
		}
	}
}

// cycleOf returns the threads of the cycle that me is in, if there is one.
func cycleOf(me int) (cycle []int) {
	for at := me; bench.waits[at] != 0; {
		cycle = append(cycle, at)
		owner := bench.owner[bench.waits[at]-1]
		if owner == 0 || len(cycle) > maxThreads {
			return nil
		}
		if at = owner - 1; at == me {
			return cycle
		}
	}
	return nil
}

// check compares the outcome of an acquisition with what may come of it.
func (p *program) check(me int, t take, own bool, err error) {
	var deadlock *lock.DeadlockError
	var timeout *lock.TimeoutError
	switch {
	case err == nil:
		if own {
			mc.Fail("T%d got a lock that it holds already", me)
		}
	case errors.As(err, &deadlock):
		switch {
		case own != deadlock.AtOnce || own != (len(deadlock.Threads) == 1):
			mc.Fail("T%d is told of a deadlock of %d, holding the lock: %v", me, len(deadlock.Threads), own)
		case !own && !bench.inCycle[me]:
			mc.Fail("T%d is told of a deadlock, but was in none", me)
		case !own:
			bench.victims++
		}
	case own && t.way != tries:
		mc.Fail("T%d is not told that it holds the lock, but: %v", me, err)
	case errors.As(err, &timeout):
		p.checkTimeout(me, t, timeout)
	case t.way == withContext && errors.Is(err, context.Canceled):
	case t.way == tries:
	default:
		mc.Fail("T%d gets %v", me, err)
	}
}

// checkTimeout: a wait ends by time only if so much time has passed, for a stall
// since the lock was last granted. The queue's head may not see that the same
// thread has taken the lock again, until it closes the door after a millisecond.
func (p *program) checkTimeout(me int, t take, err *lock.TimeoutError) {
	waited := time.Duration(mc.Clock() - bench.began[me])
	still := time.Duration(bench.still[me])
	switch {
	case !p.aborts:
		mc.Fail("T%d times out", me)
	case err.Stall && still < lock.StallTimeout-time.Millisecond:
		mc.Fail("T%d sees a stall, but the lock had not been granted for %v only", me, still)
	case !err.Stall && (t.way != limited || waited < limit):
		mc.Fail("T%d gives up after %v", me, waited)
	}
}

// bypass checks that a thread that has got a lock has not passed a closed door.
func bypass(thread, l int) {
	if door := bench.door[l]; door == 0 || door == thread+1 {
		bench.bypasses[l] = 0
	} else if bench.bypasses[l]++; bench.bypasses[l] > 1 { // one may have taken it just before the door closed
		mc.Fail("T%d passes the door of L%d, which T%d has closed", thread, l, door-1)
	}
}

// opens ends the time of a closed door: only who has closed it may.
func opens(thread, l int) {
	if door := bench.door[l] - 1; door >= 0 && door != thread {
		mc.Fail("T%d opens the door of L%d, which T%d has closed", thread, l, door)
	}
	bench.door[l], bench.bypasses[l] = 0, 0
}

// enter is the section: it must be alone in it.
func enter(me, l int) {
	if bench.owner[l] != 0 {
		mc.Fail("T%d and T%d both hold L%d", me, bench.owner[l]-1, l)
	}
	bench.owner[l] = me + 1
	mc.PlainRead(0, unsafe.Pointer(&bench.data[l]), 64)
	v := bench.data[l]
	mc.PlainWrite(0, unsafe.Pointer(&bench.data[l]), 64)
	bench.data[l] = v + 1
	if stray := bench.locks[l].Stray(); stray != "" {
		mc.Fail("%s", stray)
	}
}

func release(l int) {
	bench.owner[l] = 0
	bench.locks[l].Unlock(0)
}

// outcome names how an execution has ended, for comparisons.
func outcome() string {
	s := ""
	for i := range bench.locks {
		s += fmt.Sprintf("L%d: %s, %d sections; ", i, bench.locks[i].String(), bench.data[i])
	}
	return s + fmt.Sprintf("%d cycles, %d victims, records %s", bench.cycles, bench.victims, lock.Records())
}

// final checks what an execution leaves behind.
func (p *program) final() {
	for i := range bench.locks {
		if left := bench.locks[i].Left(); left != "" && bench.owner[i] == 0 {
			mc.Fail("%s", left)
		}
	}
	if leak := lock.Leaks(); leak != "" {
		mc.Fail("%s", leak)
	}
	if bench.victims > bench.cycles || bench.victims < bench.cycles && !p.aborts {
		mc.Fail("%d victims of %d cycles", bench.victims, bench.cycles)
	}
}
