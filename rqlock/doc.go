// Package rqlock has a mutual exclusion lock and a reader-writer lock that fail instead of
// hanging.
//
// A [sync.Mutex] hangs a program for ever if one goroutine locks it twice, if two goroutines take
// two of them in opposite orders, or if its holder never unlocks it. In these cases [Mutex.Lock]
// returns an error. The caller does not hold the lock then, everybody else is unharmed, and the
// lock stays usable:
//
//	if err := l.Lock(); err != nil {
//		return err // *DeadlockError or *TimeoutError
//	}
//	defer l.Unlock()
//
// It is made for code that runs other people's code: a callback may re-enter the container that
// calls it. See the example. For a program that cannot answer errors there is package
// [github.com/rqlock/rqlock/rqlock/sync], whose locks have Go's signatures.
//
// # What it reports
//
// A deadlock is a cycle of goroutines that wait for one another's locks, or one goroutine that
// locks what it holds. It is found at once, by the goroutine that would close the cycle, however
// long the cycle is. Exactly one of the goroutines gets a [*DeadlockError], and the others get
// their locks. The error names the goroutines, their locks ([Mutex.SetName]), and where each of
// them waits. Print it with %+v. Two locks that are taken in both orders are not reported unless
// goroutines do wait for one another.
//
// A stall is that nobody was granted a lock for the stall timeout, although goroutines waited for
// it. They get a [*TimeoutError] then. The stall timeout is 1 s ([SetStallTimeout] and
// [Mutex.SetStallTimeout] change it). A long queue that moves is no stall, nor is a process that
// was stopped. The report says what the holder does if that was looked up: to look stops the
// program for a while, so it is done rarely.
//
// [Mutex.LockTimeout] bounds one wait, and [Mutex.LockContext] ends it with a context. There the
// limit, or the context's deadline, takes the place of the stall timeout.
//
// [OnViolation] sets a function that is told of failures, and [ReadEvents] counts outcomes.
// [Snapshot] has all waits of the program. Package rqhttp shows them in a browser, and package
// metrics has their numbers. [SetNames] gives locks the names of the fields that they are in.
//
// The build tag rqlocktrace is for tests and staging. With it, reports also say where each lock
// was taken ([Holder].Taken; LockPinned is not traced). And OnViolation's function gets an
// [OrderError] if two locks are taken in both orders, although nothing hangs. Of a goroutine that
// holds more than 16 locks, the last 16 are compared. An uncontended Lock and Unlock take many
// times as long then, and may allocate.
//
// # Compared with sync.Mutex
//
//	                      sync.Mutex         rqlock.Mutex
//	zero value            unlocked           unlocked
//	size (64-bit)         8 bytes            16 bytes
//	Lock                  returns nothing    returns an error: check it
//	locked twice          hangs              *DeadlockError at once
//	cycle of goroutines   hangs              *DeadlockError for one of them, at once
//	no unlock             hangs              *TimeoutError after the stall timeout
//	unlock by another     allowed            panics, lock intact
//	cancel a wait         no                 LockTimeout, LockContext
//	fairness              FIFO after 1 ms    FIFO after 1 ms
//
// # The reader-writer lock
//
// An [RWMutex] knows which goroutines read. So its readers are part of the same search for
// deadlocks:
//
//   - A goroutine that reads may read again at once, whoever waits. A [sync.RWMutex] hangs if a
//     writer has come in between.
//   - If a cycle would close only because a reader waits behind a writer that waits itself, the
//     reader is let in.
//   - A goroutine that reads and locks for writing gets a [*DeadlockError] at once, and so does
//     one that writes and locks for reading.
//   - A stall names the readers that hold the lock.
//
// Only a goroutine that has called RLock may call RUnlock. [RWMutex.Downgrade] makes a writer a
// reader.
//
// # When not to use it
//
//   - Where one goroutine locks and another unlocks, as with a semaphore: the owner is a
//     goroutine. Use package rqlock/sync, a sync.Mutex or a channel.
//   - Where there is no answer to a failed acquisition. Package rqlock/sync panics or reports
//     instead of returning an error.
//   - For waits that are long by design, such as one that lasts until a connection comes up: the
//     waiters of a lock that is held for longer than the stall timeout fail. Set a longer one,
//     or give the wait a limit.
//   - As a [sync.Locker], or with a [sync.Cond]: Lock returns an error.
//
// Only these locks and those of package rqlock/sync take part in the search. A goroutine that
// waits for a channel, a WaitGroup or a lock of package sync closes no cycle. If it holds a lock,
// that lock stalls.
//
// The owner is known by the id of its goroutine, which is never used again. So a
// goroutine that ends with the lock held (a forgotten unlock, no deferred one before a
// runtime.Goexit) leaves a lock that fails its waiters by timeout, with a report that says
// that the owner has ended. Unlock with defer where the section can end early.
//
// # Where it may be used
//
// In bubbles of [testing/synctest] a wait without a limit is like one for a sync.Mutex. It is not
// durable, any goroutine may end it, and the stall timeout does not hold for it. Deadlocks are
// found. A wait with a limit, or with a context that can be cancelled, is durable, and its limit
// passes on the bubble's clock. It notices an unlock in its bubble late by a thousandth of what it
// has waited. If the lock is held outside of the bubble, the limit may pass early. Goroutines of
// several bubbles, and goroutines outside, may share a lock.
//
// A lock may be in memory that is not Go's, as long as that stays mapped until each Unlock
// has returned. What [Mutex.SetName] and [Mutex.SetStallTimeout] have set for such a lock
// is kept until they take it back.
//
// Copies of a lock are reported by go vet. A copy that was made while goroutines waited for the
// original is no lock: a goroutine that has to wait for it panics, with a message that says so.
// Those who use the original are not concerned. If a lock is overwritten while goroutines wait
// for it, as by *v = T{}, they go on. Each gets the lock that is there now. Only the section that
// was under way is lost: its Unlock panics.
//
// While a holder's thread is stopped, by a debugger or by SIGSTOP for one thread, its lock
// is held: waiters fail by the stall timeout if that lasts. If the whole process is
// stopped, waiters do not take that for a stall.
//
// A lock cannot be handed over to another goroutine, to be unlocked there: that Unlock panics. If
// the goroutine that meant to hand it over locks it again, it gets a [*DeadlockError] at once,
// although a program with a sync.Mutex might have gone on. The same holds for a lock taken inside
// an iterator of iter.Pull: the iterator's own goroutine holds it.
//
// A thread of C that calls Go and ends with a lock held leaves the lock to the next such
// thread, which the runtime gives the same goroutine.
//
// The race detector takes a failed wait for one that is ordered after what the owner and other
// waiters did before. So it may miss a race with what came before their last release or failure.
// A TryLock that fails orders nothing.
//
// # What it builds on
//
// The Resilient Queued Spin Lock of Linux 6.15 (rqspinlock), MCS locks
// (Mellor-Crummey and Scott, 1991), and the primitives of package asm. The file
// ARCHITECTURE.md has the state machine and the ordering of every access.
package rqlock
