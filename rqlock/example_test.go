package rqlock_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// Registry calls its visitors with its lock held, as many containers do.
type Registry struct {
	lock  rqlock.Mutex
	names []string
}

// Add fails if its caller holds the registry already.
func (r *Registry) Add(name string) error {
	if err := r.lock.Lock(); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	defer r.lock.Unlock()
	r.names = append(r.names, name)
	return nil
}

// Each calls visit for each name.
func (r *Registry) Each(visit func(name string) error) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	for _, name := range r.names {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// A callback re-enters the container that calls it. With a sync.Mutex the program
// would hang here; with a Mutex the callback gets an error, and the registry is as
// good as before.
func Example() {
	var r Registry
	r.lock.SetName("registry")
	r.Add("a")
	err := r.Each(func(name string) error { return r.Add(name + "'") }) //rqvet:ignore selfdeadlock this is the example
	fmt.Println("deadlock:", errors.Is(err, rqlock.ErrDeadlock))
	fmt.Println("afterwards:", r.Add("b"), r.names)
	// Output:
	// deadlock: true
	// afterwards: <nil> [a b]
}

// A type may embed the lock.
func ExampleMutex() {
	type account struct {
		rqlock.Mutex
		balance int
	}
	var a account
	if err := a.Lock(); err != nil {
		fmt.Println(err) // a is not locked: leave it alone
		return
	}
	defer a.Unlock()
	a.balance += 10
	fmt.Println(a.balance)
	// Output: 10
}

// Whoever waits for a request's sake gives up when the request is cancelled.
func ExampleMutex_LockContext() {
	var l rqlock.Mutex
	held, done := make(chan bool), make(chan bool)
	go func() {
		if err := l.Lock(); err != nil {
			panic(err)
		}
		held <- true
		<-done
		l.Unlock()
		held <- false
	}()
	<-held

	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Millisecond, errors.New("the client went away"))
	defer cancel()
	l.SetName("accounts")
	err := l.LockContext(ctx)
	fmt.Println(withoutAddresses(err.Error()))

	done <- true
	<-held
	// Output: rqlock: lock "accounts" (0x...): the client went away
}

// A limit bounds the whole wait.
func ExampleMutex_LockTimeout() {
	var l rqlock.Mutex
	held, done := make(chan bool), make(chan bool)
	go func() {
		if err := l.Lock(); err != nil {
			panic(err)
		}
		held <- true
		<-done
		l.Unlock()
		held <- false
	}()
	<-held

	if err := l.LockTimeout(5 * time.Millisecond); err != nil {
		fmt.Println(errors.Is(err, rqlock.ErrTimeout))
	} else {
		l.Unlock()
	}

	done <- true
	<-held
	if err := l.LockTimeout(5 * time.Millisecond); err != nil {
		panic(err)
	}
	l.Unlock()
	// Output: true
}

// A deadlock's error says who waits for what and who holds it, and %+v adds where
// each of them waits.
func ExampleDeadlockError() {
	var from, to rqlock.Mutex
	from.SetName("from")
	to.SetName("to")

	// transfer locks two accounts, in whatever order it is called with.
	transfer := func(first, second *rqlock.Mutex, both *sync.WaitGroup) error {
		if err := first.Lock(); err != nil {
			return err
		}
		defer first.Unlock()
		both.Done()
		both.Wait() // each of the two has its first lock
		if err := second.Lock(); err != nil {
			return err
		}
		defer second.Unlock()
		return nil
	}
	var both sync.WaitGroup
	both.Add(2)
	results := make(chan error)
	go func() { results <- transfer(&from, &to, &both) }()
	go func() { results <- transfer(&to, &from, &both) }()

	for range 2 {
		err := <-results
		var deadlock *rqlock.DeadlockError
		if !errors.As(err, &deadlock) {
			fmt.Println("one of the two:", err)
			continue
		}
		fmt.Println("the other: a cycle of", len(deadlock.Cycle))
		report := fmt.Sprintf("%+v", err)
		fmt.Println(strings.Contains(report, `waits for lock "from"`), strings.Contains(report, `waits for lock "to"`),
			strings.Contains(report, "ExampleDeadlockError"), strings.Contains(report, "example_test.go:"))
	}
	// Unordered output:
	// one of the two: <nil>
	// the other: a cycle of 2
	// true true true true
}

