package gallery

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/clh"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/deque"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/mcs"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/rwlock"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/seqlock"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/ticket"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// data is the plain variable that the locks guard.
var data uint64

// thread returns a thread that does something so many times. All that it knows between two
// times is how many are left.
func thread(times int, f func(i int)) func() {
	return func() {
		mc.Enter(-1)
		defer mc.Leave()
		for i := range times {
			mc.Forget()
			mc.At(0, uint64(i))
			f(i)
		}
	}
}

// step marks a step within one time.
func step(i, n int) { mc.At(0, uint64(i), uint64(n)) }

// write is the section of a holder that writes.
func write() {
	mc.PlainRead(0, unsafe.Pointer(&data), 64)
	v := data
	mc.PlainWrite(0, unsafe.Pointer(&data), 64)
	data = v + 1
}

// read is the section of a holder that reads.
func read() { mc.PlainRead(0, unsafe.Pointer(&data), 64) }

// exclusion returns a program in which threads acquire a lock, some so often and others so
// often. Whatever is not mutual exclusion is a data race.
func exclusion(reset func(), lock, unlock func(i int), times ...int) *mc.Program {
	p := &mc.Program{
		Name:    fmt.Sprint("exclusion", times),
		Declare: func() { mc.Name(unsafe.Pointer(&data), "data") },
		Setup:   func() { reset(); data = 0 },
	}
	want := uint64(0)
	for i, n := range times {
		want += uint64(n)
		p.Threads = append(p.Threads, thread(n, func(round int) {
			lock(i)
			write()
			step(round, 1)
			unlock(i)
		}))
	}
	p.Final = func() {
		if data != want {
			mc.Fail("%d sections, but %d were counted", want, data)
		}
	}
	return p
}

var ticketLock ticket.Lock

var ticketPrograms = func() []*mc.Program {
	reset := func() { ticketLock = ticket.Lock{} }
	lock, unlock := func(int) { ticketLock.Lock(0) }, func(int) { ticketLock.Unlock(0) }
	try := thread(1, func(i int) {
		if ticketLock.TryLock(0) {
			write()
			step(i, 1)
			ticketLock.Unlock(0)
		}
	})
	trying := exclusion(reset, lock, unlock, 1)
	trying.Name, trying.Threads, trying.Final = "try", append(trying.Threads, try, try), nil
	return []*mc.Program{exclusion(reset, lock, unlock, 2, 2), exclusion(reset, lock, unlock, 1, 1, 1), trying}
}()

var mcsLock = mcs.New(3)

var mcsPrograms = func() []*mc.Program {
	lock, unlock := func(i int) { mcsLock.Waiter(i).Lock(0) }, func(i int) { mcsLock.Waiter(i).Unlock(0) }
	return []*mc.Program{exclusion(mcsLock.Reset, lock, unlock, 2, 2), exclusion(mcsLock.Reset, lock, unlock, 1, 1, 1)}
}()

var clhLock = clh.New(3)

var clhPrograms = func() []*mc.Program {
	lock, unlock := func(i int) { clhLock.Waiter(i).Lock(0) }, func(i int) { clhLock.Waiter(i).Unlock(0) }
	return []*mc.Program{exclusion(clhLock.Reset, lock, unlock, 2, 2), exclusion(clhLock.Reset, lock, unlock, 1, 1, 1)}
}()

var pair seqlock.Pair

// stores returns a thread that stores pairs whose words are equal, from one number on.
func stores(from uint64, times int) func() {
	return thread(times, func(i int) { pair.Store(0, from+uint64(i), from+uint64(i)) })
}

// loads loads a pair, which is not older than the given one.
func loads(atLeast uint64) {
	if a, b := pair.Load(0); a != b || a < atLeast {
		mc.Fail("loads %d and %d", a, b)
	}
}

func pairs(name string, threads ...func()) *mc.Program {
	return &mc.Program{
		Name: name, Threads: threads,
		Setup: func() { pair = seqlock.Pair{} },
		Final: func() {
			if a, b := pair.Words(); a != b || a == 0 {
				mc.Fail("leaves %d and %d", a, b)
			}
		},
	}
}

var seqlockPrograms = []*mc.Program{
	pairs("two stores, a load", stores(1, 2), thread(2, func(int) { loads(0) })),
	pairs("two writers", stores(1, 1), stores(2, 1)),
	pairs("stores and loads", thread(2, func(i int) { pair.Store(0, uint64(i)+1, uint64(i)+1); loads(uint64(i) + 1) }), stores(3, 1)),
	pairs("two writers, a load", stores(1, 1), stores(2, 1), thread(2, func(int) { loads(0) })),
}

