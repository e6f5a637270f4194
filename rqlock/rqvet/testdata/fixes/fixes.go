// Package fixes has findings that have a suggested fix, and some that have none.
package fixes

import "github.com/rqlock/rqlock/rqlock"

type box struct {
	mu rqlock.Mutex
	n  int
}

func ignored(b *box) error {
	b.mu.Lock() // want `ignorederr`
	b.n++
	b.mu.Unlock()
	return nil
}

func ignoredMore(b *box) (n int, s string, p *box, ok bool, err error) {
	b.mu.LockTimeout(1) // want `ignorederr`
	n = b.n
	b.mu.Unlock()
	return n, "", b, true, nil
}

func noError(b *box) int {
	b.mu.Lock() // want `ignorederr`
	defer b.mu.Unlock()
	return b.n
}

func noZero(b *box) (box2, error) {
	b.mu.Lock() // want `ignorederr`
	defer b.mu.Unlock()
	return box2{b.n}, nil
}

type box2 struct{ n int }

func (b *box) try() bool { return b.mu.TryLock() }

func notAnError(b *box) error {
	b.try() // want `ignorederr`
	b.n++
	b.mu.Unlock()
	return nil
}

func early(b *box) error {
	err := b.mu.Lock()
	defer b.mu.Unlock() // want `earlydefer`
	if err != nil {
		return err
	}
	b.n++
	return nil
}

func otherCheck(b *box) error {
	err := b.mu.Lock()
	defer b.mu.Unlock() // want `earlydefer`
	if b.n > 0 {
		return nil
	}
	return err
}

func kinds(b *box) error {
	if err := b.mu.LockPinned(); err != nil {
		return err
	}
	b.n++
	b.mu.Unlock() // want `wrongunlock`
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.UnlockPinned() // want `wrongunlock`
	b.n++
	return nil
}

func postStatement(b *box) error {
	for i := 0; i == 0; b.mu.Lock() { // want `ignorederr` `selfdeadlock`
		b.n++
		i++
	}
	b.mu.Unlock()
	return nil
}

func another(b, c *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	c.mu.Lock() // want `ignorederr`
	c.n++
	c.mu.Unlock()
	b.mu.Unlock()
	return nil
}

func work() error { return nil }

func checkOfOther(b *box) error {
	locked := b.mu.Lock()
	err := work()
	defer b.mu.Unlock() // want `earlydefer`
	if err != nil {
		return err
	}
	return locked
}

func (b *box) Unlock() { b.mu.Unlock() }

func kindInHelper(b *box) error {
	if err := b.mu.LockPinned(); err != nil {
		return err
	}
	b.Unlock() // want `wrongunlock`
	return nil
}

func withComment(b *box) error {
	err := b.mu.Lock()
	defer b.mu.Unlock() // want `earlydefer`
	// Nobody else has it.
	if err != nil {
		return err
	}
	return nil
}

type account struct {
	rqlock.Mutex
	n int
}

func embedded(a *account) error {
	a.Lock() // want `ignorederr`
	a.n++
	a.Unlock()
	if err := a.LockPinned(); err != nil {
		return err
	}
	a.n++
	a.Unlock() // want `wrongunlock`
	return nil
}

func behind(l interface {
	Lock() error
	Unlock()
}) (int, error) {
	l.Lock() // want `ignorederr`
	defer l.Unlock()
	return 1, nil
}
