// Package lpmtrie finds the longest prefix of a key: the counterpart of Linux' BPF
// longest-prefix-match trie, for IP addresses ([Table]) and for bit strings ([Map]).
//
// Writers take turns by a resilient lock (package rqlock); readers take none. A
// callback that runs while the trie is locked ([Table.Compute]) may use the trie: what
// would be a deadlock is an error of the inner call, and the trie is unchanged by it.
//
//	t := lpmtrie.NewTable[string](1000)
//	if err := t.Update(netip.MustParsePrefix("10.0.0.0/8"), "inside", lpmtrie.Any); err != nil {
//		return err
//	}
//	name, ok := t.Lookup(netip.MustParseAddr("10.1.2.3"))
//
// # When the lock fails
//
// A method that returns an error has changed nothing. Besides ErrExist, ErrNotExist,
// ErrFull, ErrKey and ErrFlag the error is rqlock's: errors.Is(err, rqlock.ErrDeadlock)
// if the goroutine is inside of a callback of this trie, or waits, with others, in a
// cycle; errors.Is(err, rqlock.ErrTimeout) if a callback stays for longer than the stall
// timeout.
//
//	Lookup, LookupPrefix, LookupPrefixLPM, LookupLPM   take no lock
//	Get, All, NextKey, Len                             take no lock
//	Update, Delete, LookupAndDelete                    nothing is changed
//	Compute                                            nothing is changed, f is not called
//
// # What readers see
//
// A trie is never changed: a writer copies the nodes from the root to where it changes
// something, and puts the new root in place of the old one by one atomic store, after
// which the garbage collector takes what nobody uses any more. So each lookup, and all
// of an iteration, is of one moment. If a route is added before the one that it is to
// replace is deleted, there is no lookup that finds neither. A lookup never waits and
// never begins again; it looks at no more nodes than its key has octets. Other
// goroutines see what a writer has stored before its change as soon as they see the
// change.
//
// The price is paid by writers: a change copies the nodes on its way, of 256 bytes and a
// pointer for each octet that goes on, and the values of the prefixes beside it. Use
// pointers for large values.
//
// # The kernel's order
//
// All and NextKey have longer prefixes before those that they are part of, and of two
// that differ in a bit the one with 0 first. NextKey begins anew if its key is not
// there. All sees one moment; a loop over NextKey does not, and may begin anew if
// another goroutine deletes the key that it is at.
//
// # How it is made
//
// A trie with strides of 8 bits. A node has bit sets of 256 octets; what belongs to an
// octet is found by counting bits (Tree Bitmap: Eatherton, Dittia and Varghese,
// "Hardware/software IP lookups with incremental updates", 2004), the longest prefix in
// a node by counting where it changes (Poptrie: Asai and Ohara, SIGCOMM 2015). Nodes with
// one thing in them are left out.
//
// Package github.com/gaissmai/bart has the same strides. A lookup takes about as long
// there. Its changes in place take a small part of the time of those here, and are not
// for use beside readers; those that make another table take longer.
package lpmtrie
