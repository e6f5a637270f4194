// Package sync is Go's package sync with locks that find deadlocks. A program that imports it in
// place of "sync" need not be changed otherwise:
//
//	import "github.com/rqlock/rqlock/rqlock/sync"
//
// Mutex and RWMutex have the methods of Go's, and no others. All else is Go's own.
//
// # What it does
//
// A goroutine that would wait for ever, since it holds the lock itself or closes a cycle of
// goroutines that wait for one another's locks, panics with a *rqlock.DeadlockError, which says
// where each of them waits. Its deferred unlocks run, and the others go on. Package policy has
// what else it can do: report and wait on, or exit. RQLOCK=off in the environment turns it off,
// without a rebuild.
//
// A lock that is held for long is no error. It is reported once, with what its holder does, and
// the wait goes on.
//
// # What Go allows
//
// A lock may be unlocked by a goroutine that has not locked it. From then on it makes no claims
// about who holds it: no wait for it is part of a deadlock, but that it is held for long is
// reported. A deadlock is confirmed before anything is done: for 100 ms of real time whoever has
// found it tries whether somebody unlocks after all. So a program that would have gone on is
// stopped in one case alone: a lock is handed over to another goroutine for the first time, which
// takes longer than that, while the goroutine that locked it waits for what that hand-over ends.
// For a program that does so there are policy.SetConfirm and policy.Report.
package sync

import gosync "sync"

// These are Go's.
type (
	Cond      = gosync.Cond
	Locker    = gosync.Locker
	Map       = gosync.Map
	Once      = gosync.Once
	Pool      = gosync.Pool
	WaitGroup = gosync.WaitGroup
)

// NewCond is Go's.
func NewCond(l Locker) *Cond { return gosync.NewCond(l) }

// OnceFunc is Go's.
func OnceFunc(f func()) func() { return gosync.OnceFunc(f) }

// OnceValue is Go's.
func OnceValue[T any](f func() T) func() T { return gosync.OnceValue(f) }

// OnceValues is Go's.
func OnceValues[T1, T2 any](f func() (T1, T2)) func() (T1, T2) { return gosync.OnceValues(f) }
