// Package asm has the primitives that locks are made of, and that Go cannot
// say: operations on 8- and 16-bit fields of a lock word, plain release stores,
// bounded wait loops, and whole fast paths fused into one call.
//
// Its functions are generated for amd64 and arm64 from one table, with a
// portable twin on sync/atomic for every other architecture and for the build
// tag purego. The semantics are the same in every build; [Variant] tells which
// one runs. The reference page is docs/zprimitives.md.
//
// # The lock word
//
// A lock word is a uint32 of three fields: locked (somebody owns the lock),
// pending (a waiter is next, whoever else comes), and tail (the last waiter of
// a queue). A state is written (tail,pending,locked): 0,0,0 is free, 0,0,1 is
// owned without contention. See the constants for the masks. [Word] is a lock
// word with its owner, for locks that [LockFast] takes; see the example.
//
// # Ordering
//
// A name ends with its ordering: Relaxed orders nothing, Acquire keeps later
// accesses after it, Release keeps earlier accesses before it, AcqRel does both.
// None is sequentially consistent by itself. An algorithm that publishes and
// then looks (two sides, each stores its flag and loads the other's) needs an
// AcqRel exchange to publish and an Acquire load to look: with anything weaker on
// either side, both can miss the other on arm64. An implementation may be
// stronger than its name.
//
// The race detector does not see assembly, so under -race the functions with an
// ordering annotate the word they touch; accesses that one orders are not
// reported, those that none orders are. Relaxed ones order nothing for it either.
//
// # Rules
//
// Pointers must be aligned to the size of what they point to (a uint64 to 8
// bytes, also on 32-bit machines). A word belongs to these functions alone:
// mixing in plain accesses is a data race. The 8- and 16-bit functions of the
// portable twin access the 32-bit word around their operand atomically.
//
// The package has no policy, no clock, and never blocks. It depends on
// golang.org/x/sys/cpu, on arm64 only.
package asm
