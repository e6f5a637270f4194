// Package sync is Go's package sync with locks that find deadlocks. A program that imports it in
// place of "sync" need not be changed otherwise:
//
//	import "github.com/rqlock/rqlock/rqlock/sync"
//
// The command rqswap changes the imports of a module, and changes them back. Mutex and RWMutex
// have the methods of Go's, and no others. All else is Go's own.
//
// # What it does
//
// A goroutine would wait for ever if it holds the lock itself, or if it closes a cycle of
// goroutines that wait for one another's locks. It panics then, with a *rqlock.DeadlockError that
// says where each of them waits. Its deferred unlocks run, and the others go on. If it had
// released the lock for a while, as Cond.Wait does, the deferred unlock is left out: the lock is
// another goroutine's now. Package policy has what else may be done: to report and wait on, to
// exit, or nothing. So does the environment variable RQLOCK (panic, report, exit or off), without
// a rebuild.
//
// A lock that is held for long is no error. It is reported once, with what its holder does, and
// the wait goes on.
//
// Packages rqlock, rqhttp and metrics show these locks as they show rqlock's own. rqlock.SetNames
// gives them names, and rqlock.Snapshot has who waits for them. rqlock.OnViolation's function is
// told of deadlocks, and of locks that are held for long. With the build tag rqlocktrace reports
// say where each lock was taken, and two locks that are taken in both orders are reported as well.
//
// # What Go allows
//
// A lock may be unlocked by a goroutine that has not locked it. From then on nothing is claimed
// about who holds that lock: no wait for it is part of a deadlock. It is still reported if it is
// held for long.
//
// A deadlock is confirmed before anything is done. For 100 ms of real time the goroutine that has
// found it tries whether somebody unlocks after all. So a program that would have gone on is
// stopped in one case alone. A lock is handed over to another goroutine for the first time, that
// goroutine takes longer than 100 ms to unlock it, and meanwhile the goroutine that locked it
// waits for what this unlock ends. For such a program there are policy.SetConfirm and
// policy.Report.
//
// A lock that is free and was never handed over is all zero bytes, so that == and
// reflect.DeepEqual take it for a new one. An RWMutex that was read many times in a row is the
// exception: one bit of it stays set until it was written to often.
//
// To unlock what is not locked is a fatal error, with Go's message. There are two exceptions. If
// the goroutine that has locked a lock and another one unlock it at the very same moment, both may
// return, and the lock is unlocked. (With Go's package the second one ends the program, unless a
// third goroutine locks between the two. Then that one's lock is lost.) And if a goroutine ends a
// read lock that it has begun, and another one has ended that before, this may be found only when
// somebody ends the next read lock, or locks to write.
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
