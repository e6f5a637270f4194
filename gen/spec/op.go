package spec

import (
	"maps"
	"slices"
	"strings"
)

// Op is the kind of operation a primitive performs. Each architecture has one
// emitter per Op, or one for a family of them.
type Op string

// Operations on a whole object of Width bits, by way of a pointer p.
const (
	Load       Op = "load"        // v = *p
	Store      Op = "store"       // *p = v
	Xchg       Op = "xchg"        // old, *p = *p, new
	Cmpxchg    Op = "cmpxchg"     // if *p == old { *p = new }; returns whether it did
	CmpxchgOld Op = "cmpxchg-old" // the same; returns what *p was
	CondLoad   Op = "cond-load"   // load until *p&mask == want, within a spin budget
)

// Waits for an object of 32 or 64 bits, within a spin budget. The comparisons are unsigned.
// Those with Masked compare *p&mask.
const (
	AwaitEq       Op = "await-eq"
	AwaitNe       Op = "await-ne"
	AwaitLt       Op = "await-lt"
	AwaitLe       Op = "await-le"
	AwaitGt       Op = "await-gt"
	AwaitGe       Op = "await-ge"
	AwaitEqMasked Op = "await-eq-masked"
	AwaitNeMasked Op = "await-ne-masked"
	AwaitLtMasked Op = "await-lt-masked"
	AwaitLeMasked Op = "await-le-masked"
	AwaitGtMasked Op = "await-gt-masked"
	AwaitGeMasked Op = "await-ge-masked"
)

// Operations on a field of the word at val. Values are in the field's place in the word,
// and their other bits are ignored.
const (
	XchgField       Op = "xchg-field"        // exchange the field
	CmpxchgField    Op = "cmpxchg-field"     // compare-and-exchange it, whatever the other bits do
	CmpxchgFieldOld Op = "cmpxchg-field-old" // the same; returns what it was
	FetchSetBit     Op = "fetch-set-bit"     // set its lowest bit, return the word before
	StoreFields     Op = "store-fields"      // give fields constant values
)

// Read-modify-writes. Those with Fetch return the value before. Those with Field change a
// field of a word and no other bit: a sum wraps around in the field, and bits outside of
// it are ignored. Inc and Dec add and subtract 1, in a field its lowest bit.
const (
	FetchAdd         Op = "fetch-add"
	FetchSub         Op = "fetch-sub"
	FetchAnd         Op = "fetch-and"
	FetchOr          Op = "fetch-or"
	FetchXor         Op = "fetch-xor"
	FetchAndNot      Op = "fetch-andnot"
	FetchInc         Op = "fetch-inc"
	FetchDec         Op = "fetch-dec"
	Add              Op = "add"
	Sub              Op = "sub"
	And              Op = "and"
	Or               Op = "or"
	Xor              Op = "xor"
	AndNot           Op = "andnot"
	Inc              Op = "inc"
	Dec              Op = "dec"
	FetchAddField    Op = "fetch-add-field"
	FetchSubField    Op = "fetch-sub-field"
	FetchAndField    Op = "fetch-and-field"
	FetchOrField     Op = "fetch-or-field"
	FetchXorField    Op = "fetch-xor-field"
	FetchAndNotField Op = "fetch-andnot-field"
	FetchIncField    Op = "fetch-inc-field"
	FetchDecField    Op = "fetch-dec-field"
	AddField         Op = "add-field"
	SubField         Op = "sub-field"
	AndField         Op = "and-field"
	OrField          Op = "or-field"
	XorField         Op = "xor-field"
	AndNotField      Op = "andnot-field"
	IncField         Op = "inc-field"
	DecField         Op = "dec-field"
)

// Operations without a shared object.
const (
	Fence       Op = "fence"        // order all accesses before it and after it
	Relax       Op = "relax"        // tell the core that this is a loop that waits
	CycleCount  Op = "cycle-count"  // read the machine's counter
	CurrentG    Op = "current-g"    // the word that identifies the running goroutine
	CurrentGoid Op = "current-goid" // the id of the running goroutine
)

