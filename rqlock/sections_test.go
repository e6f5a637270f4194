package rqlock

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
)

// endings are ways to end a function, and perhaps its goroutine, before its return.
var endings = []struct {
	name string
	do   func()
}{
	{"panic", func() { panic("end") }},
	{"panic twice", func() {
		defer func() { panic("again") }()
		panic("end")
	}},
	{"Goexit", runtime.Goexit},
}

// ending runs f in a goroutine of its own, and waits until that has ended. It fails the test
// if f returns.
func ending(t *testing.T, f func()) (wait func()) {
	over := make(chan bool)
	go func() {
		defer close(over)
		defer func() { recover() }()
		f()
		t.Error("goes on after what should have ended it")
	}()
	return func() {
		t.Helper()
		select {
		case <-over:
		case <-time.After(patience):
			stuck(t, "a goroutine to end")
		}
	}
}

// asleep waits until the head of l's queue, which is the only one, sleeps until it is woken.
func asleep(t *testing.T, l *Mutex) {
	t.Helper()
	await(t, "the head to sleep", func() bool {
		return stall.Sleepers() == 1 && asm.LoadRelaxed32(&l.word.Sleeper)&^asm.ClosedMask != 0
	})
}

// woken fails the test if the owners did not wake most of n heads that slept. The watchdog
// may have come first to one, since an owner may be stopped between its two steps.
func woken(t *testing.T, n int, before Events) {
	t.Helper()
	if rescued := since(before).Rescued; int(rescued) > n/2 {
		t.Errorf("the watchdog had to wake %d of %d heads that slept", rescued, n)
	}
}

// TestSectionEnds: a section with a deferred unlock that ends by a panic or by runtime.Goexit
// releases its locks, wakes whoever waits, and leaves its goroutine able to lock (G8, G14).
func TestSectionEnds(t *testing.T) {
	setStallTimeout(t, never)
	before := ReadEvents()
	slept := 0
	for _, end := range endings {
		for _, waiters := range []int{0, 1, 3} {
			t.Run(fmt.Sprint(end.name, "/", waiters), func(t *testing.T) {
				locks := newLocks(t, 2)
				outer, inner := &locks[0], &locks[1]
				a := newActors(t, waiters)
				held, may := make(chan bool), make(chan bool)
				wait := ending(t, func() {
					defer func() { // still in the goroutine that ends
						for i := range locks {
							if err := locks[i].Lock(); err != nil {
								t.Errorf("after the section, lock %d: %+v", i, err)
								continue
							}
							locks[i].Unlock()
						}
					}()
					must(t, outer.Lock())
					defer outer.Unlock()
					must(t, inner.Lock())
					defer inner.Unlock()
					held <- true
					<-may
					end.do()
				})
				<-held
				for i := range a {
					a[i].waits(outer, outer.Lock)
				}
				if waiters > 0 {
					asleep(t, outer)
					slept++
				}
				may <- true
				getAll(t, outer, a)
				wait()
			})
		}
	}
	woken(t, slept, before)
}

// TestHookEndsFailing: a hook that panics or ends its goroutine harms nobody but who gets the
// error: the others of the cycle and those who wait behind get their locks (G5, G7).
func TestHookEndsFailing(t *testing.T) {
	for _, end := range endings {
		t.Run("cycle/"+end.name, func(t *testing.T) {
			setStallTimeout(t, never)
			locks := newLocks(t, 2)
			mine, other := &locks[0], &locks[1]
			a := newActors(t, 2)
			told := 0
			setOnViolation(t, func(err error) {
				told++
				deadlock(t, err)
				end.do()
			})
			held, may := make(chan bool), make(chan bool)
			wait := ending(t, func() {
				must(t, mine.Lock())
				defer mine.Unlock()
				held <- true
				<-may
				if err := other.Lock(); err == nil {
					other.Unlock()
				}
			})
			<-held
			a[0].lock(other)
			a[0].waits(mine, mine.Lock)
			a[1].waits(mine, mine.Lock)
			may <- true
			wait()
			must(t, a[0].result())
			a[0].unlock(mine)
			must(t, a[1].result())
			a[1].unlock(mine)
			a[0].unlock(other)
			if told != 1 {
				t.Errorf("told %d times", told)
			}
		})
		t.Run("stall/"+end.name, func(t *testing.T) {
			l := newLock(t)
			l.SetStallTimeout(20 * time.Millisecond)
			defer l.SetStallTimeout(-1)
			a := newActors(t, 3)
			var told atomic.Int32
			setOnViolation(t, func(err error) {
				told.Add(1)
				if !errors.Is(err, ErrTimeout) {
					t.Errorf("told %v", err)
				}
				end.do()
			})
			a[0].lock(l)
			wait := ending(t, func() {
				if err := l.Lock(); err == nil {
					l.Unlock()
				}
			})
			await(t, "the first to wait", func() bool { return asm.LoadRelaxed32(&l.word.Tail) != 0 || told.Load() != 0 })
			a[1].waits(l, func() error { return l.LockTimeout(never) })
			a[2].waits(l, func() error { return l.LockTimeout(never) })
			wait()
			a[0].unlock(l)
			getAll(t, l, a[1:])
			if n := told.Load(); n != 1 {
				t.Errorf("told %d times", n)
			}
		})
	}
}

// trap is a context one of whose methods ends its caller.
type trap struct {
	context.Context
	method string
	end    func()
	done   chan struct{}
}

func (c *trap) at(method string) {
	if c.method == method {
		c.end()
	}
}
func (c *trap) Deadline() (time.Time, bool) { c.at("Deadline"); return c.Context.Deadline() }
func (c *trap) Done() <-chan struct{}       { c.at("Done"); return c.done }
func (c *trap) Err() error                  { c.at("Err"); return context.Canceled }
func (c *trap) Value(key any) any           { c.at("Value"); return nil }

// TestContextEnds: a context whose methods panic or end the goroutine harms nobody else, since
// they are called only by who waits in no queue (G7).
func TestContextEnds(t *testing.T) {
	setStallTimeout(t, never)
	for _, end := range endings {
		for _, method := range []string{"Deadline", "Done", "Err", "Value"} {
			t.Run(end.name+"/"+method, func(t *testing.T) {
				l := newLock(t)
				must(t, l.Lock())
				a := newActors(t, 1)
				ctx := &trap{context.Background(), method, end.do, make(chan struct{})}
				wait := ending(t, func() {
					if err := l.LockContext(ctx); err == nil {
						l.Unlock()
					}
				})
				if method == "Err" || method == "Value" {
					await(t, "the one with the trap to wait", func() bool { return asm.LoadRelaxed32(&l.word.Tail) != 0 })
				}
				a[0].waits(l, l.Lock)
				close(ctx.done)
				wait()
				l.Unlock()
				getAll(t, l, a)
			})
		}
	}
}
