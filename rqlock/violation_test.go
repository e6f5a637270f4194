package rqlock

import (
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// TestViolationLocks: the function that OnViolation sets may do anything, even
// wait for the lock that its caller could not get: the caller has left the
// queue by then, and nobody waits for it.
func TestViolationLocks(t *testing.T) {
	setStallTimeout(t, never)
	l := newLock(t)
	a := newActors(t, 2)
	must(t, l.Lock())
	var once sync.Once
	called := make(chan bool)
	setOnViolation(t, func(error) {
		once.Do(func() {
			close(called)
			if err := l.Lock(); err != nil {
				t.Error(err)
				return
			}
			l.Unlock()
		})
	})
	a[0].start(func() error { return l.LockTimeout(5 * time.Millisecond) })
	<-called
	a[1].start(l.Lock)
	await(t, "both to wait", func() bool {
		v, w := waiter.Lookup(a[0].id), waiter.Lookup(a[1].id)
		return v != nil && w != nil && v != w
	})
	time.Sleep(5 * time.Millisecond)
	l.Unlock()
	must(t, a[1].result())
	a[1].unlock(l)
	must(t, nilIf(a[0].result(), ErrTimeout))
}
