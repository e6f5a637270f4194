// Package lpmtrie finds the longest prefix of a key. It is the counterpart of Linux' BPF
// longest-prefix-match trie, for IP addresses ([Table]) and for bit strings ([Map]).
//
// Writers take turns by a resilient lock (see package rqlock). Readers take no lock. A
// callback that runs while the trie is locked ([Table.Compute]) may use the trie: a call
// that would deadlock returns an error instead and leaves the trie unchanged.
//
//	t := lpmtrie.NewTable[string](1000)
//	if err := t.Update(netip.MustParsePrefix("10.0.0.0/8"), "inside", lpmtrie.Any); err != nil {
//		return err
//	}
//	name, ok := t.Lookup(netip.MustParseAddr("10.1.2.3"))
//
// Many changes at once are a transaction ([Table.Transact], [Table.UpdateAll]): it costs a
// small part of the single changes, and takes effect at once or not at all.
//
// # When the lock fails
//
// A method that returns an error has changed nothing. The error is one of this package or of
// rqlock. It matches [rqlock.ErrDeadlock] if the goroutine is in a callback of this trie, or
// if it is one of several goroutines that wait for one another in a cycle. It matches
// [rqlock.ErrTimeout] if another goroutine's callback takes longer than the stall timeout, or
// if a machine that is badly overloaded does not run the lock's holder for that long.
//
//	Lookup, LookupPrefix, LookupPrefixLPM, LookupLPM    take no lock
//	Get, All, NextKey, Len                              take no lock
//	Subnets, Supernets, OverlapsPrefix                  take no lock
//	Update, UpdateAll, Delete, LookupAndDelete, Clear   change nothing
//	Compute, Transact                                   change nothing and do not call f
//
// # What readers see
//
// A lookup sees the trie of one moment, and so does a whole iteration. If a route is added
// before the one that it replaces is deleted, no lookup misses both. A goroutine that sees a
// change also sees what the writer stored before it.
//
// A lookup never waits. It visits at most one node for each octet of its key. If the trie has
// changed meanwhile it starts again, up to four times, the last time in a snapshot, which does
// not change.
//
// A writer makes a copy of the one node that it changes, which has 256 bytes, the values of the
// prefixes in it, and a pointer for each octet that goes on. It replaces the node by one atomic
// store. An iteration needs a snapshot, which costs nothing until somebody writes: after it,
// writers copy each node on their way from the root once more. Use pointers for large values.
//
// # The kernel's order
//
// All and NextKey return a prefix after the longer ones that it is part of. Of two prefixes
// that differ in a bit, the one with the 0 comes first. NextKey starts from the beginning
// if its key is not present. All sees one moment. A loop over NextKey does not: it starts
// from the beginning if another goroutine deletes the key that it has reached.
//
// # Implementation
//
// The trie has strides of 8 bits. A node has a set of octets, and counts bits to find what
// belongs to an octet (Tree Bitmap: Eatherton, Dittia and Varghese, "Hardware/software IP
// lookups with incremental updates", 2004). Nodes that would have one entry are left out. Nodes
// have generations, by which a writer knows those that belong to a snapshot (Prokopec, Bronson,
// Bagwell and Odersky, "Concurrent tries with efficient non-blocking snapshots", 2012).
//
// Package github.com/gaissmai/bart has the same strides. It can change a table in place, in
// less time than a change takes here, but not while others read it. Its changes that make
// another table take many times as long as those here.
package lpmtrie
