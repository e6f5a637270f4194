// Package main is a library for C programs: locks, and goroutines that use them.
package main

import "C"

import (
	"errors"
	"fmt"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// The locks, and what the first one guards. The others are for deadlocks.
var (
	locks [3]rqlock.Mutex
	count int
)

// What rq_lock returns.
const (
	acquired = iota
	deadlock
	failed
)

func init() { rqlock.SetStallTimeout(time.Hour) }

//export rq_lock
func rq_lock(i C.int) C.int { return result(locks[i].Lock()) }

func result(err error) C.int {
	switch {
	case err == nil:
		return acquired
	case errors.Is(err, rqlock.ErrDeadlock):
		return deadlock
	}
	fmt.Printf("%+v\n", err)
	return failed
}

//export rq_unlock
func rq_unlock(i C.int) { locks[i].Unlock() }

// rq_add adds 1 to the count, whose lock the caller holds.
//
//export rq_add
func rq_add() {
	locks[0].AssertHeld()
	count++
}

//export rq_count
func rq_count() C.int { return C.int(count) }

// rq_section is a whole section: no lock is held when it returns to C.
//
//export rq_section
func rq_section() C.int {
	if err := locks[0].Lock(); err != nil {
		return result(err)
	}
	defer locks[0].Unlock()
	rq_add()
	return acquired
}

// goroutines are results of those that C has started.
var goroutines = make(chan C.int)

// rq_go starts a goroutine that goes through so many sections.
//
//export rq_go
func rq_go(rounds C.int) {
	go func() {
		for range rounds {
			if r := rq_section(); r != acquired {
				goroutines <- r
				return
			}
		}
		goroutines <- acquired
	}()
}

// rq_go_both starts a goroutine that locks one, and then the other. It returns when the
// goroutine has locked the first. The goroutine's result is that of the second lock.
//
//export rq_go_both
func rq_go_both(first, second C.int) {
	held := make(chan bool)
	// The victim of a cycle must not wait for rq_join while it holds what the other one is
	// waiting for: it has unlocked both before it sends.
	go func() { goroutines <- both(first, second, held) }()
	<-held
}

func both(first, second C.int, held chan<- bool) C.int {
	if err := locks[first].Lock(); err != nil {
		panic(err)
	}
	defer locks[first].Unlock()
	held <- true
	err := locks[second].Lock()
	if err == nil {
		locks[second].Unlock()
	}
	return result(err)
}

// rq_join waits for one of the goroutines that C has started, and returns its result.
//
//export rq_join
func rq_join() C.int { return <-goroutines }

// rq_rescued counts those who slept beside a free lock.
//
//export rq_rescued
func rq_rescued() C.int { return C.int(rqlock.ReadEvents().Rescued) }

func main() {}
