package model

import (
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// readerGhosts are the ghost variables of RWMutexes. Sets of threads are bits.
type readerGhosts struct {
	// Of each lock.
	readers [maxLocks][maxThreads]uint8 // how often a thread holds it for reading
	given   [maxLocks]int8              // how often it has been handed over, less how often it is being released
	refused [maxLocks]bool              // a thread was told that there was nothing to release
	waited  [maxLocks]uint32            // threads that waited to read when a writer left, and have to come in before the next one

	// Of each thread's acquisition.
	reads  [maxThreads]bool // it acquires the lock for reading
	behind [maxThreads]bool // the owner waited for readers when it called, and has not changed since
	passes [maxThreads]bool // it was in a cycle with such an owner
}

func (g *readerGhosts) hash(add func(uint64)) {
	for l := firstRW; l < maxLocks; l++ {
		for _, n := range g.readers[l] {
			add(uint64(n))
		}
		h := uint64(g.waited[l])<<16 | uint64(uint8(g.given[l]))
		if g.refused[l] {
			h |= 1 << 8
		}
		add(h)
	}
	for _, set := range [][maxThreads]bool{g.reads, g.behind, g.passes} {
		h := uint64(0)
		for i, b := range set {
			if b {
				h |= 1 << i
			}
		}
		add(h)
	}
}

// declareReaders is declare for RWMutexes.
func declareReaders() {
	lock.DeclareReaders()
	for i := range shared.rws {
		l := firstRW + i
		shared.rws[i].Declare(fmt.Sprintf("L%d", l), func(thread int) { turned(thread, l) }, func() {}, func() {}, func() {
			if !shared.rws[i].Open() {
				mc.Fail("leaves the queue empty, and the lock with sleeper %s", shared.rws[i].Sleeper())
			}
		})
	}
}

// turned records that a lock is about to get another owner. Those who wait to read wait for it
// then.
func turned(thread, l int) {
	for i, at := range ghost.lock {
		if at == l+1 {
			ghost.behind[i] = false
		}
	}
	turning[l] = thread + 1
	letPass()
	turning[l] = 0
}

// turning has the thread that is about to become a lock's owner in this step.
var turning [maxLocks]int

// ownerOf returns the thread that writes, or is about to when the readers have left, or -1.
func ownerOf(l int) int {
	if turning[l] != 0 {
		return turning[l] - 1
	}
	return rw(l).Writer()
}

// owns reports whether a thread has the lock in a way that makes the acquisition a deadlock.
func (g *ghosts) owns(me int, a acquisition) bool {
	return g.owner[a.lock] == me+1 || !a.call.reads() && g.readers[a.lock][me] > 0
}

// waitsFor returns the threads that a thread waits for: those that hold its lock. With past
// they are also the owner that waits for readers, if the thread wants to read.
func waitsFor(me int, past bool) (threads uint32) {
	if ghost.lock[me] == 0 {
		return 0
	}
	l := ghost.lock[me] - 1
	if owner := ghost.owner[l]; owner != 0 {
		threads |= 1 << (owner - 1)
	}
	if !ghost.reads[me] {
		for i, n := range ghost.readers[l] {
			if n > 0 && i != me {
				threads |= 1 << i
			}
		}
	} else if past && ghost.readers[l][me] == 0 {
		if w := ownerOf(l); w >= 0 && ghost.lock[w] == l+1 {
			threads |= 1 << w
		}
	}
	return threads
}

// cyclesOf returns the threads that are in cycles with one, and how many ways there are back to
// it.
func cyclesOf(me int, past bool) (threads uint32, n int) {
	var walk func(at int, path uint32)
	walk = func(at int, path uint32) {
		for next := waitsFor(at, past); next != 0; next &= next - 1 {
			switch i := bits.TrailingZeros32(next); {
			case i == me:
				threads |= path
				n++
			case path>>i&1 == 0:
				walk(i, path|1<<i)
			}
		}
	}
	walk(me, 1<<me)
	return threads, n
}

// beginReading records, for a thread that wants a lock, the cycles that this closes, and
// whether its gate is closed.
func beginReading(me int, a acquisition) {
	if !ghost.owns(me, a) {
		cycle, n := cyclesOf(me, false)
		ghost.cycles += n
		for i := range ghost.inCycle {
			ghost.inCycle[i] = ghost.inCycle[i] || cycle>>i&1 != 0
		}
	}
	l := rw(a.lock)
	ghost.behind[me] = l != nil && a.call.reads() && ghost.readers[a.lock][me] == 0 && l.Writer() >= 0 && ghost.owner[a.lock] == 0
	ghost.passes[me] = false
	letPass()
}

// letPass records which readers are in a cycle with a writer that waits for readers (R5).
func letPass() {
	for i := range ghost.passes {
		if l := ghost.lock[i]; l > firstRW && ghost.reads[i] && !ghost.passes[i] {
			_, n := cyclesOf(i, true)
			ghost.passes[i] = n > 0
		}
	}
}

// enterReading checks that nobody writes, and that the thread has not passed a writer that
// waited for readers before it called. (RA has no time.)
func enterReading(me, l int) {
	if ghost.owner[l] != 0 {
		mc.Fail("reads L%d together with T%d, which writes", l, ghost.owner[l]-1)
	}
	if ghost.behind[me] && rw(l).Writer() >= 0 && !ghost.passes[me] && mc.Memory() != mc.RA {
		mc.Fail("reads L%d past T%d, which waits for those who read", l, rw(l).Writer())
	}
	ghost.readers[l][me]++
	ghost.waited[l] &^= 1 << me
	mc.PlainRead(0, unsafe.Pointer(&shared.data[l]), 64)
}

// excludeReaders checks that nobody reads, and that those who waited when the writer before
// left have come in, unless they have given up. (RA has no time.)
func excludeReaders(me, l int) {
	for i, n := range ghost.readers[l] {
		if n > 0 {
			mc.Fail("writes L%d together with T%d, which reads", l, i)
		}
	}
	if ghost.waited[l] == 0 || mc.Memory() == mc.RA {
		return
	}
	if late := ghost.waited[l] & rw(l).Listed(); late != 0 {
		mc.Fail("writes L%d before threads %b, which waited to read", l, late)
	}
}

// makeRW makes the call.
func (a acquisition) makeRW(l *lock.RWMutex) error {
	switch a.call {
	case plainLock:
		return l.Lock(0)
	case lockTimeout:
		return l.LockTimeout(0, limits[a.call])
	case lockContext:
		return l.LockContext(0, shared.ctx)
	case readLock:
		return l.RLock(0)
	case readTimeout:
		return l.RLockTimeout(0, limits[a.call])
	case readContext:
		return l.RLockContext(0, shared.ctx)
	case tryLock:
		if l.TryLock(0) {
			return nil
		}
	case tryRead:
		if l.TryRLock(0) {
			return nil
		}
	}
	return errHeld
}

// endReading clears what is not needed any more. A thread that has given up does not come in.
func endReading(me int) {
	ghost.reads[me], ghost.behind[me], ghost.passes[me] = false, false, false
	for l := range ghost.waited {
		ghost.waited[l] &^= 1 << me
	}
}

// releaseRW ends the acquisition of an RWMutex.
func (a acquisition) releaseRW(r round) {
	mc.Enter(-6)
	defer mc.Leave()
	me, l := mc.Self(), rw(a.lock)
	reads := a.call.reads()
	if !reads {
		ghost.owner[a.lock] = 0
		if mc.Memory() != mc.RA {
			ghost.waited[a.lock] = l.Listed()
		}
		if r.downgrades {
			ghost.readers[a.lock][me]++
			l.Downgrade(0)
			reads = true
			mc.At(0, uint64(a.lock))
		}
	}
	if !reads {
		l.Unlock(0)
		return
	}
	mc.PlainRead(0, unsafe.Pointer(&shared.data[a.lock]), 64)
	ghost.readers[a.lock][me]--
	if handsOver {
		l.RUnlockAny(0)
	} else {
		l.RUnlock(0)
	}
}

// handsOver says that the program has threads that release what others have acquired.
var handsOver bool

// releaseAny ends what another thread has acquired, as package rqlock/sync does. Whose it was
// makes no difference. It may be told that there is nothing to end if others end as much as there
// is.
func (a acquisition) releaseAny() {
	mc.Enter(-7)
	defer mc.Leave()
	l, ok := rw(a.lock), false
	ghost.given[a.lock]--
	mc.PlainRead(0, unsafe.Pointer(&shared.data[a.lock]), 64)
	if a.call.reads() {
		if i := slices.IndexFunc(ghost.readers[a.lock][:], func(n uint8) bool { return n > 0 }); i >= 0 {
			ghost.readers[a.lock][i]--
		}
		ok = l.LeaveAny(0)
	} else {
		ghost.owner[a.lock] = 0
		ok = l.UnlockAny(0)
	}
	if !ok && ghost.given[a.lock] >= 0 {
		mc.Fail("cannot release a lock that was handed over")
	}
	ghost.refused[a.lock] = ghost.refused[a.lock] || !ok
}

// finalReaders checks what is left of reading, if everybody has ended that.
func (p *program) finalReaders() {
	kept := false
	for l := firstRW; l < maxLocks; l++ {
		keeps := ghost.owner[l] != 0 || ghost.readers[l] != [maxThreads]uint8{}
		if left := rw(l).Left(); left != "" && !keeps && !p.copied(l) {
			mc.Fail("%s", left)
		}
		if n := -ghost.given[l]; n > 0 && !ghost.refused[l] {
			mc.Fail("L%d was released %d times more often than acquired, and nobody was told", l, n)
		}
		kept = kept || keeps || rw(l).HandedOver() // whose slots stay until a writer owns it
	}
	if left := lock.LeftReaders(); left != "" && !kept {
		mc.Fail("%s", left)
	}
	if ghost.victims > ghost.cycles {
		mc.Fail("%d victims of %d cycles", ghost.victims, ghost.cycles)
	}
}
