// Package torture uses the packages of the gallery from many goroutines at once, and says
// what goes wrong.
package torture

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Run says how long, and with how many goroutines.
type Run struct {
	Seed       uint64
	Goroutines int
	Time       time.Duration
	Patience   time.Duration // how long a goroutine may take for what should be soon
}

// A worker is one of the goroutines.
type worker struct {
	*rand.Rand
	id    int
	over  *atomic.Bool
	steps atomic.Uint64
	seen  uint64 // steps at the last look
}

// first takes the first error.
type first chan error

func (f first) set(format string, args ...any) {
	select {
	case f <- fmt.Errorf(format, args...):
	default:
	}
}

// do runs step in all goroutines, again and again, until the time is over or something is
// wrong.
func (r Run) do(step func(w *worker, wrong first)) error {
	var over atomic.Bool
	var running sync.WaitGroup
	wrong := make(first, 1)
	workers := make([]worker, r.Goroutines)
	for id := range workers {
		w := &workers[id]
		w.Rand, w.id, w.over = rand.New(rand.NewPCG(r.Seed, uint64(id))), id, &over
		running.Go(func() {
			for !over.Load() {
				step(w, wrong)
				w.steps.Add(1)
			}
			w.steps.Store(ended)
		})
	}
	end := make(chan struct{})
	go func() { running.Wait(); close(end) }()
	defer time.AfterFunc(r.Time, func() { over.Store(true) }).Stop()
	defer over.Store(true)
	for {
		select {
		case err := <-wrong:
			return err
		case <-end:
			return wrong.err()
		case <-time.After(r.Patience):
			for i := range workers {
				if workers[i].stuck() {
					return errors.New("somebody waits for ever")
				}
			}
		}
	}
}

// ended is the number of steps of a worker that has ended.
const ended = math.MaxUint64

// stuck reports whether w has done nothing since the last look.
func (w *worker) stuck() bool {
	before := w.seen
	w.seen = w.steps.Load()
	return w.seen == before && w.seen != ended
}

// err returns the error that there is, or nil.
func (f first) err() error {
	select {
	case err := <-f:
		return err
	default:
		return nil
	}
}

// linger lets another goroutine run now and then, in the middle of something.
func (w *worker) linger() {
	if w.Uint32()%8 == 0 {
		runtime.Gosched()
	}
}

// Exclusion checks that one goroutine at a time is between Lock and Unlock. Each has its own
// Locker for the lock.
func (r Run) Exclusion(lock func(id int) sync.Locker) error {
	var count int // guarded by the lock
	var done atomic.Int64
	err := r.do(func(w *worker, wrong first) {
		l := lock(w.id)
		if t, ok := l.(interface{ TryLock() bool }); ok && w.Uint32()%4 == 0 {
			if !t.TryLock() {
				runtime.Gosched()
				return
			}
		} else {
			l.Lock()
		}
		before := count
		w.linger()
		if count != before {
			wrong.set("another goroutine is in the section")
		}
		count = before + 1
		done.Add(1)
		l.Unlock()
		w.linger()
	})
	if n := int(done.Load()); err == nil && count != n {
		return fmt.Errorf("%d sections, but %d were counted", n, count)
	}
	return err
}

// RWLocker is a lock for readers and writers.
type RWLocker interface {
	sync.Locker
	RLock()
	RUnlock()
}

// Readers checks that a writer is alone. A quarter of what is done is writing.
func (r Run) Readers(l RWLocker) error {
	var a, b int // guarded by the lock
	return r.do(func(w *worker, wrong first) {
		if w.Uint32()%4 != 0 {
			l.RLock()
			before := a
			w.linger()
			if a != before || b != before {
				wrong.set("reads %d and then %d, %d, while nobody may write", before, a, b)
			}
			l.RUnlock()
			return
		}
		l.Lock()
		before := a
		w.linger()
		a = before + 1
		w.linger()
		if a != before+1 || b != before {
			wrong.set("has written %d and finds %d, %d, while nobody else may write", before+1, a, b)
		}
		b = a
		l.Unlock()
	})
}

// Pair is two words that are read and written together.
type Pair interface {
	Load() (a, b uint64)
	Store(a, b uint64)
}

// Pairs checks that the words that are loaded are of one Store.
func (r Run) Pairs(p Pair) error {
	return r.do(func(w *worker, wrong first) {
		if w.Uint32()%2 == 0 {
			v := w.Uint64()
			p.Store(v, ^v)
		} else if a, b := p.Load(); (a != 0 || b != 0) && a != ^b {
			wrong.set("loads %#x and %#x, which were not stored together", a, b)
		}
		w.linger()
	})
}

// Deque is a deque with an owner, who pushes and takes.
type Deque interface {
	Push(v uint64) bool
	Take() (v uint64, ok bool)
	Steal() (v uint64, ok bool)
}

// Deque checks that each element that was pushed is removed once, in one deque after the other
// until the time is over. The first goroutine is the owner.
func (r Run) Deque(empty func() Deque) error {
	removed := make([]atomic.Bool, 1<<20) // by element
	for end := time.Now().Add(r.Time); r.Time > 0; r.Time = time.Until(end) {
		if err := r.deque(empty(), removed); err != nil {
			return err
		}
		clear(removed)
		r.Seed++
	}
	return nil
}

// deque is Deque for a deque, and for fewer elements than removed has.
func (r Run) deque(d Deque, removed []atomic.Bool) error {
	var pushed, gone atomic.Uint64
	remove := func(v uint64, ok bool, wrong first) {
		switch {
		case !ok:
		case v >= uint64(len(removed)) || v > pushed.Load():
			wrong.set("removes %d, which was not pushed", v)
		case removed[v].Swap(true):
			wrong.set("removes %d twice", v)
		default:
			gone.Add(1)
		}
	}
	err := r.do(func(w *worker, wrong first) {
		switch next := pushed.Load() + 1; {
		case w.id > 0:
			v, ok := d.Steal()
			remove(v, ok, wrong)
			if !ok {
				w.linger()
			}
		case next == uint64(len(removed)):
			w.over.Store(true)
		case w.Uint32()%2 == 0:
			pushed.Store(next)
			if !d.Push(next) {
				pushed.Store(next - 1)
			}
		default:
			v, ok := d.Take()
			remove(v, ok, wrong)
		}
	})
	if err != nil {
		return err
	}
	wrong := make(first, 1)
	for v, ok := d.Take(); ok; v, ok = d.Take() {
		remove(v, ok, wrong)
	}
	if err := wrong.err(); err != nil {
		return err
	}
	if gone.Load() != pushed.Load() {
		return errors.New("elements were lost")
	}
	return nil
}
