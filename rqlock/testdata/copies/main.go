// Command copies uses locks as no program should: it appends to a slice of locks, one of which
// is waited for, or overwrites a structure with its lock. It prints "ok" if nobody but the user
// of a copy is concerned.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

type box struct {
	mu rqlock.Mutex
	n  int
}

func main() {
	switch os.Args[1] {
	case "append":
		appends()
	case "overwrite":
		overwrites()
	}
	fmt.Println("ok")
}

// waiter has a goroutine wait for b's lock, and returns once it does.
func waiter(b *box) (done chan error) {
	before := rqlock.ReadEvents().Queued
	done = make(chan error)
	go func() {
		err := b.mu.Lock()
		if err == nil {
			b.n++
			b.mu.Unlock()
		}
		done <- err
	}()
	for rqlock.ReadEvents().Queued == before {
		time.Sleep(time.Millisecond)
	}
	return done
}

// appends moves a slice of locks, and uses both.
func appends() {
	boxes := make([]box, 1)
	lock(&boxes[0])
	done := waiter(&boxes[0])
	moved := append(boxes, box{})
	said := make(chan string)
	go func() {
		defer func() { said <- fmt.Sprint(recover()) }()
		//rqvet:ignore ignorederr it panics
		moved[0].mu.Lock()
	}() //rqvet:ignore leak it panics
	if s := <-said; !strings.Contains(s, "is a copy of one that was waited for") {
		fail("the user of the copy is told %q", s)
	}
	boxes[0].mu.Unlock()
	if err := <-done; err != nil {
		fail("who waits for the original gets %v", err)
	}
	lock(&moved[1])
	done = waiter(&moved[1])
	moved[1].mu.Unlock()
	if err := <-done; err != nil {
		fail("who waits for another lock of the slice gets %v", err)
	}
}

// overwrites does what loses the queue of a lock, again and again.
func overwrites() {
	b, other := new(box), new(box)
	before := rqlock.ReadEvents().Unqueued
	for range 1000 {
		lock(b) //rqvet:ignore selfdeadlock what the last round has locked is overwritten
		done := waiter(b)
		*b = box{}
		if err := <-done; err != nil {
			fail("who waits for an overwritten lock gets %v", err)
		}
	}
	lock(other)
	done := waiter(other)
	other.mu.Unlock()
	if err := <-done; err != nil {
		fail("who waits for another lock gets %v", err)
	}
	if n := rqlock.ReadEvents().Unqueued - before; n != 0 {
		fail("%d waited without a record", n)
	}
}

func lock(b *box) {
	if err := b.mu.Lock(); err != nil {
		fail("a free lock gives %v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}
