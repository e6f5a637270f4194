// Package freelist keeps free elements until they are used again. It has a list and a
// lock for each processor, like Linux' percpu_freelist.
//
// [List.Push] and [List.Pop] begin with the list of the processor that they run on. So a
// processor mostly gets the element that it freed last, which is still in its cache, and it
// rarely meets another processor. If that list is empty, or its lock fails, they go on to the
// next list. While a Pop looks at the lists, other goroutines may move elements from lists that
// it has not seen to lists that it has. If it finds none, and an element was pushed meanwhile, it
// looks again. So nil means that there was a moment when no element was free, unless a lock has
// failed.
//
//	nodes := make([]freelist.Node[Buffer], 64)
//	free := freelist.New[Buffer](0)
//	free.Fill(nodes)
//
//	if n := free.Pop(); n != nil {
//		fill(&n.Value)
//		free.Push(n)
//	}
//
// # When a lock fails
//
// The locks are resilient (see package rqlock). No method waits for a lock while it holds
// another one, and no method calls the user's code, so there is no deadlock to report. A
// lock still times out ([rqlock.ErrTimeout]) if its holder does not run for the stall timeout,
// which happens on a machine that is badly overloaded.
//
//	Push   goes on to the next list, round and round, until one takes the element
//	Fill   does the same for each element
//	Pop    skips the list; nil may then mean that it could not reach the free elements
//	Len    leaves the list out
//
// # Compared with sync.Pool
//
// A [sync.Pool] is faster, and may drop an element at any time. A List keeps each element
// until Pop returns it. Use a List when the number of elements is fixed.
package freelist
