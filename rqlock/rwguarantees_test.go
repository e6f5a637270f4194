package rqlock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// rwWays are the ways to acquire a reader-writer lock that may wait.
var rwWays = []struct {
	name  string
	write func(*RWMutex) error
	read  func(*RWMutex) error
}{
	{"plain", (*RWMutex).Lock, (*RWMutex).RLock},
	{"Timeout", func(l *RWMutex) error { return l.LockTimeout(never) }, func(l *RWMutex) error { return l.RLockTimeout(never) }},
	{"Context", func(l *RWMutex) error { return l.LockContext(context.Background()) },
		func(l *RWMutex) error { return l.RLockContext(context.Background()) }},
}

func rwAddr(l *RWMutex) uintptr { return attributes.Addr(&l.rw.Owned) }

// shared is what a reader-writer lock guards: plain counters, equal outside of writers'
// sections.
type rwShared struct {
	l             *RWMutex
	entered, left int
	want          atomic.Int64
	reading       atomic.Int32
	most          atomic.Int32 // who read at once
}

func (g *rwShared) writes(t testing.TB, w *hand) {
	if g.entered != g.left || g.reading.Load() != 0 {
		t.Errorf("worker %d writes while another is inside", w.id)
	}
	g.entered++
	w.mayYield()
	if w.Uint32()%256 == 0 {
		time.Sleep(time.Millisecond)
	}
	g.left++
	g.want.Add(1)
}

func (g *rwShared) reads(t testing.TB, w *hand) {
	n := g.reading.Add(1)
	if m := g.most.Load(); n > m {
		g.most.CompareAndSwap(m, n)
	}
	if g.entered != g.left {
		t.Errorf("worker %d reads while another writes", w.id)
	}
	w.mayYield()
	if g.entered != g.left {
		t.Errorf("worker %d reads while another writes", w.id)
	}
	g.reading.Add(-1)
}

// TestRWExclusion: a writer excludes everybody, and readers writers, whatever fails around
// them: limits, deadlocks of any form, stalls, downgrades (R1, R9).
func TestRWExclusion(t *testing.T) { eachWay(t, testRWExclusion) }

func testRWExclusion(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, records := range []int{1 << 20, 2} {
			t.Run(fmt.Sprint(procs, "/", records), func(t *testing.T) {
				setProcs(t, procs)
				setRecords(t, records)
				setStallTimeout(t, 10*time.Millisecond)
				excludeRW(t)
			})
		}
	}
}

func excludeRW(t *testing.T) {
	locks := newRWs(t, 3)
	all := make([]rwShared, len(locks))
	for i := range all {
		all[i].l = &locks[i]
	}
	before := ReadEvents()
	allFailures := func() bool {
		e := since(before)
		return e.SelfDeadlock > 0 && e.Cancelled > 0 && e.Deadline > 0
	}
	allEntered := func() bool {
		for i := range all {
			if all[i].entered == 0 || all[i].most.Load() == 0 {
				return false
			}
		}
		return true
	}
	playUntil(func() bool { return allEntered() && (testing.Short() || allFailures()) }, func() {
		crew(t, 12, func(w *hand) {
			for w.running() {
				rwNest(t, w, all, 3)
			}
		})
	})
	cross(t, &locks[0], &locks[1])
	for i := range all {
		if g := &all[i]; int64(g.entered) != g.want.Load() || g.entered == 0 || g.most.Load() == 0 {
			t.Errorf("lock %d: %d sections, want %d, and %d readers at once", i, g.entered, g.want.Load(), g.most.Load())
		}
	}
	t.Logf("%+v", since(before))
	if !allFailures() && !testing.Short() {
		t.Errorf("the mix had not all failures: %+v", since(before))
	}
}

// rwTry acquires in a random way.
func rwTry(l *RWMutex, w *hand, read bool) (bool, error) {
	lock, try, timeout, cancel := l.Lock, l.TryLock, l.LockTimeout, l.LockContext
	if read {
		lock, try, timeout, cancel = l.RLock, l.TryRLock, l.RLockTimeout, l.RLockContext
	}
	switch w.IntN(5) {
	case 0:
		return try(), nil
	case 1:
		err := timeout(time.Duration(w.IntN(500)-10) * time.Microsecond)
		return err == nil, err
	case 2:
		ctx, stop := context.WithTimeout(context.Background(), time.Duration(w.IntN(500))*time.Microsecond)
		defer stop()
		if w.IntN(4) == 0 {
			stop()
		}
		err := cancel(ctx)
		return err == nil, err
	default:
		err := lock()
		return err == nil, err
	}
}

// rwNest takes a random lock in a random way and, inside, perhaps another.
func rwNest(t *testing.T, w *hand, all []rwShared, depth int) {
	g := &all[w.IntN(len(all))]
	read := w.IntN(3) > 0
	got, err := rwTry(g.l, w, read)
	if !got {
		checkFailure(t, err)
		return
	}
	if !read {
		g.writes(t, w)
		if w.IntN(4) == 0 {
			g.l.Downgrade()
			read = true
		}
	}
	if read {
		g.reads(t, w)
	}
	if depth > 1 && w.IntN(2) == 0 {
		rwNest(t, w, all, depth-1)
	}
	if read {
		g.reads(t, w)
		g.l.RUnlock()
	} else {
		g.l.Unlock()
	}
}

// TestRWRecursive: who reads already is let in at once, past a writer that waits, as often as
// it likes; the writer waits until it has let go as often (R2).
func TestRWRecursive(t *testing.T) { eachWay(t, testRWRecursive) }

func testRWRecursive(t *testing.T) {
	setStallTimeout(t, never)
	for _, way := range rwWays {
		t.Run(way.name, func(t *testing.T) {
			l, m := newRW(t), newLock(t)
			a := newActors(t, 4)
			writer := a[3]
			a[0].read(l)
			a[1].read(l)
			writer.blocks(l, func() error { return way.write(l) })
			a[2].blocks(l, func() error { return way.read(l) })
			for range 3 {
				for _, b := range a[:2] {
					must(t, b.do(func() error { return way.read(l) }))
					b.lock(m) // with a mutex in between
					if b.do(func() error {
						if l.TryRLock() {
							return nil
						}
						return errGaveUp
					}) != nil {
						t.Error("TryRLock by one who reads")
					}
					b.unlock(m)
				}
			}
			for i := range 7 {
				for _, b := range a[:2] {
					if len(writer.results) != 0 {
						t.Fatalf("a writer came in after %d of 7 ends of reading", i)
					}
					b.unread(l)
				}
			}
			must(t, writer.result())
			writer.unwrite(l)
			must(t, a[2].result())
			a[2].unread(l)
		})
	}
}

// TestRWSelf: to write what one reads or writes, and to read what one writes, fails at once,
// before any waiting (R3).
func TestRWSelf(t *testing.T) { eachWay(t, testRWSelf) }

