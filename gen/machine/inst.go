// Package machine describes machine code as the audit sees it: what an instruction does,
// and what the rules must know of an architecture.
package machine

// A Class says what an instruction does, as far as the rules care.
type Class int

const (
	Unknown     Class = iota // the decoders do not know it, which is a finding
	Compute                  // accesses registers only
	Load                     // one access
	Store                    // one access
	Update                   // atomic read-modify-write in one instruction
	PlainUpdate              // read-modify-write that is not atomic
	LoadEx                   // load-exclusive
	StoreEx                  // store-exclusive
	Prefetch                 // asks for a cache line in order to write to it
	ClearEx                  // drops the reservation of a load-exclusive
	Fence                    // orders accesses other than its own
	Pause                    // tells the core that this is a loop that waits
	Sync                     // empties the pipeline
	Wait                     // sleeps until something happens
	Counter                  // reads the machine's counter
	Jump                     // unconditional
	Branch                   // conditional
	Ret                      // returns
	Call                     // calls, or jumps to where the audit cannot follow
)

var classNames = [...]string{
	"unknown instruction", "register operation", "load", "store", "atomic read-modify-write",
	"read-modify-write that is not atomic", "load-exclusive", "store-exclusive", "prefetch", "drop of the reservation", "fence", "spin hint", "pipeline flush", "sleep",
	"counter read", "jump", "branch", "return", "call",
}

func (c Class) String() string { return classNames[c] }

// Accesses reports whether an instruction of class c accesses memory or asks for it.
func (c Class) Accesses() bool { return c >= Load && c <= Prefetch }

// Writes reports whether an instruction of class c may write memory.
func (c Class) Writes() bool { return c == StoreEx || c >= Store && c <= PlainUpdate }

// A Form is the kind of function that an update applies.
type Form int

const (
	AnyForm Form = iota
	Exchange
	Compare
	Modify // arithmetic and bit operations
)

var formNames = [...]string{"any", "exchange", "compare-and-exchange", "modify"}

func (f Form) String() string { return formNames[f] }

// A Reg is a general register, by its number in the architecture's encoding.
type Reg int

// NoReg is no register.
const NoReg Reg = -1

// An Operand is what an instruction computes or stores, if the analysis can follow
// it: reg + n, the constant n, what the instruction loads, reg shifted by n, reg with bits
// set or masked by n, reg shifted left by the instruction's second register, or reg combined
// with what that has, shifted right by n.
type Operand struct {
	Kind OperandKind
	Reg  Reg
	N    int64
}

// An OperandKind says which of these it is.
type OperandKind int

const (
	Untracked OperandKind = iota
	FromReg
	Constant
	Loaded
	Shifted
	Sum
	Conjunction
	Difference // exclusive or
	Low32      // reg + n in 32 bits
	WithMask   // reg & n
	SetBits    // reg | n
	ShiftedLeft
	ShiftedBy // reg << second
)

// A Region is how an address is formed.
type Region int

const (
	ViaReg   Region = iota // base + disp
	ViaStack               // stack pointer + disp
	ViaTLS                 // thread-local storage + disp
	ViaPC                  // disp is absolute
	Computed               // with an index register
)

// A Mem is the address of an access.
type Mem struct {
	Region Region
	Base   Reg
	Disp   int64
}

// A Test is a branch's condition on one register.
type Test struct {
	Reg     Reg
	Bit     int  // the bit tested, or -1 for all of them
	Nonzero bool // taken if the register, or the bit, is not zero
}

// A Comparison is what an instruction compares: a branch itself, or a later branch by the
// flags. Conjunction says that a branch compares the bits that both operands have with 0.
type Comparison struct {
	Left, Right Operand
	Conjunction bool
	Bits        int
}

// A Condition is what a branch asks of a comparison.
type Condition int

const (
	NoCondition    Condition = iota // one that the audit does not know
	Equal                           // left == right
	NotEqual                        // left != right
	Below                           // left < right, unsigned
	AboveOrEqual                    // left >= right, unsigned
	Above                           // left > right, unsigned
	BelowOrEqual                    // left <= right, unsigned
	Less                            // left < right, signed
	GreaterOrEqual                  // left >= right, signed
	Greater                         // left > right, signed
	LessOrEqual                     // left <= right, signed
	Negative                        // left - right < 0
	NotNegative                     // left - right >= 0
)

// A Formula is what an instruction computes of registers, besides what Result can say. It is
// Left of Right, or of N if Right is NoReg, in so many bits, which it extends by zeros. If Left
// is NoReg, it is what the instruction loads.
type Formula struct {
	Operator    Operator
	Left, Right Reg
	N           int64
	Bits        int
}

// An Operator is what a formula does.
type Operator int

const (
	Copy      Operator = iota // left
	Masked                    // left & right
	Joined                    // left | right
	Higher                    // left << right
	Minus                     // left - right
	Quotient                  // left / right
	Frequency                 // how often the machine's counter counts in a second
)

// An Inst is one decoded instruction.
type Inst struct {
	PC    uint64
	Size  int
	Text  string
	Class Class

	// Accesses.
	Bits             int
	Acquire, Release bool // as encoded; no encoding has these on a machine with TSO
	Stays            bool // a load stays after all stores before it
	Precedes         bool // a store stays before all loads after it
	Unsigned         bool // a load fills the register with zeros, where others extend the sign
	Excess           bool // a fence with it orders more than that
	Form             Form
	Needs            string // the feature without which it faults, or never ends ("" = none)
	Mem              Mem
	Data             Operand // what a store writes
	Status           Reg     // of a store-exclusive

	// Complex says that hardware need not let exclusives succeed around it.
	Complex bool

	// Registers.
	Reads  []Reg   // registers read (nil = none, or the decoder does not say)
	Sets   []Reg   // registers written
	Result Operand // what Sets[0] receives
	Second Reg     // of a result of two; NoReg = what the instruction loads
	// Formula has what Sets[0] receives if Result does not say it (nil = it is not known).
	Formula *Formula

	// Branches.
	Target    uint64
	Test      *Test
	Condition Condition
	// Compares has what the instruction compares. SetsFlags says that no branch after it sees
	// an earlier comparison.
	Compares  *Comparison
	SetsFlags bool
}
