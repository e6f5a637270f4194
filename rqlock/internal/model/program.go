package model

import (
	"reflect"
	"slices"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// A program says what the threads do, as data. So the state of a thread is no more than
// its position in its script and the locks that it holds.
type program struct {
	name    string
	records int // waiters that there can be (0 = as many as threads; negative = none)
	threads []script
	spins   int  // tries before a thread queues
	ticks   int  // how often time may pass at any moment; beyond that, when nothing else can happen
	noRaces bool // is explored without the race detector, to have fewer states; random walks have it
	loses   bool // a head that leaves while another thread is about to link may lose its record
	forged  int  // this lock is a copy from the beginning (0 = none)
	aborts  bool // waits may end without the lock, by time or because they are cancelled
	readers readers
}

// readers says what the RWMutexes of a program have. Without rows there are none.
type readers struct {
	lock.Rows
	inRows bool // they do not count their readers at first
}

// A script is what a thread does: rounds of acquisitions and releases.
type script []round

// A round acquires locks one after the other, and then releases them in the same order. If
// an acquisition fails it releases the locks that it has.
type round struct {
	acquires []acquisition
	lifo     bool // releases in the opposite order
	forever  bool // does not release
	cancels  bool // acquires nothing, but cancels the context
	wakes    bool // acquires nothing, but leaves a token for everybody

	downgrades bool          // goes on to read what it has acquired to write, before it releases it
	handsOver  bool          // does not release what it has acquired, as another thread has to
	ends       []acquisition // acquires nothing, but releases in this order what another thread has handed over

	overwrites bool // overwrites the locks instead of releasing them
	copies     bool // makes lock 1 a copy of lock 0, which it holds, and releases both
	crowded    bool // waits until two are in the queue, before it does so
	awaits     bool // acquires nothing, but waits until another thread copies, or waits for two
}

// An acquisition is one call that acquires a lock.
type acquisition struct {
	lock int
	call call
}

// A call is one of the methods of Mutex or RWMutex.
type call uint8

const (
	plainLock   call = iota // Lock
	tryLock                 // TryLock
	lockTimeout             // LockTimeout, with a limit below the stall timeout
	lockBrief               // LockTimeout, with one at which the queue's head closes the lock
	lockPatient             // LockTimeout, with one far above
	lockContext             // LockContext
	readLock                // RLock
	tryRead                 // TryRLock
	readTimeout             // RLockTimeout, as lockTimeout
	readContext             // RLockContext
)

// reads reports whether the call acquires a lock for reading.
func (c call) reads() bool { return c >= readLock }

// tries reports whether the call never waits.
func (c call) tries() bool { return c == tryLock || c == tryRead }

// limits has LockTimeout's.
var limits = map[call]time.Duration{lockBrief: wait.Barging, lockTimeout: lock.StallTimeout / 2, lockPatient: 5 * lock.StallTimeout, readTimeout: lock.StallTimeout / 2}

const maxMutexes, maxRWMutexes, maxThreads = 4, 2, 6

// The locks of a program have numbers: first come its Mutexes, and then its RWMutexes, from
// firstRW on.
const maxLocks, firstRW = maxMutexes + maxRWMutexes, maxMutexes

// shared has the variables of the program that runs. They have the same addresses in all
// executions.
var shared struct {
	locks [maxMutexes]lock.Mutex
	rws   [maxRWMutexes]lock.RWMutex
	data  [maxLocks]uint64 // plain variables, each guarded by a lock
	ctx   context.Context
}

// rw returns the RWMutex with this number, or nil if that is a Mutex.
func rw(l int) *lock.RWMutex {
	if l < firstRW {
		return nil
	}
	return &shared.rws[l-firstRW]
}

func init() { shared.ctx = context.New() }

// compile makes the program that the explorer runs.
func (p *program) compile() *mc.Program {
	c := &mc.Program{Name: p.name, Declare: declare, Setup: p.reset, Final: p.final}
	for i, s := range p.threads {
		c.Threads = append(c.Threads, func() { s.run(p) })
		c.SameAs = append(c.SameAs, p.sameAs(i))
	}
	return c
}

// sameAs returns the last thread before i that does the same, or -1. A thread that waits
// while it holds a lock is like no other, since the numbers of threads decide which waiter
// of a cycle is the victim. They decide nothing else: all edges are in one bucket.
func (p *program) sameAs(i int) int {
	for _, r := range p.threads[i] {
		if len(r.acquires) > 1 {
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

// orders has the stores which processors order more strictly than their primitives say. The look
// at who waits for readers comes after a reader has released its slot. On arm64 these are LDAR and
// STLR: the look does not pass the store. Elsewhere it may, as in TSO, and what that loses the
// waiter finds when it looks again, before it sleeps without end [drainer].
var orders = map[string]mc.Order{"StoreRelease64": mc.Stlr}

// world is where the program runs.
func (p *program) world(memory mc.Model) mc.World {
	w := mc.World{Memory: memory, Marks: true, FormatWord: lock.Format, MaxTicks: p.ticks, TickWhenIdle: true}
	w.TicksDrain = p.readers.First > 0
	w.Orders = orders
	w.Ticks = []int64{int64(wait.Barging)} // the last one is what passes when nothing else can happen
	if p.aborts {
		w.Ticks = []int64{int64(lock.StallTimeout), int64(wait.Barging)}
	}
	return w
}

// reset is the first state of all variables.
func (p *program) reset() {
	records := p.records
	if records == 0 {
		records = len(p.threads)
	}
	if p.forged != 0 {
		records++
	}
	lock.Reset(max(records, 0))
	wait.Spins = p.spins
	for i := range shared.locks {
		shared.locks[i].Reset()
	}
	lock.ResetReaders(p.readers.Rows)
	for i := range shared.rws {
		shared.rws[i].Reset(p.readers.inRows)
	}
	if l := rw(p.forged); l != nil {
		l.Forge()
	} else if p.forged != 0 {
		shared.locks[p.forged].Forge()
	}
	shared.ctx.Reset()
	misused, lock.Rescues, handsOver = [maxLocks]bool{}, false, false
	for _, s := range p.threads {
		for _, r := range s {
			handsOver = handsOver || r.handsOver
			for _, a := range r.acquires {
				misused[a.lock] = misused[a.lock] || r.overwrites
			}
			// RA has no time in which whoever overwrites a lock would be seen by its head.
			lock.Rescues = lock.Rescues || r.overwrites && mc.Memory() == mc.RA
		}
	}
	for l := range misused {
		misused[l] = misused[l] || p.copied(l)
	}
	shared.data = [maxLocks]uint64{}
	ghost = ghosts{}
}

// copied reports whether this lock is, or becomes, a copy.
func (p *program) copied(l int) bool {
	return l != 0 && l == p.forged || l == 1 && slices.ContainsFunc(p.threads, func(s script) bool {
		return slices.ContainsFunc(s, func(r round) bool { return r.copies })
	})
}

// run is a thread. Its marks are its whole state.
func (s script) run(p *program) {
	mc.Enter(-1)
	defer mc.Leave()
	for i, r := range s {
		mc.Forget()
		held := 0
		for held < len(r.acquires) {
			mc.At(0, uint64(i), uint64(held), 0)
			if !r.acquires[held].run(p) {
				break
			}
			held++
		}
		if r.cancels {
			mc.At(0, uint64(i), 0, 1)
			shared.ctx.Cancel(0)
		}
		if r.wakes {
			mc.At(0, uint64(i), 0, 2)
			lock.SignalAll(0)
		}
		if r.awaits {
			mc.At(0, uint64(i), 0, 2)
			mc.Block(0, "another thread", func() bool { return context.Cancelled(shared.ctx.Done()) })
			mc.At(0, uint64(i), 1, 2)
			context.Closed(0, shared.ctx.Done())
		}
		if r.crowded {
			mc.At(0, uint64(i), 0, 3)
			shared.ctx.Cancel(0)
			mc.At(0, uint64(i), 1, 3)
			mc.Block(0, "two waiters", func() bool { return shared.locks[0].Waiters() >= 2 })
		}
		if r.copies {
			mc.At(0, uint64(i), 0, 1)
			ghost.owner[1] = mc.Self() + 1
			shared.locks[1].Copy(0, &shared.locks[0])
			mc.At(0, uint64(i), 1, 1)
			shared.ctx.Cancel(0)
		}
		for k, a := range r.ends {
			mc.At(0, uint64(i), uint64(k), 4)
			mc.Block(0, "a lock to be handed over", func() bool { return context.Cancelled(shared.ctx.Done()) })
			mc.At(0, uint64(i), uint64(k), 5)
			context.Closed(0, shared.ctx.Done()) // after that thread
			mc.At(0, uint64(i), uint64(k), 6)
			a.releaseAny()
		}
		if r.handsOver {
			mc.At(0, uint64(i), 0, 4)
			ghost.given[r.acquires[0].lock]++
			shared.ctx.Cancel(0)
			continue
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
			r.acquires[n].release(r)
		}
		if r.copies {
			mc.At(0, uint64(i), 2, 1)
			leaveSection(1)
			shared.locks[1].Unlock(0)
		}
	}
}

// release ends what run began.
func (a acquisition) release(r round) {
	if rw(a.lock) != nil {
		a.releaseRW(r)
		return
	}
	leaveSection(a.lock)
	if l := &shared.locks[a.lock]; r.overwrites {
		l.Overwrite(0)
	} else {
		l.Unlock(0)
	}
}

// run tries to acquire the lock, and checks what comes of it.
func (a acquisition) run(p *program) bool {
	me := mc.Self()
	owned := ghost.owns(me, a)
	beginAcquisition(me, a)
	err := a.make()
	p.checkAcquisition(me, a, owned, err)
	ghost.lock[me] = 0
	if err == nil {
		enterSection(me, a)
	}
	endAcquisition(me)
	return err == nil
}

// make makes the call. To recover takes time whenever an execution is abandoned, so that it is
// done for locks that may be copies alone.
func (a acquisition) make() error {
	if !misused[a.lock] {
		return a.makeCall()
	}
	return a.makeOfCopy()
}

// makeOfCopy makes a call that panics if the lock is a copy.
func (a acquisition) makeOfCopy() (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case lock.BadCopy:
			err = errCopy
		default:
			panic(r)
		}
	}()
	return a.makeCall()
}

func (a acquisition) makeCall() (err error) {
	if l := rw(a.lock); l != nil {
		return a.makeRW(l)
	}
	switch l := &shared.locks[a.lock]; a.call {
	case plainLock:
		err = l.Lock(0)
	case tryLock:
		if !l.TryLock(0) {
			err = errHeld
		}
	case lockBrief, lockTimeout, lockPatient:
		err = l.LockTimeout(0, limits[a.call])
	case lockContext:
		err = l.LockContext(0, shared.ctx)
	}
	return err
}