func testRWSelf(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	ways := append(rwWays[:len(rwWays):len(rwWays)], []struct {
		name  string
		write func(*RWMutex) error
		read  func(*RWMutex) error
	}{
		{"Timeout(0)", func(l *RWMutex) error { return l.LockTimeout(0) }, func(l *RWMutex) error { return l.RLockTimeout(0) }},
		{"Context(cancelled)", func(l *RWMutex) error { return l.LockContext(cancelled) }, func(l *RWMutex) error { return l.RLockContext(cancelled) }},
	}...)
	for _, way := range ways {
		for _, c := range []struct {
			name         string
			first, then  func(*RWMutex) error
			undo         func(*RWMutex)
			reads, later bool
		}{
			{"write, write", (*RWMutex).Lock, way.write, (*RWMutex).Unlock, false, false},
			{"write, read", (*RWMutex).Lock, way.read, (*RWMutex).Unlock, false, true},
			{"read, write", (*RWMutex).RLock, way.write, (*RWMutex).RUnlock, true, false},
		} {
			t.Run(way.name+"/"+c.name, func(t *testing.T) {
				l := newRW(t)
				must(t, c.first(l))
				var err error
				if got, want := eventsOf(func() { err = c.then(l) }), (Events{SelfDeadlock: 1}); got != want {
					t.Errorf("events %+v, want %+v", got, want)
				}
				d, me := deadlock(t, err), asm.CurrentGoid()
				if len(d.Cycle) != 1 {
					t.Fatalf("cycle of %d: %v", len(d.Cycle), d)
				}
				w := d.Cycle[0]
				if w.Goroutine != me || w.Lock.Addr != rwAddr(l) || w.Read != c.later || !w.heldByOnly(me) || w.Holders[0].Read != c.reads {
					t.Errorf("report %+v", w)
				}
				if len(w.Stack) == 0 || !strings.Contains(w.Stack[0].Function, "(*RWMutex).") {
					t.Errorf("the stack begins with %+v", w.Stack)
				}
				c.undo(l)
				must(t, l.Lock())
				l.Unlock()
			})
		}
	}
	// Also while others hold and wait.
	l := newRW(t)
	a := newActors(t, 2)
	must(t, l.RLock())
	a[0].read(l)
	a[1].blocks(l, l.Lock)
	deadlock(t, l.Lock())
	l.RUnlock()
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)
}

// TestRWCycle: two locks in opposite order are a deadlock if one side at least writes, whether
// the other lock is a mutex or not, and also for a writer behind a writer behind readers. The
// victim is who closes it, and the report names who is part of it and nobody else (R4, R6).
func TestRWCycle(t *testing.T) { eachWay(t, testRWCycle) }

func testRWCycle(t *testing.T) {
	setStallTimeout(t, never)
	report := func(t *testing.T, err error, want ...any) {
		t.Helper()
		d := deadlock(t, err)
		var got []any
		for _, w := range d.Cycle {
			got = append(got, w.Goroutine, w.Lock.Addr, w.Read, w.Holders[0].Goroutine, w.Holders[0].Read)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the report has %v, want %v", got, want)
		}
		if len(d.Cycle[1].Stack) == 0 {
			t.Error("a stack is missing")
		}
	}
	for _, way := range rwWays {
		t.Run("mutex/"+way.name, func(t *testing.T) {
			l, m, a := newRW(t), newLock(t), newActors(t, 2)
			a[0].read(l)
			a[1].lock(m)
			a[0].waits(m, m.Lock)
			var err error
			if e := eventsOf(func() { err = a[1].do(func() error { return way.write(l) }) }); e.CycleDeadlock != 1 || e.Queued != 0 {
				t.Errorf("events %+v, want one cycle, found before the closing waiter waits", e)
			}
			report(t, err, a[1].id, rwAddr(l), false, a[0].id, true, a[0].id, addr(m), false, a[1].id, false)
			a[1].unlock(m)
			must(t, a[0].result())
			a[0].unlock(m)
			a[0].unread(l)
		})
		t.Run("mutex closes/"+way.name, func(t *testing.T) {
			l, m, a := newRW(t), newLock(t), newActors(t, 3)
			a[0].read(l)
			a[1].lock(m)
			a[1].blocks(l, func() error { return way.write(l) })
			a[2].blocks(l, l.RLock) // a bystander
			err := a[0].do(m.Lock)
			report(t, err, a[0].id, addr(m), false, a[1].id, false, a[1].id, rwAddr(l), false, a[0].id, true)
			a[0].unread(l)
			must(t, a[1].result())
			a[1].unwrite(l)
			a[1].unlock(m)
			must(t, a[2].result())
			a[2].unread(l)
		})
		t.Run("two/"+way.name, func(t *testing.T) {
			ls, a := newRWs(t, 2), newActors(t, 2)
			x, y := &ls[0], &ls[1]
			a[0].write(x)
			a[1].read(y)
			a[0].blocks(y, func() error { return way.write(y) })
			err := a[1].do(func() error { return way.read(x) })
			report(t, err, a[1].id, rwAddr(x), true, a[0].id, false, a[0].id, rwAddr(y), false, a[1].id, true)
			a[1].unread(y)
			must(t, a[0].result())
			a[0].unwrite(y)
			a[0].unwrite(x)
		})
		t.Run("queued/"+way.name, func(t *testing.T) {
			l, m, a := newRW(t), newLock(t), newActors(t, 4)
			a[0].read(l)
			a[3].read(l) // reads on, and is not to blame
			a[1].blocks(l, l.Lock)
			a[2].lock(m)
			a[2].blocks(l, func() error { return way.write(l) }) // behind the other writer
			err := a[0].do(m.Lock)
			report(t, err, a[0].id, addr(m), false, a[2].id, false, a[2].id, rwAddr(l), false, a[0].id, true)
			a[0].unread(l)
			a[3].unread(l)
			must(t, a[1].result())
			a[1].unwrite(l)
			must(t, a[2].result())
			a[2].unwrite(l)
			a[2].unlock(m)
		})
	}
}

// TestRWCycleAtOnce: cycles through readers that form all at once have one victim each, and
// the others get their locks (R4, R6).
func TestRWCycleAtOnce(t *testing.T) { eachWay(t, testRWCycleAtOnce) }

