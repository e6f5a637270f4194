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
	"slowpath.go: spin without if queue.Closed(&l.word)":                     "LockOwned looks, too",
	"slowpath.go: spin without if l.owner() != 0":                            "LockOwned finds out, too",
	"slowpath.go: spin without if asm.LockOwned(&l.word)":                    "barging is allowed, not promised: TestSpun",
	"slowpath.go: acquireSlow without if err := l.reached(lim); err != nil":  "gives up a little later: TestNoWait",
	"queue.go: Spin without spins = 0":                                       "computes while it waits",
	"queue.go: Spin without if Closed(l)":                                    "computes while it waits",
	"slowpath.go: awaitLock without b = wait.Backoff{}":                      "latency",
	"waitgraph.go: Cycles without if start.alone()":                          "the walk goes nowhere",
	"waiter.go: anySpare without if asm.LoadRelaxed32(&edges[i].spare) == 0": "the exchange finds out, too",

	// Time is no matter of correctness here, unless nobody wakes who sleeps.
	"slowpath.go: pause without runtime.Gosched()":                                 "sleeps at once: TestPollsYield",
	"queue.go: Sleep without if l.Owner.Load() == 0":                               "the second look finds out, 50 us later",
	"limit.go: Sleep without p.WaitFor(min(d, max(lim.remaining(), 0)), lim.done)": "computes while it waits",
	"limit.go: remaining without if lim.deadline.IsZero()":                         "computes while it waits",
	"limit.go: Park without p.WaitFor(lim.remaining(), lim.done)":                  "computes while it waits",

	// The stubs do the same, or a program that would show it is not here.
	"waiter.go: Free without if handOut(w)":                          "nobody is handed a record here: who has none polls",
	"waiter.go: makeChunk without registry.mu.Lock()":                "all records are made before: TestManyRecords",
	"waiter.go: makeChunk registry.mu.Lock() relaxed, not acquire":   "all records are made before: TestManyRecords",
	"waiter.go: makeChunk registry.mu.Unlock() relaxed, not release": "all records are made before: TestManyRecords",
	"waiter.go: makeChunk without if registry.free.any()":            "all records are made before, and who finds none looks again",
	"waitgraph.go: Begin without w.Since.Store(now)":                 "closes the lock too early",
	"table.go: Insert without w.home = hash(w.ID.Load()) & edgeMask": "all edges are in one bucket here: TestFullBucket",

	"slowpath.go: conclude without if cancelled.cause = lim.Cause(); cancelled.cause == nil": "every context here has a cause: TestSilentContext",
	"slowpath.go: acquireSlow without if w.Durable()":                                        "there are no bubbles here: TestBubbleLimits",
	"queue.go: ParkBehind without if park.Bubbles()":                                         "there are no bubbles here: TestBehindBubble",

	"slowpath.go: conclude without if err != nil": "what is done with an error is not copied, but for a context's cause",

	// The code does the same by other means, or cannot do it more weakly.
	"waitgraph.go: owner without if id == 0":                                                                                "no edge has goroutine 0",
	"stall.go: Stalled without if !h.Closed":                                                                                "no step is counted before it is closed",
	"waitgraph.go: Begin without w.Reader = readers.Here()":                                                                 "nobody reads in the model: TestRWCycle",
	"slowpath.go: findDeadlock without if victim.Waiter == w":                                                               "a victim that tells itself finds that when it looks next",
	"waitgraph.go: enter without if s.Kind == waiter.ForWriting && !HandedOver(s.Lock, s.Kind)":                             "nobody reads in the model: TestReaders",
	"waitgraph.go: find without k.past = past":                                                                              "nobody reads in the model: TestRWDissolve",
	"waitgraph.go: dissolve without if next := cycle[(i+1)%len(cycle)]; s.Kind != waiter.ForReading || s.Lock != next.Lock": "nobody reads in the model: TestRWDissolve",
	"waitgraph.go: enter without k.longest = max(k.longest, len(k.path), len(k.next))":                                      "no walk is used again in the model: TestSpare",
	"waitgraph.go: find without if k.round++; k.round == 0":                                                                 "no walk is used again in the model: TestSpare",
	"waitgraph.go: changed without if now, ok := stepOf(s.Waiter); !ok || now != s":                                         "of so few records, who ends such a path gets one that is in it: TestConfirm",
	"waitgraph.go: Cycles without if cycle[i].Waiter == w":                                                                  "no walk comes back to one who has been told to give up",
	"waitgraph.go: Cycles without k.skipped = append(k.skipped, cycle[i].Waiter.Index)":                                     "goes there again, and finds what there is by then",
	"waitgraph.go: Begin without w.Reader.ID = id":                                                                          "nobody reads in the model: TestReaders",
	"waitgraph.go: stepOf without if atomic.LoadUint32(&w.Epoch) != s.Epoch":                                                "who waits anew came last, and is told of the wait before: TestFlicker",
	"waitgraph.go: stepOf without s.Kind = w.Kind.Load()":                                                                   "there is one kind in the model: TestReaders",
	"waitgraph.go: pass without k.seen = k.seen[:cap(k.seen)]":                                                              "saves growing it again",
	"waitgraph.go: Convict without if old != nil && old.Epoch == v.Epoch":                                                   "the second verdict says the same as the first",
	"waiter.go: takeSpare asm.Xchg32AcqRel(&b.spare, 0) acquire, not acq_rel":                                               "it leaves nothing to read; the table has no weaker exchange",
	"queue.go: Close asm.Xchg32AcqRel(&l.Sleeper, asm.ClosedMask) acquire, not acq_rel":                                     "it leaves nothing else to read; the table has no weaker exchange",
	"queue.go: Close asm.Xchg32AcqRel(&l.Sleeper, asm.ClosedMask) release, not acq_rel":                                     "it reads nothing; the table has no weaker exchange",
	"queue.go: Wake asm.LoadAcquire32(&l.Sleeper) relaxed, not acquire":                                                     "the record that it names is there since before, and is only sent a token",

	// Of locks that are overwritten or copied.
	"queue.go: overwritten without index = asm.LoadAcquire32(&waiter.At(index).Prev)":      "the look at all records finds out, too",
	"queue.go: overwritten asm.LoadAcquire32(&waiter.At(index).Prev) relaxed, not acquire": "the look at all records finds out, too",
	"queue.go: Enter asm.StoreRelease32(&w.Prev, 0) relaxed, not release":                  "who finds that it is behind nobody reads nothing else",
	"queue.go: Enter without asm.StoreRelease32(&w.Prev, 0) #2":                            "may lose the record of an overwritten lock's head, as it may be lost anyhow",
	"queue.go: TurnAway without if asm.TryCmpxchgRelaxed32(&l.Tail, w.Index, foreign)":     "the copy is a lock from then on: TestCopy",
	"queue.go: TurnAway without w.Head = stall.Head{}":                                     "the head of a copy may take it for closed, and not barge",
	"queue.go: forget without asm.StoreRelaxed32(&w.Of, 0)":                                "harms only who uses a lock that was copied and overwritten, too",
	"queue.go: free without forget(w)":                                                     "harms only who uses a lock that was copied and overwritten, too",
}
