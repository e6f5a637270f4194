package main

import "github.com/rqlock/rqlock/gen/golang"

// scenarios is the table of torture tests of the lock. The first row's lock is
// broken on purpose: the test that checks the tests.
var scenarios = []golang.Scenario{
	{
		Name: "Busted", Doc: "a lock that excludes nobody must be found out.",
		Busted: true, Workers: 4, Locks: 1, Depth: 1,
	},
	{
		Name: "AA", Doc: "each worker locks again what it holds, and is told so.",
		Workers: 4, Locks: 1, Depth: 2, Path: "same", Must: "deadlock",
	},
	{
		Name: "ABBA", Doc: "two locks, taken in both orders.",
		Workers: 4, Locks: 2, Depth: 2, Path: "ring", Must: "deadlock",
	},
	{
		Name: "ABBCCA", Doc: "three locks, each worker taking two neighbours.",
		Workers: 6, Locks: 3, Depth: 2, Path: "ring", Must: "deadlock",
	},
	{
		Name: "Nest", Doc: "eight locks deep, always in the same order: nothing may fail.",
		Workers: 8, Locks: 8, Depth: 8, Path: "up",
	},
	{
		Name: "Stall", Doc: "now and then a holder stays for longer than the stall timeout.",
		Workers: 8, Locks: 1, Depth: 1, StallMillis: 20, Hogs: 100, Must: "timeout",
	},
	{
		Name: "HandOffTail", Doc: "two workers: whoever waits is head and tail at once, and often gives up.",
		Workers: 2, Locks: 1, Depth: 1, LimitMicros: 50, Yields: true, May: "timeout",
	},
	{
		Name: "Abandon", Doc: "waiters give up at every place of the queue while others arrive.",
		Workers: 32, Locks: 1, Depth: 1, LimitMicros: 200, Yields: true, May: "timeout",
	},
	{
		Name: "Flood", Doc: "a thousand goroutines at one lock: nobody may fail.",
		Workers: 1000, Locks: 1, Depth: 1,
	},
	{
		Name: "Mixed", Doc: "random locks, depths and limits.",
		Workers: 16, Locks: 4, Depth: 3, Path: "random", LimitMicros: 1000, Yields: true, May: "deadlock timeout",
	},
}