// Whole fast paths of locks.
const (
	LockFast    Op = "lock-fast"    // locked = 1 if locked and pending are 0, then owner = current g
	UnlockFast  Op = "unlock-fast"  // if owner == current g { owner = 0; locked = 0 }
	LockOwned   Op = "lock-owned"   // if not closed and owner == 0 { owner = current goid }
	UnlockOwned Op = "unlock-owned" // if owner == current goid { owner = 0; look at sleeper }
	ReadLock    Op = "read-lock"    // if a slot is free { slot = lock, current goid; look at owner and readers }
	ReadUnlock  Op = "read-unlock"  // if the slot is ours { slot = 0; look at drainer }
	WriteLock   Op = "write-lock"   // lock-owned; look at readers
	WriteUnlock Op = "write-unlock" // if no readers wait { unlock-owned; look at them again }
)

// A kind says what all rows of an operation have in common. In the signature uintN
// stands for the unsigned integer of the row's width, or of its word.
type kind struct {
	sig    string
	orders []Order
	does   string // what follows the name in the documentation
	// needs lists operations of which the table must have a row, as the twin calls it.
	needs []Op
}

// IdentityNames has the names of the rows that others call.
var IdentityNames = map[Op]string{CurrentG: "CurrentG", CurrentGoid: "CurrentGoid"}

var (
	loads   = []Order{Relaxed, Acquire, SeqCst}
	stores  = []Order{Relaxed, Release, SeqCst}
	updates = []Order{Relaxed, Acquire, Release, AcqRel, SeqCst}
	none    = []Order{NoAccess}
)

