package spec

import (
	"maps"
	"slices"
	"strings"
)

// Op is the kind of operation that a primitive performs. Each architecture has one emitter
// per Op, or one for a family of them. All else that there is to say of it is in its
// Operation.
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

// Operations on a field of the word at val. Values are in the field's place in the word,
// and their other bits are ignored.
const (
	XchgField       Op = "xchg-field"        // exchange the field
	CmpxchgField    Op = "cmpxchg-field"     // compare-and-exchange it, whatever the other bits do
	CmpxchgFieldOld Op = "cmpxchg-field-old" // the same; returns what it was
	FetchSetBit     Op = "fetch-set-bit"     // set its lowest bit, return the word before
	StoreFields     Op = "store-fields"      // give fields constant values
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

// An Operation is all that the generator knows of an Op but its instructions. The texts are
// templates of Go: see package golang for what they can say of a row.
type Operation struct {
	Op Op
	// Sig is the signature. In it uintN stands for the unsigned integer of the row's width,
	// or of its word, and LOCK for the word's type.
	Sig    string
	Orders []Order
	Does   string // what follows the name in the documentation
	// Returns has the results, from 0, if there are more than two.
	Returns []Result
	On      Object
	// Reads and Writes say what it does to memory that others access.
	Reads, Writes bool
	Atomic        string // the nearest function of sync/atomic, for each width ("" = none)
	Needs         []Op   // operations of which the table must have a row, as the twin calls it
	Called        string // the only name that a row may have, as others call it ("" = any)

	Twin     string // the portable function
	TwinNote string // is added to its comment
	Oracle   string // does to plain memory what the row does, and returns its result
	Harness  string // in which it is compared with twin and assembly ("" = on an object with neighbours)
	Test     string // tests what shows neither in the result nor in memory
	Torture  *Torture
	Race     *Race
	Bench    Bench
}

// A Result is a constant that an operation returns, and what it says.
type Result struct{ Name, Says string }

// An Object is what an operation works on.
type Object int

const (
	Nothing Object = iota // or all memory, or what only the signature says
	Whole                 // an object of the row's width
	OneField
	Fields
	LockWord // a word with an owner and fields
)

// A Torture is a test of many goroutines. Without Body there is none: the test is another
// row's.
type Torture struct {
	Name string // what the row is called in the test's name ("" = its name)
	That string // what it checks
	Body string
}

// A Race says what the race detector must be told beyond the row's ordering.
type Race struct {
	Silent     bool   // it publishes nothing, whatever its ordering
	ReleasesIf string // under this condition only ("" = always)
	Releases   string // this address ("" = the first parameter)
	AcquiresIf string // under this condition only, on the results
	Acquires   string // this address, too
}

// byOrder says that the ordering tells all.
var byOrder = &Race{}

// A Bench lets each round of a benchmark succeed.
type Bench struct {
	SetUp, Reset string
	Args         string // ("" = zeros)
}

var (
	loads   = []Order{Relaxed, Acquire, SeqCst}
	stores  = []Order{Relaxed, Release, SeqCst}
	updates = []Order{Relaxed, Acquire, Release, AcqRel, SeqCst}
	none    = []Order{NoAccess}
)

var operations = map[Op]*Operation{}

// Register adds operations. One that is there already is replaced.
func Register(all ...Operation) {
	for _, o := range all {
		operations[o.Op] = &o
	}
}

// Called has the names of the rows that others call.
func Called() []string {
	var all []string
	for _, op := range Ops() {
		if name := op.of().Called; name != "" {
			all = append(all, name)
		}
	}
	return all
}

// Unregister removes an operation.
func Unregister(op Op) { delete(operations, op) }

// Get returns all that there is to say of an operation, or nil if nobody knows it.
func (op Op) Get() *Operation { return operations[op] }

// of is Get, and nothing of what nobody knows.
func (op Op) of() *Operation {
	if o := operations[op]; o != nil {
		return o
	}
	return &Operation{}
}

// Missing lists what an operation lacks.
func (o *Operation) Missing() (all []string) {
	shares := o.Reads || o.Writes
	for _, piece := range []struct {
		name string
		is   bool
	}{
		{"signature (Sig)", o.Sig != ""},
		{"orderings (Orders)", len(o.Orders) > 0},
		{"documentation (Does)", o.Does != ""},
		{"portable twin (Twin)", o.Twin != ""},
		{"oracle or test of its results (Oracle, Test)", o.Oracle != "" || o.Test != "" && !shares},
		{"torture test (Torture)", o.Torture != nil || !shares},
		{"edges for the race detector (Race)", o.Race != nil || !shares},
	} {
		if !piece.is {
			all = append(all, piece.name)
		}
	}
	return all
}

// Ops returns every operation, sorted.
func Ops() []Op { return slices.Sorted(maps.Keys(operations)) }

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
	switch o := op.of(); {
	case op == CondLoad:
		return "32 bits"
	case Awaits[op].Is != "":
		return "32, 64 bits"
	case o.On == Whole:
		return "8, 16, 32, 64 bits"
	case o.On == OneField:
		return "a field"
	case o.On == Fields:
		return "fields"
	case op == Fence:
		return "all accesses"
	case slices.Equal(o.Orders, none):
		return "nothing shared"
	}
	return "a lock"
}

// Does describes the operation. A row's name stands before it.
func (op Op) Does() string {
	return strings.NewReplacer("FIELD", "the field", "SET", "fields their values").Replace(op.of().Does)
}

// Signature returns the signature of its rows: see Operation.
func (op Op) Signature() string { return strings.ReplaceAll(op.of().Sig, "LOCK", "Word") }

// Orders returns the orderings that the operation may have.
func (op Op) Orders() []Order { return op.of().Orders }

// OnField reports whether the operation works on one field of a word.
func (op Op) OnField() bool { return op.of().On == OneField }

// OnWord reports whether the operation works on fields of a word.
func (op Op) OnWord() bool { return op.of().On == OneField || op.of().On == Fields }

// OnWidth reports whether the operation works on a whole object of the row's width.
func (op Op) OnWidth() bool { return op.of().On == Whole }

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
func (r *Row) Acquires() bool { return r.Order.Acquires() && r.Op.of().Reads }

// Releases reports whether earlier accesses come before what the row writes.
func (r *Row) Releases() bool { return r.Order.Releases() && r.Writes() }

// Writes reports whether the row changes memory that others access.
func (r *Row) Writes() bool { return r.Op.of().Writes }

// Shares reports whether the row accesses memory that others access.
func (r *Row) Shares() bool { return r.Op.of().Reads || r.Op.of().Writes }
