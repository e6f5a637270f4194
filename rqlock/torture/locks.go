package torture

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/qspin"
)

// A Locker is a lock that can be tortured. It has the methods of [rqlock.Mutex];
// [Plain] adds those that a lock like sync.Mutex lacks.
type Locker interface {
	Lock() error
	LockTimeout(time.Duration) error
	LockContext(context.Context) error
	TryLock() bool
	Unlock()
}

// An RWLocker is a lock that has readers, too. It has the methods of [rqlock.RWMutex];
// [PlainRW] adds those that a lock like sync.RWMutex lacks. If it is resilient, a reader
// may read again, and if it has a method Downgrade, that is called.
type RWLocker interface {
	Locker
	RLock() error
	RLockTimeout(time.Duration) error
	RLockContext(context.Context) error
	TryRLock() bool
	RUnlock()
}

// A Kind is a kind of lock.
type Kind struct {
	Name string // a word that begins each line of the output
	Doc  string // what it is, in a few words

	// Resilient says that the lock fails instead of hanging: it returns the errors of
	// package rqlock, and calls rqlock's OnViolation. Its Unlock panics if the caller
	// does not hold it.
	Resilient bool

	// Readers says that the lock has readers: New returns an [RWLocker].
	Readers bool

	New func() Locker // returns a lock that is free

	missing string // why this program does not have the lock
	broken  bool   // on purpose, so that the race detector is not to look
}

// Kinds lists the locks that this package knows.
var Kinds = []Kind{
	{Name: "rqlock", Doc: "rqlock.Mutex, as this program has been built", Resilient: true, New: newMutex},
	{Name: "purego", Doc: "rqlock.Mutex without assembly", Resilient: true, New: newMutex, missing: noPurego},
	{Name: "qspin", Doc: "the same queue without resilience", New: func() Locker { return Plain(new(qspin.Mutex)) }},
	{Name: "mutex", Doc: "sync.Mutex", New: func() Locker { return Plain(new(sync.Mutex)) }},
	{Name: "busted", Doc: "excludes nobody, so that it must fail", New: func() Locker { return busted{} }, broken: true},
	{Name: "rqlock-rw", Doc: "rqlock.RWMutex, as this program has been built", Resilient: true, Readers: true, New: func() Locker { return new(rqlock.RWMutex) }},
	{Name: "rwmutex", Doc: "sync.RWMutex", Readers: true, New: func() Locker { return PlainRW(new(sync.RWMutex)) }},
	{Name: "busted-readers", Doc: "excludes no readers, so that it must fail", Readers: true, New: func() Locker { return PlainRW(new(bustedReaders)) }, broken: true},
	{Name: "busted-writers", Doc: "excludes no writers from writers, so that it must fail", Readers: true, New: newBustedWriters, broken: true},
	{Name: "busted-crossing", Doc: "takes a cycle through waiting writers for a deadlock, so that it must fail", Resilient: true, Readers: true, New: newBustedCrossing},
}

func newMutex() Locker { return new(rqlock.Mutex) }

// KindNamed returns the kind of Kinds that has the name. It returns an error if there is
// none, or this program does not have the lock.
func KindNamed(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds {
		if names = append(names, k.Name); k.Name == name {
			return k, k.check()
		}
	}
	return Kind{}, fmt.Errorf("no lock %q: want one of %s", name, strings.Join(names, ", "))
}

// check returns why there is no lock of the kind, or nil.
func (k Kind) check() error {
	switch {
	case k.missing != "":
		return fmt.Errorf("lock %s: %s", k.Name, k.missing)
	case k.New == nil:
		return fmt.Errorf("lock %s: New is nil: it must return a lock", k.Name)
	case !k.Readers:
		return nil
	}
	if _, ok := k.New().(RWLocker); !ok {
		return fmt.Errorf("lock %s: New returns no RWLocker: Readers must be false", k.Name)
	}
	return nil
}

// Plain makes a Locker of a lock that waits for ever, as sync.Mutex does. Limits of
// waits have no effect on it, and it never returns an error.
func Plain(l interface {
	sync.Locker
	TryLock() bool
}) Locker {
	return plain{l}
}

type plain struct {
	l interface {
		sync.Locker
		TryLock() bool
	}
}

func (p plain) Lock() error                       { p.l.Lock(); return nil }
func (p plain) LockTimeout(time.Duration) error   { return p.Lock() }
func (p plain) LockContext(context.Context) error { return p.Lock() }
func (p plain) TryLock() bool                     { return p.l.TryLock() }
func (p plain) Unlock()                           { p.l.Unlock() }

// PlainRW is Plain for a lock that has readers.
func PlainRW(l interface {
	sync.Locker
	TryLock() bool
	RLock()
	TryRLock() bool
	RUnlock()
}) RWLocker {
	return plainRW{Plain(l), Plain(readSide{l})}
}

// plainRW is a lock as its writers and as its readers use it.
type plainRW struct {
	Locker
	readers Locker
}

func (p plainRW) RLock() error                         { return p.readers.Lock() }
func (p plainRW) RLockTimeout(d time.Duration) error   { return p.readers.LockTimeout(d) }
func (p plainRW) RLockContext(c context.Context) error { return p.readers.LockContext(c) }
func (p plainRW) TryRLock() bool                       { return p.readers.TryLock() }
func (p plainRW) RUnlock()                             { p.readers.Unlock() }

// readSide is a plain lock as its readers use it.
type readSide struct {
	l interface {
		RLock()
		TryRLock() bool
		RUnlock()
	}
}

func (s readSide) Lock()         { s.l.RLock() }
func (s readSide) TryLock() bool { return s.l.TryRLock() }
func (s readSide) Unlock()       { s.l.RUnlock() }

// readLocker is a lock as its readers use it.
type readLocker struct{ l RWLocker }

func (r readLocker) Lock() error                         { return r.l.RLock() }
func (r readLocker) LockTimeout(d time.Duration) error   { return r.l.RLockTimeout(d) }
func (r readLocker) LockContext(c context.Context) error { return r.l.RLockContext(c) }
func (r readLocker) TryLock() bool                       { return r.l.TryRLock() }
func (r readLocker) Unlock()                             { r.l.RUnlock() }

// busted is a lock that excludes nobody.
type busted struct{}

func (busted) Lock() error                       { return nil }
func (busted) LockTimeout(time.Duration) error   { return nil }
func (busted) LockContext(context.Context) error { return nil }
func (busted) TryLock() bool                     { return true }
func (busted) Unlock()                           {}
