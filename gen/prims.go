package main

import "github.com/rqlock/rqlock/gen/spec"

// everywhere lists the architectures that have an emitter folder: an operation
// that sync/atomic does as well there stays inlined Go.
var everywhere = []string{"amd64", "arm64"}

// onARM64: the compiler inlines atomic.Store as STLR on arm64, but as XCHG on
// amd64, where a plain MOV through an assembly call is cheaper.
var onARM64 = []string{"arm64"}

// prims is THE table: one row per primitive. Declarations, assembly, portable
// twin, tests, benchmarks, reference page and -list all come from these rows.
var prims = []*spec.Row{
	// Whole words. 32-bit compare-and-exchange is what sync/atomic does best.
	{
		Name: "TryCmpxchgRelaxed32", Op: spec.Cmpxchg, Width: 32, Order: spec.Relaxed,
		Sig:    "func(p *uint32, old uint32, new uint32) (ok bool)",
		Atomic: "CompareAndSwapUint32", Inline: everywhere,
		Does: "TryCmpxchgRelaxed32 stores new in *p if *p is old, and reports whether it did.",
		Why:  "It orders nothing; use it where another access of the same algorithm orders, such as the acquire load by which a queue's head saw the lock free.",
	},
	{
		Name: "TryCmpxchgAcquire32", Op: spec.Cmpxchg, Width: 32, Order: spec.Acquire,
		Sig:    "func(p *uint32, old uint32, new uint32) (ok bool)",
		Atomic: "CompareAndSwapUint32", Inline: everywhere,
		Does:  "TryCmpxchgAcquire32 stores new in *p if *p is old, and reports whether it did.",
		Trans: "0,0,0 -> 0,0,1",
		Why:   "Success takes the lock, so what follows must see what the last owner wrote. A failure orders nothing.",
		Pairs: "UnlockRelease.",
	},
	{
		Name: "TryCmpxchgRelease32", Op: spec.Cmpxchg, Width: 32, Order: spec.Release,
		Sig:    "func(p *uint32, old uint32, new uint32) (ok bool)",
		Atomic: "CompareAndSwapUint32", Inline: everywhere,
		Does:  "TryCmpxchgRelease32 stores new in *p if *p is old, and reports whether it did.",
		Why:   "Success publishes what was written before it. A failure orders nothing.",
		Pairs: "LoadAcquire32 or CondLoadAcquire32 of the same word.",
	},

	// The fields of the lock word.
	{
		Name: "XchgTailAcqRel", Op: spec.XchgField, Field: "tail", Order: spec.AcqRel,
		Sig:    "func(val *uint32, new uint32) (old uint32)",
		Atomic: "SwapUint32",
		Does:   "XchgTailAcqRel sets the tail of the lock word to the tail bits of new and returns the tail bits it replaced. Both are in place (masked by TailMask, not shifted down); other bits of new are ignored. Pending and locked keep whatever concurrent operations give them.",
		Trans:  "t,p,l -> new,p,l",
		Why:    "Release publishes the new waiter's node to whoever finds it through the tail; acquire lets the waiter see the node that it queues behind.",
		Pairs:  "itself: the exchange by the next waiter. The link in the previous waiter's node must be a store-release of its own: after an LL/SC exchange a plain store can pass it, and the hand-over is lost.",
	},
	{
		Name: "TryCmpxchgTailRelaxed", Op: spec.CmpxchgField, Field: "tail", Order: spec.Relaxed,
		Sig:    "func(val *uint32, old uint32, new uint32) (ok bool)",
		Atomic: "CompareAndSwapUint32",
		Does:   "TryCmpxchgTailRelaxed sets the tail of the lock word to the tail bits of new if it is the tail bits of old, and reports whether it did. Both are in place; other bits of both are ignored. It fails only if the tail differs, whatever happens to pending and locked.",
		Trans:  "old,p,l -> new,p,l",
		Why:    "A waiter that was the last and leaves publishes nothing; whoever queues next starts a queue of its own.",
	},
	{
		Name: "FetchSetPendingAcquire", Op: spec.FetchSetBit, Field: "pending", Order: spec.Acquire,
		Sig:    "func(val *uint32) (old uint32)",
		Atomic: "OrUint32",
		Does:   "FetchSetPendingAcquire sets pending and returns the lock word with the pending bit as it was before. The other bits of the result may be newer than that bit (amd64 reads them after the set), never older.",
		Trans:  "t,p,l -> t,1,l",
		Why:    "If it finds the lock free, the caller may take it at once and must see what the last owner wrote. (A lock that LockFast takes still has to be claimed: see XchgLockedAcquire.)",
		Pairs:  "UnlockRelease.",
	},
	{
		Name: "ClearPendingRelaxed", Op: spec.StoreFields, Order: spec.Relaxed,
		Set:    []spec.FieldValue{{Field: "pending", Value: 0}},
		Sig:    "func(val *uint32)",
		Atomic: "AndUint32",
		Does:   "ClearPendingRelaxed clears pending. Only the waiter that set it may do so.",
		Trans:  "t,1,l -> t,0,l",
		Why:    "The waiter gives up: it hands nothing on.",
	},
	{
		Name: "ClearPendingSetLockedRelaxed", Op: spec.StoreFields, Order: spec.Relaxed,
		Set:    []spec.FieldValue{{Field: "locked", Value: 1}, {Field: "pending", Value: 0}},
		From:   []spec.FieldValue{{Field: "locked", Value: 0}, {Field: "pending", Value: 1}},
		Sig:    "func(val *uint32)",
		Atomic: "AddUint32",
		Does:   "ClearPendingSetLockedRelaxed turns the pending waiter into the owner in one store. The caller has set pending and has seen locked clear, and nobody else may change either: not for a lock that LockFast takes, see XchgLockedAcquire.",
		Trans:  "t,1,0 -> t,0,1",
		Why:    "The caller's acquire load of locked = 0 already ordered the section after the last owner's.",
		Pairs:  "nothing; see CondLoadAcquire32, the load before it.",
	},
	{
		Name: "SetLockedRelaxed", Op: spec.StoreFields, Order: spec.Relaxed,
		Set:    []spec.FieldValue{{Field: "locked", Value: 1}},
		Sig:    "func(val *uint32)",
		Atomic: "OrUint32",
		Does:   "SetLockedRelaxed sets locked by a store of its byte. Only the queue's head may do so, after it has seen locked and pending clear, and only if nobody can pass the queue: not for a lock that LockFast takes, see XchgLockedAcquire.",
		Trans:  "t,0,0 -> t,0,1",
		Why:    "The head's acquire load of the word already ordered the section after the last owner's.",
		Pairs:  "nothing; see CondLoadAcquire32, the load before it.",
	},
	{
		Name: "UnlockRelease", Op: spec.StoreFields, Order: spec.Release,
		Set:    []spec.FieldValue{{Field: "locked", Value: 0}},
		Sig:    "func(val *uint32)",
		Atomic: "StoreUint32",
		Does:   "UnlockRelease frees the lock by a store of the locked byte: no read-modify-write, so it costs the same however many wait.",
		Trans:  "t,p,1 -> t,p,0",
		Why:    "The section's accesses must be done before another goroutine can see locked clear.",
		Pairs:  "TryCmpxchgAcquire32, LockFast, FetchSetPendingAcquire and CondLoadAcquire32 of the next owner.",
	},

	{
		Name: "XchgLockedAcquire", Op: spec.XchgField, Field: "locked", Order: spec.Acquire,
		Sig:    "func(val *uint32, new uint32) (old uint32)",
		Atomic: "SwapUint32",
		Does:   "XchgLockedAcquire sets locked to the locked bits of new and returns those it replaced, whatever tail and pending are: with LockedVal, the lock is the caller's if the result is 0. A waiter that has set pending takes the lock with it, and tries again if it meets one that is giving the lock back (see LockFast). A lock that LockFast takes has no other value of locked than 0 and LockedVal.",
		Trans:  "t,p,l -> t,p,new",
		Why:    "As TryCmpxchgAcquire32.",
		Pairs:  "UnlockRelease, UnlockFast.",
	},

	// The whole lock in one call.
	{
		Name: "LockFast", Op: spec.LockFast, Order: spec.Acquire,
		Sig:    "func(w *Word) (ok bool)",
		Atomic: "CompareAndSwapUint32",
		Does:   "LockFast takes a lock for the current goroutine if it is free and not promised to a pending waiter, whatever its tail: it sets locked, stores CurrentG in w.Owner, and reports whether it did. It does not wait. Finding pending set, it may hold the lock for the moment that it takes to give it back. The locked field must be 0 or LockedVal.",
		Trans:  "t,0,0 -> t,0,1, or t,1,0 -> t,1,1 -> t,1,0",
		Why:    "As TryCmpxchgAcquire32. The owner store is plain: a reader that needs more than a hint must know that the lock cannot change hands meanwhile.",
		Pairs:  "UnlockFast, UnlockRelease.",
	},
	{
		Name: "UnlockFast", Op: spec.UnlockFast, Order: spec.Release,
		Sig:    "func(w *Word) (ok bool)",
		Atomic: "StoreUint32",
		Does:   "UnlockFast frees the lock if w.Owner is the current goroutine: it clears w.Owner, then frees the lock as UnlockRelease does. Otherwise it changes nothing and returns false. It asks for the cache line to write first, so that a line which a waiter polls moves once and not twice.",
		Trans:  "t,p,1 -> t,p,0",
		Why:    "The section's accesses and the owner's clearing must be done before another goroutine can see locked clear.",
		Pairs:  "LockFast and the others that UnlockRelease names.",
	},

	// Loads and stores. Go says the 32- and 64-bit loads itself.
	loadRow("LoadRelaxed8", 8, spec.Relaxed, "", nil),
	loadRow("LoadRelaxed16", 16, spec.Relaxed, "", nil),
	loadRow("LoadRelaxed32", 32, spec.Relaxed, "LoadUint32", everywhere),
	loadRow("LoadRelaxed64", 64, spec.Relaxed, "LoadUint64", everywhere),
	loadRow("LoadAcquire8", 8, spec.Acquire, "", nil),
	loadRow("LoadAcquire16", 16, spec.Acquire, "", nil),
	loadRow("LoadAcquire32", 32, spec.Acquire, "LoadUint32", everywhere),
	loadRow("LoadAcquire64", 64, spec.Acquire, "LoadUint64", everywhere),
	storeRow("StoreRelaxed8", 8, spec.Relaxed, "", nil),
	storeRow("StoreRelaxed16", 16, spec.Relaxed, "", nil),
	storeRow("StoreRelaxed32", 32, spec.Relaxed, "StoreUint32", onARM64),
	storeRow("StoreRelaxed64", 64, spec.Relaxed, "StoreUint64", onARM64),
	storeRow("StoreRelease8", 8, spec.Release, "", nil),
	storeRow("StoreRelease16", 16, spec.Release, "", nil),
	storeRow("StoreRelease32", 32, spec.Release, "StoreUint32", onARM64),
	storeRow("StoreRelease64", 64, spec.Release, "StoreUint64", onARM64),

	// Exchanges of a whole object.
	xchgRow("Xchg8AcqRel", 8, "", nil),
	xchgRow("Xchg16AcqRel", 16, "", nil),
	xchgRow("Xchg32AcqRel", 32, "SwapUint32", everywhere),

	// Waiting.
	{
		Name: "CondLoadRelaxed32", Op: spec.CondLoad, Width: 32, Order: spec.Relaxed,
		Sig:    "func(p *uint32, mask uint32, want uint32, spins uint32) (v uint32)",
		Atomic: "LoadUint32",
		Does:   "CondLoadRelaxed32 loads *p until *p&mask == want, at most spins+2 times, and returns the last value loaded: test it again to learn whether it matched. " + condLoadBound,
		Why:    "It orders nothing; use it to wait for what another access of the same algorithm orders, such as a successor's link.",
	},
	{
		Name: "CondLoadAcquire32", Op: spec.CondLoad, Width: 32, Order: spec.Acquire,
		Sig:    "func(p *uint32, mask uint32, want uint32, spins uint32) (v uint32)",
		Atomic: "LoadUint32",
		Does:   "CondLoadAcquire32 loads *p until *p&mask == want, at most spins+2 times, and returns the last value loaded: test it again to learn whether it matched. " + condLoadBound,
		Why:    "What the caller does once the condition holds must come after what made it hold.",
		Pairs:  "the release that establishes the condition: UnlockRelease, or a store-release of *p.",
	},
	{
		Name: "CPURelax", Op: spec.Relax, Order: spec.NoAccess,
		Sig:  "func()",
		Does: "CPURelax tells the core that the caller waits in a loop: PAUSE on amd64, YIELD and ISB on arm64, nothing in the portable build. A loop around it is preemptible only if it also calls a Go function with a stack check, such as runtime.Gosched or CondLoadRelaxed32.",
	},

	// Who and when.
	{
		Name: "CycleCount", Op: spec.CycleCount, Order: spec.NoAccess,
		Sig:  "func() (ticks uint64)",
		Does: "CycleCount returns the machine's free-running counter, in ticks: TSC on amd64, CNTVCT on arm64, ns of the monotonic clock in the portable build. It is for measuring short intervals; it does not serialise, and its rate is not known here.",
	},
	{
		Name: "CurrentG", Op: spec.CurrentG, Order: spec.NoAccess,
		Sig:  "func() (gp uintptr)",
		Does: "CurrentG returns a word that no other live goroutine has: the address of the runtime's g, or under the build tag purego twice the goroutine's id. It is even, so that its owner may use the lowest bit as a mark. The runtime reuses the word after the goroutine has ended, and it must not be dereferenced.",
	},
}

