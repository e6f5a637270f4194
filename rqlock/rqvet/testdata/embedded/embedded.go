// Package embedded has each rule for locks that a type embeds: by value, by pointer, two
// deep, and behind an interface.
package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/rqlock/rqlock/rqlock"

	"rqvet.test/embedded/lib"
)

type account struct {
	rqlock.Mutex
	n int
}

type shared struct {
	*rqlock.Mutex
	n int
}

type savings struct {
	account
	rate int
}

type branch struct {
	*savings
	name string
}

type locker interface {
	Lock() error
	Unlock()
}

// By value

func ignored(a *account) {
	a.Lock() // want `the error of a.Lock is ignored.*ignorederr`
	a.n++
	a.Unlock()
}

func ignoredByName(a *account) {
	a.Mutex.Lock() // want `the error of a.Lock is ignored.*ignorederr`
	a.n++
	a.Unlock()
}

func printed(a *account) {
	if err := a.Lock(); err != nil {
		fmt.Println(err)
	}
	a.Unlock() // want `a is unlocked on a path where acquiring it \(line 55\) failed.*unheld`
}

func early(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	if a.n < 0 {
		return errors.New("negative") // want `return with a held \(line 62\): call a.Unlock\(\) on this path.*leak`
	}
	a.Unlock()
	return nil
}

// The method is exported, but the type is not: nobody elsewhere unlocks it for callers.
type vault struct {
	rqlock.Mutex
	n int
}

func (v *vault) Count() error {
	if err := v.Lock(); err != nil {
		return err
	}
	v.n++
	return nil // want `return with v held.*leak`
}

// Here somebody may.
type Vault struct {
	rqlock.Mutex
	n int
}

func (v *Vault) Count() error {
	if err := v.Lock(); err != nil {
		return err
	}
	v.n++
	return nil
}

func twice(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	if err := a.Mutex.Lock(); err != nil { // want `a is held since line 101.*selfdeadlock`
		return err
	}
	return nil
}

func (a *account) deposit(n int) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	a.n += n
	return nil
}

func throughMethod(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	return a.deposit(1) // want `deposit acquires a, which is held since line 121.*selfdeadlock`
}

func throughPointer(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	return useLock(&a.Mutex) // want `useLock acquires a, which is held.*selfdeadlock`
}