var kinds = map[Op]kind{
	Load:            {sig: "func(p *uintN) (v uintN)", orders: loads, does: "loads *p in one access."},
	Store:           {sig: "func(p *uintN, v uintN)", orders: stores, does: "stores v in *p in one access."},
	Xchg:            {sig: "func(p *uintN, new uintN) (old uintN)", orders: updates, does: "stores new in *p and returns the value that it replaced."},
	Cmpxchg:         {sig: "func(p *uintN, old uintN, new uintN) (ok bool)", orders: updates, does: "stores new in *p if *p is old, and reports whether it did."},
	CmpxchgOld:      {sig: "func(p *uintN, old uintN, new uintN) (found uintN)", orders: updates, does: "stores new in *p if *p is old, and returns what *p was. It has stored new if that is old."},
	CondLoad:        {sig: "func(p *uintN, mask uintN, want uintN, spins uint32) (v uintN)", orders: []Order{Relaxed, Acquire}, does: "loads *p until *p&mask == want, at most spins+2 times, and returns the last value loaded. The caller tests that value to learn whether the condition held."},
	XchgField:       {sig: "func(val *uintN, new uintN) (old uintN)", orders: updates, does: "sets FIELD to the FIELD bits of new, and returns the FIELD bits that it replaced. Both are in their place in the word, and other bits of new are ignored."},
	CmpxchgField:    {sig: "func(val *uintN, old uintN, new uintN) (ok bool)", orders: updates, does: "sets FIELD to the FIELD bits of new if it equals the FIELD bits of old, and reports whether it did. Both are in their place in the word, and their other bits are ignored."},
	CmpxchgFieldOld: {sig: "func(val *uintN, old uintN, new uintN) (found uintN)", orders: updates, does: "sets FIELD to the FIELD bits of new if it equals the FIELD bits of old, and returns the FIELD bits that it found. All are in their place in the word, and other bits are ignored."},
	FetchSetBit:     {sig: "func(val *uintN) (old uintN)", orders: updates, does: "sets the lowest bit of FIELD and returns the word. That bit of the result is the one before; its other bits may be newer, but never older."},
	StoreFields:     {sig: "func(val *uintN)", orders: stores, does: "gives SET, and changes no other bit of the word."},
	Fence:           {sig: "func()", orders: updates[1:], does: "orders accesses by its caller: those before it and those after it, as far as its ordering says. The race detector does not know of it: let another access of the algorithm order plain data."},
	Relax:           {sig: "func()", orders: none, does: "tells the core that the caller waits in a loop."},
	CycleCount:      {sig: "func() (ticks uint64)", orders: none, does: "returns the machine's free-running counter, in ticks."},
	CurrentG:        {sig: "func() (gp uintptr)", orders: none, does: "returns an even word that no other live goroutine has."},
	CurrentGoid:     {sig: "func() (id uint64)", orders: none, does: "returns the id of the current goroutine, as tracebacks show it."},

	LockFast:    {sig: "func(w *Word) (ok bool)", orders: []Order{Acquire}, needs: []Op{CurrentG}, does: "acquires the lock for the current goroutine if locked and pending are clear, stores CurrentG in w.Owner, and reports whether it did."},
	UnlockFast:  {sig: "func(w *Word) (ok bool)", orders: []Order{Release}, needs: []Op{CurrentG}, does: "releases the lock if w.Owner is the current goroutine, and reports whether it did."},
	LockOwned:   {sig: "func(w *Owned) (ok bool)", orders: []Order{Acquire}, needs: []Op{CurrentGoid}, does: "acquires the lock for the current goroutine if it is free and not closed, and reports whether it did."},
	UnlockOwned: {sig: "func(w *Owned) (rest uint32)", orders: []Order{Release}, needs: []Op{CurrentGoid}, does: "releases the lock if w.Owner is the current goroutine, and returns what is left to do."},
	ReadLock:    {sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)", orders: []Order{AcqRel}, needs: []Op{CurrentG, CurrentGoid}, does: "acquires the lock for reading, and returns what is left to do."},
	ReadUnlock:  {sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)", orders: []Order{Release}, needs: []Op{CurrentG, CurrentGoid}, does: "ends what ReadLock began, and returns what is left to do."},
	WriteLock:   {sig: "func(w *RWOwned) (rest uint32)", orders: []Order{AcqRel}, needs: []Op{CurrentGoid}, does: "acquires the lock for writing, and returns what is left to do."},
	WriteUnlock: {sig: "func(w *RWOwned) (rest uint32)", orders: []Order{Release}, needs: []Op{CurrentGoid}, does: "releases the lock if w.Owner is the current goroutine, and returns what is left to do."},
}

// An Update is what a read-modify-write does to what it finds.
type Update struct {
	Verb  string // add, sub, and, or, xor or andnot
	Unary bool   // Inc or Dec: the operand is 1
	Fetch bool   // it returns the value before
	Field bool   // it changes a field of a word
}

// verbs has the arithmetic of each operation on v, the operand.
var verbs = map[string]string{
	"add": "adds v to %s", "sub": "subtracts v from %s", "and": "clears the bits of %s that v does not have",
	"or": "sets the bits of v in %s", "xor": "flips the bits of v in %s", "andnot": "clears the bits of v in %s",
	"inc": "adds 1 to %s", "dec": "subtracts 1 from %s",
}

// Updates has the read-modify-writes.
var Updates = map[Op]Update{}

// An Await is the condition for which a row waits: what was loaded, compared with want.
type Await struct {
	Is     string // ==, !=, <, <=, > or >=
	Masked bool   // only the bits of mask count
}

// Awaits has the waits.
var Awaits = map[Op]Await{CondLoad: {"==", true}}

