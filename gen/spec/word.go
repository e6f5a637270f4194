package spec

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// Field is a run of bits of a word.
type Field struct {
	Name  string
	Shift int // lowest bit
	Bits  int // width
}

// Mask returns the field's bits in the word.
func (f Field) Mask() uint64 { return (1<<f.Bits - 1) << f.Shift }

// Top returns the field's highest bit.
func (f Field) Top() int { return f.Shift + f.Bits - 1 }

// Native returns the width in bits if a machine can access the field without its
// neighbours, or 0 if it cannot.
func (f Field) Native() int {
	switch f.Bits {
	case 8, 16, 32, 64:
		if f.Shift%f.Bits == 0 {
			return f.Bits
		}
	}
	return 0
}

// Offset returns the field's byte offset in a little-endian word.
func (f Field) Offset() int { return f.Shift / 8 }

// Word is an unsigned integer that is divided into fields. The bits that no field has
// are nobody's: no operation on a field changes them.
type Word struct {
	Name   string // of the generated type
	Bits   int    // 32 or 64
	Fields []Field
	// Owner says that the type also has the word that identifies the owner's goroutine,
	// for LockFast and UnlockFast.
	Owner bool
	Doc   string // what the word is ("" = nothing to say)
	// Layout names this division into fields, if there are others of the same word ("" =
	// there are none).
	Layout string
}

// String returns how errors name the word.
func (w *Word) String() string {
	if w.Layout != "" {
		return "layout " + w.Layout
	}
	return "word " + w.Name
}

// Type returns the integer's Go type.
func (w *Word) Type() string { return fmt.Sprintf("uint%d", w.Bits) }

// All has all bits of the word.
func (w *Word) All() uint64 { return Field{Bits: w.Bits}.Mask() }

// Field looks a field up by name.
func (w *Word) Field(name string) (Field, error) {
	for _, f := range w.Fields {
		if f.Name == name {
			return f, nil
		}
	}
	return Field{}, fmt.Errorf("field %q is not in %s", name, w)
}

// Ascending returns the fields from the lowest up.
func Ascending(w *Word) []Field {
	return slices.SortedFunc(slices.Values(w.Fields), func(a, b Field) int { return a.Shift - b.Shift })
}

// Triple lists the fields from the highest down, as comments write the word's states.
func Triple(w *Word) string {
	var names []string
	for _, f := range Ascending(w) {
		names = append([]string{f.Name}, names...)
	}
	return strings.Join(names, ",")
}

// Get returns a field that Validate has found to be there.
func (w *Word) Get(name string) Field {
	f, _ := w.Field(name)
	return f
}

// fieldConsts are what the generated constants of a field end in.
var fieldConsts = []string{"Shift", "Bits", "Max", "Val", "Mask"}

// Const names a generated constant: ("tail", "Mask") -> QueueTailMask. Those of a word
// called Word, which is its package's only one as a rule, do without its name: TailMask.
func (w *Word) Const(field, part string) string {
	name := strings.ToUpper(field[:1]) + field[1:] + part
	if w.Name != "Word" {
		name = w.Name + name
	}
	return name
}

// Names lists what the word declares in the generated package.
func (w *Word) Names() []string {
	names := []string{w.Name}
	for _, f := range w.Fields {
		for _, part := range fieldConsts {
			names = append(names, w.Const(f.Name, part))
		}
	}
	return names
}

