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
// # When the lock fails
//
// A method that returns an error has changed nothing. The error is one of this package or of
// rqlock. It matches [rqlock.ErrDeadlock] if the goroutine is in a callback of this trie, or
// if it is one of several goroutines that wait for one another in a cycle. It matches
// [rqlock.ErrTimeout] if another goroutine's callback takes longer than the stall timeout.
//
//	Lookup, LookupPrefix, LookupPrefixLPM, LookupLPM   take no lock
//	Get, All, NextKey, Len                             take no lock
//	Update, Delete, LookupAndDelete                    change nothing
//	Compute                                            changes nothing and does not call f
//
// # What readers see
//
// The nodes of a trie never change. A writer copies the nodes from the root to where it
// changes something, and replaces the root by one atomic store. The garbage collector frees
// the old nodes when no reader uses them any more. So a lookup, and a whole iteration, sees
// the trie of one moment. If a route is added before the one that it replaces is deleted,
// no lookup misses both. A lookup never waits and never starts again, and visits at most one
// node for each octet of its key. A goroutine that sees a change also sees what the writer
// stored before it.
//
// Writers pay for this. A change copies each node on its path, which has 256 bytes and a
// pointer for each octet that goes on, and it copies the values of the prefixes in these
// nodes. Use pointers for large values.
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
// The trie has strides of 8 bits. A node has sets of octets, and counts bits to find what
// belongs to an octet (Tree Bitmap: Eatherton, Dittia and Varghese, "Hardware/software IP
// lookups with incremental updates", 2004). To find the longest prefix that an octet
// matches, it counts the octets where the match changes (Poptrie: Asai and Ohara, SIGCOMM
// 2015). Nodes that would have one entry are left out.
//
// Package github.com/gaissmai/bart has the same strides, and a lookup takes about as long
// there. It can change a table in place, in a small part of the time of a change here, but
// not while others read it. Its changes that make another table take longer than those here.
package lpmtrie
