package model

// harmless excuses the mutants that break no promise which the programs here can show. Each
// has its reason and, if there is one, the unit test that fails with it. TestHarmless checks
// that they exist.
var harmless = map[string]string{
	// Optimizations.
	"mutex.go: LockTimeout without if asm.LockOwned(&l.word)":                "the slow path tries, too",
	"mutex.go: LockContext without if asm.LockOwned(&l.word)":                "the slow path tries, too",
	"zfused_go.go: lockFused without if asm.LockOwned(&l.word)":              "the slow path tries, too",
	"slowpath.go: acquireSlow without if l.spin()":                           "barging is allowed, not promised: TestSpun",
	"slowpath.go: spin without if l.closed()":                                "LockOwned looks, too",
	"slowpath.go: spin without if l.owner() != 0":                            "LockOwned finds out, too",
	"slowpath.go: spin without if asm.LockOwned(&l.word)":                    "barging is allowed, not promised: TestSpun",
	"slowpath.go: acquireSlow without if err := lim.expired(l); err != nil":  "gives up a little later: TestNoWait",
	"slowpath.go: awaitHead without spins = 0":                               "computes while it waits",
	"slowpath.go: awaitHead without if l.closed()":                           "computes while it waits",
	"slowpath.go: awaitLock without b = wait.Backoff{}":                      "latency",
	"waiter.go: anySpare without if asm.LoadRelaxed32(&edges[i].spare) == 0": "the exchange finds out, too",

	// Time is no matter of correctness here, unless nobody wakes who sleeps.
	"sleep.go: pause without runtime.Gosched()":                                    "sleeps at once: TestPollsYield",
	"sleep.go: sleepUntilWoken without if l.owner() == 0":                          "the second look finds out, 50 us later",
	"sleep.go: sleep without w.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)": "computes while it waits: TestIdle",
	"sleep.go: park without w.WaitFor(lim.remaining(), lim.done)":                  "computes while it waits: TestIdle",

	// The stubs do the same, or a program that would show it is not here.
	"waiter.go: free without if handOut(w)":                          "nobody is handed a record here: who has none polls",
	"waiter.go: makeChunk without registry.mu.Lock()":                "all records are made before: TestManyRecords",
	"waiter.go: makeChunk registry.mu.Lock() relaxed, not acquire":   "all records are made before: TestManyRecords",
	"waiter.go: makeChunk registry.mu.Unlock() relaxed, not release": "all records are made before: TestManyRecords",
	"waiter.go: makeChunk without if registry.free.any()":            "all records are made before, and who finds none looks again",
	"detect.go: beginWait without w.since.Store(now)":                "closes the lock too early",
	"edges.go: insert without w.home = hash(w.g.Load()) & edgeMask":  "all edges are in one bucket here: TestFullBucket",

	"slowpath.go: lockSlow without if err != nil": "what is done with an error is not copied, but for a context's cause",

	// The code does the same by other means, or cannot do it more weakly.
	"detect.go: next without if g == 0":                                                         "no edge has goroutine 0",
	"detect.go: findCycle without if n == 0":                                                    "path finds out, too; closes only saves it the list",
	"detect.go: findCycle without if last == 0":                                                 "the waiter gets its verdict from itself: TestCycleStepwise",
	"detect.go: convict without if old != nil && old.epoch == epoch":                            "the second verdict says the same as the first",
	"waiter.go: takeSpare asm.Xchg32AcqRel(&b.spare, 0) acquire, not acq_rel":                   "it leaves nothing to read; the table has no weaker exchange",
	"slowpath.go: close asm.Xchg32AcqRel(&l.word.Sleeper, asm.ClosedMask) acquire, not acq_rel": "it leaves nothing else to read; the table has no weaker exchange",
	"slowpath.go: close asm.Xchg32AcqRel(&l.word.Sleeper, asm.ClosedMask) release, not acq_rel": "it reads nothing; the table has no weaker exchange",
	"sleep.go: unlockWake asm.LoadAcquire32(&l.word.Sleeper) relaxed, not acquire":              "the record that it names is there since before, and is only sent a token",
}