func testRWCycleAtOnce(t *testing.T) {
	setStallTimeout(t, never)
	for _, n := range []int{2, 3, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for range briefly(300, 50) / n {
				locks, a := newRWs(t, n), newActors(t, n)
				failed := make(chan int, n)
				start := make(chan bool)
				for i := range a {
					a[i].read(&locks[i])
				}
				for i := range a {
					a[i].start(func() error {
						<-start
						next := &locks[(i+1)%n]
						if err := next.Lock(); err != nil {
							failed <- i
							locks[i].RUnlock()
							return err
						}
						next.Unlock()
						locks[i].RUnlock()
						return nil
					})
				}
				close(start)
				for i := range a {
					must(t, nilIf(a[i].result(), ErrDeadlock))
				}
				if len(failed) != 1 {
					t.Fatalf("%d of %d failed", len(failed), n)
				}
			}
		})
	}
}

// TestRWDissolve: a cycle that there is only because a reader waits behind a writer that waits
// itself is dissolved, by whomever it is closed: the reader comes in, and nobody fails (R5).
func TestRWDissolve(t *testing.T) { eachWay(t, testRWDissolve) }

func testRWDissolve(t *testing.T) {
	setStallTimeout(t, never)
	for _, way := range rwWays {
		t.Run("the reader closes it/"+way.name, func(t *testing.T) {
			l, m, a := newRW(t), newLock(t), newActors(t, 3)
			a[0].read(l)
			a[1].lock(m)
			a[0].waits(m, m.Lock)
			a[2].blocks(l, l.Lock)
			e := eventsOf(func() { must(t, a[1].do(func() error { return way.read(l) })) })
			if e.Admitted != 1 {
				t.Errorf("events %+v", e)
			}
			a[1].unlock(m)
			must(t, a[0].result())
			a[0].unlock(m)
			a[0].unread(l)
			if len(a[2].results) != 0 {
				t.Error("the writer came in beside the reader that was let in")
			}
			a[1].unread(l)
			must(t, a[2].result())
			a[2].unwrite(l)
		})
		t.Run("the other closes it/"+way.name, func(t *testing.T) {
			l, m, a := newRW(t), newLock(t), newActors(t, 4)
			a[0].read(l)
			a[1].lock(m)
			a[2].blocks(l, l.Lock)
			a[3].blocks(l, l.RLock) // a bystander, who waits on
			a[1].blocks(l, func() error { return way.read(l) })
			a[0].waits(m, m.Lock)
			must(t, a[1].result())
			if len(a[3].results)+len(a[2].results) != 0 {
				t.Error("a bystander came in")
			}
			a[1].unlock(m)
			must(t, a[0].result())
			a[0].unlock(m)
			a[0].unread(l)
			a[1].unread(l)
			must(t, a[2].result())
			a[2].unwrite(l)
			must(t, a[3].result())
			a[3].unread(l)
		})
		t.Run("the writer closes it/"+way.name, func(t *testing.T) {
			// The writer is behind another, and begins to wait for readers only when a reader
			// waits already.
			ls, a := newRWs(t, 2), newActors(t, 4)
			x, y := &ls[0], &ls[1]
			a[0].read(x)
			a[1].read(y)
			a[2].blocks(y, y.Lock)
			a[0].blocks(y, y.RLock)
			a[3].blocks(x, func() error { return way.write(x) })
			e := eventsOf(func() { must(t, a[1].do(x.RLock)) })
			must(t, func() error { a[1].unread(x); a[1].unread(y); return nil }())
			must(t, a[2].result())
			a[2].unwrite(y)
			must(t, a[0].result())
			a[0].unread(y)
			a[0].unread(x)
			must(t, a[3].result())
			a[3].unwrite(x)
			if e.CycleDeadlock != 0 {
				t.Errorf("events %+v", e)
			}
		})
	}
}

// TestRWCompare: two goroutines read two locks in opposite orders, as two sets that are
// compared with each other from both sides, while writers come for each: nobody fails (R5).
func TestRWCompare(t *testing.T) { eachWay(t, testRWCompare) }

func testRWCompare(t *testing.T) {
	setStallTimeout(t, never)
	locks := newRWs(t, 2)
	before := ReadEvents()
	playUntil(func() bool { return since(before).Admitted > 0 }, func() {
		crew(t, 4, func(w *hand) {
			for w.running() {
				x, y := &locks[w.id%2], &locks[1-w.id%2]
				if w.id >= 2 {
					must(t, x.Lock())
					x.Unlock()
					continue
				}
				must(t, x.RLock())
				w.mayYield()
				must(t, y.RLock())
				y.RUnlock()
				x.RUnlock()
			}
		})
	})
	if e := since(before); e.Admitted == 0 || e.CycleDeadlock != 0 {
		t.Errorf("events %+v", e)
	} else {
		t.Logf("%d let in", e.Admitted)
	}
}

// TestRWStall: a stall names the readers that hold, the first 16 and how many more, and those
// that have ended; it names the writer for readers that wait (R7).
func TestRWStall(t *testing.T) { eachWay(t, testRWStall) }

func testRWStall(t *testing.T) {
	l := newRW(t)
	l.SetStallTimeout(short)
	defer l.SetStallTimeout(-1)
	const n = 20
	a := newActors(t, n+2)
	ended := make(chan uint64)
	go func() { // ends without RUnlock
		must(t, l.RLock())
		ended <- asm.CurrentGoid()
	}() //rqvet:ignore leak it is what the test is about
	gone := <-ended
	ids := []uint64{gone}
	for i := range n {
		a[i].read(l)
		ids = append(ids, a[i].id)
	}
	e := (*TimeoutError)(nil)
	// Beside other work it may take longer, but not each time.
	took := time.Duration(never)
	for begun := time.Now(); took > 20*short && time.Since(begun) < patience; {
		goid.Fresh()
		start := time.Now()
		if err := a[n].do(l.Lock); !errors.As(err, &e) || !e.Stall || !errors.Is(err, ErrTimeout) {
			t.Fatalf("got %+v", err)
		}
		if took = time.Since(start); took < short {
			t.Errorf("took %v", took)
		}
	}
	if took > 20*short {
		t.Errorf("took %v", took)
	}
	if len(e.Wait.Holders) != mostHolders || e.Wait.More() != n+1-mostHolders {
		t.Errorf("%d holders and %d more", len(e.Wait.Holders), e.Wait.More())
	}
	for _, h := range e.Wait.Holders {
		if want := h.Goroutine == gone; !h.Read || !slices.Contains(ids, h.Goroutine) || want != (h.State == goid.Ended) {
			t.Errorf("holder %+v", h)
		}
	}
	if text := e.Error(); !strings.Contains(text, "held by 21 readers: ") || !strings.HasSuffix(text, fmt.Sprintf("%v", e.Wait.For.Round(time.Millisecond))) || !strings.Contains(text, " and 5 more, was granted to nobody") {
		t.Errorf("it says %q", text)
	}
	for i := range n {
		a[i].unread(l)
	}
	// One is left, who has ended.
	goid.Fresh()
	if err := a[n].do(l.Lock); !errors.As(err, &e) || !e.Wait.heldByOnly(gone) || e.Wait.Holders[0].State != goid.Ended || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("got %v", err)
	}
	// A writer with a limit waits on, and the readers behind it fail, all of them.
	ctx, cancel := context.WithTimeout(context.Background(), never)
	a[n].blocks(l, func() error { return l.LockContext(ctx) })
	a[0].blocks(l, l.RLock)
	a[1].blocks(l, l.RLock)
	for _, b := range a[:2] {
		if err := b.result(); !errors.As(err, &e) || !e.Stall || !e.Wait.Read || !e.Wait.heldByOnly(gone) {
			t.Errorf("a reader got %v", err)
		}
	}
	cancel()
	must(t, nilIf(a[n].result(), context.Canceled))
	// On behalf of the one who is gone, as there is nothing else to clear it.
	endReading(l, gone)
	a[n].write(l)
	a[n+1].start(l.RLock)
	if err := a[n+1].result(); !errors.As(err, &e) || !e.Stall || !e.Wait.heldByOnly(a[n].id) || e.Wait.Holders[0].Read {
		t.Errorf("a reader got %v", err)
	}
	a[n].unwrite(l)
}

