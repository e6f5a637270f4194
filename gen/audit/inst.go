package audit

// A class says what an instruction does, as far as the rules care.
type class int

const (
	unknown     class = iota // the decoders do not know it, which is a finding
	compute                  // accesses registers only
	load                     // one access
	store                    // one access
	update                   // atomic read-modify-write in one instruction
	plainUpdate              // read-modify-write that is not atomic
	loadEx                   // load-exclusive
	storeEx                  // store-exclusive
	prefetch                 // asks for a cache line in order to write to it
	clearEx                  // CLREX
	fence                    // orders accesses other than its own
	pause                    // PAUSE, YIELD
	sync                     // ISB
	wait                     // WFE
	counter                  // reads the machine's counter
	jump                     // unconditional
	branch                   // conditional
	ret                      // returns
	call                     // calls, or jumps to where the audit cannot follow
)

var classNames = [...]string{
	"unknown instruction", "register operation", "load", "store", "atomic read-modify-write",
	"read-modify-write without LOCK", "load-exclusive", "store-exclusive", "prefetch", "CLREX", "fence", "spin hint", "ISB", "WFE",
	"counter read", "jump", "branch", "return", "call",
}

func (c class) String() string { return classNames[c] }

// accesses reports whether an instruction of class c accesses memory or asks for it.
func (c class) accesses() bool { return c >= load && c <= prefetch }

// writes reports whether an instruction of class c may write memory.
func (c class) writes() bool { return c == storeEx || c >= store && c <= plainUpdate }

// A form is the kind of function that an update applies.
type form int

const (
	anyForm  form = iota
	exchange      // XCHG, SWP
	compare       // CMPXCHG, CAS
	modify        // arithmetic and bit operations
)

var formNames = [...]string{"any", "exchange", "compare-and-exchange", "modify"}

func (f form) String() string { return formNames[f] }

// A reg is a general register, by its number in the architecture's encoding.
type reg int

const noReg reg = -1

// An operand is what an instruction computes or stores, if the analysis can follow
// it: reg + n, the constant n, what the instruction loads, reg shifted right by n, or reg
// combined with what the instruction's second register has, shifted right by n.
type operand struct {
	kind operandKind
	reg  reg
	n    int64
}

type operandKind int

const (
	untracked operandKind = iota
	fromReg
	constant
	loaded
	shifted
	sum
	conjunction
	difference // exclusive or
)

// A region is how an address is formed.
type region int

const (
	viaReg   region = iota // base + disp
	viaStack               // stack pointer + disp
	viaTLS                 // thread-local storage + disp
	viaPC                  // disp is absolute
	computed               // with an index register
)

// A mem is the address of an access.
type mem struct {
	region region
	base   reg
	disp   int64
}

// A test is a branch's condition on one register.
type test struct {
	reg     reg
	bit     int  // the bit tested, or -1 for all of them
	nonzero bool // taken if the register, or the bit, is not zero
}

// An inst is one decoded instruction.
type inst struct {
	pc    uint64
	size  int
	text  string
	class class

	// Accesses.
	bits             int
	acquire, release bool // as encoded; amd64 has no such bits
	form             form
	lse              bool // faults on machines without LSE
	mem              mem
	data             operand // what a store writes
	status           reg     // of a store-exclusive

	// Registers.
	sets   []reg   // registers written
	result operand // what sets[0] receives
	second reg     // of a result of two; noReg = what the instruction loads

	// Branches.
	target uint64
	test   *test
}
