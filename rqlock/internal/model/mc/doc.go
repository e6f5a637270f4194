// Package mc explores the executions of a small concurrent program: its
// interleavings, and what a weak memory may show it.
//
// The program's threads are coroutines, of which one runs at a time. They reach
// shared memory only through this package ([LoadWord], [Update], [Pause] and so
// on); each such access is a scheduling point, where the explorer decides who
// goes on and, if the memory model leaves a choice, what is read and where a
// store goes. The decisions are the schedule. It is all the nondeterminism there
// is, so an execution can be replayed from it.
//
//	w := mc.World{Memory: mc.RA, Marks: true}
//	fmt.Println(w.Run(program, mc.Exhaustive()))
//
// # Memory models
//
// SC interleaves accesses. TSO gives each thread a first-in first-out store
// buffer; its flushes are steps of their own; a read-modify-write or a SeqCst
// store empties it. RA is a release/acquire memory of messages and views: a
// location keeps its stores in modification order, a thread has a view of how
// much of it it must have seen, a load reads any message that is not older than
// the view, a store goes into any gap that is not (but never between a
// read-modify-write and what it read), a release store carries the view, and an
// acquire load takes it over. SeqCst accesses are what XCHG and MOV are on amd64,
// and STLR or SWPAL and LDAR on arm64: a SeqCst load sees what was ordered before
// any earlier SeqCst store, of whatever location. (C11 promises less.) There are
// no fences.
//
// In every model an access that is not atomic must be ordered, by acquires that
// have read from releases, with all that conflicts with it; else it is a data race.
//
// # What it cannot show
//
//   - Load buffering: a load never sees a store that its own execution leads to.
//     Threads run in program order; only stores are late.
//   - A read-modify-write in two halves (LL/SC). It is one step, and its release
//     orders what follows it in the thread's view of time. Unless it is SeqCst it
//     may come before stores that are late, as a store may.
//   - A read-modify-write that is weaker than SeqCst does not order an earlier
//     store and a later load of the same thread, though arm64's SWPAL does: the
//     model allows more than the machine there, never less.
//   - A word is one location. A store to a part of it is atomic and keeps the
//     rest, so a word is never read torn; under RA it is a read-modify-write.
//   - A race of an atomic access with a plain one that relaxed accesses force to
//     come after it. Only RA has it, and only after a store. Where the plain one
//     may come first, in another execution, the race is found.
//   - Under RA, a thread that is more than 32 stores to a location behind: it must
//     catch up. Result.Hurried says whether that has happened.
//   - Anything beyond the bounds: threads, rounds, ticks of the clock, steps.
//
// # The state cache
//
// [Exhaustive] searches depth first and turns back at a state that it has seen.
// States are told apart by a 64-bit hash of memory (with the messages that can
// still be read), views, buffers, clock, ghost variables and each thread's
// control state. The latter is the history of all that the thread has observed,
// unless it says by [At] what it will still use: then executions merge that
// differ in nothing else. A live variable that is forgotten there merges states
// that differ, and hides bugs; so the calls are generated, and checked against
// an exploration without them.
//
// Two states collide with a probability of n*n/2^65: 3e-6 for ten million.
//
// # Waiting
//
// A thread that polls calls [Pause] once a round and is not scheduled again
// until something that it has read could read differently. So polling is
// finite, and "nobody can go on" is a lost wake-up. A complete exhaustive search
// also knows every state from which no execution ends, whatever the scheduler
// does, and reports it as no progress.
package mc