// endReading ends the reading of a goroutine that has ended without.
func endReading(l *RWMutex, id uint64) {
	for row := range uint32(1 << 10) {
		if r := readers.At(id, row); l.gate().Reads(r) {
			l.gate().Leave(r)
			return
		}
	}
}

// TestRWStallQueue: writers that stall one behind the other fail after the stall timeout, and
// not each after the one before (R7).
func TestRWStallQueue(t *testing.T) { eachWay(t, testRWStallQueue) }

func testRWStallQueue(t *testing.T) {
	setStallTimeout(t, short)
	// Beside other work it may take longer, but not each time.
	took := rwStallQueue(t)
	for begun := time.Now(); took > 10*short && !t.Failed() && time.Since(begun) < patience; {
		took = rwStallQueue(t)
	}
	if took > 10*short { // one after the other they take 20
		t.Errorf("the writers failed after %v, the timeout is %v", took, short)
	}
}

// rwStallQueue returns after what time all of 20 writers have failed.
func rwStallQueue(t *testing.T) time.Duration {
	l, a := newRW(t), newActors(t, 21)
	a[0].read(l)
	begun := time.Now()
	for _, b := range a[1:] {
		b.start(l.Lock)
		await(t, "a writer to wait", func() bool { return b.blocked(l) || len(b.results) != 0 })
	}
	for i, b := range a[1:] {
		if e := (*TimeoutError)(nil); !errors.As(b.result(), &e) || !e.Stall || e.Wait.For < short || !e.Wait.heldByOnly(a[0].id) {
			t.Errorf("writer %d got %+v", i, e)
		}
	}
	took := time.Since(begun)
	a[0].unread(l)
	return took
}

// TestRWBounded: readers that overlap do not keep a writer out, and writers that come one
// after the other do not keep a reader out: it comes in after one of them (R8).
func TestRWBounded(t *testing.T) { eachWay(t, testRWBounded) }

func testRWBounded(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(procs), func(t *testing.T) {
			setProcs(t, procs)
			setStallTimeout(t, never)
			l := newRW(t)
			var wrote, read atomic.Int64
			// Others use the machine, too.
			for round := 0; round < 20 && (wrote.Load() < 10 || read.Load() < 10); round++ {
				crew(t, 6, func(w *hand) {
					for w.running() {
						if w.id%2 == 0 {
							must(t, l.Lock())
							wrote.Add(1)
							for start := time.Now(); time.Since(start) < 50*time.Microsecond; {
							}
							l.Unlock()
							continue
						}
						must(t, l.RLock())
						read.Add(1)
						time.Sleep(100 * time.Microsecond) // always somebody
						l.RUnlock()
					}
				})
			}
			if w, r := wrote.Load(), read.Load(); w < 10 || r < 10 {
				t.Errorf("%d written, %d read", w, r)
			}
		})
	}
	// The readers that waited come in together, before the next writer.
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 6)
	for range 20 {
		a[0].write(l)
		a[1].blocks(l, l.Lock)
		for _, b := range a[2:] {
			b.blocks(l, l.RLock)
		}
		a[0].unwrite(l)
		for _, b := range a[2:] {
			must(t, b.result())
		}
		if len(a[1].results) != 0 {
			t.Error("the next writer came in before the readers had left")
		}
		for _, b := range a[2:] {
			b.unread(l)
		}
		must(t, a[1].result())
		a[1].unwrite(l)
	}
}

// TestRWClosed: a reader that comes while a writer waits for others waits, too. A writer that
// comes after the queue's head has closed the lock waits though it is free just now, and a
// reader does not (R8).
func TestRWClosed(t *testing.T) { eachWay(t, testRWClosed) }

func testRWClosed(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	a[0].read(l)
	a[1].blocks(l, l.Lock)
	if l.TryRLock() || l.RLockTimeout(0) == nil {
		t.Error("a reader passed a writer that waits")
	}
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)

	asm.StoreRelaxed32(&l.rw.Sleeper, asm.ClosedMask) // it is the writers' queue that is closed
	if l.TryLock() {
		t.Error("a writer took a closed lock")
	}
	a[0].read(l)
	a[0].unread(l)
	asm.StoreRelaxed32(&l.rw.Sleeper, 0)
}

// TestRWCourtesy: a writer leaves the lock to a crowd of readers for a while, and to a few not at
// all (R8).
func TestRWCourtesy(t *testing.T) {
	l, few := newRW(t), crowd*wait.Processors()
	for n, want := range map[int]time.Duration{few: 0, few + 1: time.Duration(few+1) * turn, turns + 100: turns * turn} {
		// Real readers could move to rows, where a goroutine that reads so often counts once.
		asm.StoreRelaxed32(&l.rw.Readers, uint32(n))
		if d := l.courtesy(); d != want {
			t.Errorf("%v for %d readers, want %v", d, n, want)
		}
	}
	asm.StoreRelaxed32(&l.rw.Readers, 0)
}

// readPair returns how long RLock and RUnlock take together, at best.
func readPair(t *testing.T) time.Duration {
	const pairs = 1000
	l, best := newRW(t), time.Duration(math.MaxInt64)
	for range 20 {
		start := time.Now()
		for range pairs {
			if err := l.RLock(); err != nil {
				t.Fatal(err)
			}
			l.RUnlock()
		}
		best = min(best, time.Since(start))
	}
	return best / pairs
}

