// Package plain uses rqlock's package sync, whose locks do not fail.
package plain

import "github.com/rqlock/rqlock/rqlock/sync"

type box struct {
	sync.Mutex
	n    int
	rows sync.RWMutex
}

func leak(b *box) int {
	b.Lock()
	if b.n == 0 {
		return 0 // want `return with b held.*leak`
	}
	b.Unlock()
	return b.n
}

func twice(b *box) {
	b.Lock()
	b.Lock() // want `b is held since.*selfdeadlock`
	b.Unlock()
}

func (b *box) size() int {
	b.Lock()
	defer b.Unlock()
	return b.n
}

func inner(b *box) int {
	b.Lock()
	defer b.Unlock()
	return b.size() // want `size acquires b, which is held.*selfdeadlock`
}

func upgrade(b *box) {
	b.rows.RLock()
	b.rows.Lock()   // want `b.rows is held for reading.*upgrade`
	b.rows.Unlock() // want `wrongunlock`
}

func kind(b *box) {
	b.rows.RLock()
	b.rows.Unlock() // want `release it with RUnlock.*wrongunlock`
}

func copied(b *box) box { // nothing is said of results
	return *b // want `copylock`
}

// Any goroutine may unlock.
func handOver(b *box, done chan bool) {
	b.Lock()
	go func() {
		<-done
		b.Unlock()
	}()
}

func handOverDirectly(b *box) {
	b.Lock()
	go b.Unlock()
}

func locker(b *box, f func()) {
	var l sync.Locker = b
	l.Lock()
	if f == nil {
		return // want `return with b held.*leak`
	}
	f()
	l.Unlock()
}

func tried(b *box) {
	b.TryLock() // want `the result of b.TryLock is ignored.*ignorederr`
	b.Unlock()
}

func cond(b *box) {
	c := sync.NewCond(b)
	c.L.Lock()
	for b.n == 0 {
		c.Wait()
	}
	c.L.Unlock()
}
