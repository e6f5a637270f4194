// Package emit builds assembly functions on avo's intermediate representation. It has
// what the architectures share, and knows no instruction.
package emit

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Func is an assembly function under construction. It keeps its first error for Err,
// so that emitters need not check for errors.
type Func struct {
	IR *ir.Function
	reg.Collection
	doc []string
	err error
}

// NewFunc begins a NOSPLIT function without a frame. The lines of its doc comment
// have no markers.
func NewFunc(name, sig string, doc []string) *Func {
	f := &Func{IR: ir.NewFunction(name), Collection: *reg.NewCollection(), doc: doc}
	f.IR.Attributes = attr.NOSPLIT
	s, err := gotypes.ParseSignatureInPackage(typesPackage(sig), sig)
	if err != nil {
		f.Fail(fmt.Errorf("signature %q: %w", sig, err))
		return f
	}
	f.IR.SetSignature(s)
	return f
}

// typesPackage returns a package with the types that the signature points to. Emitters
// know by themselves where the fields are.
func typesPackage(sig string) *types.Package {
	pkg := types.NewPackage("word", "word")
	for _, m := range regexp.MustCompile(`\*([A-Z]\w*)`).FindAllStringSubmatch(sig, -1) {
		typ := types.NewTypeName(token.NoPos, pkg, m[1], nil)
		types.NewNamed(typ, types.NewStruct(nil, nil), nil)
		pkg.Scope().Insert(typ)
	}
	return pkg
}

// OwnerOffset is the offset of the owner in a Word, in bytes. It is the same on 32-
// and 64-bit machines. The lock word is at 0.
const OwnerOffset = 8

// Where an Owned has what the waiters tell the owner, in bytes. The owner is at 0.
// Closed is the byte of Sleeper with the bit of ClosedMask, on a little-endian machine.
const (
	SleeperOffset = 12
	ClosedOffset  = 15
	ClosedBit     = 7
)

// Where an RWOwned has what it adds to an Owned, in bytes. RowsBit of Readers says that
// readers are found in rows.
const (
	ReadersOffset = 16
	RowsBit       = 31
	FirstOffset   = 20
	DrainerOffset = 24
)

// Where a ReaderTable has the rows and the mask, and a row the id that belongs to its
// first lock, in bytes.
const (
	RowsOffset = 0
	MaskOffset = 8
	IDOffset   = 24
)

// A goroutine's row is at (g ^ g>>RowShift) & mask. The runtime keeps its gs, of some
// hundred bytes each, in spans of 8 KiB: the lower bits of a row's number, from bit 6 on,
// tell one g of a span from the others, and the shift lets them differ from span to span.
const RowShift = 7

// The runtime's g has the goroutine's id after GoidWords words and GoidBytes bytes, in
// the versions of Go that Constraint admits.
const (
	GoidWords = 18
	GoidBytes = 8
)

// GoidOffset is the offset of the id in the g of a 64-bit machine.
const GoidOffset = 8*GoidWords + GoidBytes

// Fail records the first error.
func (f *Func) Fail(err error) {
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("%s: %w", f.IR.Name, err)
	}
}

// Err returns the first error recorded.
func (f *Func) Err() error { return f.err }

// Param returns the address and type of a parameter.
func (f *Func) Param(name string) gotypes.Basic {
	return f.resolve(f.IR.Signature.Params().Lookup(name))
}

// Result returns the address and type of a result.
func (f *Func) Result(name string) gotypes.Basic {
	return f.resolve(f.IR.Signature.Results().Lookup(name))
}

func (f *Func) resolve(c gotypes.Component) gotypes.Basic {
	b, err := c.Resolve()
	if err != nil {
		f.Fail(err)
		return gotypes.Basic{Addr: operand.Mem{Base: reg.FramePointer}}
	}
	return *b
}

// Add appends an instruction, unless there is an error. Its parameters are what
// avo's checked constructors return.
func (f *Func) Add(i *ir.Instruction, err error) {
	if err != nil {
		f.Fail(err)
		return
	}
	f.IR.AddInstruction(i)
}

// TailCall jumps to a Go function of the same package and signature, which then
// returns to this function's caller.
func (f *Func) TailCall(name string) {
	f.Add(&ir.Instruction{Opcode: "JMP", Operands: []operand.Op{operand.LabelRef("·" + name + "(SB)")}, IsTerminal: true}, nil)
}

// HasError reports whether the function has a result, which must be of type error.
func (f *Func) HasError() bool { return f.IR.Signature.Results().Bytes() > 0 }

// ErrorResult returns the addresses of the two words of a result of type error, with
// the names that vet asks for.
func (f *Func) ErrorResult() []operand.Mem {
	first := f.IR.Signature.Params().Bytes()
	return []operand.Mem{operand.NewParamAddr("err_itable", first), operand.NewParamAddr("err_data", first+8)}
}

// Label places a label before the next instruction.
func (f *Func) Label(name string) { f.IR.AddLabel(ir.Label(name)) }

// Comment adds comment lines before the next instruction.
func (f *Func) Comment(lines ...string) { f.IR.AddComment(lines...) }