// TestRWCrowd: a crowd that has had to wait for one writer, and that writes now and then, does not
// go on to sleep before each read (R8).
func TestRWCrowd(t *testing.T) {
	if testing.Short() || readPair(t) > 50*time.Nanosecond {
		t.Skip("a crowd's turn is short beside its sections, as in an emulator")
	}
	const (
		n        = 3000 // goroutines
		sections = 400  // of each
		writes   = 100  // one of so many sections
	)
	setProcs(t, 2)
	setStallTimeout(t, never)
	// Where goroutines run elsewhere, too, a single crowd may be unlucky.
	var slept []string
	for range 3 {
		l, before := newRW(t), ReadEvents()
		must(t, l.Lock())
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				for k := range sections {
					if (i+k)%writes == 0 {
						must(t, l.Lock())
						l.Unlock()
					} else {
						must(t, l.RLock())
						l.RUnlock()
					}
				}
			})
		}
		await(t, "the crowd to wait", func() bool { return since(before).Queued == n })
		l.Unlock()
		all.Wait()
		parked := since(before).Parked
		if parked < n*sections/20 {
			return
		}
		slept = append(slept, fmt.Sprintf("%d of %d", parked, n*sections))
	}
	t.Errorf("slept before a section: %s", strings.Join(slept, ", "))
}

// TestRWCrowdStays: a writer that lets a crowd of readers run first does so once. They hold the
// lock for as long as they like, and the gate is closed all the same (R8).
func TestRWCrowdStays(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	a[0].write(l)
	a[1].blocks(l, l.Lock)
	a[2].blocks(l, l.Lock)
	await(t, "the second to be behind the first", func() bool {
		return asm.LoadRelaxed32(&l.rw.Tail) == waiter.Lookup(a[2].id).Index
	})
	a[0].unwrite(l)
	must(t, a[1].result())
	n := uint64(max(crowd*wait.Processors()+1, 2000)) // for whom it waits for 4 ms at least
	before := ReadEvents()
	over := make(chan struct{})
	var readers sync.WaitGroup
	for range n {
		readers.Go(func() {
			must(t, l.RLock())
			<-over
			l.RUnlock()
		})
	}
	await(t, "the crowd to wait", func() bool { return since(before).Queued == n })
	a[1].unwrite(l)
	await(t, "the next writer to close the gate", func() bool { return l.owner() == a[2].id })
	close(over)
	must(t, a[2].result())
	a[2].unwrite(l)
	readers.Wait() // of whom some may have come too late for the crowd
}

// TestRWKeepsGate: a writer that has met readers does not let in others before it drains, unless
// it is not the first in the queue (R8).
func TestRWKeepsGate(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	a[0].read(l)
	must(t, a[1].do(func() error {
		if asm.WriteLock(&l.rw) != asm.ReadersDue {
			return errors.New("the lock is not read")
		}
		return nil
	}))
	a[2].blocks(l, l.RLock)
	a[1].blocks(l, func() error { return l.drainSlow(nil) })
	if !a[2].blocked(l) {
		t.Error("a writer that waits has let in a reader")
	}
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)
	must(t, a[2].result())
	a[2].unread(l)

	me := asm.CurrentGoid()
	w := waiter.New(me)
	waitgraph.Begin(w, me, &l.rw.Owned, waiter.ForWriting, nil)
	if queue.Enter(&l.rw.Owned, w) != queue.AtHead {
		t.Fatal("the first waiter is not the head")
	}
	a[0].read(l)
	a[1].start(l.Lock)
	await(t, "a writer to queue", func() bool { return queue.Next(w) != nil && l.owner() == 0 })
	if !l.TryRLock() {
		t.Error("a reader waits for a writer that is not the first in the queue")
	} else {
		l.RUnlock()
	}
	waitgraph.End(w)
	queue.Leave(&l.rw.Owned, w)
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)
}

// TestRWAbandon: when a writer gives up that waits for readers, in whatever way, the readers
// that waited because of it come in at once, and a writer behind it waits on (R9).
func TestRWAbandon(t *testing.T) { eachWay(t, testRWAbandon) }

func testRWAbandon(t *testing.T) {
	setStallTimeout(t, never)
	for _, behind := range []bool{false, true} {
		for _, way := range []string{"limit", "context", "stall"} {
			t.Run(fmt.Sprint(way, "/", behind), func(t *testing.T) {
				l, a := newRW(t), newActors(t, 5)
				a[0].read(l)
				ctx, cancel := context.WithCancelCause(context.Background())
				want := errGaveUp
				switch way {
				case "limit":
					want = ErrTimeout
					a[1].blocks(l, func() error { return l.LockTimeout(5 * short) }) // until the others wait
				case "context":
					a[1].blocks(l, func() error { return l.LockContext(ctx) })
				case "stall":
					want = ErrTimeout
					a[1].blocks(l, l.Lock)
				}
				a[2].blocks(l, func() error { return l.RLockTimeout(never) })
				a[3].blocks(l, func() error { return l.RLockTimeout(never) })
				if behind {
					a[4].blocks(l, func() error { return l.LockTimeout(never) })
				}
				if way == "stall" {
					l.SetStallTimeout(short)
					defer l.SetStallTimeout(-1)
				}
				cancel(errGaveUp)
				if err := a[1].result(); !errors.Is(err, want) {
					t.Errorf("the writer got %v, want %v", err, want)
				}
				must(t, a[2].result())
				must(t, a[3].result())
				for _, i := range []int{0, 2, 3} {
					if behind && len(a[4].results) != 0 {
						t.Error("a writer came in beside readers")
					}
					a[i].unread(l)
				}
				if behind {
					must(t, a[4].result())
					a[4].unwrite(l)
				}
			})
		}
	}
}

// TestRWAbandonReader: a reader that gives up leaves the others as they were, wherever it
// stands in the list (R9).
func TestRWAbandonReader(t *testing.T) { eachWay(t, testRWAbandonReader) }

func testRWAbandonReader(t *testing.T) {
	setStallTimeout(t, never)
	const n = 4
	for quit := 1; quit < 1<<n; quit++ {
		l, a := newRW(t), newActors(t, n)
		must(t, l.Lock())
		ctx, cancel := context.WithCancelCause(context.Background())
		for i := range n {
			if quit>>i&1 != 0 {
				a[i].blocks(l, func() error { return l.RLockContext(ctx) })
			} else {
				a[i].blocks(l, l.RLock)
			}
		}
		cancel(errGaveUp)
		for i := range n {
			if quit>>i&1 != 0 {
				if err := a[i].result(); !errors.Is(err, errGaveUp) {
					t.Errorf("%0*b: reader %d got %v", n, quit, i, err)
				}
			}
		}
		l.Unlock()
		for i := range n {
			if quit>>i&1 == 0 {
				must(t, a[i].result())
				a[i].unread(l)
			}
		}
	}
}

// TestRWLead: when the reader that looks for stalls gives up, another one does (R7, R9).
func TestRWLead(t *testing.T) { eachWay(t, testRWLead) }

