package embedded

import (
	"errors"
	"fmt"

	"github.com/rqlock/rqlock/rqlock"

	"rqvet.test/embedded/lib"
)

// Right from here on.

func plain(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	a.n++
	return nil
}

func mixedNames(s *savings) error {
	if err := s.Lock(); err != nil {
		return err
	}
	if s.n == 0 {
		s.account.Unlock()
		return nil
	}
	s.account.Mutex.Unlock()
	return nil
}

func behind(a *account) error {
	var l locker = a
	if err := l.Lock(); err != nil {
		return err
	}
	a.n++
	a.Unlock()
	return nil
}

func behindNarrower(a *account) error {
	var l locker = a
	var u interface{ Unlock() } = l
	if err := l.Lock(); err != nil {
		return err
	}
	defer u.Unlock()
	a.n++
	return nil
}

// The interface may hold the lock that is held.
func eitherName(a *account, l locker) error {
	if err := a.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

func unlockOnly(a *account, u interface{ Unlock() }) error {
	if err := a.Lock(); err != nil {
		return err
	}
	u.Unlock()
	return nil
}

// Such locks are only held here.
type alone struct {
	rqlock.Mutex
	n int
}

func (a *alone) asUnlocker() interface{ Unlock() } { return a }

func unlockedBehind(a *alone, u interface{ Unlock() }) {
	go func() {
		if a.Lock() == nil {
			u.Unlock()
		}
	}()
}

// Some code unlocks whatever it is given.
type prepared struct {
	rqlock.Mutex
	n int
}

func (p *prepared) prepare() error {
	if err := p.Lock(); err != nil {
		return err
	}
	p.n++
	return nil
}

func (p *prepared) asLocker() locker { return p }

func finish(l locker) { l.Unlock() }

// Helpers know only the interface.
func helpers(t *lib.Table) error {
	if err := lib.Begin(t); err != nil {
		return err
	}
	t.N++
	t.Unlock()
	return nil
}

func helpersBack(t *lib.Table) error {
	if err := t.Lock(); err != nil {
		return err
	}
	t.N++
	lib.End(t)
	return nil
}

func guarded(a *account) (unlock func(), err error) {
	if err := a.Lock(); err != nil {
		return nil, err
	}
	return a.Unlock, nil
}

func returned(a *account) (locker, error) {
	if err := a.Lock(); err != nil {
		return nil, err
	}
	return a, nil
}

// Whoever gets the object may unlock it.
var release = make(chan interface{ Unlock() }, 1)

func sentAway(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	if a.n == 0 {
		a.Unlock()
		return nil
	}
	release <- a
	return nil
}

type later struct{ next interface{ Unlock() } }

func storedAway(a *account, l *later) error {
	if err := a.Lock(); err != nil {
		return err
	}
	if a.n == 0 {
		a.Unlock()
		return nil
	}
	l.next = a
	return nil
}

// A type with methods of its own.
type counted struct {
	rqlock.Mutex
	locks int
}

func (c *counted) Lock() error {
	if err := c.Mutex.Lock(); err != nil {
		return fmt.Errorf("counted: %w", err)
	}
	c.locks++
	return nil
}

func ownLock(c *counted) error {
	if err := c.Lock(); err != nil {
		return err
	}
	defer c.Unlock()
	return nil
}

func ownLockBehind(c *counted) error {
	var l locker = c
	if err := l.Lock(); err != nil {
		return err
	}
	c.locks--
	l.Unlock()
	return nil
}

func ownLockElsewhere(c *counted) error {
	if err := lib.Begin(c); err != nil {
		return err
	}
	c.Unlock()
	return nil
}

// A lock that is not rqlock's.
type flag struct{ set bool }

func (f *flag) Lock() error {
	if f.set {
		return errors.New("set already")
	}
	f.set = true
	return nil
}

func (f *flag) Unlock() { f.set = false }

func notRqlock(f *flag) error {
	var l locker = f
	if err := l.Lock(); err != nil {
		return err
	}
	f.Unlock()
	return nil
}

func notRqlockElsewhere(f *flag) error {
	if err := lib.Begin(f); err != nil {
		return err
	}
	f.Unlock()
	return nil
}

func notRqlockInGoroutine(f, g *flag, second bool) {
	go func() {
		if lib.Begin(f) != nil {
			return
		}
		f.Unlock()
		var l locker = f
		if second {
			l = g
		}
		if l.Lock() != nil {
			return
		}
		f.set = false
	}()
}

// Its own methods lock a field.
type own struct{ mu rqlock.Mutex }

func (o *own) Lock() error { return o.mu.Lock() }
func (o *own) Unlock()     { o.mu.Unlock() }

func ownInGoroutine(o *own) {
	go func() {
		if lib.Begin(o) != nil {
			return
		}
		o.mu.Unlock()
	}()
}

// Which object it is depends on a condition.
func either(a *account, s *savings, saves bool) error {
	var l locker = a
	if saves {
		l = s
	}
	if err := l.Lock(); err != nil {
		return err
	}
	if saves {
		s.Unlock()
	} else {
		a.Unlock()
	}
	return nil
}

func typeSwitch(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	switch x := l.(type) {
	case *account:
		x.Unlock()
	case *savings:
		x.Unlock()
	default:
		l.Unlock()
	}
	return nil
}

// Each call locks another element.
func elements(all []locker, chosen []int) error {
	if len(chosen) == 0 {
		return nil
	}
	l := all[chosen[0]]
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return elements(all, chosen[1:])
}

func plainElements(all []account, chosen []int) error {
	if len(chosen) == 0 {
		return nil
	}
	a := &all[chosen[0]]
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	return plainElements(all, chosen[1:])
}

// A pointer that a function sets.
func makes(to **rqlock.Mutex) { *to = new(rqlock.Mutex) }

func setHere() error {
	var l *rqlock.Mutex
	makes(&l)
	if err := l.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

func setElsewhere() error {
	var l *rqlock.Mutex
	lib.Make(&l)
	if err := l.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

// The same lock by a struct's value, its address and its copy.
func (s *shared) release() { s.Unlock() }

func byAddress(l *rqlock.Mutex) error {
	s := shared{Mutex: l}
	if err := s.Lock(); err != nil {
		return err
	}
	s.release()
	return nil
}

func byCopy(s *shared) error {
	c := *s
	if err := c.Lock(); err != nil {
		return err
	}
	s.Unlock()
	return nil
}

func sharedBy(l *rqlock.Mutex) error {
	first, second := shared{Mutex: l}, shared{Mutex: l}
	if err := first.Lock(); err != nil {
		return err
	}
	second.Unlock()
	return nil
}
