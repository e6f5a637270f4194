package mc

import (
	"fmt"
	"unsafe"
)

// The toys are small locks. A test can weaken the order of any of their accesses by its
// name. A toy's variables are the package's, so that they have the same addresses in all
// executions.

// A lockToy is a lock, and the orders that it needs.
type lockToy struct {
	name   string
	reset  func()
	lock   func(t *toyThread)
	unlock func(t *toyThread)
	orders map[string][]Order // for each primitive whose order matters, the next weaker ones
}

// A toyThread is the state of a thread of a toy program.
type toyThread struct{ id, round int }

var (
	toyWord  uint32 // test-and-set: held; MCS: tail; ticket: next
	toyOwner uint32 // ticket: now serving
	toyNodes [4]struct{ next, wait uint32 }
	toyData  uint64 // guarded by the lock
	toyIn    int    // ghost: threads in the section
	toyOrder uint64 // ghost: a digit for each section so far, its thread's number plus 1
)

func w32(p *uint32) unsafe.Pointer { return unsafe.Pointer(p) }
func w64(p *uint64) unsafe.Pointer { return unsafe.Pointer(p) }

// Sites of the toys' scheduling points, for the marks.
const (
	siteTAS Site = 1000 + iota
	siteTASPause
	siteTASUnlock
	siteTASSet
	siteMCSNext
	siteMCSTail
	siteMCSLink
	siteMCSWait
	siteMCSPause
	siteMCSLook
	siteMCSClose
	siteMCSLate
	siteMCSLatePause
	siteMCSHand
	siteTicketTake
	siteTicketLook
	siteTicketPause
	siteTicketServe
	siteTicketUnlock
	siteInside
	siteBody
)

var testAndSet = lockToy{
	name:  "test-and-set",
	reset: func() { toyWord = 0 },
	lock: func(*toyThread) {
		for {
			At(siteTAS)
			if Update(siteTAS, "xchg", w32(&toyWord), 32, Acquire, func(uint64) (uint64, bool) { return 1, true }) == 0 {
				return
			}
			At(siteTASPause)
			Pause(siteTASPause)
		}
	},
	unlock: func(*toyThread) {
		At(siteTASUnlock)
		StoreWord(siteTASUnlock, "clear", w32(&toyWord), 32, 0, Release)
	},
	orders: map[string][]Order{"xchg": {Relaxed}, "clear": {Relaxed}},
}

var ticket = lockToy{
	name:  "ticket",
	reset: func() { toyWord, toyOwner = 0, 0 },
	lock: func(*toyThread) {
		At(siteTicketTake)
		mine := Update(siteTicketTake, "take", w32(&toyWord), 32, Relaxed, func(v uint64) (uint64, bool) { return v + 1, true })
		for {
			At(siteTicketLook, mine)
			if LoadWord(siteTicketLook, "look", w32(&toyOwner), 32, Acquire) == mine {
				return
			}
			At(siteTicketPause, mine)
			Pause(siteTicketPause)
		}
	},
	unlock: func(*toyThread) {
		At(siteTicketServe)
		now := LoadWord(siteTicketServe, "serving", w32(&toyOwner), 32, Relaxed)
		At(siteTicketUnlock, now)
		StoreWord(siteTicketUnlock, "serve", w32(&toyOwner), 32, now+1, Release)
	},
	orders: map[string][]Order{"look": {Relaxed}, "serve": {Relaxed}},
}

var mcs = lockToy{
	name: "MCS",
	reset: func() {
		toyWord = 0
		clear(toyNodes[:])
	},
	lock: func(t *toyThread) {
		n := &toyNodes[t.id]
		At(siteMCSNext)
		StoreWord(siteMCSNext, "init", w32(&n.next), 32, 0, Relaxed)
		At(siteMCSWait)
		StoreWord(siteMCSWait, "init", w32(&n.wait), 32, 1, Relaxed)
		me := uint64(t.id) + 1
		At(siteMCSTail)
		prev := Update(siteMCSTail, "tail", w32(&toyWord), 32, AcqRel, func(uint64) (uint64, bool) { return me, true })
		if prev == 0 {
			return
		}
		At(siteMCSLink, prev)
		StoreWord(siteMCSLink, "link", w32(&toyNodes[prev-1].next), 32, me, Release)
		for {
			At(siteMCSLook)
			if LoadWord(siteMCSLook, "wait", w32(&n.wait), 32, Acquire) == 0 {
				return
			}
			At(siteMCSPause)
			Pause(siteMCSPause)
		}
	},
	unlock: func(t *toyThread) {
		n := &toyNodes[t.id]
		me := uint64(t.id) + 1
		for {
			At(siteMCSLate)
			if next := LoadWord(siteMCSLate, "next", w32(&n.next), 32, Acquire); next != 0 {
				At(siteMCSHand, next)
				StoreWord(siteMCSHand, "hand", w32(&toyNodes[next-1].wait), 32, 0, Release)
				return
			}
			At(siteMCSClose)
			closed := Update(siteMCSClose, "close", w32(&toyWord), 32, Release, func(v uint64) (uint64, bool) { return 0, v == me })
			if closed == me {
				return
			}
			At(siteMCSLatePause)
			Pause(siteMCSLatePause)
		}
	},
	orders: map[string][]Order{
		"tail": {Acquire, Release}, "link": {Relaxed}, "wait": {Relaxed},
		"next": {Relaxed}, "hand": {Relaxed}, "close": {Relaxed},
	},
}

