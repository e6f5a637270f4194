package main

import "github.com/rqlock/rqlock/gen/engine"

// prims is the table: one row per primitive. Declarations, assembly, portable
// twin, tests, benchmarks, reference page and -list all come from these rows.
var prims = []engine.Row{
	// Compare-and-exchange of a whole word, which sync/atomic does best.
	{
		Name: "TryCmpxchgRelaxed32", Op: engine.Cmpxchg, Width: 32, Order: engine.Relaxed,
		Does: "TryCmpxchgRelaxed32 stores new in *p if *p is old, and reports whether it did.",
		Why:  "It orders nothing. Another access of the algorithm must, such as the acquire load by which the head of a queue found the lock free.",
	},
	{
		Name: "TryCmpxchgAcquire32", Op: engine.Cmpxchg, Width: 32, Order: engine.Acquire,
		Does:  "TryCmpxchgAcquire32 stores new in *p if *p is old, and reports whether it did.",
		Trans: "0,0,0 -> 0,0,1",
		Why:   "Success acquires the lock, so the section must find what the last owner wrote. A failure orders nothing.",
		Pairs: "UnlockRelease.",
		For:   "a lock whose newcomers never pass its queue: they acquire the lock only if nobody holds it and nobody waits.",
	},
	{
		Name: "TryCmpxchgRelease32", Op: engine.Cmpxchg, Width: 32, Order: engine.Release,
		Does:  "TryCmpxchgRelease32 stores new in *p if *p is old, and reports whether it did.",
		Why:   "Success publishes what was written before it. A failure orders nothing.",
		Pairs: "LoadAcquire32 or CondLoadAcquire32 of the same word.",
	},

	{
		Name: "TryCmpxchgAcquire64", Op: engine.Cmpxchg, Width: 64, Order: engine.Acquire,
		Does:  "TryCmpxchgAcquire64 stores new in *p if *p is old, and reports whether it did.",
		Why:   "Success acquires the lock, so the section must find what the last owner wrote. A failure orders nothing.",
		Pairs: "UnlockOwned.",
		For:   "a lock whose word is the owner's 64-bit id: a waiter acquires it, even if it is closed to newcomers.",
	},

	// The fields of the lock word.
	{
		Name: "XchgTailAcqRel", Op: engine.XchgField, Field: "tail", Order: engine.AcqRel,
		Does:  "XchgTailAcqRel sets the tail of the lock word to the tail bits of new, and returns the tail bits that it replaced. Both are at the tail's position in the word, as in TailMask; the other bits of new are ignored. Pending and locked keep the values that concurrent operations give them.",
		Trans: "t,p,l -> new,p,l",
		Why:   "Release publishes the new waiter's node to whoever finds it through the tail. Acquire lets the waiter read the node that it queues behind.",
		Pairs: "itself, the exchange by the next waiter. The waiter must store its link in the predecessor's node by a store-release: after an LL/SC exchange a plain store can pass the exchange, and the hand-off is lost.",
	},
	{
		Name: "TryCmpxchgTailRelaxed", Op: engine.CmpxchgField, Field: "tail", Order: engine.Relaxed,
		Does:  "TryCmpxchgTailRelaxed sets the tail of the lock word to the tail bits of new if it equals the tail bits of old, and reports whether it did. Both are at the tail's position in the word; their other bits are ignored. It fails only if the tail differs, whatever happens to pending and locked.",
		Trans: "old,p,l -> new,p,l",
		Why:   "The last waiter that leaves the queue publishes nothing, and the next one begins a queue of its own.",
	},
	{
		Name: "FetchSetPendingAcquire", Op: engine.FetchSetBit, Field: "pending", Order: engine.Acquire,
		Does:  "FetchSetPendingAcquire sets pending and returns the lock word. The result's pending bit is the one before the set. Its other bits may be newer, since amd64 loads them after the set, but never older.",
		Trans: "t,p,l -> t,1,l",
		Why:   "A caller that finds the lock free may own it at once, and its section must find what the last owner wrote. (A lock that LockFast acquires has to be claimed first: see XchgLockedAcquire.)",
		Pairs: "UnlockRelease.",
	},
	{
		Name: "ClearPendingRelaxed", Op: engine.StoreFields, Order: engine.Relaxed,
		Set:   []engine.Value{{Field: "pending", Value: 0}},
		Does:  "ClearPendingRelaxed clears pending. Only the waiter that set it may do so.",
		Trans: "t,1,l -> t,0,l",
		Why:   "The waiter hands nothing on: it gives up, or it owns the lock already.",
	},
	{
		Name: "ClearPendingSetLockedRelaxed", Op: engine.StoreFields, Order: engine.Relaxed,
		Set:   []engine.Value{{Field: "locked", Value: 1}, {Field: "pending", Value: 0}},
		From:  []engine.Value{{Field: "locked", Value: 0}, {Field: "pending", Value: 1}},
		Does:  "ClearPendingSetLockedRelaxed turns the pending waiter into the owner in one store. The caller has set pending and has found locked clear, and nobody else may change either. (A lock that LockFast acquires needs XchgLockedAcquire.)",
		Trans: "t,1,0 -> t,0,1",
		Why:   "The caller's acquire load that found locked clear has ordered the section after the last owner's.",
		Pairs: "nothing. The load before it, CondLoadAcquire32, pairs with UnlockRelease.",
		For:   "a lock whose newcomers never pass a pending waiter, as in Linux's qspinlock: that waiter acquires it.",
	},
	{
		Name: "SetLockedRelaxed", Op: engine.StoreFields, Order: engine.Relaxed,
		Set:   []engine.Value{{Field: "locked", Value: 1}},
		Does:  "SetLockedRelaxed sets locked by a store of its byte. Only the head of the queue may do so, after it has found locked and pending clear, and only if no newcomer can pass the queue. (A lock that LockFast acquires needs XchgLockedAcquire.) If the head is also the tail, it acquires the lock and leaves the queue by one TryCmpxchgRelaxed32 instead: on arm64, a later access to the tail alone may pass the store.",
		Trans: "t,0,0 -> t,0,1",
		Why:   "The head's acquire load of the word has ordered the section after the last owner's.",
		Pairs: "nothing. The load before it, CondLoadAcquire32, pairs with UnlockRelease.",
		For:   "a lock whose newcomers never pass its queue, as in Linux's qspinlock: the head of the queue acquires it.",
	},
	{
		Name: "UnlockRelease", Op: engine.StoreFields, Order: engine.Release,
		Set:   []engine.Value{{Field: "locked", Value: 0}},
		Does:  "UnlockRelease releases the lock by a store of the locked byte. It is no read-modify-write, so it costs the same however many goroutines wait.",
		Trans: "t,p,1 -> t,p,0",
		Why:   "The section's accesses must be done before another goroutine can find locked clear.",
		Pairs: "TryCmpxchgAcquire32, XchgLockedAcquire, LockFast, FetchSetPendingAcquire and CondLoadAcquire32 of the next owner.",
	},
	{
		Name: "XchgLockedAcquire", Op: engine.XchgField, Field: "locked", Order: engine.Acquire,
		Does:  "XchgLockedAcquire sets locked to the locked bits of new and returns those that it replaced, whatever tail and pending are. With LockedVal, it acquires the lock if the result is 0. The waiter that has set pending claims the lock this way, and tries again if it meets a goroutine that gives the lock back (see LockFast). Of a lock that LockFast acquires, locked is always 0 or LockedVal.",
		Trans: "t,p,l -> t,p,new",
		Why:   "The section must find what the last owner wrote.",
		Pairs: "UnlockRelease, UnlockFast.",
	},

	// A whole fast path in one call.
	{
		Name: "LockFast", Op: engine.LockFast, Order: engine.Acquire,
		Does:  "LockFast acquires the lock for the current goroutine if locked and pending are clear, whatever the tail is. It sets locked, stores CurrentG in w.Owner, and reports whether it did. It does not wait. If it finds pending set, it holds the lock for as long as it takes to give it back. The locked field must be 0 or LockedVal.",
		Trans: "t,0,0 -> t,0,1, or t,1,0 -> t,1,1 -> t,1,0",
		Why:   "The section must find what the last owner wrote. The store of the owner is plain: to a reader it is a hint, unless the reader knows that the lock cannot change hands meanwhile.",
		Pairs: "UnlockFast, UnlockRelease.",
	},
	{
		Name: "UnlockFast", Op: engine.UnlockFast, Order: engine.Release,
		Does:  "UnlockFast releases the lock if w.Owner is the current goroutine: it clears w.Owner, then releases the lock as UnlockRelease does. Otherwise it changes nothing and returns false. It begins by asking for the cache line in order to write to it, so that a line that a waiter polls moves once and not twice.",
		Trans: "t,p,1 -> t,p,0",
		Why:   "The section's accesses and the store of the owner must be done before another goroutine can find locked clear.",
		Pairs: "LockFast, and what UnlockRelease pairs with.",
		For:   "a lock whose word has a locked byte, as in Linux's qspinlock, and which checks who unlocks it.",
	},

	// The same for a lock whose owner word is the lock.
	{
		Name: "LockOwned", Op: engine.LockOwned, Order: engine.Acquire,
		Does:  "LockOwned acquires the lock for the current goroutine if it is free, and not closed to newcomers (see ClosedMask): it stores CurrentGoid in w.Owner, and reports whether it did. It does not wait. It looks whether the lock is closed before it tries to acquire it, so a goroutine that stops in between may acquire a lock that has just been closed.",
		Why:   "The section must find what the last owner wrote.",
		Pairs: "UnlockOwned.",
	},
	{
		Name: "UnlockOwned", Op: engine.UnlockOwned, Order: engine.Release,
		Does:  "UnlockOwned releases the lock if w.Owner is the current goroutine, by one store, and then looks at w.Sleeper. It returns Released, or WakeDue if w.Sleeper was not 0, or NotOwner if the current goroutine is not the owner: then it changes nothing. On amd64 the look may come before other processors see the store. A waiter that has set w.Sleeper and sleeps must therefore look at w.Owner again once that store is visible, which takes less than 50 us.",
		Why:   "The section's accesses must be done before another goroutine can find the lock free. On arm64 the look acquires, and on riscv64 it has a full fence before it, which keeps it after the store.",
		Pairs: "LockOwned, TryCmpxchgAcquire64.",
	},

	// The same for a reader-writer lock that knows its readers. (BRAVO, Dice and Kogan 2019.)
	{
		Name: "ReadLock", Op: engine.ReadLock, Order: engine.AcqRel,
		Does:  "ReadLock acquires the lock for reading, for the current goroutine: it puts w and CurrentGoid into the first slot of the goroutine's row, and then looks whether the lock has an owner, and whether its readers must be counted. It returns ReadGranted, or ReadClaimed if it has found one of these: then the slot is taken, and the caller does not hold the lock yet. It returns ReadRefused, and has changed nothing, if the slot was taken before. It does not wait, and does not look whether the lock is closed.",
		Why:   "The section must find what the last writer wrote. The claim also comes before both looks: an owner that does not find the claim is found.",
		Pairs: "WriteUnlock, and WriteLock with the look at the slots that follows it.",
	},
	{
		Name: "ReadUnlock", Op: engine.ReadUnlock, Order: engine.Release,
		Does:  "ReadUnlock ends what ReadLock began, if the first slot of the goroutine's row has w and CurrentGoid: it clears the slot by two stores, the id first, and then looks at w.Drainer. It returns Released, or WakeDue if w.Drainer was not 0, or NotOwner if the slot has something else: then it changes nothing. On amd64 the look may come before other processors see the stores. An owner that has set w.Drainer and sleeps must therefore look at the slot again once they are visible, which takes less than 50 us.",
		Why:   "The section's accesses must be done before an owner can find the slot free. On arm64 the look acquires, and on riscv64 it has a full fence before it, which keeps it after the stores.",
		Pairs: "an acquire load of the slot, by the owner that waits for its readers.",
	},
	{
		Name: "WriteLock", Op: engine.WriteLock, Order: engine.AcqRel,
		Does:  "WriteLock acquires the lock for writing as LockOwned does, and then looks at w.Readers. It returns WriteGranted, or ReadersDue if w.Readers was not 0: then the goroutine is the owner, and no reader comes in any more, but some may be inside. It returns WriteRefused, and has changed nothing, if there was an owner or the lock is closed to newcomers. It does not wait.",
		Why:   "The section must find what the last owner wrote. The exchange also comes before the look: a reader that does not find the owner is found.",
		Pairs: "WriteUnlock, and ReadLock.",
	},
	{
		Name: "WriteUnlock", Op: engine.WriteUnlock, Order: engine.Release,
		Does:  "WriteUnlock releases the lock as UnlockOwned does, if no readers wait. It returns AdmitDue, and has changed nothing, if w.First was not 0: then the caller, which is still the owner, has the readers in first. Otherwise it returns Released, or WakeDue if w.Sleeper or w.First was not 0 after the release, or NotOwner. For that second look at w.First holds what UnlockOwned says of w.Sleeper: a reader that has set w.First must look at w.Owner again.",
		Why:   "The section's accesses must be done before another goroutine can find the lock free. On arm64 the looks after the release acquire, which keeps them after it.",
		Pairs: "WriteLock, ReadLock, TryCmpxchgAcquire64.",
	},

	// Loads and stores. Go has the 32- and 64-bit loads itself.
	loadRow("LoadRelaxed8", 8, engine.Relaxed, "a lock of one byte: a waiter exchanges the byte only once it has found it clear."),
	loadRow("LoadRelaxed16", 16, engine.Relaxed, "a ticket lock with tickets of 16 bits: the owner reads the ticket being served, which nobody else changes."),
	loadRow("LoadRelaxed32", 32, engine.Relaxed, ""),
	loadRow("LoadRelaxed64", 64, engine.Relaxed, "a lock whose word is the owner's 64-bit id: whoever unlocks it looks for its own id first."),
	loadRow("LoadAcquire8", 8, engine.Acquire, "a queued lock whose nodes have a flag of one byte: a waiter polls the flag until its predecessor sets it."),
	loadRow("LoadAcquire16", 16, engine.Acquire, "a ticket lock with tickets of 16 bits: a waiter polls the ticket being served."),
	loadRow("LoadAcquire32", 32, engine.Acquire, ""),
	loadRow("LoadAcquire64", 64, engine.Acquire, "a lock whose word is the owner's 64-bit id: a waiter polls the word until it is 0."),
	storeRow("StoreRelaxed8", 8, engine.Relaxed, "a queued lock whose nodes have a flag of one byte: a waiter clears the flag before XchgTailAcqRel publishes the node."),
	storeRow("StoreRelaxed16", 16, engine.Relaxed, "a queued lock whose nodes have a link of 16 bits: a waiter clears the link before XchgTailAcqRel publishes the node."),
	storeRow("StoreRelaxed32", 32, engine.Relaxed, ""),
	storeRow("StoreRelaxed64", 64, engine.Relaxed, "a queued lock that can tell who waits: a waiter stores its 64-bit id before XchgTailAcqRel publishes the node."),
	storeRow("StoreRelease8", 8, engine.Release, "a lock of one byte, which the store of 0 releases, or a queued lock that sets its successor's flag."),
	storeRow("StoreRelease16", 16, engine.Release, "a ticket lock with tickets of 16 bits, whose owner serves the next one, or a queued lock with links of 16 bits."),
	storeRow("StoreRelease32", 32, engine.Release, "a queued lock whose nodes have a flag of 32 bits: the head sets its successor's flag."),
	storeRow("StoreRelease64", 64, engine.Release, "a lock whose word is the owner's 64-bit id: the store of 0 releases it, without a read-modify-write."),

	// Exchanges of a whole object.
	xchgRow("Xchg8AcqRel", 8, "a lock of one byte, which is acquired by test-and-set."),
	xchgRow("Xchg16AcqRel", 16, "a queued lock whose tail is a halfword of its own, outside a lock word: a waiter enqueues."),
	xchgRow("Xchg32AcqRel", 32, ""),

	// Waiting.
	{
		Name: "CondLoadRelaxed32", Op: engine.CondLoad, Width: 32, Order: engine.Relaxed,
		Does: "CondLoadRelaxed32 loads *p until *p&mask == want, at most spins+2 times, and returns the last value loaded. The caller tests that value to learn whether the condition held. " + condLoadBound,
		Why:  "It orders nothing. Another access of the algorithm must, such as the exchange by which the caller then acquires the lock.",
		For:  "a waiter that polls until locked is clear, and then acquires the lock by LockFast or XchgLockedAcquire.",
	},
	{
		Name: "CondLoadAcquire32", Op: engine.CondLoad, Width: 32, Order: engine.Acquire,
		Does:  "CondLoadAcquire32 loads *p until *p&mask == want, at most spins+2 times, and returns the last value loaded. The caller tests that value to learn whether the condition held. " + condLoadBound,
		Why:   "What the caller does once the condition holds must come after what made it hold.",
		Pairs: "the release that makes the condition hold: UnlockRelease, or a store-release of *p.",
	},
	{
		Name: "CPURelax", Op: engine.Relax, Order: engine.NoAccess,
		Does: "CPURelax tells the core that the caller waits in a loop. It is PAUSE on amd64 and riscv64, YIELD and ISB on arm64, and nothing in the portable build. The scheduler can preempt a loop around it only if the loop also calls a Go function that checks the stack, such as runtime.Gosched or CondLoadRelaxed32.",
	},

	// The goroutine and the time.
	{
		Name: "CycleCount", Op: engine.CycleCount, Order: engine.NoAccess,
		Does: "CycleCount returns the machine's free-running counter, in ticks: TSC on amd64, CNTVCT on arm64, time on riscv64, and nanoseconds of the monotonic clock in the portable build. It measures short intervals. It does not serialise, and the caller has to find out the counter's rate.",
		For:  "a lock that measures its waits and sections, for a fraction of what time.Now costs.",
	},
	{
		Name: "CurrentGoid", Op: engine.CurrentGoid, Order: engine.NoAccess,
		Does: "CurrentGoid returns the id of the current goroutine, as tracebacks show it. It is never 0, and never used again. The assembly reads it from the runtime's g, at an offset that is checked when the program starts. Under the build tag purego, and with a version of Go that is newer than those tested, it comes from runtime.Stack, which takes a microsecond.",
	},
	{
		Name: "CurrentG", Op: engine.CurrentG, Order: engine.NoAccess,
		Does: "CurrentG returns a word that no other live goroutine has: the address of the runtime's g, or under the build tag purego a multiple of the goroutine's id. The word is even, so that its user may take the lowest bit for a mark. The runtime uses the word again once the goroutine has ended, and nobody may dereference it.",
		For:  "a lock whose owner is a goroutine that does not end while it holds the lock.",
	},
}

