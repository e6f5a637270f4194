package engine

import (
	"github.com/rqlock/rqlock/gen/amd64"
	"github.com/rqlock/rqlock/gen/arm64"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/riscv64"
	"github.com/rqlock/rqlock/gen/spec"
)

// Table says what to generate. Only Words and Rows have no default.
type Table struct {
	Package string // name of the package ("" = the last element of Dir)
	Dir     string // of the package, which must exist; relative to the working directory ("" = .)
	// Prefix begins the names of what the package declares besides words and rows, and of
	// its files, so that several tables can share a directory. It is lower-case letters
	// and digits.
	Prefix string
	Source string // where the table is, for the first lines of the files ("" = nothing said)

	Words []Word
	Rows  []Row
	Archs []*Arch // with assembly; all others use the portable twin (nil = all there are)

	// More adds files to the package's, or moves these. The names are paths, relative to
	// the working directory; each base name begins with z. It may be nil.
	More func(files map[string][]byte) error
}

// The parts of a table.
type (
	Word  = spec.Word  // an integer that is divided into fields, and a type that has it
	Field = spec.Field // a part of a word
	Row   = spec.Row   // a function of the package
	Value = spec.Value // a constant that a field becomes
	Op    = spec.Op    // what a function does
	Order = spec.Order // in which order others see it
	Arch  = emit.Arch  // an architecture with assembly
)

// The architectures that have a folder here.
var (
	AMD64   = amd64.Arch
	ARM64   = arm64.Arch
	RISCV64 = riscv64.Arch
)

// Archs lists them.
func Archs() []*Arch { return []*Arch{AMD64, ARM64, RISCV64} }

// The orderings, from the weakest to the strongest.
const (
	NoAccess = spec.NoAccess // of operations without a shared object
	Relaxed  = spec.Relaxed
	Acquire  = spec.Acquire
	Release  = spec.Release
	AcqRel   = spec.AcqRel
	SeqCst   = spec.SeqCst
)