func testRWLead(t *testing.T) {
	setStallTimeout(t, short)
	l, a := newRW(t), newActors(t, 2)
	must(t, l.Lock())
	a[0].start(func() error { return l.RLockTimeout(short / 2) })
	// If it gives up before that is seen, the test finds less.
	await(t, "a reader to wait", func() bool { return a[0].blocked(l) || len(a[0].results) != 0 })
	a[1].blocks(l, l.RLock)
	must(t, nilIf(a[0].result(), ErrTimeout))
	if e := (*TimeoutError)(nil); !errors.As(a[1].result(), &e) || !e.Stall {
		t.Errorf("got %+v", e)
	}
	l.Unlock()
}

// TestRWAllocs: no success allocates (R9).
func TestRWAllocs(t *testing.T) { eachWay(t, testRWAllocs) }

func testRWAllocs(t *testing.T) {
	if tracing {
		t.Skip("build tag rqlocktrace allocates")
	}
	l := newRW(t)
	for _, way := range rwWays {
		if n := testing.AllocsPerRun(100, func() {
			if way.read(l) == nil {
				way.read(l)
				l.RUnlock()
				l.RUnlock()
			}
			if way.write(l) == nil {
				l.Downgrade()
				l.RUnlock()
			}
			if way.write(l) == nil {
				l.Unlock()
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", way.name, n)
		}
	}
	setStallTimeout(t, never)
	workers, rounds := 8, briefly(300, 100)
	run := func() uint64 {
		before := ReadEvents()
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() {
				for range rounds {
					if i%2 == 0 {
						l.RLock() //rqvet:ignore ignorederr an error is one more failure of the test
						time.Sleep(10 * time.Microsecond)
						l.RUnlock()
					} else {
						l.Lock() //rqvet:ignore ignorederr an error is one more failure of the test
						time.Sleep(10 * time.Microsecond)
						l.Unlock()
					}
				}
			})
		}
		join(t, &wg)
		return since(before).Queued
	}
	// The runtime allocates some, and so does a record's first sleep.
	var best, waits uint64 = 1 << 60, 0
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		waits = run()
		runtime.ReadMemStats(&after)
		if best = min(best, after.Mallocs-before.Mallocs); best <= waits/10+60 {
			return
		}
	}
	t.Errorf("at least %d allocations in %d waits", best, waits)
}

// TestRWMisuse: an unlock of what one does not hold panics, says who does, and changes
// nothing. The order of unlocks is free (R10).
func TestRWMisuse(t *testing.T) { eachWay(t, testRWMisuse) }

func testRWMisuse(t *testing.T) {
	ls, a := newRWs(t, 2), newActors(t, 2)
	l, other := &ls[0], &ls[1]
	l.SetName("misused")
	defer l.SetName("")
	bad := func(f func(), parts ...any) {
		t.Helper()
		before := fmt.Sprint(&l.rw, readers.Number())
		msg := panicOf(t, f)
		for _, part := range append(parts, `"misused"`) {
			if !strings.Contains(msg, fmt.Sprint(part)) {
				t.Errorf("the panic %q does not say %v", msg, part)
			}
		}
		if after := fmt.Sprint(&l.rw, readers.Number()); after != before {
			t.Errorf("the lock is %v, was %v", after, before)
		}
	}
	me := asm.CurrentGoid()
	bad(l.Unlock, "unlock of unlocked")
	bad(l.RUnlock, "which is free and not read", me)
	bad(l.Downgrade, "unlock of unlocked")
	bad(l.AssertHeld, "must hold", "which is free")
	bad(l.AssertRHeld, "for reading", "which is free")
	a[0].read(l)
	bad(l.RUnlock, a[0].id, "which reads")
	bad(l.Unlock, a[0].id)
	bad(l.AssertRHeld, a[0].id)
	must(t, l.RLock())
	l.AssertRHeld()
	bad(l.AssertHeld, a[0].id)
	bad(l.Unlock)
	l.RUnlock()
	bad(l.RUnlock, a[0].id)
	a[0].unread(l)
	a[0].write(l)
	bad(l.RUnlock, a[0].id)
	bad(l.Unlock, a[0].id)
	bad(l.Downgrade, a[0].id)
	a[0].unwrite(l)
	must(t, l.Lock())
	l.AssertHeld()
	l.AssertRHeld()
	bad(l.RUnlock, me)
	l.Unlock()

	must(t, l.RLock())
	must(t, other.Lock())
	must(t, l.RLock())
	l.RUnlock()
	other.Unlock()
	must(t, other.RLock())
	l.RUnlock()
	other.RUnlock()
}

// TestRWMany: a goroutine may read any number of locks, and many goroutines one, and nothing
// is left of them but empty rows (R10).
func TestRWMany(t *testing.T) { eachWay(t, testRWMany) }

func testRWMany(t *testing.T) {
	n := briefly(3000, 500)
	ls := newRWs(t, n)
	for i := range ls {
		must(t, ls[i].RLock())
	}
	for i := range ls {
		if i%2 == 0 {
			ls[i].RUnlock()
		}
	}
	for i := range ls {
		if i%2 != 0 {
			deadlock(t, ls[i].Lock())
			ls[i].RUnlock()
		}
	}
	l := &ls[0]
	var wg, all sync.WaitGroup
	all.Add(n)
	for range n {
		wg.Go(func() {
			must(t, l.RLock())
			all.Done()
			all.Wait()
			l.RUnlock()
		})
	}
	join(t, &wg)

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range briefly(1_000, 100) {
		for range 100 { // no more at once, since what the runtime keeps of each is not ours
			wg.Go(func() {
				must(t, l.RLock())
				l.RUnlock()
			})
		}
		join(t, &wg)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if more := int64(after.HeapInuse) - int64(before.HeapInuse); more > 8<<20 {
		t.Errorf("%d bytes are left", more)
	}
}

// TestRWDowngrade: no writer comes in between, and the readers that wait at that moment come
// in, too.
func TestRWDowngrade(t *testing.T) { eachWay(t, testRWDowngrade) }

func testRWDowngrade(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	a[0].write(l)
	a[1].blocks(l, l.Lock)
	a[2].blocks(l, l.RLock)
	a[0].do(func() error { l.Downgrade(); l.AssertRHeld(); return nil })
	must(t, a[2].result())
	a[2].unread(l)
	if len(a[1].results) != 0 {
		t.Error("a writer came in")
	}
	a[0].unread(l)
	must(t, a[1].result())
	a[1].unwrite(l)
}

// TestRWLocker: the readers' side is a lock of its own.
func TestRWLocker(t *testing.T) { eachWay(t, testRWLocker) }

func testRWLocker(t *testing.T) {
	l := newRW(t)
	var r Locker = l.RLocker()
	must(t, r.Lock())
	l.AssertRHeld()
	var w Locker = l
	deadlock(t, w.Lock())
	r.Unlock()
	must(t, w.Lock())
	w.Unlock()
}

// TestRWRace: the detector sees the order of writers with readers and of writers among
// themselves, and none among readers (R11).
func TestRWRace(t *testing.T) { eachWay(t, testRWRace) }

func testRWRace(t *testing.T) {
	if !raceEnabled {
		t.Skip("there is no detector")
	}
	l := newRW(t)
	if kind := os.Getenv("RQLOCK_RACE"); kind != "" {
		raceChild(l, kind)
		return
	}
	for kind, races := range map[string]bool{"rr": true, "rw": false, "wr": false, "ww": false, "waited": false, "downgraded": false} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRWRace$", "-test.count=1")
		cmd.Env = append(os.Environ(), "RQLOCK_RACE="+kind)
		out, err := cmd.CombinedOutput()
		if got := strings.Contains(string(out), "DATA RACE"); got != races || (err != nil) != races {
			t.Errorf("%s: the detector found a race: %v, want %v: %s", kind, got, races, out)
		}
	}
}

