package engine

import "github.com/rqlock/rqlock/gen/spec"

// Operations on a whole object of Width bits, by way of a pointer p.
const (
	Load       = spec.Load       // v = *p
	Store      = spec.Store      // *p = v
	Xchg       = spec.Xchg       // old, *p = *p, new
	Cmpxchg    = spec.Cmpxchg    // if *p == old { *p = new }; returns whether it did
	CmpxchgOld = spec.CmpxchgOld // the same; returns what *p was
	CondLoad   = spec.CondLoad   // load until *p&mask == want, within a spin budget
)

// Waits for an object of 32 or 64 bits, within a spin budget. The comparisons are unsigned.
// Those with Masked compare *p&mask.
const (
	AwaitEq       = spec.AwaitEq
	AwaitNe       = spec.AwaitNe
	AwaitLt       = spec.AwaitLt
	AwaitLe       = spec.AwaitLe
	AwaitGt       = spec.AwaitGt
	AwaitGe       = spec.AwaitGe
	AwaitEqMasked = spec.AwaitEqMasked
	AwaitNeMasked = spec.AwaitNeMasked
	AwaitLtMasked = spec.AwaitLtMasked
	AwaitLeMasked = spec.AwaitLeMasked
	AwaitGtMasked = spec.AwaitGtMasked
	AwaitGeMasked = spec.AwaitGeMasked
)

// Operations on a field of the word at val. Values are in the field's place in the word,
// and their other bits are ignored.
const (
	XchgField       = spec.XchgField       // exchange the field
	CmpxchgField    = spec.CmpxchgField    // compare-and-exchange it, whatever the other bits do
	CmpxchgFieldOld = spec.CmpxchgFieldOld // the same; returns what it was
	FetchSetBit     = spec.FetchSetBit     // set its lowest bit, return the word before
	StoreFields     = spec.StoreFields     // give fields constant values
)

// Read-modify-writes. Those with Fetch return the value before. Those with Field change a
// field of a word and no other bit: a sum wraps around in the field, and bits outside of
// it are ignored. Inc and Dec add and subtract 1, in a field its lowest bit.
const (
	FetchAdd         = spec.FetchAdd
	FetchSub         = spec.FetchSub
	FetchAnd         = spec.FetchAnd
	FetchOr          = spec.FetchOr
	FetchXor         = spec.FetchXor
	FetchAndNot      = spec.FetchAndNot
	FetchInc         = spec.FetchInc
	FetchDec         = spec.FetchDec
	Add              = spec.Add
	Sub              = spec.Sub
	And              = spec.And
	Or               = spec.Or
	Xor              = spec.Xor
	AndNot           = spec.AndNot
	Inc              = spec.Inc
	Dec              = spec.Dec
	FetchAddField    = spec.FetchAddField
	FetchSubField    = spec.FetchSubField
	FetchAndField    = spec.FetchAndField
	FetchOrField     = spec.FetchOrField
	FetchXorField    = spec.FetchXorField
	FetchAndNotField = spec.FetchAndNotField
	FetchIncField    = spec.FetchIncField
	FetchDecField    = spec.FetchDecField
	AddField         = spec.AddField
	SubField         = spec.SubField
	AndField         = spec.AndField
	OrField          = spec.OrField
	XorField         = spec.XorField
	AndNotField      = spec.AndNotField
	IncField         = spec.IncField
	DecField         = spec.DecField
)

// Operations without a shared object.
const (
	Fence       = spec.Fence       // order all accesses before it and after it
	Relax       = spec.Relax       // tell the core that this is a loop that waits
	CycleCount  = spec.CycleCount  // read the machine's counter
	CurrentG    = spec.CurrentG    // the word that identifies the running goroutine
	CurrentGoid = spec.CurrentGoid // the id of the running goroutine
)

// Whole fast paths of locks.
const (
	LockFast    = spec.LockFast    // locked = 1 if locked and pending are 0, then owner = current g
	UnlockFast  = spec.UnlockFast  // if owner == current g { owner = 0; locked = 0 }
	LockOwned   = spec.LockOwned   // if not closed and owner == 0 { owner = current goid }
	UnlockOwned = spec.UnlockOwned // if owner == current goid { owner = 0; look at sleeper }
	ReadLock    = spec.ReadLock    // if a slot is free { slot = lock, current goid; look at owner and readers }
	ReadUnlock  = spec.ReadUnlock  // if the slot is ours { slot = 0; look at drainer }
	WriteLock   = spec.WriteLock   // lock-owned; look at readers
	WriteUnlock = spec.WriteUnlock // if no readers wait { unlock-owned; look at them again }
)
