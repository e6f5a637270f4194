//go:build rqlocktrace

package sync

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rqlock/rqlock/rqlock"
)

//go:noinline
func takesHere(l Locker) { l.Lock() }

// taken reports whether a stack is that of takesHere, and begins in this package.
func taken(stack []runtime.Frame) bool {
	return len(stack) > 1 && strings.Contains(stack[0].Function, "/rqlock/sync.") && strings.Contains(stack[1].Function, "takesHere")
}

// tell has f told of violations, until what it returns is called.
func tell(f func(error)) (end func()) {
	before := rqlock.OnViolation(f)
	return func() { rqlock.OnViolation(before) }
}

// TestTaken: reports say where a lock was taken, in whatever way, and nothing is known of it once
// it is released, by whomever.
func TestTaken(t *testing.T) {
	quietly(t, briefly)
	rqlock.SetStallTimeout(briefly)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	var held []rqlock.Holder
	var told atomic.Bool
	defer tell(func(err error) {
		var d *rqlock.DeadlockError
		var s *rqlock.TimeoutError
		if errors.As(err, &d) {
			held = d.Cycle[0].Holders
		} else if errors.As(err, &s) {
			held = s.Wait.Holders
			told.Store(true)
		}
	})()
	var m Mutex
	var rw RWMutex
	for name, l := range map[string]Locker{"Mutex": &m, "to write": &rw} {
		deadlock(func() {
			takesHere(l)
			defer l.Unlock()
			l.Lock() //rqvet:ignore selfdeadlock it is what the test is about
		})
		if len(held) != 1 || !taken(held[0].Taken) {
			t.Errorf("%s: held by %+v", name, held)
		}
	}
	for name, l := range map[string][2]Locker{"Mutex": {&m, &m}, "to write": {&rw, rw.RLocker()}, "to read": {rw.RLocker(), &rw}} {
		held = nil
		told.Store(false)
		takesHere(l[0])
		done := make(chan struct{})
		go func() {
			defer close(done)
			pass(l[1])
		}()
		eventually(t, "it is not reported", told.Load)
		l[0].Unlock()
		<-done
		if len(held) != 1 || !strings.Contains(fmt.Sprint(held[0].Taken), "takesHere") {
			t.Errorf("held long %s: held by %+v", name, held)
		}
	}
}

// orders returns the inversions that f is told of.
func orders(f func()) (told []*rqlock.OrderError) {
	defer tell(func(err error) {
		var e *rqlock.OrderError
		if errors.As(err, &e) {
			told = append(told, e)
		}
	})()
	f()
	return told
}

// TestInversion: two locks that are taken in both orders are reported once, though nothing hangs.
// One that was only tried is not, and neither is one that another goroutine has unlocked before
// the next one was taken, or that is handed over.
func TestInversion(t *testing.T) {
	inOrder := func(first, then Locker) {
		first.Lock()
		pass(then)
		first.Unlock()
	}
	var a Mutex
	var b RWMutex
	if told := orders(func() {
		inOrder(&a, &b)
		b.Lock()
		if a.TryLock() {
			a.Unlock()
		}
		b.Unlock()
	}); len(told) != 0 {
		t.Errorf("told of %v", told)
	}
	if told := orders(func() {
		for range 3 {
			inOrder(&b, &a)
		}
	}); len(told) != 1 || told[0].Locks[0].Kind != "RWMutex" || told[0].Locks[1].Kind != "Mutex" {
		t.Errorf("told of %v", told)
	}
	for name, fresh := range map[string]func() (lock, read Locker){
		"Mutex":   func() (_, _ Locker) { l := new(Mutex); return l, l },
		"RWMutex": func() (_, _ Locker) { l := new(RWMutex); return l, l.RLocker() },
	} {
		if told := orders(func() {
			first, read := fresh()
			then, other := new(Mutex), new(Mutex)
			inOrder(then, first)
			inOrder(first, other)
			read.Lock()
			elsewhere(read.Unlock) // it is handed over from here on
			pass(then)             // with nothing held
			inOrder(first, then)
			inOrder(read, then)
			inOrder(other, first)
		}); len(told) != 0 {
			t.Errorf("%s: told of %v", name, told)
		}
	}
}

// TestForgotten: where a lock was taken that somebody else has unlocked is forgotten. Only then is
// the memory of a program that hands locks over bounded.
func TestForgotten(t *testing.T) {
	var before, after runtime.MemStats
	measure := func(s *runtime.MemStats) {
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(s)
	}
	for name, fresh := range map[string]func() Locker{
		"Mutex": func() Locker { return new(Mutex) }, "to write": func() Locker { return new(RWMutex) },
		"to read": func() Locker { return new(RWMutex).RLocker() },
	} {
		unlock := make(chan Locker)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for l := range unlock {
				l.Unlock()
			}
		}()
		l := fresh()
		measure(&before)
		const n = 20_000
		for range n {
			l.Lock()
			unlock <- l
		}
		close(unlock)
		<-done
		measure(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16*n {
			t.Errorf("%s: %d bytes are left of %d locks", name, grown, n)
		}
	}
}