// raceChild has two goroutines write a variable, one after the other in time, in sections of
// the given kinds.
func raceChild(l *RWMutex, kind string) {
	x := 0
	var done atomic.Uint32 // not seen by the detector
	section := func(read bool, me uint32) {
		for asm.LoadRelaxed32((*uint32)(rawOf(&done))) != me {
			runtime.Gosched()
		}
		if read {
			l.RLock() //rqvet:ignore ignorederr the race detector is asked
			x++
			l.RUnlock()
		} else {
			l.Lock() //rqvet:ignore ignorederr the race detector is asked
			x++
			if kind == "downgraded" {
				l.Downgrade()
				l.RUnlock()
			} else {
				l.Unlock()
			}
		}
		asm.StoreRelaxed32((*uint32)(rawOf(&done)), me+1)
	}
	var wg sync.WaitGroup
	if kind == "waited" {
		l.Lock() //rqvet:ignore ignorederr the race detector is asked
		x++
		for range 1 {
			wg.Go(func() {
				l.RLock() //rqvet:ignore ignorederr the race detector is asked
				x++
				l.RUnlock()
			})
		}
		time.Sleep(20 * time.Millisecond)
		l.Unlock()
		wg.Wait()
		return
	}
	reads := map[string][2]bool{"rr": {true, true}, "rw": {true, false}, "wr": {false, true}, "ww": {}, "downgraded": {false, true}}[kind]
	for i := range uint32(2) {
		wg.Go(func() { section(reads[i], i) })
	}
	wg.Wait()
}

// TestRWBubbles: waits in bubbles and outside on one lock are none of each other's business,
// and limits pass on the bubble's clock (R11).
func TestRWBubbles(t *testing.T) { eachWay(t, testRWBubbles) }

func testRWBubbles(t *testing.T) {
	l := newRW(t)
	plain := []func() error{l.Lock, l.RLock}
	limited := []func() error{func() error { return l.LockTimeout(time.Minute) }, func() error { return l.RLockTimeout(time.Minute) }}
	undo := []func(){l.Unlock, l.RUnlock}
	contend := func(hold, then int, d time.Duration, ways []func() error) {
		held := make(chan bool)
		var wg sync.WaitGroup
		wg.Go(func() {
			must(t, plain[hold]())
			close(held)
			time.Sleep(d)
			undo[hold]()
		})
		<-held
		if err := ways[then](); err != nil {
			t.Errorf("%+v", err)
		} else {
			undo[then]()
		}
		wg.Wait()
	}
	for range briefly(10, 3) {
		for _, c := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
			synctest.Test(t, func(t *testing.T) { contend(c[0], c[1], 0, plain) })
			synctest.Test(t, func(t *testing.T) { contend(c[0], c[1], time.Second, limited) })
			contend(c[0], c[1], time.Millisecond, plain)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		must(t, l.Lock())
		var wg sync.WaitGroup
		for i, lock := range []func(time.Duration) error{l.LockTimeout, l.RLockTimeout} {
			wg.Go(func() {
				start, d := time.Now(), time.Duration(5+i)*time.Second
				if err := lock(d); !errors.Is(err, ErrTimeout) || time.Since(start) != d {
					t.Errorf("%v after %v, want %v", err, time.Since(start), d)
				}
			})
		}
		time.Sleep(10 * time.Second)
		l.Unlock()
		wg.Wait()
	})
}

// TestRWCopy: who has to wait for a copy of a lock that is waited for panics, and the original
// is not concerned (R11).
func TestRWCopy(t *testing.T) { eachWay(t, testRWCopy) }

func testRWCopy(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	must(t, l.Lock())
	a[0].blocks(l, l.Lock)
	a[1].blocks(l, l.RLock)
	c := new(RWMutex)
	for i := range 4 { // as by *c = *l, which vet and the detector would see
		asm.StoreRelaxed64(&(*[4]uint64)(rawOf(c))[i], asm.LoadRelaxed64(&(*[4]uint64)(rawOf(l))[i]))
	}
	for name, f := range map[string]func() error{"Lock": c.Lock, "RLock": c.RLock} {
		a[2].do(func() error {
			if msg := panicOf(t, func() { f() }); !strings.Contains(msg, "is a copy") {
				t.Errorf("%s says %q", name, msg)
			}
			return nil
		})
	}
	synctest.Test(t, func(t *testing.T) { // where a reader stays in the list only while it looks
		if msg := panicOf(t, func() { must(t, c.RLockTimeout(time.Hour)) }); !strings.Contains(msg, "is a copy") {
			t.Errorf("in a bubble RLockTimeout says %q", msg)
		}
	})
	c.Unlock() // it says that we own it; nobody is woken
	l.Unlock()
	must(t, a[1].result())
	a[1].unread(l)
	must(t, a[0].result())
	a[0].unwrite(l)
}