// Validate checks that the fields lie inside the word and apart.
func (w *Word) Validate() error {
	if !token.IsIdentifier(w.Name) || !token.IsExported(w.Name) {
		return fmt.Errorf("word %q: the name is not an exported Go identifier", w.Name)
	}
	if w.Bits != 32 && w.Bits != 64 {
		return fmt.Errorf("%s: %d bits are not 32 or 64", w, w.Bits)
	}
	taken := map[uint64]Field{} // by mask
	for i, f := range w.Fields {
		switch {
		case !token.IsIdentifier(f.Name) || f.Name == "_":
			return fmt.Errorf("%s: field %d: name %q is not a Go identifier", w, i+1, f.Name)
		case Predeclared(f.Name):
			return fmt.Errorf("%s: field %s: Go has declared that name already", w, f.Name)
		case !token.IsExported(strings.ToUpper(f.Name[:1]) + f.Name[1:]):
			return fmt.Errorf("%s: field %s: the name does not begin with a letter that constants can begin with (A to Z)", w, f.Name)
		case f.Bits <= 0 || f.Shift < 0 || f.Bits > w.Bits || f.Shift > w.Bits-f.Bits:
			return fmt.Errorf("%s: field %s (bits %d..%d) is outside the %d-bit word", w, f.Name, f.Shift, f.Top(), w.Bits)
		}
		for mask, other := range taken {
			if mask&f.Mask() != 0 {
				return fmt.Errorf("%s: field %s overlaps field %s", w, f.Name, other.Name)
			}
		}
		for _, other := range taken {
			if strings.EqualFold(other.Name[:1], f.Name[:1]) && other.Name[1:] == f.Name[1:] {
				return fmt.Errorf("%s: fields %s and %s have constants of the same names", w, other.Name, f.Name)
			}
		}
		taken[f.Mask()] = f
	}
	return nil
}

// checkLockable checks what the fast paths of a lock word rely on. Locked must be the
// lowest byte, so that a release is the store of one byte, and pending must lie inside
// another byte, so that the load of one byte shows whether the lock is closed.
func (w *Word) checkLockable() error {
	if w.Bits != 32 || !w.Owner {
		return fmt.Errorf("%s: the operation needs a word of 32 bits with an owner", w)
	}
	for _, name := range []string{"locked", "pending"} {
		if _, err := w.Field(name); err != nil {
			return err
		}
	}
	locked, pending := w.Get("locked"), w.Get("pending")
	if locked.Native() != 8 || locked.Shift != 0 {
		return fmt.Errorf("%s: field locked is not the lowest byte", w)
	}
	if pending.Shift/8 != pending.Top()/8 {
		return fmt.Errorf("%s: field pending crosses a byte", w)
	}
	return nil
}

// Stored has the bits that a row of StoreFields stores.
type Stored struct {
	Field        // the run of bits from the lowest to the highest field
	Value uint64 // what they become, in units of the run
	mask  uint64 // the fields' bits, in their place
}

// Native is Field's, and 0 if there are bits of others between the fields.
func (s Stored) Native() int {
	if s.mask != s.Field.Mask() {
		return 0
	}
	return s.Field.Native()
}

// Mask returns the fields' bits.
func (s Stored) Mask() uint64 { return s.mask }

// Stored merges a row's fields.
func (w *Word) Stored(set []Value) (Stored, error) {
	if err := w.checkStore(set); err != nil {
		return Stored{}, err
	}
	low, high := w.Bits, 0
	var s Stored
	var value uint64
	for _, v := range set {
		f := w.Get(v.Field)
		s.mask |= f.Mask()
		value |= v.Value << f.Shift
		low, high = min(low, f.Shift), max(high, f.Top())
	}
	s.Field = Field{Name: "run", Shift: low, Bits: high - low + 1}
	s.Value = value >> low
	return s, nil
}

func (w *Word) checkStore(set []Value) error {
	if len(set) == 0 {
		return fmt.Errorf("stores no field")
	}
	seen := map[string]bool{}
	for _, s := range set {
		f, err := w.Field(s.Field)
		if err != nil {
			return err
		}
		if f.Bits < 64 && s.Value >= 1<<f.Bits {
			return fmt.Errorf("value %d is outside field %s (%d bits)", s.Value, f.Name, f.Bits)
		}
		if seen[f.Name] {
			return fmt.Errorf("field %s is stored twice", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}
