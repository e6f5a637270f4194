// Package asm has the primitives that locks are made of and that Go lacks: operations
// on the 8- and 16-bit fields of a lock word, release stores that cost a plain store,
// wait loops with a bound, and whole fast paths in one call.
//
// It is for whoever writes a lock. Programs that need a lock use package rqlock or package
// sync. The examples here are small locks.
//
//	var w asm.Word // a lock word and its owner
//	if asm.LockFast(&w) {
//		// The calling goroutine holds the lock.
//		asm.UnlockFast(&w)
//	}
//
// The functions are generated from one table, as assembly for amd64, arm64 and riscv64. A
// portable twin on sync/atomic takes the assembly's place on every other architecture, with
// the build tag purego, and with a Go that is newer than those tested. The semantics are the
// same in every build. [Variant] says which one runs. The reference page is
// docs/zprimitives.md. Package gen/engine generates such functions from a table of yours.
//
// # The lock word
//
// A lock word is a uint32 with three fields. Locked says that a goroutine owns the
// lock. Pending says that a waiter has closed the lock: it is the next owner, whoever
// else comes. Tail names the last waiter of a queue. A state is written
// (tail,pending,locked): 0,0,0 is free, and 0,0,1 is owned while nobody waits. The
// constants have the fields' masks.
//
// Three types have more than a lock word, or something else:
//
//   - A [Word] is a lock word and its owner, for [LockFast].
//   - An [Owned] has no lock word. The id of its owner is the lock, for [LockOwned].
//   - An [RWOwned] is the same for readers and writers. [ReadLock] puts a reader into a slot of
//     its goroutine's row, in a [ReaderTable].
//
// # Ordering
//
// A name ends with its ordering. Relaxed orders nothing. Acquire keeps later accesses
// after it, Release keeps earlier accesses before it, and AcqRel does both. An
// implementation may order more than its name says, but none has to be sequentially
// consistent. In some algorithms each side publishes something, and then looks for
// what the other side published. They need an AcqRel exchange to publish and an
// Acquire load to look. With less on either side, both can miss the other on arm64.
//
// The race detector knows nothing of assembly. So under -race the functions with an
// ordering tell it what they order, by the address of the word. Those that order
// nothing order nothing for the detector either.
//
// # Rules
//
// A pointer must be aligned to the size of what it points to. That holds for a uint64
// on 32-bit machines, too. A word belongs to these functions and sync/atomic: a plain
// access that they do not order is a data race. The 8- and 16-bit functions of the
// portable twin access the whole 32-bit word around their operand atomically.
//
// The package has no policy, does not know the time, and never blocks. It imports
// golang.org/x/sys on arm64 and riscv64, to know the processor, and nothing elsewhere but
// Go's own packages.
package asm
