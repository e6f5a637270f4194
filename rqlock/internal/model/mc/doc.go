// Package mc explores the executions of a small concurrent program: its
// interleavings, and what a weak memory may let its loads return.
//
// The program's threads are coroutines, of which one runs at a time. They access
// shared memory through this package only ([LoadWord], [Update], [Pause] and so on).
// Each access is a scheduling point. There the explorer decides which thread runs
// next and, if the memory model leaves a choice, what is read and where a store goes
// in modification order. The decisions make up the schedule. It is all the
// nondeterminism there is, so a schedule replays its execution.
//
//	w := mc.World{Memory: mc.RA, Marks: true}
//	fmt.Println(w.Run(program, mc.Exhaustive()))
//
// # Memory models
//
// SC interleaves accesses.
//
// TSO gives each thread a first-in first-out store buffer. Its flushes are steps of
// their own. A read-modify-write and a SeqCst store empty it.
//
// RA is a release/acquire memory of messages and views, in the operational form that
// is usual since the promising semantics (Kang and others, POPL 2017), without its
// promises. A location keeps its stores, the messages, in modification order. A thread
// has a view: for each location, the oldest message that it may still read. A load
// reads any message that is not older than the view. A store goes into any gap that
// is not older, but never between a read-modify-write and the message that it read. A
// release store carries its thread's view, and an acquire load joins the view of the
// message to its own.
//
// SeqCst accesses are what XCHG and MOV are on amd64, and STLR or SWPAL and LDAR on
// arm64: a SeqCst load reads nothing older than what was ordered before any earlier
// SeqCst store, of whatever location. (C11 promises less.) There are no fences. A store
// that is STLR on arm64 but MOV on amd64 is [Stlr].
//
// In every model, an access that is not atomic and one that conflicts with it must be
// ordered by release stores and acquire loads that read from them. Otherwise they are
// a data race.
//
// # Limits
//
//   - Load buffering: a load never reads a store that its own execution leads to.
//     Threads run in program order. Only stores may take effect late.
//   - A read-modify-write in two halves (LL/SC). It is one step, and its release
//     orders what follows it in the thread's view. Unless it is SeqCst it may go into
//     a gap before later messages, as a store may.
//   - A read-modify-write that is weaker than SeqCst does not order an earlier store
//     and a later load of its thread, though arm64's SWPAL does. The model allows more
//     than the machine there, never less.
//   - A word is one location. A store to a part of it is atomic and keeps the rest, so
//     that a word is never read torn. Under RA it is a read-modify-write.
//   - A race of an atomic access with a plain one that relaxed accesses force to come
//     after it. Only RA reports it, and only if the atomic access is a store. If the
//     plain access comes first in another execution, the race is found in that one.
//   - Under RA, a load from a message that is followed by more than 32 others. The
//     oldest messages are forgotten then, and Result.Truncated counts how often.
//   - Anything beyond the bounds on threads, rounds, ticks of the clock and steps.
//
// # The state cache
//
// [Exhaustive] searches depth first and backtracks from a state that it has visited
// before. States are told apart by a 64-bit hash. It covers memory (with the messages
// that can still be read), views, store buffers, the clock, ghost variables and each
// thread's control state. The control state is the history of all that the thread has
// observed, unless the thread says by [At] which values it will still use. Executions
// that differ in nothing else are then merged. Leaving out a live variable would merge
// states that differ, and could hide a bug, so these calls are generated, and tests
// compare the results with those of explorations without them.
//
// Among n states, two have the same hash with a probability of n*n/2^65, which is
// 3e-6 for ten million.
//
// # Waiting
//
// A thread that polls calls [Pause] once a round, and is not scheduled again until
// something that it has read could read differently. This makes polling finite. If no
// thread can run, a wake-up has been lost. A complete exhaustive search also knows the
// states from which no execution ends, whatever the scheduler does, and reports them
// as no progress.
package mc
