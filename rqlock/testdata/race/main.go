//go:build race

// Command race has data races that nothing but failed attempts to lock "protects", and the same
// accesses under the lock. It prints what the race detector has reported, a line for each.
package main

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// An order makes the goroutines of a scenario take turns. The race detector does not learn of
// it: what it is told of then comes from the lock alone.
type order struct{ turn atomic.Int32 }

// reach says that all before turn n is done.
func (o *order) reach(n int32) {
	runtime.RaceDisable()
	if n > o.turn.Load() {
		o.turn.Store(n)
	}
	runtime.RaceEnable()
}

// await waits for that.
func (o *order) await(n int32) {
	runtime.RaceDisable()
	for o.turn.Load() < n {
		time.Sleep(10 * time.Microsecond)
	}
	runtime.RaceEnable()
}

// A try attempts to acquire l, and reports whether it did.
type try struct {
	name string
	lock func(l *rqlock.Mutex) bool
}

var cancelled, cancel = context.WithCancel(context.Background())

// failing are tries that fail, since another goroutine holds the lock.
var failing = []try{
	{"TryLock", (*rqlock.Mutex).TryLock},
	{"LockTimeout(0)", func(l *rqlock.Mutex) bool { return l.LockTimeout(0) == nil }},
	{"LockTimeout(3ms)", func(l *rqlock.Mutex) bool { return l.LockTimeout(3*time.Millisecond) == nil }},
	{"LockContext", func(l *rqlock.Mutex) bool { return l.LockContext(cancelled) == nil }},
	{"Lock", func(l *rqlock.Mutex) bool { // fails by a stall
		l.SetStallTimeout(5 * time.Millisecond)
		defer l.SetStallTimeout(-1)
		return l.Lock() == nil
	}},
}

// A scenario has two goroutines access x. One of them has attempted to acquire l. If right is
// true, it then waits for the lock, and so there is no race.
type scenario struct {
	name string
	run  func(x *int, l *rqlock.Mutex, t try, right bool)
}

var scenarios = []scenario{
	{"section", section}, {"before", before}, {"later", later}, {"earlier", earlier}, {"both", both}, {"again", again}, {"deadlock", deadlock},
}

// hold holds l from turn 1 to turn 2.
func hold(o *order, l *rqlock.Mutex, inside func()) {
	must(l.Lock())
	inside()
	o.reach(1)
	o.await(2)
	l.Unlock()
	o.reach(3)
}

// attempt attempts to acquire l, which fails, and accesses x all the same.
func attempt(o *order, x *int, l *rqlock.Mutex, t try, right bool) {
	switch {
	case t.lock(l):
		defer l.Unlock()
	case right:
		o.reach(2)
		must(l.Lock())
		defer l.Unlock()
	}
	*x++
}

// section: x is accessed in the section that makes the attempt fail.
func section(x *int, l *rqlock.Mutex, t try, right bool) {
	var o order
	go hold(&o, l, func() { *x++ })
	o.await(1)
	attempt(&o, x, l, t, right)
	o.reach(2)
	o.await(3)
}

// before: x is accessed by the owner before its section.
func before(x *int, l *rqlock.Mutex, t try, right bool) {
	var o order
	go func() {
		*x++
		hold(&o, l, func() {})
	}()
	o.await(1)
	attempt(&o, x, l, t, right)
	o.reach(2)
	o.await(3)
}

// later: x is accessed in a section that begins when the attempt has failed.
func later(x *int, l *rqlock.Mutex, t try, right bool) {
	var o order
	go func() {
		hold(&o, l, func() {})
		must(l.Lock())
		*x++
		l.Unlock()
		o.reach(4)
	}()
	o.await(1)
	attempt(&o, x, l, t, right)
	o.reach(2)
	o.await(4)
}

// earlier: x is accessed in a section before the one that makes the attempt fail.
func earlier(x *int, l *rqlock.Mutex, t try, right bool) {
	var o, first order
	go func() {
		must(l.Lock())
		*x++
		l.Unlock()
		first.reach(1)
	}()
	first.await(1)
	go hold(&o, l, func() {})
	o.await(1)
	attempt(&o, x, l, t, right)
	o.reach(2)
	o.await(3)
}

// both: x is accessed by two whose attempts have failed.
func both(x *int, l *rqlock.Mutex, t try, right bool) {
	two(x, l, t, right, func() {})
}

// again: the same, and the first of the two fails once more before the other one does.
func again(x *int, l *rqlock.Mutex, t try, right bool) {
	two(x, l, t, right, func() {
		if t.lock(l) {
			l.Unlock()
		}
	})
}

func two(x *int, l *rqlock.Mutex, t try, right bool, between func()) {
	var o, first order
	go hold(&o, l, func() {})
	o.await(1)
	go func() {
		attempt(&o, x, l, t, right)
		between()
		first.reach(1)
	}()
	first.await(1)
	attempt(&o, x, l, t, right)
	o.reach(2)
	o.await(3)
}

// deadlock: x is accessed by one who was told of a deadlock, when it has let go of what it
// held, and by the other goroutine of the cycle, who has l. What t is does not matter.
func deadlock(x *int, l *rqlock.Mutex, t try, right bool) {
	var o order
	other := new(rqlock.Mutex)
	go func() {
		must(l.Lock())
		o.reach(1)
		o.await(2)
		if err := other.Lock(); err == nil {
			other.Unlock()
		}
		*x++
		l.Unlock()
		o.reach(3)
	}()
	o.await(1)
	must(other.Lock())
	o.reach(2)
	time.Sleep(3 * time.Millisecond) // so that the other waits, in most cases
	err := l.Lock()
	other.Unlock()
	switch {
	case err == nil: // the other one was told
		defer l.Unlock()
	case right:
		must(l.Lock())
		defer l.Unlock()
	}
	*x++
	if err != nil && !right {
		o.await(3)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	cancel()
	rqlock.SetStallTimeout(time.Hour)
	for _, right := range []bool{false, true} {
		word, tries := "wrong", 20 // until one is reported
		if right {
			word, tries = "right", 1
		}
		for _, s := range scenarios {
			for _, t := range failing {
				before := runtime.RaceErrors()
				for n := 0; n < tries && runtime.RaceErrors() == before; n++ {
					s.run(new(int), new(rqlock.Mutex), t, right)
				}
				if runtime.RaceErrors() != before {
					fmt.Println(word, s.name, t.name)
				}
			}
		}
	}
	fmt.Println("end")
}