var rwLock rwlock.Lock

// readsAndWrites returns a program of threads that read so often, and others that write.
func readsAndWrites(readers, writers []int) *mc.Program {
	p := exclusion(func() { rwLock = rwlock.Lock{} }, func(int) { rwLock.Lock(0) }, func(int) { rwLock.Unlock(0) }, writers...)
	p.Name = fmt.Sprint("readers", readers, " writers", writers)
	for _, n := range readers {
		p.Threads = append(p.Threads, thread(n, func(i int) {
			rwLock.RLock(0)
			read()
			step(i, 1)
			rwLock.RUnlock(0)
		}))
	}
	return p
}

var rwlockPrograms = []*mc.Program{
	readsAndWrites([]int{2}, []int{2}),
	readsAndWrites([]int{1, 1}, []int{1}),
	readsAndWrites(nil, []int{2, 2}),
	readsAndWrites([]int{1}, []int{1, 1}),
}

// work has the deque, what its elements stand for, and which have been removed, as bits.
var work struct {
	deques  [3]*deque.Deque // for 1, 2 and 4 elements
	deque   *deque.Deque
	payload [8]uint64
	pushed  uint64
	removed uint64
}

func init() {
	for bits := range work.deques {
		work.deques[bits] = deque.New(uint8(bits))
	}
}

// push, take and steal are what threads do. The numbers of elements begin at 1.
func push(v uint64) {
	mc.PlainWrite(0, unsafe.Pointer(&work.payload[v]), 64)
	work.payload[v] = v
	if work.deque.Push(0, v) {
		work.pushed |= 1 << v
	}
}

func take() { removed(work.deque.Take(0)) }

func steal() { removed(work.deque.Steal(0)) }

func stealLate() { removed(work.deque.StealLate(0)) }

// removed checks that an element has been pushed, and is removed once. Who has it sees what
// it stands for.
func removed(v uint64, ok bool) {
	if !ok {
		return
	}
	if work.pushed>>v&1 == 0 || work.removed>>v&1 != 0 {
		mc.Fail("removes %d; pushed are %b, removed %b", v, work.pushed, work.removed)
	}
	work.removed |= 1 << v
	mc.PlainRead(0, unsafe.Pointer(&work.payload[v]), 64)
}

// stealing returns a program with an owner, and thieves who steal so often. The owner pushes
// an element for each letter u, and takes one for each a.
func stealing(bits int, owner string, thieves ...int) *mc.Program {
	return stealingBy(steal, bits, owner, thieves...)
}

// stealingBy is stealing with thieves of a certain kind.
func stealingBy(steal func(), bits int, owner string, thieves ...int) *mc.Program {
	p := &mc.Program{
		Name: fmt.Sprint(owner, thieves, " room for ", 1<<bits),
		Declare: func() {
			mc.Name(unsafe.Pointer(&work.payload), "payload")
			mc.GhostVar("elements", func() uint64 { return work.pushed<<32 | work.removed })
		},
		Setup: func() {
			work.deque = work.deques[bits]
			work.deque.Reset()
			work.payload, work.pushed, work.removed = [8]uint64{}, 0, 0
		},
		Threads: []func(){thread(len(owner), func(i int) {
			if owner[i] == 'u' {
				push(uint64(i) + 1)
			} else {
				take()
			}
		})},
		Final: func() {
			left := work.removed
			for _, v := range work.deque.Left() {
				left |= 1 << v
			}
			if left != work.pushed {
				mc.Fail("pushed %b, removed or left %b", work.pushed, left)
			}
		},
	}
	for n := range slices.Values(thieves) {
		p.Threads = append(p.Threads, thread(n, func(int) { steal() }))
	}
	return p
}

var dequePrograms = []*mc.Program{
	stealing(1, "uaua", 1),
	stealing(1, "uuaa", 2),
	stealing(1, "uua", 1, 1),
	stealing(0, "uuu", 1, 1),
	stealing(0, "uua", 2),
}

// longPrograms take minutes.
var longPrograms = []*mc.Program{
	exclusion(mcsLock.Reset, func(i int) { mcsLock.Waiter(i).Lock(0) }, func(i int) { mcsLock.Waiter(i).Unlock(0) }, 2, 2, 1),
	exclusion(clhLock.Reset, func(i int) { clhLock.Waiter(i).Lock(0) }, func(i int) { clhLock.Waiter(i).Unlock(0) }, 2, 2, 2),
	readsAndWrites([]int{2, 2}, []int{2, 2}),
	stealing(1, "uuaaua", 2, 1),
	stealing(1, "uauuua", 1, 2),
	stealing(2, "uuuaaa", 1, 1, 1),
}