func useLock(l *rqlock.Mutex) error {
	if err := l.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

func other(a, b *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	b.Unlock() // want `b is unlocked, but the lock held is a \(line 145\).*wrongunlock`
	return nil
}

func kind(a *account) error {
	if err := a.LockPinned(); err != nil {
		return err
	}
	a.Unlock() // want `a was acquired with LockPinned.*wrongunlock`
	return nil
}

func deferred(a *account) error {
	err := a.Lock()
	defer a.Unlock() // want `the deferred unlock of a also runs where.*earlydefer`
	if err != nil {
		return err
	}
	a.n++
	return nil
}

func sleeps(a *account) error {
	if err := a.LockPinned(); err != nil {
		return err
	}
	time.Sleep(1) // want `time.Sleep may block while a is held with LockPinned.*blockpinned`
	a.UnlockPinned()
	return nil
}

func (a account) value() int { return a.n } // want `copylock`

func sent(ch chan account, a *account) {
	ch <- *a // want `copylock`
}

func boxed(a *account) any {
	return *a // want `copylock`
}

func inGoroutine(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	go a.Unlock() // want `a new goroutine holds no lock and cannot unlock a.*unheld`
	return nil
}

func byTimer(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	time.AfterFunc(time.Second, a.Unlock) // want `cannot unlock a:.*unheld`
	return nil
}

func nilObject() error {
	var l *rqlock.Mutex
	s := &shared{Mutex: l}
	return s.Lock() // want `badlock`
}

// By pointer

func pointed(s *shared) error {
	if err := s.Lock(); err != nil {
		return err
	}
	if s.n < 0 {
		return nil // want `return with s held.*leak`
	}
	s.Unlock()
	return nil
}

func pointedTwice(s *shared) error {
	if err := s.Lock(); err != nil {
		return err
	}
	defer s.Unlock()
	return pointed(s) // want `pointed acquires s, which is held.*selfdeadlock`
}

func (s *shared) acquire() error { return s.Lock() }

func pointedByHelper(s *shared) error {
	if err := s.acquire(); err != nil {
		return err
	}
	defer s.Unlock()
	return s.Lock() // want `s is held since.*selfdeadlock`
}

func never() error {
	s := &shared{n: 1}
	return s.Lock() // want `the lock is a nil pointer.*badlock`
}

func neverVariable() error {
	var s shared
	return s.Lock() // want `the lock is a nil pointer.*badlock`
}

func byAddressTwice(l *rqlock.Mutex) error {
	s := shared{Mutex: l}
	if err := s.Lock(); err != nil {
		return err
	}
	defer s.Unlock()
	return s.acquire() // want `acquire acquires s, which is held.*selfdeadlock`
}

func byCopyTwice(s *shared) error {
	c := *s
	if err := s.Lock(); err != nil {
		return err
	}
	defer s.Unlock()
	return c.acquire() // want `acquire acquires .*, which is held.*selfdeadlock`
}

func made() error {
	s := &shared{Mutex: new(rqlock.Mutex)}
	if err := s.Lock(); err != nil {
		return err
	}
	s.Unlock()
	return nil
}

type changing struct {
	*rqlock.Mutex
	n int
}

func (c *changing) share(l *rqlock.Mutex) { c.Mutex = l }

func madeByMethod() error {
	s := &changing{n: 1}
	s.share(new(rqlock.Mutex))
	if err := s.Lock(); err != nil {
		return err
	}
	s.Unlock()
	return nil
}

func madeElsewhere() error {
	var p lib.Pointed
	lib.Share(&p)
	if err := p.Lock(); err != nil {
		return err
	}
	p.Unlock()
	return nil
}

// Two deep

func deep(s *savings) error {
	if err := s.Lock(); err != nil {
		return err
	}
	if s.n < 0 {
		return nil // want `return with s held \(line 309\): call s.Unlock\(\).*leak`
	}
	s.Unlock()
	return nil
}

func deepTwice(s *savings) error {
	if err := s.account.Lock(); err != nil {
		return err
	}
	defer s.Unlock()
	return s.deposit(1) // want `deposit acquires s, which is held.*selfdeadlock`
}

func deeper(b *branch) error {
	if err := b.Lock(); err != nil {
		return err
	}
	defer b.Unlock()
	return deep(b.savings) // want `deep acquires b.*, which is held.*selfdeadlock`
}

func elsewhere(t *lib.Table) error {
	if err := t.Lock(); err != nil {
		return err
	}
	defer t.Unlock()
	return t.Add() // want `Add acquires t, which is held.*selfdeadlock`
}

func elsewhereIgnored(t *lib.Table) {
	t.Lock() // want `the error of t.Lock is ignored.*ignorederr`
	t.N++
	t.Unlock()
}

// By method expression

func byExpression(a *account) error {
	lock, unlock := (*account).Lock, (*account).Unlock
	if err := lock(a); err != nil {
		return err
	}
	if a.n < 0 {
		return nil // want `return with a held.*leak`
	}
	unlock(a)
	return nil
}

func byDeepExpression(s *savings) error {
	if err := (*savings).Lock(s); err != nil {
		return err
	}
	defer (*savings).Unlock(s)
	return s.Lock() // want `s is held since.*selfdeadlock`
}

// Behind an interface

func ignoredBehind(l locker) {
	l.Lock() // want `the error of l.Lock is ignored.*ignorederr`
	l.Unlock()
}

func failedBehind(l locker) {
	if err := l.Lock(); err != nil {
		fmt.Println(err)
	}
	l.Unlock() // want `l is unlocked on a path where acquiring it.*unheld`
}

func twiceBehind(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return useLocker(l) // want `useLocker acquires l, which is held since line 386.*selfdeadlock`
}

func useLocker(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

func otherBehind(from, to locker) error {
	if err := from.Lock(); err != nil {
		return err
	}
	to.Unlock() // want `to is unlocked, but the lock held is from.*wrongunlock`
	return nil
}

func earlyBehind(l locker) error {
	err := l.Lock()
	defer l.Unlock() // want `the deferred unlock of l.*earlydefer`
	return err
}

func sleepsBehind(a *account) error {
	if err := a.LockPinned(); err != nil {
		return err
	}
	err := useLocker(&savings{}) // want `useLocker, which leads to l.Lock, may block while a is held.*blockpinned`
	a.UnlockPinned()
	return err
}

func leakBehind(a *account) error {
	var l locker = a
	if err := l.Lock(); err != nil {
		return err
	}
	if a.n < 0 {
		return nil // want `return with a held.*leak`
	}
	a.Unlock()
	return nil
}

func madeBehind(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	return useLocker(a) // want `useLocker acquires a, which is held since line 437.*selfdeadlock`
}

func madeBehindDeep(b branch) error {
	if err := b.Lock(); err != nil {
		return err
	}
	defer b.Unlock()
	return useLocker(b) // want `useLocker acquires b, which is held.*selfdeadlock`
}

func pointedBehind(s *shared) error {
	if err := s.Lock(); err != nil {
		return err
	}
	defer s.Unlock()
	return useLocker(s) // want `useLocker acquires s, which is held.*selfdeadlock`
}

func pointedBehindDeep(b *branch) error {
	if err := b.savings.account.Lock(); err != nil {
		return err
	}
	defer b.Unlock()
	return useLocker(b) // want `useLocker acquires b, which is held.*selfdeadlock`
}

func neverLockedBehind() {
	var a account
	var l locker = &a
	l.Unlock() // want `a is unlocked where it was not locked.*unheld`
}

func ownMethodBehind(c *counted) error {
	var l locker = c
	if err := l.Lock(); err != nil {
		return err
	}
	defer c.Unlock()
	return c.Lock() // want `Lock acquires c.Mutex, which is held.*selfdeadlock`
}

// The lock's method may set a flag of this package.
type flagged struct {
	mu     rqlock.Mutex
	locked bool
}

func (f *flagged) Lock() error {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	f.locked = true
	return nil
}

func (f *flagged) Unlock() {
	f.locked = false
	f.mu.Unlock()
}

func flagSetBehind(v *vault, f *flagged, l locker) {
	if v.Lock() != nil {
		return
	}
	f.locked = false
	if l.Lock() == nil {
		l.Unlock()
	}
	if f.locked {
		return // want `leak`
	}
	v.Unlock()
}

func madeBehindElsewhere(t *lib.Table, stop bool) error {
	if err := lib.Begin(t); err != nil {
		return err
	}
	if stop {
		return nil // want `return with t held.*leak`
	}
	lib.End(t)
	return nil
}

func twiceElsewhere(t *lib.Table) error {
	if err := lib.Begin(t); err != nil {
		return err
	}
	defer lib.End(t)
	return t.Add() // want `Add acquires t, which is held.*selfdeadlock`
}

type holder struct{ l locker }

func (h *holder) lock() error { return h.l.Lock() }

func inField(h *holder) error {
	if err := h.lock(); err != nil {
		return err
	}
	defer h.l.Unlock()
	return h.lock() // want `lock acquires h.l, which is held.*selfdeadlock`
}

// A struct that embeds the interface.
type wrapper struct {
	locker
	n int
}

func (w *wrapper) add() error {
	if err := w.Lock(); err != nil {
		return err
	}
	defer w.Unlock()
	w.n++
	return nil
}

func wrapped(w *wrapper) error {
	if err := w.Lock(); err != nil {
		return err
	}
	defer w.Unlock()
	return w.add() // want `add acquires w, which is held.*selfdeadlock`
}

func wrappedNil() error {
	w := &wrapper{n: 1}
	return w.Lock() // want `the lock is a nil pointer or interface.*badlock`
}

func asserted(x any) error {
	l, ok := x.(locker)
	if !ok {
		return nil
	}
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return useLocker(l) // want `useLocker acquires x, which is held.*selfdeadlock`
}

func assertedBack(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	a := l.(*account)
	defer a.Unlock()
	return a.deposit(1) // want `deposit acquires l, which is held.*selfdeadlock`
}

func goroutineBehind(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	go l.Unlock() // want `cannot unlock l:.*unheld`
	return nil
}

// By a type parameter

func useAny[L locker](l L) error {
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return nil
}

func ignoredAny[L locker](l L) {
	l.Lock() // want `the error of l.Lock is ignored.*ignorederr`
	l.Unlock()
}

func typed(a *account) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	return useAny(a) // want `useAny acquires a, which is held.*selfdeadlock`
}

// In the lock order

type bank struct{ rqlock.Mutex }

type journal struct{ rqlock.Mutex }

func bankFirst(b *bank, j *journal) error {
	if err := b.Lock(); err != nil {
		return err
	}
	defer b.Unlock()
	if err := j.Lock(); err != nil {
		return err
	}
	j.Unlock()
	return nil
}

func journalFirst(b *bank, j *journal) error {
	if err := j.Lock(); err != nil {
		return err
	}
	defer j.Unlock()
	return useLocker(b) // want `embedded.bank.Mutex is acquired while embedded.journal.Mutex is held, but embedded.journal.Mutex while embedded.bank.Mutex at embedded.go:\d+ \(ABBA\).*lockorder`
}