var toyLocks = []*lockToy{&testAndSet, &ticket, &mcs}

// testThenSet is broken as it tests and sets in two steps.
var testThenSet = lockToy{
	name:  "test, then set",
	reset: testAndSet.reset,
	lock: func(*toyThread) {
		for {
			At(siteTAS)
			if LoadWord(siteTAS, "test", w32(&toyWord), 32, Acquire) == 0 {
				break
			}
			At(siteTASPause)
			Pause(siteTASPause)
		}
		At(siteTASSet)
		StoreWord(siteTASSet, "set", w32(&toyWord), 32, 1, Relaxed)
	},
	unlock: testAndSet.unlock,
}

// hastyMCS is broken as it does not wait for a successor that has taken the tail but has
// not linked itself yet.
var hastyMCS = lockToy{
	name:  "hasty MCS",
	reset: mcs.reset,
	lock:  mcs.lock,
	unlock: func(t *toyThread) {
		me := uint64(t.id) + 1
		At(siteMCSLate)
		if next := LoadWord(siteMCSLate, "next", w32(&toyNodes[t.id].next), 32, Acquire); next != 0 {
			At(siteMCSHand, next)
			StoreWord(siteMCSHand, "hand", w32(&toyNodes[next-1].wait), 32, 0, Release)
			return
		}
		At(siteMCSClose)
		Update(siteMCSClose, "close", w32(&toyWord), 32, Release, func(v uint64) (uint64, bool) { return 0, v == me })
	},
}

// brokenLocks are toys that fail.
var brokenLocks = []struct {
	*lockToy
	failure string // part of the message
}{
	{&testThenSet, "threads are inside"},
	{&hastyMCS, "stuck"},
}

// program returns a program whose threads acquire the lock rounds times each. It checks
// mutual exclusion by a plain variable and by a count.
func (toy *lockToy) program(threads, rounds int) *Program {
	p := &Program{
		Name: fmt.Sprintf("%s %dx%d", toy.name, threads, rounds),
		Declare: func() {
			Name(w32(&toyWord), "word")
			Name(w32(&toyOwner), "owner")
			Name(unsafe.Pointer(&toyData), "data")
			for i := range toyNodes {
				Name(w32(&toyNodes[i].next), fmt.Sprintf("node%d.next", i+1))
				Name(w32(&toyNodes[i].wait), fmt.Sprintf("node%d.wait", i+1))
			}
			GhostVar("inside", func() uint64 { return uint64(toyIn) })
			GhostVar("order", func() uint64 { return toyOrder })
		},
		Setup: func() {
			toy.reset()
			toyData, toyIn, toyOrder = 0, 0, 0
		},
		Final: func() {
			if toyData != uint64(threads*rounds) {
				Fail("%d sections, but %d were counted", threads*rounds, toyData)
			}
		},
		Outcome: func() string { return fmt.Sprint(toyOrder) },
	}
	for id := range threads {
		p.Threads = append(p.Threads, func() {
			t := &toyThread{id: id}
			for t.round = range rounds {
				Forget()
				At(siteBody, uint64(t.round))
				inFunction(1, func() { toy.lock(t) })
				section()
				At(siteBody+1, uint64(t.round))
				inFunction(2, func() { toy.unlock(t) })
			}
		})
	}
	return p
}

// inFunction calls f with a frame of its own, as generated code does.
func inFunction(id int32, f func()) {
	Enter(id)
	defer Leave()
	f()
}

// section is the critical section.
func section() {
	toyIn++
	if toyIn != 1 {
		Fail("%d threads are inside", toyIn)
	}
	toyOrder = 10*toyOrder + uint64(Self()) + 1
	PlainRead(siteInside, unsafe.Pointer(&toyData), 64)
	v := toyData + 1
	At(siteInside, v)
	Block(siteInside, "nothing", func() bool { return true }) // a scheduling point
	PlainWrite(siteInside, unsafe.Pointer(&toyData), 64)
	toyData = v
	toyIn--
}
