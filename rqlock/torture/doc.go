// Package torture runs a lock the hard way, as locktorture does in Linux: many
// writers on few locks, held for odd times, nested, given up, while goroutines come
// and go, the garbage collector runs and GOMAXPROCS changes; and it makes deadlocks
// and stalls on purpose, each of which the lock must report exactly as it happened.
//
// The command is rqlock/cmd/rqtorture:
//
//	go run ./rqlock/cmd/rqtorture -duration 1m
//
// # What is checked
//
//   - A section is alone: plain counters that it writes are seen by nobody else
//     (and by the race detector, in a build with it).
//   - A failed acquisition is never unlocked, and every error is one that may be: a
//     writer takes its locks in order, so it is never told of a deadlock, but where
//     it locks again what it holds, and then always.
//   - Of a cycle that is made, exactly one goroutine is told, and it is told of all
//     of the cycle; the others get their locks, and so does who waits beside them.
//   - While a lock is held for too long, each waiter is told of a stall, and nobody
//     else; then the lock works again.
//   - OnViolation has been called once for each such error.
//   - Everybody gets on: a run in which nothing happens for long is a failure, with
//     the stacks of all goroutines.
package torture
