// Package torture tortures a lock, as locktorture does in Linux. Many goroutines, the
// writers, take a few locks, hold them for odd times, nest them and give up waiting,
// while goroutines end and are replaced, the garbage collector runs and GOMAXPROCS
// changes. Deadlocks and stalls are injected, and the lock must report each of them
// exactly as it happened.
//
// [New] makes a run of one [Kind] of lock: one of [Kinds], or a kind of your own. The
// command that runs it is rqlock/cmd/rqtorture:
//
//	go run github.com/rqlock/rqlock/rqlock/cmd/rqtorture -duration 1m
//
// # What is checked
//
//   - Critical sections of one lock never overlap. Each changes plain counters, which
//     would come out wrong, and which the race detector watches in a build with it.
//   - Every error is one that may be. A writer takes its locks in one order, so it
//     never gets a deadlock, unless it locks what it holds already; then it always
//     gets one.
//   - Of an injected cycle exactly one goroutine is the victim, and its error has all
//     of the cycle. The others are granted their locks, and so are goroutines that
//     wait for one of the locks without being part of the cycle.
//   - While a lock is held for too long, each of its waiters gets a stall, and nobody
//     else. Afterwards the lock works again.
//   - OnViolation is called once for each such error.
//   - Every writer makes progress. If one makes none for long, the run fails and shows
//     the stacks of all goroutines.
package torture
