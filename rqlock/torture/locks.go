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

// A Locker is what is tortured: rqlock.Mutex, or something in its dress.
type Locker interface {
	Lock() error
	LockTimeout(time.Duration) error
	LockContext(context.Context) error
	TryLock() bool
	Unlock()
}

// A Kind is a kind of lock.
type Kind struct {
	Name      string
	Doc       string
	Resilient bool // it fails instead of hanging
	New       func() Locker
	missing   string // why this program does not have it
}

// Kinds is the table of locks.
var Kinds = []Kind{
	{Name: "rqlock", Doc: "rqlock.Mutex, as this program has been built", Resilient: true, New: newRqlock},
	{Name: "purego", Doc: "rqlock.Mutex without assembly", Resilient: true, New: newRqlock, missing: noPurego},
	{Name: "qspin", Doc: "the same queue without resilience", New: func() Locker { return new(patient[qspin.Mutex, *qspin.Mutex]) }},
	{Name: "mutex", Doc: "sync.Mutex", New: func() Locker { return new(patient[sync.Mutex, *sync.Mutex]) }},
	{Name: "busted", Doc: "excludes nobody: must fail", New: func() Locker { return busted{} }},
}

func newRqlock() Locker { return new(rqlock.Mutex) }

// KindNamed returns a kind by its name.
func KindNamed(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
		switch {
		case k.Name != name:
		case k.missing != "":
			return k, fmt.Errorf("lock %s: %s", name, k.missing)
		default:
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no lock %q: want one of %s", name, strings.Join(names, ", "))
}

// patient is a lock that waits for ever.
type patient[T any, P interface {
	*T
	Lock()
	TryLock() bool
	Unlock()
}] struct{ l T }

func (p *patient[T, P]) Lock() error                       { P(&p.l).Lock(); return nil }
func (p *patient[T, P]) LockTimeout(time.Duration) error   { return p.Lock() }
func (p *patient[T, P]) LockContext(context.Context) error { return p.Lock() }
func (p *patient[T, P]) TryLock() bool                     { return P(&p.l).TryLock() }
func (p *patient[T, P]) Unlock()                           { P(&p.l).Unlock() }

// busted is a lock that excludes nobody.
type busted struct{}

func (busted) Lock() error                       { return nil }
func (busted) LockTimeout(time.Duration) error   { return nil }
func (busted) LockContext(context.Context) error { return nil }
func (busted) TryLock() bool                     { return true }
func (busted) Unlock()                           {}
