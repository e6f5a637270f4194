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

// A Kind is a kind of lock.
type Kind struct {
	Name string // a word that begins each line of the output
	Doc  string // what it is, in a few words

	// Resilient says that the lock fails instead of hanging: it returns the errors of
	// package rqlock, and calls rqlock's OnViolation. Its Unlock panics if the caller
	// does not hold it.
	Resilient bool

	New func() Locker // returns a lock that is free

	missing string // why this program does not have the lock
}

// Kinds lists the locks that this package knows.
var Kinds = []Kind{
	{Name: "rqlock", Doc: "rqlock.Mutex, as this program has been built", Resilient: true, New: newMutex},
	{Name: "purego", Doc: "rqlock.Mutex without assembly", Resilient: true, New: newMutex, missing: noPurego},
	{Name: "qspin", Doc: "the same queue without resilience", New: func() Locker { return Plain(new(qspin.Mutex)) }},
	{Name: "mutex", Doc: "sync.Mutex", New: func() Locker { return Plain(new(sync.Mutex)) }},
	{Name: "busted", Doc: "excludes nobody, so that it must fail", New: func() Locker { return busted{} }},
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

// busted is a lock that excludes nobody.
type busted struct{}

func (busted) Lock() error                       { return nil }
func (busted) LockTimeout(time.Duration) error   { return nil }
func (busted) LockContext(context.Context) error { return nil }
func (busted) TryLock() bool                     { return true }
func (busted) Unlock()                           {}