// maybePanic returns what f panics with, or "".
func maybePanic(f func()) (said string) {
	defer func() {
		if r := recover(); r != nil {
			said = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// TestRWOverwritten: if a lock is overwritten while goroutines wait for it, they get the lock
// that is there now, and the unlock of who held it panics (R11).
func TestRWOverwritten(t *testing.T) { eachWay(t, testRWOverwritten) }

func testRWOverwritten(t *testing.T) {
	setStallTimeout(t, never)
	for _, reads := range []bool{false, true} {
		l, a := newRW(t), newActors(t, 4)
		if reads {
			a[0].read(l)
		} else {
			a[0].write(l)
		}
		a[1].blocks(l, l.Lock)
		if !reads {
			a[2].blocks(l, l.RLock)
			a[3].blocks(l, l.RLock)
		}
		// As by *l = RWMutex{}, which the detector would see. A writer's id goes last: without it
		// readers come in, and are not to be overwritten, too.
		words := []int{0, 1, 2, 3}
		if !reads {
			words = []int{1, 2, 3, 0}
		}
		for _, i := range words {
			asm.StoreRelaxed64(&(*[4]uint64)(rawOf(l))[i], 0)
		}
		a[0].do(func() error {
			switch {
			case !reads:
				panicOf(t, l.Unlock)
			case startInRows: // only the fast path does not look whether the lock is still in rows
				if said := maybePanic(l.RUnlock); said != "" && !strings.Contains(said, "was overwritten") {
					t.Errorf("RUnlock says %q", said)
				}
			default:
				panicOf(t, l.RUnlock)
			}
			return nil
		})
		waits := map[int]func(){1: l.Unlock} // in whatever order
		if !reads {
			waits[2], waits[3] = l.RUnlock, l.RUnlock
		}
		for len(waits) > 0 {
			await(t, "a waiter to get on", func() bool {
				for i, unlock := range waits {
					if len(a[i].results) != 0 {
						must(t, a[i].result())
						a[i].do(func() error { unlock(); return nil })
						delete(waits, i)
						return true
					}
				}
				return false
			})
		}
	}
}

// TestRWStale: a goroutine that read a lock which was overwritten does not read the lock that
// is there now (R1).
func TestRWStale(t *testing.T) { eachWay(t, testRWStale) }

func testRWStale(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 3)
	stale := func() {
		a[0].read(l)
		a[0].read(l)
		for i := range 4 {
			asm.StoreRelaxed64(&(*[4]uint64)(rawOf(l))[i], 0)
		}
	}
	try := func(want bool) {
		t.Helper()
		a[0].do(func() error {
			if got := l.TryRLock(); got != want {
				t.Errorf("TryRLock says %v, want %v", got, want)
			}
			return nil //rqvet:ignore leak what is held is looked at below
		})
	}
	stale()
	a[1].write(l)
	try(false)
	a[1].unwrite(l)

	stale()
	a[1].read(l) // another reads: ours is counted beside it
	try(true)
	a[1].unread(l)
	a[2].blocks(l, l.Lock)
	a[0].unread(l)
	must(t, a[2].result())
	a[2].unwrite(l)
	a[0].do(func() error { // what is left of it ends as any
		panicOf(t, l.RUnlock)
		panicOf(t, l.RUnlock)
		return nil
	})
}

// TestRWEndedReader: a goroutine that ended while it read a lock does not read another lock
// that is made at the same address, however that is read (R1).
func TestRWEndedReader(t *testing.T) { eachWay(t, testRWEndedReader) }

func testRWEndedReader(t *testing.T) {
	setStallTimeout(t, never)
	l, a := newRW(t), newActors(t, 2)
	var gone readers.Reader
	ended := make(chan error)
	go func() {
		gone = readers.Here()
		ended <- l.RLock() // with which it ends
	}()
	must(t, <-ended)
	for i := range 4 {
		asm.StoreRelaxed64(&(*[4]uint64)(rawOf(l))[i], 0)
	}
	const deepest = 4
	for range deepest {
		a[0].read(l)
		for range 1100 { // until it is read so often that its readers may be found in rows
			a[1].read(l)
			a[1].unread(l)
		}
	}
	for range deepest {
		a[0].unread(l)
	}
	if l.TryLock() {
		l.Unlock()
	} else {
		t.Error("nobody reads the lock, and it cannot be written")
	}
	slot, _ := gone.Find(uint64(rwAddr(l)))
	gone.Release(slot)
}

// TestRWNoStallAfterAdmission: a reader that is let in past a writer is granted the lock. To the
// writer, and to a reader that waits behind it, that is progress: their stall began later.
func TestRWNoStallAfterAdmission(t *testing.T) {
	for _, reads := range []bool{false, true} {
		noStallAfterAdmission(t, reads)
	}
}

func noStallAfterAdmission(t *testing.T, reads bool) {
	setStallTimeout(t, never)
	locks, a := newRWs(t, 2), newActors(t, 6)
	for i := range locks {
		l := &locks[i]
		l.SetStallTimeout(5 * short) // for long after the sleep below
		defer l.SetStallTimeout(-1)
		a[i].read(l)
		if reads {
			a[2+i].blocks(l, func() error { return l.LockTimeout(never) })
			a[4+i].blocks(l, l.RLock)
		} else {
			a[4+i].blocks(l, l.Lock)
		}
	}
	time.Sleep(short)
	a[1].blocks(&locks[0], locks[0].RLock)
	granted := time.Now() // or later
	a[0].start(locks[1].RLock)
	var in int // which of the two was let in, past a writer that waits for the other one
	select {
	case err := <-a[0].results:
		must(t, err)
	case err := <-a[1].results:
		must(t, err)
		in = 1
	}
	var timeout *TimeoutError
	if err := a[4+1-in].result(); !errors.As(err, &timeout) {
		t.Errorf("no stall: %v", err)
	} else if ago := time.Since(granted); timeout.Wait.For > ago {
		t.Errorf("a waiter reads: %v; the lock was granted %v ago: %v", reads, ago, err)
	}
	unlock := map[bool]func(a *actor, l *RWMutex){false: (*actor).unwrite, true: (*actor).unread}
	a[in].unread(&locks[0])
	a[in].unread(&locks[1])
	if reads {
		must(t, a[2+in].result())
		a[2+in].unwrite(&locks[in])
	}
	if a[4+in].result() == nil { // or it has seen a stall, too
		unlock[reads](a[4+in], &locks[in])
	}
	if a[1-in].result() == nil {
		a[1-in].unread(&locks[in])
	}
	a[1-in].unread(&locks[1-in])
	if reads {
		must(t, a[2+1-in].result())
		a[2+1-in].unwrite(&locks[1-in])
	}
}

// TestRWLateReader: a reader that waits for one writer, and then for another which itself
// waits for readers, is let in if that closes a cycle, though nobody began to wait: the other
// writer finds it (R5).
func TestRWLateReader(t *testing.T) { eachWay(t, testRWLateReader) }

func testRWLateReader(t *testing.T) {
	setStallTimeout(t, never)
	l, m, a := newRW(t), newLock(t), newActors(t, 4)
	a[0].write(l)
	a[1].lock(m)
	a[1].blocks(l, l.RLock)
	time.Sleep(5 * time.Millisecond) // until it sleeps
	// As an unlock that cannot see the reader yet.
	a[0].do(func() error { asm.UnlockOwned(&l.rw.Owned); return nil })
	a[2].read(l)
	a[2].waits(m, m.Lock)
	a[3].blocks(l, l.Lock)
	must(t, a[1].result())
	a[1].unread(l)
	a[1].unlock(m)
	must(t, a[2].result())
	a[2].unlock(m)
	a[2].unread(l)
	must(t, a[3].result())
	a[3].unwrite(l)
}
