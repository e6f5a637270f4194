// Command plugin shares locks with the plugin that it is given. It prints "ok" if both exclude
// one another, and if deadlocks across the two are found.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"plugin"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

const rounds = 2000

func main() {
	rqlock.SetStallTimeout(time.Hour)
	p, err := plugin.Open(os.Args[1])
	must(err)
	lock := find[func(*rqlock.Mutex) error](p, "Lock")
	unlock := find[func(*rqlock.Mutex)](p, "Unlock")
	add := find[func(*rqlock.Mutex, *int, int) error](p, "Add")
	hold := find[func(first, second *rqlock.Mutex, held chan<- bool) error](p, "Hold")

	// One goroutine locks in one and unlocks in the other.
	var l rqlock.Mutex
	must(l.Lock())
	unlock(&l)
	must(lock(&l))
	if err := l.Lock(); !errors.Is(err, rqlock.ErrDeadlock) {
		fail("what the plugin locked can be locked again: %v", err)
	}
	if err := lock(&l); !errors.Is(err, rqlock.ErrDeadlock) {
		fail("the plugin can lock what is locked: %v", err)
	}
	l.Unlock()

	// Goroutines of both block on one lock.
	must(l.Lock())
	n := 0
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := range rounds {
				must(l.Lock())
				n++
				if i%64 == 0 {
					runtime.Gosched()
				}
				l.Unlock()
			}
		})
		wg.Go(func() { must(add(&l, &n, rounds)) })
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		e := rqlock.ReadEvents()
		if e.Queued >= 6 && e.Closed > 0 {
			break
		}
		if time.Since(begun) > 20*time.Second {
			fail("they do not wait: %+v", e)
		}
	}
	l.Unlock()
	wg.Wait()
	if n != 6*rounds {
		fail("%d sections, want %d", n, 6*rounds)
	}

	// A cycle across the border has one victim.
	for range 20 {
		var mine, others rqlock.Mutex
		held, result := make(chan bool), make(chan error)
		must(mine.Lock())
		go func() { result <- hold(&others, &mine, held) }()
		<-held
		err := others.LockContext(context.Background())
		if err == nil {
			others.Unlock()
		}
		mine.Unlock()
		if err2 := <-result; (err == nil) == (err2 == nil) || !errors.Is(errors.Join(err, err2), rqlock.ErrDeadlock) {
			fail("in a cycle the program was told %v, and the plugin %v", err, err2)
		}
	}
	fmt.Println("ok")
}

// find returns what the plugin calls so.
func find[T any](p *plugin.Plugin, name string) T {
	symbol, err := p.Lookup(name)
	must(err)
	return symbol.(T)
}

func must(err error) {
	if err != nil {
		fail("%+v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}
