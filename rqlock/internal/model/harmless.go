package model

// harmless excuses the mutants that break no promise which the programs here can show. Each
// has its reason and, if there is one, the unit test that fails with it. TestHarmless checks
// that they exist.
var harmless = map[string]string{
	// What becomes of an error after the wait: nobody here is told of violations.
	"slowpath.go: lockSlow without if err != nil": "nobody is told: TestEvents",

	// Optimizations.
	"mutex.go: LockTimeout without if asm.LockFast(&l.word)":                                         "the slow path tries, too",
	"mutex.go: LockContext without if asm.LockFast(&l.word)":                                         "the slow path tries, too",
	"zfused_go.go: lockFused without if asm.LockFast(&l.word)":                                       "the slow path tries, too",
	"slowpath.go: acquireSlow without if l.spin()":                                                   "barging is allowed, not promised: TestSpun",
	"slowpath.go: spin without if asm.LoadRelaxed32(&l.word.Val)&busy == 0 && asm.LockFast(&l.word)": "barging is allowed, not promised: TestSpun",
	"slowpath.go: acquireSlow without if err := lim.expired(l); err != nil":                          "gives up a little later: TestNoWait",
	"slowpath.go: awaitLock without b = wait.Backoff{}":                                              "latency",
	"slowpath.go: awaitLock without if door":                                                         "latency, and a counter: TestEventsOfWaits",

	// Waking a poller that sleeps, and the lengths of its sleeps. Time is no matter of
	// correctness here.
	"bell.go: call without asm.StoreRelaxed32(l.bell(), w.index)":                             "one poll later: TestBell",
	"bell.go: call without atomic.CompareAndSwapUintptr(&l.word.Owner, owner, owner|calling)": "one poll later: TestBellMark",
	"bell.go: call without if owner&calling == 0":                                             "sets the mark again, or fails to",
	"bell.go: answer without if atomic.LoadUintptr(&l.word.Owner) != g|calling":               "programs unlock only what they hold: TestUnlockForeign",
	"bell.go: answer without waiterAt(index).Signal()":                                        "one poll later: TestBell",
	"bell.go: answer without if index := asm.Xchg32AcqRel(bell, 0); index != 0":               "one poll later: TestBell",
	"bell.go: answer asm.Xchg32AcqRel(bell, 0) acquire, not acq_rel":                          "one poll later",
	"bell.go: answer asm.Xchg32AcqRel(bell, 0) release, not acq_rel":                          "one poll later",
	"wait.go: pause without runtime.Gosched()":                                                "sleeps at once: TestPollsYield",
	"wait.go: pause without if d == 0":                                                        "sleeps at once: TestPollsYield",
	"wait.go: pause without l.call(w)":                                                        "one poll later: TestCycleUnwinds",
	"wait.go: pause without if d >= wait.Long":                                                "one poll later: TestCycleUnwinds",
	"wait.go: sleep without w.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)":             "computes while it waits: TestIdle",
	"wait.go: park without w.WaitFor(lim.remaining(), lim.done)":                              "computes while it waits: TestIdle",

	// A stall that is reported too late. The checks here are that none is reported too early.
	"slowpath.go: enqueue without w.sees(prev.seen())":                           "later: TestLateLink",
	"slowpath.go: awaitLock without w.sees(p.last)":                              "later: TestStall",
	"slowpath.go: granted without w.sees(sighting{l.grant(), stallClock.now()})": "the next head finds the new grant by itself",
	"slowpath.go: handOver without w.sees(last)":                                 "later: TestLateLink",
	"slowpath.go: promote without w.sees(last)":                                  "later: TestStall",

	// A program that would show it is not here.
	"slowpath.go: granted without asm.StoreRelaxed32(&l.word.Aux, l.word.Aux+1)": "needs two grants to one goroutine between two polls: TestGrants",
	"detect.go: beginWait without w.sees(sighting{})":                            "needs two locks with the same owner and count at two polls",
	"slowpath.go: acquireSlow without if err != nil":                             "needs more records than there can be: TestManyRecords",
	"detect.go: beginWait without if err != nil":                                 "needs more records than there can be: TestManyRecords",
	"detect.go: beginWait without w.since.Store(now)":                            "closes the lock too early: TestDoorTime",
	"detect.go: path without if s.w == next.w":                                   "needs another cycle, made between two walks; the length is bounded besides",

	"edges.go: insert without w.home = hash(w.g) & edgeMask":                      "all edges are in one bucket here: TestFullBucket",
	"waiter.go: newWaiter asm.LoadAcquire32(&registry.made) relaxed, not acquire": "all records are made before: TestManyRecords",

	// The model cannot show it; see docs/model.md. What gives the lock back must be a
	// release, as the next owner reads it.
	"mutex.go: LockTimeout asm.LockFast(&l.word)/return relaxed, not release":   "a store to a part of a word continues the word's release sequence",
	"slowpath.go: take asm.LockFast(&l.word)/return relaxed, not release":       "a store to a part of a word continues the word's release sequence",
	"zfused_go.go: lockFused asm.LockFast(&l.word)/return relaxed, not release": "a store to a part of a word continues the word's release sequence",

	// The code does the same by other means, or cannot do it more weakly.
	"detect.go: next without if g == 0":                                                   "no edge has goroutine 0",
	"detect.go: findCycle without if !w.closes(start)":                                    "path finds out, too; closes only saves it the list",
	"detect.go: findCycle without if last == 0":                                           "the waiter gets its verdict from itself: TestCycleStepwise",
	"detect.go: convict without if old != nil && old.epoch == epoch":                      "the second verdict says the same as the first",
	"waiter.go: takeSpare asm.Xchg32AcqRel(&b.spare, 0) acquire, not acq_rel":             "it leaves nothing to read; the table has no weaker exchange",
	"slowpath.go: awaitLock asm.FetchSetPendingAcquire(&l.word.Val) relaxed, not acquire": "it reads nothing that another thread has written; the table has no relaxed one",
}
