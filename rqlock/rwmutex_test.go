package rqlock

import (
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// startInRows says that the readers of new locks are in rows, as after a run of reads.
var startInRows bool

// eachWay runs a test of locks that count their readers, and of such that have them in rows.
func eachWay(t *testing.T, f func(t *testing.T)) {
	t.Run("counted", f)
	t.Run("rows", func(t *testing.T) {
		startInRows = true
		defer func() { startInRows = false }()
		f(t)
	})
}

// newRWs returns reader-writer locks for a test, which checks at its end that nothing is left
// in them or of their waiters.
func newRWs(t testing.TB, n int) []RWMutex {
	t.Helper()
	locks := make([]RWMutex, n)
	if startInRows {
		for i := range locks {
			locks[i].rw.Readers = asm.RowsMask
		}
	}
	before := readers.Number()
	t.Cleanup(func() {
		t.Helper()
		checkLeaks(t, nil)
		if leaky {
			return
		}
		for i := range locks {
			if !locks[i].gate().Free() {
				t.Errorf("lock %d of %d is left with %+v", i, len(locks), &locks[i].rw)
			}
		}
		if n := readers.Number(); n != before {
			t.Errorf("%d read locks are held, %d were before", n, before)
		}
	})
	return locks
}

func newRW(t testing.TB) *RWMutex {
	t.Helper()
	return &newRWs(t, 1)[0]
}

func (a *actor) write(l *RWMutex) {
	a.t.Helper()
	must(a.t, a.do(l.Lock))
}

func (a *actor) read(l *RWMutex) {
	a.t.Helper()
	must(a.t, a.do(l.RLock))
}

func (a *actor) unwrite(l *RWMutex) {
	a.t.Helper()
	a.do(func() error { l.Unlock(); return nil })
}

func (a *actor) unread(l *RWMutex) {
	a.t.Helper()
	a.do(func() error { l.RUnlock(); return nil })
}

// blocks has the actor begin a step that must wait for the word, and returns once it does,
// and is where it stays: a reader in the list, a writer that drains, or one in the queue.
func (a *actor) blocks(l *RWMutex, step func() error) {
	a.t.Helper()
	a.start(step)
	await(a.t, "an actor to wait", func() bool {
		a.t.Helper()
		if len(a.results) != 0 {
			a.t.Fatalf("did not wait: %v", a.result())
		}
		return a.blocked(l)
	})
}

func (a *actor) blocked(l *RWMutex) bool {
	w := waiter.Lookup(a.id)
	if w == nil || w.Edge.Lock.Load() != &l.rw.Owned {
		return false
	}
	switch owner := l.owner(); {
	case w.Kind.Load() == waiter.ForReading:
		return w.Stage.Load() == waiter.Listed
	case owner == a.id:
		return l.gate().Draining()
	default:
		return owner != 0 && asm.LoadRelaxed32(&l.rw.Tail) != 0
	}
}

// TestRWSize: a reader-writer lock has 32 bytes, and its 64-bit owner is aligned wherever it
// stands.
func TestRWSize(t *testing.T) {
	if size := unsafe.Sizeof(RWMutex{}); size > 32 {
		t.Errorf("a lock has %d bytes", size)
	}
	type odd struct {
		_ uint32
		m RWMutex
	}
	for _, o := range []*odd{new(odd), &make([]odd, 3)[1]} {
		if at := uintptr(unsafe.Pointer(&o.m.rw.Owned.Owner)); at%8 != 0 {
			t.Errorf("an owner word is at %#x", at)
		}
		must(t, o.m.RLock())
		o.m.RUnlock()
		must(t, o.m.Lock())
		o.m.Unlock()
	}
}

// TestRWSmoke: what is free can be had in any way, and what is held only by those it may be.
func TestRWSmoke(t *testing.T) {
	l := newRW(t)
	a := newActors(t, 2)
	a[0].read(l)
	a[1].read(l)
	if l.TryLock() {
		t.Error("a writer came in beside readers")
	}
	if !l.TryRLock() {
		t.Error("a reader did not come in beside readers")
	}
	l.RUnlock()
	a[0].unread(l)
	a[1].unread(l)
	must(t, l.Lock())
	for name, try := range map[string]func() bool{"TryLock": l.TryLock, "TryRLock": l.TryRLock} {
		a[0].do(func() error {
			if try() {
				t.Errorf("%s came in beside a writer", name)
			}
			return nil
		})
	}
	a[0].blocks(l, l.RLock)
	a[1].blocks(l, l.Lock)
	l.Unlock()
	must(t, a[0].result())
	await(t, "the writer to wait for the reader", l.gate().Draining)
	if l.TryRLock() {
		t.Error("a reader passed a writer that waits")
	}
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)
}

// BenchmarkRWBeside is the cost of reads and writes by one goroutine, while others hold read locks
// that are not its own: their slots are in its way. An operation is a section. One of so many
// sections writes.
func BenchmarkRWBeside(b *testing.B) {
	for _, others := range []int{0, 40, 1000, 10_000} {
		for _, every := range []int{2, 10, 100} {
			name := fmt.Sprintf("held=%d/writes=1of%d", others, every)
			n, last := 0, 0
			b.Run(name+"/of=rqlock", func(b *testing.B) {
				holdOthers(b, others)
				var l RWMutex
				measureSections(b, every,
					func() {
						if l.Lock() == nil {
							n++
							l.Unlock()
						}
					},
					func() {
						if l.RLock() == nil {
							last = n
							l.RUnlock()
						}
					})
			})
			b.Run(name+"/of=sync", func(b *testing.B) {
				var l sync.RWMutex
				measureSections(b, every,
					func() { l.Lock(); n++; l.Unlock() },
					func() { l.RLock(); last = n; l.RUnlock() })
			})
			if last > n {
				b.Errorf("a reader has seen %d sections of %d", last, n)
			}
		}
	}
}

// holdOthers has n goroutines hold a read lock each, until the benchmark ends.
func holdOthers(b *testing.B, n int) {
	var holding, done sync.WaitGroup
	end := make(chan struct{})
	b.Cleanup(func() { close(end); done.Wait() })
	for range n {
		holding.Add(1)
		done.Go(func() {
			l := new(RWMutex)
			must(b, l.RLock())
			holding.Done()
			<-end
			l.RUnlock()
		})
	}
	holding.Wait()
}

// measureSections measures them. Reads come first, after which a lock has its readers in rows.
func measureSections(b *testing.B, every int, write, read func()) {
	for range 100 {
		read()
	}
	b.ResetTimer()
	for i := range b.N {
		if i%every == 0 {
			write()
		} else {
			read()
		}
	}
}

// rawOf returns an address that vet and the detector do not look behind.
func rawOf[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }
