package machine

// An Arch is what the audit depends on of an architecture.
type Arch struct {
	Decode func(code []byte, pc uint64) Inst
	// Padded says that zeros may follow a function's last instruction.
	Padded bool
	// Join gives the orderings of fences to the accesses that they belong to (nil = an access
	// has its own).
	Join func(code []Inst)
	// Args lists the registers of Go's internal calling convention. Assembly has its
	// arguments on the stack.
	Args []Reg
	// G is the register that has the current g in both conventions, or NoReg. Then it is in
	// thread-local storage at TLS.
	G   Reg
	TLS int64
	// Zero is the register that is always 0, or NoReg.
	Zero Reg
	// Reserved registers belong to the caller or the runtime.
	Reserved map[Reg]string

	// TSO says that plain accesses acquire and release, and that no encoding has an
	// ordering.
	TSO bool
	// StoresExchange says that the compiler makes an exchange of an atomic store.
	StoresExchange bool
	// LooksStay says that a load that acquires stays after stores that release.
	LooksStay bool
	// FetchesBits says that instructions with a bit operation return what they found.
	FetchesBits bool
	// Nearest returns the weakest ordering that an instruction of this kind can have (nil =
	// the wanted one).
	Nearest func(i *Inst, acquire, release bool) (bool, bool)
	// Compares says that the decoder says of every branch what it compares.
	Compares bool
	// Extends says that all comparisons are of registers as a whole, and values of less bits have
	// their sign extended.
	Extends bool
	// SleepsFrom is the number of spins from which on a wait sleeps if it can (0 = never).
	SleepsFrom int64
	// SleepsFor is the part of a second for which it sleeps, one in so many. If SleepTicks is the
	// feature of a variable, that has it in ticks of the counter.
	SleepsFor  int64
	SleepTicks string
	// Relax lists what a spin consists of.
	Relax []Class

	// Flags has the features that code may ask for, by the variables that have them. A name
	// that begins with a dot is in the package that is audited.
	Flags      map[string]string
	Exclusives Exclusives
	// Kinds lists the kinds of machine that may run the binary.
	Kinds []Kind
	// Builds lists the builds that differ in their machine code.
	Builds []Build
}

// Exclusives are the rules of load-exclusive and store-exclusive.
type Exclusives struct {
	Apart bool // the register of the status is none of the operands
	Left  bool // a reservation may be left, and nothing drops it
	Most  int  // instructions from the load to the branch on the status, all of them simple (0 = any)
	// Outdated reports whether a machine with these features has something better for an
	// update of so many bits (nil = never).
	Outdated func(has map[string]bool, f Form, bits int) bool
}

// A Kind is a kind of machine, with the features that it has and those that it lacks.
type Kind struct {
	Name string
	Has  map[string]bool
}

// A Build is for machines with some features. It has no bodies for others, and does not
// choose between bodies.
type Build struct {
	Name string // begins with the GOARCH
	Env  []string
	Has  []string
}
