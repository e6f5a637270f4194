package model

// harmless has the mutants that break no promise that the programs here can show,
// and why; if there is a test that does, its name. TestHarmless has a mutant here
// that is none.
var harmless = map[string]string{
	// Ways to be faster.
	"lock.go: LockTimeout without if asm.LockFast(&l.word)":                                          "the slow path tries, too",
	"lock.go: LockContext without if asm.LockFast(&l.word)":                                          "the slow path tries, too",
	"zfused_go.go: lockFused without if asm.LockFast(&l.word)":                                       "the slow path tries, too",
	"slowpath.go: acquireSlow without if l.spin()":                                                   "passing the queue is allowed, not promised: TestSpun",
	"slowpath.go: spin without if asm.LoadRelaxed32(&l.word.Val)&busy == 0 && asm.LockFast(&l.word)": "passing the queue is allowed, not promised: TestSpun",
	"slowpath.go: acquireSlow without if err := lim.expired(l); err != nil":                          "gives up a little later: TestNoWait",
	"slowpath.go: awaitLock without b = wait.Backoff{}":                                              "latency",
	"slowpath.go: awaitLock without if door":                                                         "latency, and a counter: TestEventsOfWaits",

	// The bell, and how long a poller sleeps: time is no matter of correctness here.
	"bell.go: call without asm.StoreRelaxed32(l.bell(), w.index)":                             "a poll later: TestBell",
	"bell.go: call without atomic.CompareAndSwapUintptr(&l.word.Owner, owner, owner|calling)": "a poll later: TestBellMark",
	"bell.go: call without if owner&calling == 0":                                             "marks it once more, or fails to",
	"bell.go: answer without if atomic.LoadUintptr(&l.word.Owner) != g|calling":               "programs unlock what they hold: TestUnlockForeign",
	"bell.go: answer without waiterAt(index).Signal()":                                        "a poll later: TestBell",
	"bell.go: answer without if index := asm.Xchg32AcqRel(bell, 0); index != 0":               "a poll later: TestBell",
	"bell.go: answer asm.Xchg32AcqRel(bell, 0) acquire, not acq_rel":                          "a poll later",
	"bell.go: answer asm.Xchg32AcqRel(bell, 0) release, not acq_rel":                          "a poll later",
	"wait.go: pause without runtime.Gosched()":                                                "sleeps at once: TestPollsYield",
	"wait.go: pause without if d == 0":                                                        "sleeps at once: TestPollsYield",
	"wait.go: pause without l.call(w)":                                                        "a poll later: TestCycleUnwinds",
	"wait.go: pause without if d >= wait.Long":                                                "a poll later: TestCycleUnwinds",
	"wait.go: sleep without w.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)":             "computes while it waits: TestIdle",
	"wait.go: park without w.WaitFor(lim.remaining(), lim.done)":                              "computes while it waits: TestIdle",

	// A stall that is seen too late: what is checked here is that none is seen too early.
	"slowpath.go: enqueue without w.sees(prev.seen())":                           "later: TestLateLink",
	"slowpath.go: awaitLock without w.sees(p.last)":                              "later: TestStall",
	"slowpath.go: granted without w.sees(sighting{l.grant(), stallClock.now()})": "the next head sees the new grant itself",
	"slowpath.go: handOver without w.sees(last)":                                 "later: TestLateLink",
	"slowpath.go: promote without w.sees(last)":                                  "later: TestStall",

	// Would need a program that is not here.
	"slowpath.go: granted without asm.StoreRelaxed32(&l.word.Aux, l.word.Aux+1)": "the same owner, twice from the queue between two polls: TestGrants",
	"detect.go: beginWait without w.sees(sighting{})":                            "the same owner and count of two locks, between two looks",
	"slowpath.go: acquireSlow without if err != nil":                             "records do not run out: TestManyRecords",
	"detect.go: beginWait without if err != nil":                                 "records do not run out: TestManyRecords",
	"detect.go: beginWait without w.since.Store(now)":                            "closes the door too soon: TestDoorTime",
	"detect.go: path without if s.w == next.w":                                   "a cycle elsewhere, made between two walks; the length is bounded besides",

	"detect.go: insert without w.home = hash(w.g) & edgeMask":                     "here all have the first bucket: TestFullBucket",
	"waiter.go: newWaiter asm.LoadAcquire32(&registry.made) relaxed, not acquire": "records are made before: TestManyRecords",

	// The model cannot show it: see docs/model.md. What gives the lock back must release, as the next owner reads that.
	"lock.go: LockTimeout asm.LockFast(&l.word)/return relaxed, not release":    "a store to a part of a word goes on with what the word's last store has released",
	"slowpath.go: take asm.LockFast(&l.word)/return relaxed, not release":       "a store to a part of a word goes on with what the word's last store has released",
	"zfused_go.go: lockFused asm.LockFast(&l.word)/return relaxed, not release": "a store to a part of a word goes on with what the word's last store has released",

	// Two ways to the same end.
	"detect.go: next without if g == 0":                                                   "nobody is found under 0",
	"detect.go: findCycle without if !w.closes(start)":                                    "path finds out, too: closes only spares it its list",
	"detect.go: findCycle without if last == 0":                                           "tells itself by verdict: TestCycleStepwise",
	"detect.go: convict without if old != nil && old.epoch == epoch":                      "the second verdict says what the first does",
	"waiter.go: takeSpare asm.Xchg32AcqRel(&b.spare, 0) acquire, not acq_rel":             "it leaves nothing to read; the table has no weaker one",
	"slowpath.go: awaitLock asm.FetchSetPendingAcquire(&l.word.Val) relaxed, not acquire": "reads nothing that another has written; the table has no relaxed one",
}
