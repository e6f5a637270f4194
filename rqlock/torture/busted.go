package torture

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// bustedReaders lets readers in beside a writer.
type bustedReaders struct{ sync.Mutex }

func (*bustedReaders) RLock()         {}
func (*bustedReaders) TryRLock() bool { return true }
func (*bustedReaders) RUnlock()       {}

// bustedWriters lets writers in beside a writer, as it does with readers.
type bustedWriters struct {
	mu      sync.Mutex
	left    *sync.Cond
	holders int // readers, or minus the writers
}

func newBustedWriters() Locker {
	b := new(bustedWriters)
	b.left = sync.NewCond(&b.mu)
	return PlainRW(b)
}

// enter lets one of a kind in, which counts as one, or as minus one, while there is nobody of
// the other kind.
func (b *bustedWriters) enter(one int, wait bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.holders*one < 0 {
		if !wait {
			return false
		}
		b.left.Wait()
	}
	b.holders += one
	return true
}

func (b *bustedWriters) leave(one int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holders -= one
	b.left.Broadcast()
}

func (b *bustedWriters) Lock()          { b.enter(-1, true) }
func (b *bustedWriters) TryLock() bool  { return b.enter(-1, false) }
func (b *bustedWriters) Unlock()        { b.leave(-1) }
func (b *bustedWriters) RLock()         { b.enter(1, true) }
func (b *bustedWriters) TryRLock() bool { return b.enter(1, false) }
func (b *bustedWriters) RUnlock()       { b.leave(1) }

// bustedCrossing refuses a reader where it should let it in past a writer that waits: where
// readers would wait for one another in a ring.
type bustedCrossing struct{ *rqlock.RWMutex }

func newBustedCrossing() Locker { return bustedCrossing{new(rqlock.RWMutex)} }

// crossings says which locks goroutines read, and which they wait to read.
var crossings = struct {
	mu    sync.Mutex
	reads map[uint64][]*rqlock.RWMutex
	waits map[uint64]*rqlock.RWMutex
}{reads: map[uint64][]*rqlock.RWMutex{}, waits: map[uint64]*rqlock.RWMutex{}}

func (b bustedCrossing) RLock() error { return b.read(b.RWMutex.RLock) }

func (b bustedCrossing) RLockTimeout(d time.Duration) error {
	return b.read(func() error { return b.RWMutex.RLockTimeout(d) })
}

func (b bustedCrossing) RLockContext(ctx context.Context) error {
	return b.read(func() error { return b.RWMutex.RLockContext(ctx) })
}

func (b bustedCrossing) TryRLock() bool {
	return b.read(func() error {
		if b.RWMutex.TryRLock() {
			return nil
		}
		return errHeld
	}) == nil
}

func (b bustedCrossing) RUnlock() {
	b.RWMutex.RUnlock()
	me := goroutineID()
	crossings.mu.Lock()
	defer crossings.mu.Unlock()
	if i := slices.Index(crossings.reads[me], b.RWMutex); i >= 0 { // else it is a writer that was downgraded
		crossings.reads[me] = slices.Delete(crossings.reads[me], i, i+1)
	}
	if len(crossings.reads[me]) == 0 {
		delete(crossings.reads, me)
	}
}

func (b bustedCrossing) read(by func() error) error {
	me := goroutineID()
	if b.crosses(me) {
		return &rqlock.DeadlockError{Cycle: make([]rqlock.Wait, 2)}
	}
	err := by()
	crossings.mu.Lock()
	defer crossings.mu.Unlock()
	delete(crossings.waits, me)
	if err == nil {
		crossings.reads[me] = append(crossings.reads[me], b.RWMutex)
	}
	return err
}

// crosses reports whether readers of the lock wait for one another, up to one that waits for a
// lock which the caller, me, reads. If not, the caller waits from now on.
func (b bustedCrossing) crosses(me uint64) bool {
	crossings.mu.Lock()
	defer crossings.mu.Unlock()
	if waitsForOne(b.RWMutex, crossings.reads[me], map[uint64]bool{}) {
		return true
	}
	crossings.waits[me] = b.RWMutex
	return false
}

// waitsForOne reports whether a reader of l waits for one of the locks, or for a lock a reader
// of which does, and so on. The readers that were seen are not looked at again: they may wait
// for one another.
func waitsForOne(l *rqlock.RWMutex, locks []*rqlock.RWMutex, seen map[uint64]bool) bool {
	for reader, next := range crossings.waits {
		if seen[reader] || !slices.Contains(crossings.reads[reader], l) {
			continue
		}
		seen[reader] = true
		if slices.Contains(locks, next) || waitsForOne(next, locks, seen) {
			return true
		}
	}
	return false
}