// condLoadBound is what both conditional loads say about time.
const condLoadBound = "One spin is one PAUSE on amd64 and riscv64, and one YIELD and ISB on arm64; it takes 5 to 70 ns. After SpinChunk spins the loop returns to Go, where the scheduler can preempt the caller. On arm64 under Linux, if the timer has an event stream, a whole chunk sleeps in WFE instead. The sleep ends when the word's cache line is written, or with the first timer event after 20 us; there is one at least every 100 us. On riscv64 with Zawrs it sleeps in WRS.STO, which ends when the line is written or the machine ends it."

func loadRow(name string, width int, order engine.Order, who string) engine.Row {
	r := engine.Row{
		Name: name, Op: engine.Load, Width: width, Order: order,
		Does: name + " loads *p in one access.",
		Why:  "It orders nothing. Another access of the algorithm must.",
		For:  who,
	}
	if order == engine.Acquire {
		r.Why = "What follows it finds what was written before the release that stored the value."
		r.Pairs = "a release of the same object. It may pass an earlier release of another object: an algorithm that publishes and then looks must publish by an AcqRel exchange."
	}
	return r
}

func storeRow(name string, width int, order engine.Order, who string) engine.Row {
	r := engine.Row{
		Name: name, Op: engine.Store, Width: width, Order: order,
		Does: name + " stores v in *p in one access.",
		Why:  "It orders nothing. Another access of the algorithm must.",
		For:  who,
	}
	if order == engine.Release {
		r.Why = "Whoever acquires the value finds what was written before the store."
		r.Pairs = "an acquire of the same object. A later load may pass it: an algorithm that publishes and then looks must publish by an AcqRel exchange, and look by an acquire load."
	}
	return r
}

func xchgRow(name string, width int, who string) engine.Row {
	return engine.Row{
		Name: name, Op: engine.Xchg, Width: width, Order: engine.AcqRel,
		Does:  name + " stores new in *p and returns the value that it replaced. It does not touch the objects next to *p.",
		Why:   "It publishes what was written before it, and what follows it finds what the writer of the old value published.",
		Pairs: "itself, acquire loads and release stores of the same object.",
		For:   who,
	}
}