// A program hears of each deadlock and each stall in one place, whoever handles
// the error.
func ExampleOnViolation() {
	previous := rqlock.OnViolation(func(err error) {
		fmt.Println("logged:", withoutAddresses(err.Error()))
	})
	defer func() { rqlock.OnViolation(previous) }()

	var l rqlock.Mutex
	l.SetName("cache")
	if err := l.Lock(); err != nil {
		return
	}
	defer l.Unlock()
	if err := l.Lock(); err != nil {
		fmt.Println("handled:", errors.Is(err, rqlock.ErrDeadlock))
	}
	// Output:
	// logged: rqlock: deadlock: goroutine 1 already holds lock "cache" (0x...)
	// handled: true
}

// The counters say what has become of acquisitions that could not succeed at once.
func ExampleReadEvents() {
	before := rqlock.ReadEvents()
	var l rqlock.Mutex
	if err := l.Lock(); err != nil {
		return
	}
	defer l.Unlock()
	for range 2 {
		fmt.Println(l.LockTimeout(0) != nil) //rqvet:ignore selfdeadlock it is what the example shows
	}
	fmt.Println(rqlock.ReadEvents().SelfDeadlock - before.SelfDeadlock)
	// Output:
	// true
	// true
	// 2
}

// withoutAddresses makes a report the same each time.
func withoutAddresses(report string) string {
	report = regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(report, "0x...")
	return regexp.MustCompile(`goroutine [0-9]+`).ReplaceAllString(report, "goroutine 1")
}

// Config is read often, and written now and then.
type Config struct {
	lock   rqlock.RWMutex
	values map[string]string
}

// Get may be called by one who reads already, however many writers wait.
func (c *Config) Get(name string) (string, error) {
	if err := c.lock.RLock(); err != nil {
		return "", err
	}
	defer c.lock.RUnlock()
	return c.values[name], nil
}

// Each calls visit for all values, with the lock held for reading.
func (c *Config) Each(visit func(name string) error) error {
	if err := c.lock.RLock(); err != nil {
		return err
	}
	defer c.lock.RUnlock()
	for name := range c.values {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// Set fails if its caller reads.
func (c *Config) Set(name, value string) error {
	if err := c.lock.Lock(); err != nil {
		return err
	}
	defer c.lock.Unlock()
	c.values[name] = value
	return nil
}

// Reading again inside of reading always works. To write there would wait for oneself.
func ExampleRWMutex() {
	c := Config{values: map[string]string{"color": "blue"}}
	err := c.Each(func(name string) error { //rqvet:ignore upgrade this is the example
		value, err := c.Get(name)
		fmt.Println(name, value, err)
		return c.Set(name, "red")
	})
	fmt.Println(errors.Is(err, rqlock.ErrDeadlock))
	fmt.Println(c.Set("color", "red"))
	// Output:
	// color blue <nil>
	// true
	// <nil>
}

// What was written is read before any other writer changes it.
func ExampleRWMutex_Downgrade() {
	var lock rqlock.RWMutex
	value := 0
	if err := lock.Lock(); err != nil {
		fmt.Println(err)
		return
	}
	value = 42
	lock.Downgrade()
	fmt.Println(value, lock.TryLock(), lock.TryRLock())
	lock.RUnlock()
	lock.RUnlock()
	// Output: 42 false true
}

// The readers' side is a lock of its own.
func ExampleRWMutex_RLocker() {
	var lock rqlock.RWMutex
	reading := lock.RLocker()
	if err := reading.Lock(); err != nil {
		fmt.Println(err)
		return
	}
	lock.AssertRHeld()
	reading.Unlock()
	fmt.Println(lock.TryLock())
	lock.Unlock()
	// Output: true
}
