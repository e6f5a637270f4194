package main

import "github.com/rqlock/rqlock/gen/golang"

// scenarios is the table of the lock's torture tests. The lock of the first row is
// broken on purpose, to check that the tests find a broken lock.
var scenarios = []golang.Scenario{
	{
		Name: "Busted", Doc: "runs a lock that excludes nobody, which must be found out.",
		Busted: true, Workers: 4, Locks: 1, Depth: 1,
	},
	{
		Name: "AA", Doc: "lets each worker lock again what it holds, which must fail.",
		Workers: 4, Locks: 1, Depth: 2, Path: "same", Must: "deadlock",
	},
	{
		Name: "ABBA", Doc: "has two locks, which workers acquire in both orders.",
		Workers: 4, Locks: 2, Depth: 2, Path: "ring", Must: "deadlock",
	},
	{
		Name: "ABBCCA", Doc: "has three locks in a ring, of which each worker acquires two neighbours.",
		Workers: 6, Locks: 3, Depth: 2, Path: "ring", Must: "deadlock",
	},
	{
		Name: "Nest", Doc: "acquires eight locks, always in the same order. None may fail.",
		Workers: 8, Locks: 8, Depth: 8, Path: "up",
	},
	{
		Name: "Stall", Doc: "lets an owner hold its lock for longer than the stall timeout now and then.",
		Workers: 8, Locks: 1, Depth: 1, StallMillis: 20, Hogs: 100, Must: "timeout",
	},
	{
		Name: "HandOffTail", Doc: "has two workers, so that a waiter is head and tail at once. It often gives up.",
		Workers: 2, Locks: 1, Depth: 1, LimitMicros: 50, Yields: true, May: "timeout",
	},
	{
		Name: "Abandon", Doc: "lets waiters give up at every position of the queue while others arrive.",
		Workers: 32, Locks: 1, Depth: 1, LimitMicros: 200, Yields: true, May: "timeout",
	},
	{
		Name: "Flood", Doc: "has a thousand goroutines at one lock. None may fail.",
		Workers: 1000, Locks: 1, Depth: 1,
	},
	{
		Name: "Mixed", Doc: "has random locks, depths and limits.",
		Workers: 16, Locks: 4, Depth: 3, Path: "random", LimitMicros: 1000, Yields: true, May: "deadlock timeout",
	},
}
