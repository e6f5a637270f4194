// Package rw uses reader-writer locks.
package rw

import (
	"errors"

	"github.com/rqlock/rqlock/rqlock"
)

type table struct {
	mu   rqlock.RWMutex
	rows map[string]int
}

func confused(t *table) (int, error) {
	if err := t.mu.RLock(); err != nil {
		return 0, err
	}
	defer t.mu.Unlock() // want `t.mu is held for reading .*release it with RUnlock.*wrongunlock`
	return len(t.rows), nil
}

func confusedBack(t *table) error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	t.rows = nil
	t.mu.RUnlock() // want `t.mu is held for writing .*release it with Unlock.*wrongunlock`
	return nil
}

func upgrade(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	defer t.mu.RUnlock()
	if err := t.mu.Lock(); err != nil { // want `t.mu is held for reading since.*upgrade`
		return err
	}
	t.mu.Unlock()
	return nil
}

func readWhileWriting(t *table) error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	return read(t) // want `read acquires t.mu, which is held since.*selfdeadlock`
}

func read(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	t.mu.RUnlock()
	return nil
}

// Recursive reading is right.
func again(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	defer t.mu.RUnlock()
	if err := t.mu.RLock(); err != nil {
		return err
	}
	t.mu.RUnlock()
	return read(t)
}

func onceTooOften(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	if err := t.mu.RLock(); err != nil {
		t.mu.RUnlock()
		return err
	}
	t.mu.RUnlock()
	return nil // want `return with t.mu held.*leak`
}

func tooFew(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	t.mu.RUnlock()
	t.mu.RUnlock() // want `t.mu is unlocked twice.*unheld`
	return nil
}

func ignored(t *table) {
	t.mu.RLock() // want `the error of t.mu.RLock is ignored.*ignorederr`
	t.mu.RUnlock()
}

func downgraded(t *table) (int, error) {
	if err := t.mu.Lock(); err != nil {
		return 0, err
	}
	t.rows["a"] = 1
	t.mu.Downgrade()
	n := t.rows["a"]
	t.mu.Unlock() // want `t.mu is held for reading.*wrongunlock`
	return n, nil
}

func downgradedReader(t *table) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	t.mu.Downgrade() // want `Downgrade needs the write lock.*wrongunlock`
	t.mu.RUnlock()
	return nil
}

func byLocker(t *table) error {
	l := t.mu.RLocker()
	if err := l.Lock(); err != nil {
		return err
	}
	if t.rows == nil {
		return errors.New("none") // want `return with t.mu held.*leak`
	}
	l.Unlock()
	return nil
}

func tried(t *table) int {
	if !t.mu.TryRLock() {
		return 0
	}
	if t.mu.TryLock() { // it never succeeds
		t.mu.Unlock()
	}
	defer t.mu.RUnlock()
	return len(t.rows)
}

// Two who read do not wait for each other.
var a, b rqlock.RWMutex

func readBoth() error {
	if err := a.RLock(); err != nil {
		return err
	}
	defer a.RUnlock()
	if err := b.RLock(); err != nil {
		return err
	}
	b.RUnlock()
	return nil
}

func readBothBack() error {
	if err := b.RLock(); err != nil {
		return err
	}
	defer b.RUnlock()
	if err := a.RLock(); err != nil {
		return err
	}
	a.RUnlock()
	return nil
}

var c, d rqlock.RWMutex

func readAndWrite() error {
	if err := c.RLock(); err != nil {
		return err
	}
	defer c.RUnlock()
	if err := d.Lock(); err != nil {
		return err
	}
	d.Unlock()
	return nil
}

func readAndWriteBack() error {
	if err := d.RLock(); err != nil {
		return err
	}
	defer d.RUnlock()
	if err := c.Lock(); err != nil { // want `rw.c is acquired while rw.d is held.*lockorder`
		return err
	}
	c.Unlock()
	return nil
}