// condLoadBound is what both conditional loads promise about time.
const condLoadBound = "One spin is one PAUSE on amd64 and one YIELD and ISB on arm64, 5 to 70 ns; every SpinChunk spins the loop comes back to Go, so that the caller can be preempted. On arm64 under Linux with the timer's event stream a full chunk sleeps in WFE instead, until the word's cache line is written or, after 20 us, the next event comes (every 100 us or less)."

func uintOf(width int) string {
	return map[int]string{8: "uint8", 16: "uint16", 32: "uint32", 64: "uint64"}[width]
}

func loadRow(name string, width int, order spec.Order, atomic string, inline []string) *spec.Row {
	r := &spec.Row{
		Name: name, Op: spec.Load, Width: width, Order: order,
		Sig:    "func(p *" + uintOf(width) + ") (v " + uintOf(width) + ")",
		Atomic: atomic, Inline: inline,
		Does: name + " loads *p in one access.",
		Why:  "It orders nothing: its caller says who orders it instead.",
	}
	if order == spec.Acquire {
		r.Why = "What follows it sees what was written before the release that stored the value."
		r.Pairs = "a release of the same object. It may pass an earlier release of another: publish-then-look needs an AcqRel exchange before it."
	}
	return r
}

func storeRow(name string, width int, order spec.Order, atomic string, inline []string) *spec.Row {
	r := &spec.Row{
		Name: name, Op: spec.Store, Width: width, Order: order,
		Sig:    "func(p *" + uintOf(width) + ", v " + uintOf(width) + ")",
		Atomic: atomic, Inline: inline,
		Does: name + " stores v in *p in one access.",
		Why:  "It orders nothing: its caller says who orders it instead.",
	}
	if order == spec.Release {
		r.Why = "What was written before it is seen by whoever acquires the value."
		r.Pairs = "an acquire of the same object. A later load may pass it: publish-then-look needs an AcqRel exchange, and an acquire load."
	}
	return r
}

func xchgRow(name string, width int, atomic string, inline []string) *spec.Row {
	return &spec.Row{
		Name: name, Op: spec.Xchg, Width: width, Order: spec.AcqRel,
		Sig:    "func(p *" + uintOf(width) + ", new " + uintOf(width) + ") (old " + uintOf(width) + ")",
		Atomic: atomic, Inline: inline,
		Does:  name + " stores new in *p and returns the value it replaced, without touching its neighbours.",
		Why:   "It publishes what was written before and sees what the value's writer published.",
		Pairs: "itself, acquire loads and release stores of the same object.",
	}
}
