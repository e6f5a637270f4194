// Package bridge is what package rqlock does for package rqlock/sync, whose locks are the same
// but for their signatures, and what rqlock's users need not see. Package rqlock sets it when it
// is initialised.
package bridge

import (
	"reflect"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/park"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// These acquire a lock where its fast path has failed. What they return has not been reported.
var (
	Lock  func(l *asm.Owned, lim *park.Limit) error   // a Mutex
	WLock func(l *asm.RWOwned, lim *park.Limit) error // an RWMutex for writing
	Drain func(l *asm.RWOwned, lim *park.Limit) error // an RWMutex that the caller owns, for writing, once its readers have left
	RLock func(l *asm.RWOwned, lim *park.Limit) error // an RWMutex for reading
)

// Report tells rqlock.OnViolation's function of an error.
var Report func(err error)

// Same reports whether two errors are of one deadlock: the caller of both waits for the same lock,
// and all others of the cycle are in the same wait.
var Same func(a, b error) bool

// Types are the types of package rqlock/sync's locks, which it sets when it is initialised. Both
// begin with their word.
var Types []reflect.Type

// With build tag rqlocktrace, Took notes that the calling goroutine has acquired a lock, and what
// else it held, if it has waited for it or might have. Gives notes that it is about to release
// one.
var (
	Took  func(l *asm.Owned, kind waiter.Kind, ordered bool)
	Gives func(l *asm.Owned, kind waiter.Kind)
)
