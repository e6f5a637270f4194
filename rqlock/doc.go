// Package rqlock has a mutual exclusion lock and a reader-writer lock that fail instead of
// hanging.
//
// A [sync.Mutex] that one goroutine locks twice, that two take in opposite orders,
// or whose holder never comes back, hangs the program for ever. Here, [Mutex.Lock]
// returns an error, the caller does not hold the lock, everybody else is unharmed,
// and the lock stays usable:
//
//	if err := l.Lock(); err != nil {
//		return err // *DeadlockError or *TimeoutError
//	}
//	defer l.Unlock()
//
// The problem that it is made for is code that runs other people's code: a
// callback that re-enters the container that calls it. See the example.
//
// # What it reports
//
// A deadlock is reported at once, by the goroutine that would close the cycle, of
// whatever length: exactly one of them gets a [*DeadlockError] and the others
// their locks. The error names the goroutines, the locks ([Mutex.SetName]) and where
// each waits; print it with %+v. No order between locks is reported for its own
// sake, only goroutines that really wait for one another.
//
// A stall is reported after the stall timeout (1 s, see [SetStallTimeout] and
// [Mutex.SetStallTimeout]) in which nobody was granted the lock although goroutines
// waited for it. A long queue that moves is no stall, and a stopped process is none.
// The report says what the holder does, as far as that was looked up: looking stops the
// program for a while, so it is done rarely.
//
// For a program that has come to a standstill there is package rqhttp, which shows a [Snapshot] of
// all waits, and package metrics. [SetNames] gives locks names by which one knows them.
//
// With build tag rqlocktrace, for tests and staging, reports also say where each lock was taken
// ([Holder].Taken), but for LockPinned, and an [OrderError] is told of if two locks are taken in
// both orders, though nothing hangs. (Of a goroutine that holds more than 16 locks, the last 16
// are compared.) A Lock and Unlock that take 4 ns otherwise take some 250 ns then, and allocate
// in places where they do not otherwise.
//
// [Mutex.LockTimeout] and [Mutex.LockContext] bound a wait in their own way: their limit
// takes the place of the stall timeout. [OnViolation] sets a function to be told of
// failures; [ReadEvents] counts outcomes.
//
// # Compared with sync.Mutex
//
//	                      sync.Mutex         rqlock.Mutex
//	zero value            unlocked           unlocked
//	size                  8 bytes            16 bytes
//	Lock                  returns nothing    returns an error: check it
//	locked twice          hangs              *DeadlockError at once
//	cycle of goroutines   hangs              *DeadlockError for one of them, at once
//	holder never returns  hangs              *TimeoutError
//	unlock by another     allowed            panics, lock intact
//	cancel a wait         no                 LockTimeout, LockContext
//	fairness              FIFO after 1 ms    FIFO after 1 ms
//
// # The reader-writer lock
//
// An [RWMutex] knows who reads. So it is part of the same search for deadlocks, and it does
// what others cannot:
//
//   - Who reads may read again at once, whoever waits. A [sync.RWMutex] hangs if a writer
//     has come in between.
//   - Where a cycle would close only because a reader waits behind a writer that waits
//     itself, the reader is let in.
//   - To write what one reads fails at once, and so does to read what one writes.
//   - A stall names the readers that hold the lock.
//
// Only who has called RLock may call RUnlock. [RWMutex.Downgrade] makes a writer a reader.
//
// # When not to use it
//
//   - Where one goroutine locks and another unlocks, as a semaphore: the owner is
//     the goroutine. Use a sync.Mutex or a channel.
//   - Where there is no answer to a failed acquisition. If all that you can do is
//     panic, a sync.Mutex and a deadlock detector in tests may serve as well.
//   - For waits that are long by design, such as one that lasts until a connection
//     comes up: a lock held for longer than the stall timeout fails its waiters.
//   - As a [sync.Locker], or with a [sync.Cond]: Lock returns an error.
//
// The owner is known by the id of its goroutine, which is never used again. So a
// goroutine that ends with the lock held (a forgotten unlock, no deferred one before a
// runtime.Goexit) leaves a lock that fails its waiters by timeout, with a report that says
// that the owner has ended. Unlock with defer where the section can end early.
//
// # Where it may be used
//
// In bubbles of [testing/synctest] a wait without a limit is as that for a sync.Mutex: it
// is not durable, it may be ended from anywhere, and the stall timeout does not hold for
// it; deadlocks are found. A wait with a limit, or with a context that can be cancelled, is
// durable, and the limit passes on the bubble's clock. It notices an unlock in its bubble
// late by a thousandth of what it has waited. If the lock is held outside of the bubble,
// the limit may pass early. Goroutines of several bubbles, and outside, may share a lock.
//
// A lock may be in memory that is not Go's, as long as that stays mapped until each Unlock
// has returned. What [Mutex.SetName] and [Mutex.SetStallTimeout] have set for such a lock
// is kept until they take it back.
//
// A copy of a lock that is waited for is no lock. Who has to wait for it panics, with a
// message that says so. Who uses the original is not concerned. If a lock is overwritten
// while goroutines wait for it, as by *v = T{}, they go on: each gets the lock that is
// there now, and nothing is lost but the section that was under way, whose Unlock panics.
//
// While a holder's thread is stopped, by a debugger or by SIGSTOP for one thread, its lock
// is held: waiters fail by the stall timeout if that lasts. If the whole process is
// stopped, waiters do not take that for a stall.
//
// To hand a locked lock to another goroutine, to unlock it there, is not possible: that
// Unlock panics. And if the goroutine that has handed it over locks it again, it gets a
// [*DeadlockError] at once, although the program might have gone on. The same holds for a
// lock taken inside an iterator of iter.Pull: the iterator's own goroutine holds it.
//
// A thread of C that calls Go and ends with a lock held leaves the lock to the next such
// thread, which the runtime gives the same goroutine.
//
// The race detector takes a wait that has failed for one that has learnt what the owner, and
// other waiters, did before. So it may miss a race with what came before their last release or
// failure. A TryLock that fails orders nothing.
//
// # What it builds on
//
// The Resilient Queued Spin Lock of Linux 6.15 (rqspinlock), MCS locks
// (Mellor-Crummey and Scott, 1991), and the primitives of package asm. The file
// ARCHITECTURE.md has the state machine and the ordering of every access.
package rqlock