func init() {
	for name, is := range map[string]string{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="} {
		for _, masked := range []bool{false, true} {
			op, k := Op("await-"+name), kind{sig: "func(p *uintN, want uintN, spins uint32) (v uintN)", orders: loads}
			object := "*p"
			if masked {
				op, k.sig, object = op+"-masked", kinds[CondLoad].sig, "*p&mask"
			}
			k.does = "loads *p until " + object + " " + is + " want, at most spins+2 times, and returns the last value loaded. The caller tests that value to learn whether the condition held."
			kinds[op], Awaits[op] = k, Await{is, masked}
		}
	}
	for verb, does := range verbs {
		for _, fetch := range []bool{false, true} {
			for _, field := range []bool{false, true} {
				op, k, u := verb, kind{orders: updates}, Update{Verb: verb, Fetch: fetch, Field: field}
				object, param := "*p", "p"
				if field {
					object, param = "FIELD", "val"
				}
				k.does = strings.ReplaceAll(does, "%s", object)
				if i := slices.Index([]string{"inc", "dec"}, verb); i >= 0 {
					u.Unary, u.Verb = true, []string{"add", "sub"}[i]
				}
				k.sig = "func(" + param + " *uintN, v uintN)"
				if u.Unary {
					k.sig = "func(" + param + " *uintN)"
				}
				if fetch {
					op, k.sig = "fetch-"+op, k.sig+" (old uintN)"
					k.does += ", and returns what it was before"
				}
				if field {
					op += "-field"
					k.does += ". Values are in the field's place in the word, and their other bits are ignored"
				}
				k.does += "."
				kinds[Op(op)], Updates[Op(op)] = k, u
			}
		}
	}
}

// Ops returns every operation, sorted.
func Ops() []Op { return slices.Sorted(maps.Keys(kinds)) }

// Constant returns the name of the operation's constant: "fetch-add" -> FetchAdd.
func (op Op) Constant() string {
	name := ""
	for _, part := range strings.Split(strings.ReplaceAll(string(op), "andnot", "and-not"), "-") {
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	return name
}

// Objects says what the operation works on.
func (op Op) Objects() string {
	switch {
	case op == CondLoad:
		return "32 bits"
	case Awaits[op].Is != "":
		return "32, 64 bits"
	case op.OnWidth():
		return "8, 16, 32, 64 bits"
	case op.OnField():
		return "a field"
	case op == StoreFields:
		return "fields"
	case op == Fence:
		return "all accesses"
	case slices.Equal(op.Orders(), none):
		return "nothing shared"
	}
	return "a lock"
}

// Signature returns the signature of its rows. In it uintN stands for the unsigned integer
// of the row's width, or of its word.
func (op Op) Signature() string { return kinds[op].sig }

// Orders returns the orderings that the operation may have.
func (op Op) Orders() []Order { return kinds[op].orders }

// OnField reports whether the operation works on one field of a word.
func (op Op) OnField() bool {
	switch op {
	case XchgField, CmpxchgField, CmpxchgFieldOld, FetchSetBit:
		return true
	}
	return Updates[op].Field
}

// OnWord reports whether the operation works on fields of a word.
func (op Op) OnWord() bool { return op.OnField() || op == StoreFields }

// OnWidth reports whether the operation works on a whole object of the row's width.
func (op Op) OnWidth() bool { return strings.Contains(kinds[op].sig, "uintN") && !op.OnWord() }

// Waits reports whether the row waits, for as long as its spins last.
func (r *Row) Waits() bool { return Awaits[r.Op].Is != "" }

// Bits returns the width of the object or word that the row works on, or 0 if that is a
// structure or nothing.
func (r *Row) Bits() int {
	if r.Op.OnWord() {
		return r.On.Bits
	}
	return r.Width
}

// Acquires reports whether later accesses come after what the row reads.
func (r *Row) Acquires() bool {
	return r.Order.Acquires() && r.Op != Store && r.Op != StoreFields && r.Op != Fence
}

// Releases reports whether earlier accesses come before what the row writes.
func (r *Row) Releases() bool {
	return r.Order.Releases() && r.Op != Load && r.Op != Fence && !r.Waits()
}

// Shares reports whether the row accesses memory that others access.
func (r *Row) Shares() bool { return r.Order != NoAccess && r.Op != Fence }
