package bench

import (
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/qspin"
	"github.com/sasha-s/go-deadlock"
)

// A lock is one instance of a contender. Where a call more or less shows in the
// result, the loop is a method of the contender, with direct calls: generic
// code would call through a dictionary, and nothing would be inlined.
type lock interface {
	sync.Locker
	pairs(n int)           // locks and unlocks n times, and nothing else
	rounds(n, in, out int) // n times: a section of in spins, then out spins
}

// A contender is a kind of lock.
type contender struct {
	name string
	new  func() lock
	size uintptr // bytes
}

// The contenders by name; ratios are against mutex.
var (
	rq    = contender{"rqlock", func() lock { return new(rqLock) }, sizeof[rqlock.Lock]()}
	qs    = contender{"qspin", func() lock { return new(qspinLock) }, sizeof[qspin.Lock]()}
	mutex = contender{"mutex", func() lock { return new(mutexLock) }, sizeof[sync.Mutex]()}
	peer  = contender{"go-deadlock", func() lock { return new(peerLock) }, sizeof[deadlock.Mutex]()}

	contenders = []contender{rq, qs, mutex, peer}
)

// Each lock has its cache line for itself, so that no other's writes show.
type line [128]byte

type rqLock struct {
	_ line
	l rqlock.Lock
	_ line
}

func (x *rqLock) Lock() {
	if err := x.l.Lock(); err != nil {
		panic(err)
	}
}

func (x *rqLock) Unlock() { x.l.Unlock() }

func (x *rqLock) pairs(n int) {
	for range n {
		if err := x.l.Lock(); err != nil {
			panic(err)
		}
		x.l.Unlock()
	}
}

func (x *rqLock) rounds(n, in, out int) {
	for range n {
		if err := x.l.Lock(); err != nil {
			panic(err)
		}
		work(in)
		x.l.Unlock()
		work(out)
	}
}

type qspinLock struct {
	_ line
	l qspin.Lock
	_ line
}

func (x *qspinLock) Lock()   { x.l.Lock() }
func (x *qspinLock) Unlock() { x.l.Unlock() }

func (x *qspinLock) pairs(n int) {
	for range n {
		x.l.Lock()
		x.l.Unlock()
	}
}

func (x *qspinLock) rounds(n, in, out int) {
	for range n {
		x.l.Lock()
		work(in)
		x.l.Unlock()
		work(out)
	}
}

type mutexLock struct {
	_ line
	l sync.Mutex
	_ line
}

func (x *mutexLock) Lock()   { x.l.Lock() }
func (x *mutexLock) Unlock() { x.l.Unlock() }

func (x *mutexLock) pairs(n int) {
	for range n {
		x.l.Lock()
		x.l.Unlock()
	}
}

func (x *mutexLock) rounds(n, in, out int) {
	for range n {
		x.l.Lock()
		work(in)
		x.l.Unlock()
		work(out)
	}
}

type peerLock struct {
	_ line
	l deadlock.Mutex
	_ line
}

func (x *peerLock) Lock()   { x.l.Lock() }
func (x *peerLock) Unlock() { x.l.Unlock() }

func (x *peerLock) pairs(n int) {
	for range n {
		x.l.Lock()
		x.l.Unlock()
	}
}

func (x *peerLock) rounds(n, in, out int) {
	for range n {
		x.l.Lock()
		work(in)
		x.l.Unlock()
		work(out)
	}
}

// floor is what the simplest lock costs that nobody contends: one
// compare-and-exchange and one plain store.
type floor struct {
	_    line
	word uint32
	_    line
}

func (f *floor) pairs(n int) {
	for range n {
		if !atomic.CompareAndSwapUint32(&f.word, 0, 1) {
			panic("held")
		}
		f.word = 0
	}
}
