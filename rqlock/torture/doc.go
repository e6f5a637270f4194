// Package torture tortures a lock, as locktorture does in Linux. Many goroutines, the
// writers, take a few locks, hold them for odd times, nest them and give up waiting,
// while goroutines end and are replaced, the garbage collector runs, GOMAXPROCS changes
// and the process is stopped for a while. Deadlocks and stalls are injected, and the lock
// must report each of them exactly as it happened.
//
// [New] makes a run of one [Kind] of lock: one of [Kinds], or a kind of your own. The
// command that runs it is rqlock/cmd/rqtorture:
//
//	go run github.com/rqlock/rqlock/rqlock/cmd/rqtorture -duration 1m
//
// A lock that has readers ([RWLocker]) is acquired for reading as well as for writing, in all
// that is done. [Params] says how often (Reads).
//
// # What is checked
//
//   - Critical sections of one lock never overlap. Each changes plain counters, which
//     would come out wrong, and which the race detector watches in a build with it.
//   - A critical section of a reader and one of a writer never overlap: a reader finds the
//     counters equal, and unchanged when its section ends. Neither does a writer come in
//     while another one becomes a reader (Downgrade).
//   - A reader that reads again is let in at once, whoever waits, also by TryRLock.
//   - Every error is one that may be. A writer takes its locks in one order, so it
//     never gets a deadlock, unless it locks what it holds already; then it always
//     gets one. So does a reader that locks for writing.
//   - Of an injected cycle exactly one goroutine is the victim, and its error has all
//     of the cycle: who waits, who holds, and which of them read. The others are granted
//     their locks, and so are goroutines that wait for one of the locks without being part
//     of the cycle.
//   - Readers that read two locks each, and would wait for one another because a writer waits
//     for each of the locks, are let in, and so are then the writers (a crossing).
//   - A cycle or a crossing in which all wait for ever makes no progress, as in a third of
//     them no stall ends a wait.
//   - While a lock is held for too long, each of its waiters gets a stall, and nobody
//     else. Afterwards the lock works again.
//   - A goroutine that ends while it holds a lock is the one whom each timeout of the
//     lock names, as a goroutine that has ended. Nobody else is told that it holds the
//     lock, is granted it, or can unlock it. Another lock takes the place of this one.
//   - While many goroutines call TryLock and TryRLock, those that wait are granted the lock.
//   - Goroutines each of which holds a lock and waits for the next one's are all granted
//     their locks, the last one first.
//   - While the process is stopped, no time passes: neither one long stop nor many short
//     ones make a stall. The process is stopped by SIGSTOP and continued by SIGCONT, both
//     from a child process. Where that is not possible, [Stats] says so. An interactive
//     shell takes a program that is stopped for suspended, so its jobs are not stopped.
//   - Who unlocks a lock wakes the waiter whose turn it is. The watchdog of package rqlock
//     wakes nobody ([rqlock.Events], Rescued).
//   - OnViolation is called once for each such error.
//   - Every writer makes progress. If one makes none for long, the run fails and shows
//     the stacks of all goroutines.
package torture
