package rqlock

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// bitwise copies a lock as an assignment of what it is in does. (vet would see *dst = *src.)
func bitwise(dst, src *Mutex) {
	dst.word.Owner.Store(src.word.Owner.Load())
	asm.StoreRelaxed32(&dst.word.Tail, asm.LoadRelaxed32(&src.word.Tail))
	asm.StoreRelaxed32(&dst.word.Sleeper, asm.LoadRelaxed32(&src.word.Sleeper))
}

// TestCopy: who waits for a copy of a lock that was waited for is told so by a panic, again
// and again, and those who wait for the original get it (G17).
func TestCopy(t *testing.T) {
	setStallTimeout(t, never)
	l, c := newLock(t), new(Mutex)
	a := newActors(t, 4)
	a[0].lock(l)
	a[1].waits(l, l.Lock)
	bitwise(c, l)
	bad := func(a *actor) {
		t.Helper()
		a.do(func() error {
			if said := panicOf(t, func() { must(t, c.Lock()) }); !strings.Contains(said, "copy") || strings.Contains(said, "\n") {
				t.Errorf("the copy says %q", said)
			}
			return nil
		})
	}
	for range 3 {
		bad(a[2])
		bad(a[3])
	}
	a[0].unlock(l)
	must(t, a[1].result())
	bad(a[2]) // now the copy's tail is a record that is free
	a[2].waits(l, l.Lock)
	bad(a[3]) // or is used again
	a[1].unlock(l)
	must(t, a[2].result())
	a[2].unlock(l)
}

// TestCopyAfterUse: the copy of a lock that is free and not waited for is a lock.
func TestCopyAfterUse(t *testing.T) {
	l, c := newLock(t), newLock(t)
	must(t, l.Lock())
	a := newActors(t, 1)[0]
	a.waits(l, l.Lock)
	l.Unlock()
	must(t, a.result())
	a.unlock(l)
	bitwise(c, l)
	must(t, c.Lock())
	a.waits(c, c.Lock)
	c.Unlock()
	must(t, a.result())
	a.unlock(c)
}

// TestOverwritten: who waits for a lock that is overwritten gets it, and its record is given
// back, however often that happens (G17).
func TestOverwritten(t *testing.T) {
	setStallTimeout(t, never)
	a := newActors(t, 3)
	l := newLock(t)
	for i := range briefly(100, 30) {
		a[0].lock(l)
		a[1].waits(l, l.Lock)
		if i%2 == 0 {
			a[2].waits(l, l.Lock)
		}
		if i%3 == 0 {
			await(t, "the head to sleep", func() bool { return asm.LoadRelaxed32(&l.word.Sleeper)&^asm.ClosedMask != 0 })
		}
		bitwise(l, new(Mutex))
		must(t, a[1].result())
		if i%4 == 1 { // another queue
			a[2].waits(l, l.Lock)
		}
		a[1].unlock(l)
		if i%2 == 0 || i%4 == 1 {
			must(t, a[2].result())
			a[2].unlock(l)
		}
		for _, leak := range waiter.Leaks() {
			t.Fatalf("round %d: %s", i, leak)
		}
	}
}

// TestOverwrittenStorm: many goroutines use a lock that is overwritten all the time, by stores
// that race with all that they do. Nobody who uses another lock is harmed, and hardly a record
// is lost (G17).
func TestOverwrittenStorm(t *testing.T) {
	setStallTimeout(t, 20*time.Millisecond)
	setProcs(t, 4)
	bad, good := new(Mutex), newLock(t)
	var overwritten atomic.Int64
	var wg sync.WaitGroup
	n := 0
	rnd := seed.Rand(t)
	end := time.Now().Add(*tortureTime)
	for i := range 6 {
		r := seed.New(rnd.Uint64(), i)
		wg.Go(func() {
			try := func(l *Mutex, f func()) {
				defer func() { recover() }() // a copy, or the unlock of a lock that was overwritten
				if err := l.Lock(); err != nil {
					return
				}
				f() //rqvet:ignore leak nobody uses what is overwritten
				l.Unlock()
			}
			for time.Now().Before(end) {
				switch r.IntN(8) {
				case 0:
					overwritten.Add(1)
					bitwise(bad, new(Mutex))
				case 1, 2:
					if err := good.Lock(); err != nil {
						if !errors.Is(err, ErrTimeout) {
							t.Errorf("%+v", err)
						}
						continue
					}
					n++
					good.Unlock()
				default:
					try(bad, func() {
						if r.IntN(4) == 0 {
							time.Sleep(10 * time.Microsecond)
						}
					})
				}
			}
		})
	}
	join(t, &wg)
	lost := waiter.Reclaim()
	t.Logf("%d sections of the good lock, %d records lost by overwriting the other one %d times", n, lost, overwritten.Load())
	if int64(lost) > 3+overwritten.Load()/50 {
		t.Error("too many records are lost")
	}
}

// TestCopiesProgram: a program that appends to a slice of locks, or overwrites a lock, that is
// waited for (G17). Its accesses are data races, which is not what this is about.
func TestCopiesProgram(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector sees the program's fault")
	}
	p := newProgram(t)
	file := p.build("testdata/copies", "copies")
	for _, what := range []string{"append", "overwrite"} {
		p.runs(file, what)
	}
}
