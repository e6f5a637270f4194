package bench

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/sync/locking"
)

// These are locks that programs write themselves.

// casSpin yields while the lock is held.
type casSpin struct{ held atomic.Uint32 }

func (s *casSpin) Lock() {
	for !s.held.CompareAndSwap(0, 1) {
		runtime.Gosched()
	}
}

func (s *casSpin) Unlock() { s.held.Store(0) }

// sleepMutex sleeps while the lock is held. Unlike sync.Mutex, it could give up after a time.
type sleepMutex struct{ m sync.Mutex }

func (s *sleepMutex) Lock() {
	for !s.m.TryLock() {
		time.Sleep(50 * time.Microsecond)
	}
}

func (s *sleepMutex) Unlock() { s.m.Unlock() }

// ctxChan is a channel of one. Its Lock waits for a context, too.
type ctxChan struct {
	held   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc // is never called here
}

func newCtxChan() ctxChan {
	ctx, cancel := context.WithCancel(context.Background())
	return ctxChan{make(chan struct{}, 1), ctx, cancel}
}

func (c *ctxChan) Lock() error {
	select {
	case c.held <- struct{}{}:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

func (c *ctxChan) Unlock() { <-c.held }

// hchanSize is the size of a channel on the heap.
const hchanSize = 96

// lockdepClass is the class of gvisor's checked mutexes. One class is enough, as only one
// mutex is held at a time.
var lockdepClass = locking.NewMutexClass(reflect.TypeFor[gvisorDepLock](), nil)

// emptyCalls does nothing in a pair of calls. It has no method but pairs.
type emptyCalls struct {
	word uint64
	_    line
	lock
}

func (e *emptyCalls) pairs(n int) {
	for range n {
		emptyCall(&e.word)
		emptyCall(&e.word)
	}
}

// floor is the least that an uncontended lock can cost: one compare-and-exchange and one
// plain store. It has no method but pairs.
type floor struct {
	word uint32
	_    line
	lock
}

func (f *floor) pairs(n int) {
	for range n {
		if !atomic.CompareAndSwapUint32(&f.word, 0, 1) {
			panic("held")
		}
		f.word = 0
	}
}
