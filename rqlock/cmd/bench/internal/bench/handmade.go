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

// What programs write themselves.

// casSpin burns its turn while the lock is held.
type casSpin struct{ held atomic.Uint32 }

func (s *casSpin) Lock() {
	for !s.held.CompareAndSwap(0, 1) {
		runtime.Gosched()
	}
}

func (s *casSpin) Unlock() { s.held.Store(0) }

// sleepMutex could give up after a time, unlike sync.Mutex alone.
type sleepMutex struct{ m sync.Mutex }

func (s *sleepMutex) Lock() {
	for !s.m.TryLock() {
		time.Sleep(50 * time.Microsecond)
	}
}

func (s *sleepMutex) Unlock() { s.m.Unlock() }

// ctxChan is a channel of one that is waited for together with a context.
type ctxChan struct {
	held   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc // nobody calls it, but somebody could
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

// hchanSize is what a channel has on the heap beside its pointer.
const hchanSize = 96

// lockdepClass is the class of gvisor's checked mutex: all of one kind, as
// only one is held at a time.
var lockdepClass = locking.NewMutexClass(reflect.TypeFor[gvisorDepLock](), nil)

// floor is what the simplest lock costs that nobody contends: one
// compare-and-exchange and one plain store. It has pairs only.
type floor struct {
	lock
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
