// Package freelist keeps free elements in several lists, one for each processor,
// with a lock each: the counterpart of Linux' percpu_freelist.
//
// A processor mostly gets back the element that it freed last, which is in its
// cache, and meets no other processor on the way. If its list is empty, or its lock
// fails, it goes on to the next one: [List.Pop] skips a list that it cannot lock,
// and [List.Push] never fails.
//
// # When a lock fails
//
// The locks are resilient (see package rqlock). Within this package no goroutine
// waits for a lock while it holds another, nor calls anybody, so that there is no
// deadlock to report; but a holder that does not run for the stall timeout, in a
// process of a machine that is badly overloaded, fails those who wait.
//
//	Push  goes on to the other lists, round and round, until one takes the element
//	Pop   skips the list; nil may then mean that its elements were out of reach
//	Fill  as Push
//	Len   leaves the list out
//
// # Beside sync.Pool
//
// A sync.Pool is faster, and may drop what it has at any time. Here an element stays
// until it is popped: for elements that there is a fixed number of.
package freelist
